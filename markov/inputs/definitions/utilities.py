"""The sheet Utilities: quality of life by state, on treatment, and after a second malignancy."""

from markov.inputs.definitions.definition import Definition
from markov.inputs.definitions.quantities import DECREMENT, DURATION, UTILITY
from markov.inputs.definitions.sheets import Sheet
from markov.terms import LIVING, STATE_WORDS

UTILITIES: tuple[Definition, ...] = (
    *(Definition(f"utility.{state}", Sheet.UTILITIES, f"Utility, {STATE_WORDS[state]}", UTILITY) for state in LIVING),
    Definition(
        "utility.treatment_decrement.{strategy}",
        Sheet.UTILITIES,
        "Decrement while on treatment, {strategy}",
        DECREMENT,
        default=0.0,
    ),
    *(
        definition
        for kind in ("haematologic", "solid")
        for definition in (
            Definition(
                f"spm.disutility.{kind}",
                Sheet.UTILITIES,
                f"Decrement at a {kind} second malignancy",
                DECREMENT,
                default=0.0,
            ),
            Definition(
                f"spm.disutility_duration.{kind}",
                Sheet.UTILITIES,
                f"Duration of that decrement, {kind}",
                DURATION,
                default=0.0,
            ),
        )
    ),
)
