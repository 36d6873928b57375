"""The sheet Utilities: quality of life by state, on treatment, and after a second malignancy."""

from functools import partial

from markov.inputs.definitions.definition import Definition
from markov.inputs.definitions.quantities import DECREMENT, DURATION, UTILITY
from markov.inputs.definitions.sheets import Sheet
from markov.terms import LIVING, STATE_WORDS

_utility = partial(Definition, Sheet.UTILITIES)

UTILITIES: tuple[Definition, ...] = (
    *(_utility(f"utility.{state}", f"Utility, {STATE_WORDS[state]}", UTILITY) for state in LIVING),
    _utility(
        "utility.treatment_decrement.{strategy}", "Decrement while on treatment, {strategy}", DECREMENT, default=0.0
    ),
    *(
        definition
        for kind in ("haematologic", "solid")
        for definition in (
            _utility(f"spm.disutility.{kind}", f"Decrement at a {kind} second malignancy", DECREMENT, default=0.0),
            _utility(f"spm.disutility_duration.{kind}", f"Duration of that decrement, {kind}", DURATION, default=0.0),
        )
    ),
)
