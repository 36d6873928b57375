"""The workbook's network of trials, synthesised, and what of it becomes a hazard ratio of the model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from markov.analysis.evidence.synthesis import (
    Comparison,
    Contrast,
    Inconsistency,
    NetworkError,
    Synthesis,
    SynthesisModel,
    compare,
    inconsistency,
    synthesise,
)
from markov.inputs.evidence import TrialContrast
from markov.inputs.parameters import Inputs
from markov.inputs.problems import InputError, Problem
from markov.survival.effects import (
    Effect,
    doubts,
    effect_from_interval,
    effect_from_p_value,
    effect_from_total_events,
)
from markov.terms import Distribution, Family, weakest

RowChange = Mapping[str, object]
MODEL_NAMES = {SynthesisModel.FIXED: "fixed effect", SynthesisModel.RANDOM: "random effects"}


@dataclass(frozen=True)
class NetworkOfEndpoint:
    """An endpoint's network: its rows, the synthesis that is used, the other one, and what speaks against the rows."""

    endpoint: str
    rows: tuple[TrialContrast, ...]
    excluded: tuple[TrialContrast, ...]
    used: Synthesis
    other: Synthesis
    inconsistency: Inconsistency
    doubts: tuple[str, ...]

    def comparisons(self, synthesis: Synthesis | None = None) -> tuple[Comparison, ...]:
        """Every treatment against the reference, by the synthesis that is used or another."""
        chosen = synthesis or self.used
        return tuple(compare(chosen, treatment, chosen.treatments[0]) for treatment in chosen.treatments[1:])


def networks(inputs: Inputs, models: Mapping[str, SynthesisModel] | None = None) -> tuple[NetworkOfEndpoint, ...]:
    """Synthesise the included rows of the sheet Evidence network, endpoint by endpoint.

    `models` by endpoint; random effects otherwise, which fall back to a fixed effect where trials are too few.
    Raises InputError with the cell for rows that make no network.
    """
    found = []
    for endpoint in dict.fromkeys(row.endpoint for row in inputs.network):
        rows = tuple(row for row in inputs.network if row.endpoint == endpoint)
        included = tuple(row for row in rows if row.included)
        model = (models or {}).get(endpoint, SynthesisModel.RANDOM)
        found.append(_network(inputs, endpoint, included, tuple(r for r in rows if not r.included), model))
    if not found:
        place, rule = f"{inputs.name}, Evidence network", "the sheet holds no trial"
        raise InputError([Problem(place, rule, remedy="Add a row a trial: endpoint, treatment, comparator, ratio.")])
    return tuple(found)


def _network(
    inputs: Inputs,
    endpoint: str,
    rows: tuple[TrialContrast, ...],
    excluded: tuple[TrialContrast, ...],
    model: SynthesisModel,
) -> NetworkOfEndpoint:
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
    told = tuple(f"{row.trial}: {words}" for row in rows for words in _doubts(row))
    return NetworkOfEndpoint(endpoint, rows, excluded, used, beside, inconsistency(used), told)


def contrast_of(row: TrialContrast) -> Contrast:
    """A row's effect, by its interval, else its P value, else its events."""
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


def _doubts(row: TrialContrast) -> tuple[str, ...]:
    if row.low is None or row.high is None:
        return ()
    return doubts(row.hazard_ratio, row.low, row.high, row.p_value)


# --------------------------------------------------------------------------------------------- into the workbook


def written(inputs: Inputs, network: NetworkOfEndpoint) -> tuple[str, ...]:
    """Strategies whose curve is a hazard ratio, or has no family yet, and that the network holds."""
    open_to_it = (Family.HAZARD_RATIO, "")
    return tuple(
        treatment
        for treatment in network.used.treatments[1:]
        if treatment in inputs.labels and inputs.text(f"{network.endpoint}.family.{treatment}") in open_to_it
    )


def not_written(inputs: Inputs, network: NetworkOfEndpoint) -> Iterator[str]:
    """Why a treatment of the network leaves the workbook's curve alone."""
    for treatment in network.used.treatments[1:]:
        if treatment in written(inputs, network):
            continue
        family = inputs.text(f"{network.endpoint}.family.{treatment}")
        reason = f"it has a {family} curve of its own" if treatment in inputs.labels else "it is no strategy here"
        yield f"{network.endpoint.upper()} of {treatment} stays as it is, because {reason}."


def network_changes(inputs: Inputs, found: tuple[NetworkOfEndpoint, ...]) -> dict[str, RowChange | None]:
    """Rows of hazard ratios: the mean with, under random effects, the spread of a new trial's effect."""
    changes: dict[str, RowChange | None] = {}
    for network in found:
        for comparison in network.comparisons():
            if comparison.treatment in written(inputs, network):
                changes |= _ratio_rows(network, comparison)
    return changes


def _ratio_rows(network: NetworkOfEndpoint, comparison: Comparison) -> dict[str, RowChange | None]:
    endpoint, strategy = network.endpoint, comparison.treatment
    told: RowChange = {
        "source": f"Network of {', '.join(sorted({row.trial for row in network.rows}))}, synthesised here",
        "page": "sheet Evidence network",
        "status": weakest(row.status for row in network.rows).value,
        "comment": comment_of(network, comparison),
    }
    ratio = {
        "value": comparison.effect.ratio,
        "unit": "ratio",
        "se": None,
        "low": comparison.predicted.low,
        "high": comparison.predicted.high,
        "distribution": Distribution.LOG_NORMAL.value,
        **told,
    }
    return {
        f"{endpoint}.family.{strategy}": {"value": Family.HAZARD_RATIO.value, **told},
        f"{endpoint}.reference.{strategy}": {"value": comparison.comparator, **told},
        f"{endpoint}.hazard_ratio.{strategy}": ratio,
    }


def comment_of(network: NetworkOfEndpoint, comparison: Comparison) -> str:
    """How the ratio came about, for the row's comment."""
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


def network_correlations(inputs: Inputs, found: tuple[NetworkOfEndpoint, ...]) -> Iterator[RowChange]:
    """Correlations of ratios against the common reference within each network."""
    for network in found:
        names, strategies = network.used.treatments[1:], written(inputs, network)
        covariance = network.used.predictive_covariance
        errors = np.sqrt(np.diag(covariance))
        for i, first in enumerate(names):
            for j, second in enumerate(names[:i]):
                value = float(covariance[i, j] / (errors[i] * errors[j]))
                if first in strategies and second in strategies and abs(value) > 1e-3:
                    yield {
                        "first": f"{network.endpoint}.hazard_ratio.{second}",
                        "second": f"{network.endpoint}.hazard_ratio.{first}",
                        "correlation": value,
                        "source": "Covariance of the network's estimates",
                        "status": weakest(row.status for row in network.rows).value,
                    }


def network_scenarios(inputs: Inputs, found: tuple[NetworkOfEndpoint, ...]) -> Iterator[RowChange]:
    """One scenario an endpoint: the ratios of the other model, fixed for random or the reverse."""
    for network in found:
        strategies = written(inputs, network)
        name = f"{network.endpoint.upper()}: network, {MODEL_NAMES[network.other.model]}"
        for base, other in zip(network.comparisons(), network.comparisons(network.other), strict=True):
            if other.treatment in strategies and abs(other.effect.ratio - base.effect.ratio) > 1e-9:
                yield {
                    "scenario": name,
                    "id": f"{network.endpoint}.hazard_ratio.{other.treatment}",
                    "value": other.effect.ratio,
                    "base case": base.effect.ratio,
                    "reason": "The other way to pool the trials.",
                }
