"""The workbook's network of trials, synthesised, and what of it becomes a hazard ratio of the model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from markov.analysis.evidence.new_rows import NewRows, RowChange, correlations, uncertain
from markov.analysis.evidence.synthesis import (
    Comparison,
    Contrast,
    NetworkError,
    Synthesis,
    SynthesisModel,
    compare,
    synthesise,
)
from markov.inputs.evidence import TrialContrast
from markov.inputs.parameters import Inputs
from markov.inputs.problems import InputError, Problem
from markov.survival.effects import Effect, doubts, effect_from_interval, effect_from_p_value, effect_from_total_events
from markov.terms import Family, weakest

MODEL_NAMES = {SynthesisModel.FIXED: "fixed effect", SynthesisModel.RANDOM: "random effects"}


@dataclass(frozen=True)
class NetworkOfEndpoint:
    """An endpoint's network: its rows, the synthesis that is used, the other one, and what speaks against the rows."""

    endpoint: str
    rows: tuple[TrialContrast, ...]
    excluded: tuple[TrialContrast, ...]
    used: Synthesis
    other: Synthesis
    doubts: tuple[str, ...]

    def comparisons(self, synthesis: Synthesis | None = None) -> tuple[Comparison, ...]:
        """Every treatment against the reference, by the synthesis that is used or another."""
        chosen = synthesis or self.used
        return tuple(compare(chosen, treatment, chosen.treatments[0]) for treatment in chosen.treatments[1:])


def networks(inputs: Inputs, models: Mapping[str, SynthesisModel] | None = None) -> tuple[NetworkOfEndpoint, ...]:
    """Synthesise the included rows of the sheet Evidence network, endpoint by endpoint.

    `models` by endpoint; random effects otherwise, which fall back to a fixed effect where trials are too few.
    Raises InputError with the cell for rows that make no network.

    >>> from dataclasses import replace
    >>> rows = (TrialContrast("os", "A", "lenalidomide", "no_maintenance", 0.8, 0.6, 1.1),)
    >>> network, = networks(replace(calgb, network=rows))
    >>> round(network.comparisons()[0].effect.ratio, 3), network.used.fell_back
    (0.8, True)
    """
    endpoints = dict.fromkeys(row.endpoint for row in inputs.network)
    if not endpoints:
        place, rule = f"{inputs.name}, Evidence network", "the sheet holds no trial"
        raise InputError([Problem(place, rule, remedy="Add a row a trial: endpoint, treatment, comparator, ratio.")])
    return tuple(_network(inputs, e, (models or {}).get(e, SynthesisModel.RANDOM)) for e in endpoints)


def _network(inputs: Inputs, endpoint: str, model: SynthesisModel) -> NetworkOfEndpoint:
    rows, excluded = (
        tuple(row for row in inputs.network if row.endpoint == endpoint and row.included is included)
        for included in (True, False)
    )
    if not rows:
        place = excluded[0].place
        rule = f"no row of {endpoint} is included"
        raise InputError([Problem(place, rule, remedy="Write yes in the column included.")])
    contrasts = [contrast_of(row) for row in rows]
    other = SynthesisModel.FIXED if model is SynthesisModel.RANDOM else SynthesisModel.RANDOM
    try:
        used, beside = (synthesise(contrasts, inputs.reference, m) for m in (model, other))
    except NetworkError as error:
        words = f"the network of {endpoint}: {error}".rstrip(".")
        raise InputError([Problem(rows[0].place, words)]) from error
    told = tuple(
        f"{row.trial}: {words}"
        for row in rows
        if row.low is not None and row.high is not None
        for words in doubts(row.hazard_ratio, row.low, row.high, row.p_value)
    )
    return NetworkOfEndpoint(endpoint, rows, excluded, used, beside, told)


def contrast_of(row: TrialContrast) -> Contrast:
    """A row's effect, by its interval, else its P value, else its events.

    >>> round(contrast_of(TrialContrast("os", "A", "new", "old", 0.5, p_value=0.05)).effect.high, 9)
    1.0
    """
    return Contrast(row.trial, row.treatment, row.comparator, _effect(row), source=row.page)


def _effect(row: TrialContrast) -> Effect:
    try:
        if row.low is not None and row.high is not None:
            return effect_from_interval(row.hazard_ratio, row.low, row.high)
        if row.p_value is not None:
            return effect_from_p_value(row.hazard_ratio, row.p_value)
        return effect_from_total_events(row.hazard_ratio, row.events or 0.0)
    except ValueError as error:
        raise InputError([Problem(row.place, f"{row.endpoint} of {row.trial}: {error}".rstrip("."))]) from error


# --------------------------------------------------------------------------------------------- into the workbook


