"""Structural averaging: a mixture of scenarios, each drawn as often as its declared weight says.

The weights are a judgement and are shown as one. Draws are allotted, not raffled: with weights ½, ¼, ¼ and 1,000
draws the scenarios have 500, 250 and 250, so that the lot adds no noise of its own. Each scenario has rows of its own
(draws 1 to 500, 501 to 750, …), so that the errors of the scenarios are independent and add up as the standard
error says.

Source: Bojke, Claxton, Sculpher, Palmer 2009, Value Health 12:739; Jackson, Sharples, Thompson 2010,
J R Stat Soc C 59:233.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from markov.analysis.incremental import IncrementalRow, incremental
from markov.analysis.sensitivity.scenarios import applied
from markov.analysis.uncertainty.acceptability import decision
from markov.analysis.uncertainty.invariants import Invariant
from markov.analysis.uncertainty.probabilistic import Probabilistic, summarise
from markov.analysis.uncertainty.sample import Done, Options, Sample, draw_sample, totals
from markov.inputs.parameters import Inputs
from markov.model.evaluate import evaluate
from markov.terms import Array


@dataclass(frozen=True)
class Structure:
    """A scenario of the mixture: its name, its inputs, and the weight that is declared for it."""

    name: str
    inputs: Inputs
    weight: float


@dataclass(frozen=True)
class StructureResult:
    """One scenario of a mixture: its draws, their share of all, and the incremental analysis on its own means."""

    name: str
    weight: float
    runs: int
    incremental: tuple[IncrementalRow, ...]
    mean_net_benefit: Array


@dataclass(frozen=True)
class StructuralAverage:
    """The mixture as one probabilistic analysis, and its scenarios one by one.

    `_value_of_structure` (thresholds,) is the expected value of learning which scenario holds, per person.
    """

    result: Probabilistic
    structures: tuple[StructureResult, ...]
    value_of_structure: Array


def structural_average(
    structures: Sequence[Structure], runs: int, seed: int | None = None, **options: Unpack[Options]
) -> StructuralAverage:
    """Probabilistic analysis of a mixture of scenarios of the same strategies; thresholds are those of the first.

    Raises ValueError where weights do not sum to 1, strategies differ, or a scenario would have less than two draws.

    >>> from markov.inputs.given_values import with_values
    >>> other = with_values(calgb, {"settings.discount_rate.effects": 0.015})
    >>> mixture = structural_average([Structure("a", calgb, 0.75), Structure("b", other, 0.25)], 20, 1, traced=False)
    >>> [structure.runs for structure in mixture.structures]
    [15, 5]
    """
    names = {structure.inputs.compared for structure in structures}
    if len(names) != 1:
        raise ValueError("scenarios to be averaged must compare the same strategies, in the same order")
    counts = _allot([structure.weight for structure in structures], runs)
    done, samples, first = options.get("done"), list[Sample](), 0
    for structure, count in zip(structures, counts, strict=True):
        if structure.weight > 0.0 and count < 2:
            raise ValueError(f'"{structure.name}" has {count} of {runs} draws: ask for more, or leave it out')
        if count:
            own: Options = {**options, "done": None if done is None else _of_all(done, first, runs)}
            samples.append(draw_sample(structure.inputs, count, seed, first=first, **own))
        first += count
    used = [structure for structure, count in zip(structures, counts, strict=True) if count]
    mixed, thresholds = _mix(samples), structures[0].inputs.thresholds
    return StructuralAverage(
        summarise(mixed, thresholds, _averaged([totals(evaluate(s.inputs)) for s in used], [n for n in counts if n])),
        tuple(_result(s, sample, thresholds) for s, sample in zip(used, samples, strict=True)),
        _value_of_structure(mixed, thresholds),
    )


def declared(inputs: Inputs) -> tuple[Structure, ...]:
    """The base case and the scenarios that the workbook gives a weight; the base case has what is left to 1.

    Raises ValueError where no scenario has one, and InputError where one cannot be run.

    >>> from markov.inputs.parameters import ScenarioChange
    >>> older = ScenarioChange("Older", "cohort.age", 63.0, weight=0.25)
    >>> [(one.name, one.weight) for one in declared(replace(calgb, scenarios=(older,)))]
    [('Base case', 0.75), ('Older', 0.25)]
    """
    weights = {row.scenario: row.weight for row in inputs.scenarios if row.weight}
    if not weights:
        raise ValueError("no scenario has a weight: write one into the column weight of the sheet Scenarios")
    rest = 1.0 - math.fsum(weights.values())
    base = (Structure("Base case", inputs, rest),) if rest > 1e-9 else ()
    return base + tuple(
        Structure(name, applied(inputs, [row for row in inputs.scenarios if row.scenario == name]), weight)
        for name, weight in weights.items()
    )


def _allot(weights: Sequence[float], runs: int) -> list[int]:
    """Draws of each scenario, by largest remainders: whole numbers that sum to `runs` and differ from w·runs by < 1.

    Raises ValueError for a negative weight, or weights that do not sum to 1.
    """
    if min(weights, default=-1.0) < 0.0 or abs(math.fsum(weights) - 1.0) > 1e-9:
        raise ValueError(f"weights must be 0 or more and sum to 1; they sum to {math.fsum(weights):g}")
    shares = [weight * runs for weight in weights]
    counts = [math.floor(share + 1e-9) for share in shares]
    order = sorted(range(len(shares)), key=lambda i: counts[i] - shares[i])
    for i in order[: runs - sum(counts)]:
        counts[i] += 1
    return counts


def _mix(samples: Sequence[Sample]) -> Sample:
    """One sample of several, their draws evenly interleaved so that running means see every scenario.

    Draws of a breach are named as they stand in their own scenario.
    """
    place = np.concatenate([(np.arange(s.runs) + 0.5) / s.runs for s in samples])
    order = np.argsort(place, kind="stable")
    stratum: NDArray[np.intp] = np.repeat(np.arange(len(samples)), [s.runs for s in samples])[order]
    cost, qaly, life_years = (
        np.concatenate([getattr(sample, name) for sample in samples])[order] for name in ("cost", "qaly", "life_years")
    )
    corrected = {
        name: tuple(sum(counts) for counts in zip(*(sample.corrected[name] for sample in samples), strict=True))
        for name in samples[0].corrected
    }
    found = tuple(invariant for sample in samples for invariant in sample.invariants)
    weights = [sample.severity_weight for sample in samples if sample.severity_weight is not None]
    weight = np.concatenate(weights)[order] if len(weights) == len(samples) else None
    return Sample(
        samples[0].strategies, cost, qaly, life_years, stratum, _joined(found), corrected, severity_weight=weight
    )


def _value_of_structure(sample: Sample, thresholds: Sequence[float]) -> Array:
    """Expected value of learning which scenario holds: Σ w_h·max_d E[NB_d | h] − max_d E[NB_d], (thresholds,).
    It is the value of partial information about a discrete quantity, the scenario.
    Source: Bojke, Claxton, Sculpher, Palmer 2009, Value Health 12:739.
    """
    values = []
    for threshold in thresholds:
        benefit = sample.net_benefit(threshold)
        best = decision(benefit).best
        sums = np.stack([benefit[sample.stratum == h].sum(axis=0) for h in np.unique(sample.stratum)])
        values.append(float((sums.max(axis=1) - sums[:, best]).sum()) / sample.runs)
    return np.array(values)


def _of_all(done: Done, before: int, runs: int) -> Done:
    """Progress of one scenario as that of all."""
    return lambda rows, _: done(before + rows, runs)


def _joined(found: Sequence[Invariant]) -> tuple[Invariant, ...]:
    """Invariants of the same rule as one."""
    joined: dict[str, list[Invariant]] = {}
    for one in found:
        joined.setdefault(one.rule.id, []).append(one)
    return tuple(
        Invariant(
            alike[0].rule,
            sum(one.draws for one in alike),
            sum(one.breaches for one in alike),
            tuple(draw for one in alike for draw in one.first),
            max(one.worst for one in alike),
        )
        for alike in joined.values()
    )


def _averaged(bases: Sequence[Sample], counts: Sequence[int]) -> Sample:
    """The deterministic result of a mixture: scenarios' own, averaged by their shares of the draws."""
    share = np.asarray(counts) / sum(counts)
    cost, qaly, life_years = (
        sum(part * getattr(base, name) for part, base in zip(share, bases, strict=True))
        for name in ("cost", "qaly", "life_years")
    )
    return replace(bases[0], cost=cost, qaly=qaly, life_years=life_years)


def _result(structure: Structure, sample: Sample, thresholds: Sequence[float]) -> StructureResult:
    rows = incremental(sample.strategies, sample.cost.mean(axis=0), sample.qaly.mean(axis=0))
    benefit = np.stack([sample.net_benefit(threshold).mean(axis=0) for threshold in thresholds])
    return StructureResult(structure.name, structure.weight, sample.runs, rows, benefit)