def network_rows(inputs: Inputs, found: tuple[NetworkOfEndpoint, ...]) -> NewRows:
    """Rows of hazard ratios: the mean with, under random effects, the spread of a new trial's effect.

    A curve that is no hazard ratio stays as it is. One scenario an endpoint has the ratios of the other model.

    >>> network_rows(calgb, ()).left_alone
    ()
    """
    parameters: dict[str, RowChange | None] = {}
    for network in found:
        for comparison in network.comparisons():
            if comparison.treatment in _written(inputs, network):
                parameters |= _ratio_rows(network, comparison)
    return NewRows(
        parameters,
        tuple(row for network in found for row in _correlated(inputs, network)),
        tuple(row for network in found for row in _scenario(inputs, network)),
        left_alone=tuple(sentence for network in found for sentence in _left_alone(inputs, network)),
    )


def _written(inputs: Inputs, network: NetworkOfEndpoint) -> tuple[str, ...]:
    """Strategies whose curve is a hazard ratio, or has no family yet, and that the network holds."""
    families = {t: inputs.text(f"{network.endpoint}.family.{t}") for t in network.used.treatments[1:]}
    return tuple(t for t, family in families.items() if t in inputs.labels and family in (Family.HAZARD_RATIO, ""))


def _left_alone(inputs: Inputs, network: NetworkOfEndpoint) -> Iterator[str]:
    """Why a treatment of the network leaves the workbook's curve alone."""
    for treatment in network.used.treatments[1:]:
        if treatment not in _written(inputs, network):
            family = inputs.text(f"{network.endpoint}.family.{treatment}")
            reason = f"it has a {family} curve of its own" if treatment in inputs.labels else "it is no strategy here"
            yield f"{network.endpoint.upper()} of {treatment} stays as it is, because {reason}."


def _ratio_rows(network: NetworkOfEndpoint, comparison: Comparison) -> dict[str, RowChange | None]:
    endpoint, strategy = network.endpoint, comparison.treatment
    told: RowChange = {
        "source": f"Network of {', '.join(sorted({row.trial for row in network.rows}))}, synthesised here",
        "page": "sheet Evidence network",
        "status": weakest(row.status for row in network.rows).value,
        "comment": comment_of(network, comparison),
    }
    ratio = uncertain(comparison.effect.ratio, comparison.predicted.low, comparison.predicted.high)
    return {
        f"{endpoint}.family.{strategy}": {"value": Family.HAZARD_RATIO.value, **told},
        f"{endpoint}.reference.{strategy}": {"value": comparison.comparator, **told},
        f"{endpoint}.hazard_ratio.{strategy}": {**ratio, "unit": "ratio", **told},
    }


def comment_of(network: NetworkOfEndpoint, comparison: Comparison) -> str:
    """How the ratio came about, for the row's comment.

    >>> from dataclasses import replace
    >>> network, = networks(replace(calgb, network=(TrialContrast("os", "A", "x", "no_maintenance", 0.8, 0.6, 1.1),)))
    >>> comment_of(network, network.comparisons()[0])
    'Random effects: mean 0.800 (0.591 to 1.083), fixed because too few trials tell how much they differ.'
    """
    effect, synthesis = comparison.effect, network.used
    words = (
        f"{MODEL_NAMES[synthesis.model].capitalize()}: mean {effect.ratio:.3f} ({effect.low:.3f} to {effect.high:.3f})"
    )
    if synthesis.fell_back:
        words += ", fixed because too few trials tell how much they differ"
    elif synthesis.model is SynthesisModel.RANDOM:
        words += f"; limits here are of the effect in a new trial, tau² {synthesis.tau_squared:.4f}"
    indirect = "" if comparison.trials else "; indirect only"
    return f"{words}{indirect}."


def _correlated(inputs: Inputs, network: NetworkOfEndpoint) -> Iterator[RowChange]:
    """Correlations of ratios against the common reference."""
    names, strategies = network.used.treatments[1:], _written(inputs, network)
    at = [i for i, name in enumerate(names) if name in strategies]
    ids = [f"{network.endpoint}.hazard_ratio.{names[i]}" for i in at]
    status = weakest(row.status for row in network.rows).value
    told: RowChange = {"source": "Covariance of the network's estimates", "status": status}
    yield from correlations(ids, network.used.predictive_covariance[np.ix_(at, at)], told)


def _scenario(inputs: Inputs, network: NetworkOfEndpoint) -> Iterator[RowChange]:
    """The ratios of the other model, fixed for random or the reverse."""
    name = f"{network.endpoint.upper()}: network, {MODEL_NAMES[network.other.model]}"
    for base, other in zip(network.comparisons(), network.comparisons(network.other), strict=True):
        changed = abs(other.effect.ratio - base.effect.ratio) > 1e-9
        if changed and other.treatment in _written(inputs, network):
            yield {
                "scenario": name,
                "id": f"{network.endpoint}.hazard_ratio.{other.treatment}",
                "value": other.effect.ratio,
                "base case": base.effect.ratio,
                "reason": "The other way to pool the trials.",
            }
