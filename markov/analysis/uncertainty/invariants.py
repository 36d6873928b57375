"""What must hold in every draw, and whether draws are what was asked for: each breach is counted, no draw is dropped.

Draws in which a declared rule changed a curve (a cap where curves cross, deaths at their limit) are no breaches: they
are counted apart, because a rule that acts in many draws is an assumption that the reader should see.

Source: Büyükkaramikli, Rutten-van Mölken, Severens, Al 2019, PharmacoEconomics 37:1391 (TECH-VER).
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from markov.analysis.accounts import above_population, unbalanced
from markov.analysis.checks import Check
from markov.analysis.sources_of_uncertainty import sampled
from markov.inputs.distributions import inverse
from markov.inputs.parameters import Columns, Inputs
from markov.model.evaluate import Rows
from markov.model.outcomes import LANDMARK_YEARS, Outcomes, Trace
from markov.terms import DAYS_PER_YEAR, Array, Correction, Verdict

LISTED = 20
"""Draws that are named; the count is always complete."""

CORRECTIONS = {
    "crossing_cycles": "PFS above OS, brought together by the crossing policy",
    "clipped_cycles": "deaths after progression at their limit: modelled OS leaves its input curve",
    "negative_hazard_cycles": "a negative hazard on treatment floored at 0",
}
"""Counts of the model that say in how many draws a declared rule changed a curve."""

OUT_OF_REACH = "targets_out_of_reach"
OUT_OF_REACH_WORDS = "the target of a calibrated rate out of reach: the nearest rate is used"


@dataclass(frozen=True)
class Rule:
    """What must hold: a title, what is expected, and how far a draw may be off."""

    id: str
    title: str
    expected: str
    tolerance: float


@dataclass(frozen=True)
class Invariant:
    """A rule over all draws that it was asked of: how many break it, the first of them, and the largest excess."""

    rule: Rule
    draws: int
    breaches: int
    first: tuple[int, ...]
    worst: float

    @property
    def check(self) -> Check:
        """A line of the Checks sheet."""
        named = f"; draws {', '.join(map(str, self.first))}" if self.first else ""
        more = " and others" if self.breaches > len(self.first) else ""
        return Check(
            f"psa.{self.rule.id}",
            f"In every draw: {self.rule.title}",
            self.rule.expected,
            f"{self.breaches:,} of {self.draws:,} draws break it; largest gap {self.worst:.2g}",
            Verdict.FAIL if self.breaches else Verdict.PASS,
            f"{self.breaches:,} breaches{named}{more}".replace("0 breaches", ""),
        )


Excess = tuple[Rule, Array]
"""A rule, and by draw how far it is off, (runs,)."""

AREA = Rule("area", "undiscounted life-years are the area under modelled survival", "equal, within 1e-9", 1e-9)
WITHIN_CYCLE = Rule("area", "undiscounted life-years are the area under modelled survival", "within a cycle", 0.0)
POPULATION = Rule("population", "survival stays below the general population's", "below it, within 1e-4", 1e-4)


def excesses(inputs: Inputs, outcomes: Outcomes, values: Mapping[str, Array]) -> Iterator[Excess]:
    """By rule and draw, how far a block of outcomes is off what must hold; `values` are the block's own.

    Rules on occupancy, flows and the general population need the trace.

    >>> found = list(excesses(calgb, calgb_base.outcomes, {}))
    >>> len(found), any((gap > rule.tolerance).any() for rule, gap in found)
    (14, False)
    """
    for rule, of in _OF_OUTCOMES.items():
        yield rule, _largest(of(outcomes))
    yield _area(inputs, outcomes)
    if outcomes.trace is not None:
        for rule, of_trace in _OF_TRACE.items():
            yield rule, _largest(of_trace(outcomes.trace))
        yield POPULATION, above_population(Columns(inputs, values, outcomes.runs), outcomes.trace)


def merge(found: Mapping[Rule, list[tuple[int, Array]]]) -> tuple[Invariant, ...]:
    """Invariants over all blocks: by rule, the first draw of each block and its excesses (runs,).

    >>> merge({AREA: [(0, np.zeros(3)), (3, np.array([0.0, 0.5]))]})[0].first
    (4,)
    """
    return tuple(_invariant(rule, blocks) for rule, blocks in found.items())


def _invariant(rule: Rule, blocks: list[tuple[int, Array]]) -> Invariant:
    broken = [start + np.flatnonzero(~(gap <= rule.tolerance)) for start, gap in blocks]  # a NaN breaks a rule
    draws = np.concatenate(broken)
    worst = max(float(np.nan_to_num(gap, nan=np.inf, posinf=np.inf).max()) for _, gap in blocks)
    return Invariant(rule, sum(len(gap) for _, gap in blocks), len(draws), tuple(draws[:LISTED].tolist()), worst)


def _largest(gap: Array) -> Array:
    """Largest excess of each draw, at least 0; a NaN stays."""
    return np.asarray(np.maximum(gap.reshape(len(gap), -1).max(axis=1), 0.0))


# ----------------------------------------------------------------------------------------------- from the outcomes


def _not_finite(outcomes: Outcomes) -> Array:
    totals = np.stack([outcomes.cost, outcomes.qaly, outcomes.life_year], axis=-1)
    return np.where(np.isfinite(totals), 0.0, np.inf)


def _parts(outcomes: Outcomes) -> Array:
    return np.asarray(np.abs(outcomes.qalys.sum(axis=-1) - outcomes.qaly_components.sum(axis=-1)))


def _added_by_discounting(outcomes: Outcomes) -> Array:
    """Excess of discounted over undiscounted, relative to the draw's largest of its kind."""
    kinds = (outcomes.life_years, outcomes.costs)
    pairs = [part / np.maximum(part.max(axis=(1, 2, 3), keepdims=True), 1.0) for part in kinds]
    return np.concatenate([part[:, :, 1] - part[:, :, 0] for part in pairs], axis=-1)


def _negative(outcomes: Outcomes) -> Array:
    return -np.concatenate([outcomes.life_years, outcomes.costs], axis=-1)


def _above_life_years(outcomes: Outcomes) -> Array:
    return np.asarray(outcomes.qalys.sum(axis=-1) - outcomes.life_years.sum(axis=-1))


def _entered_twice(outcomes: Outcomes) -> Array:
    return np.maximum(outcomes.entries - 1.0, -outcomes.entries)


def _not_nested(outcomes: Outcomes) -> Array:
    """Excess of an inner curve over the outer one, at landmarks within the horizon and in the mean."""
    curves = (outcomes.curves[name] for name in ("on_treatment", "progression_and_spm_free", "os"))
    inner, middle, outer = (np.concatenate([c.landmarks, c.mean[..., None]], axis=-1) for c in curves)
    return np.asarray(np.nan_to_num(np.stack([inner - middle, middle - outer], axis=-1), nan=0.0))


def _rising(outcomes: Outcomes) -> Array:
    landmarks = outcomes.curves["os"].landmarks
    reached = landmarks[..., ~np.isnan(landmarks).all(axis=(0, 1))]
    return np.diff(reached, axis=-1, prepend=1.0) if reached.shape[-1] else np.zeros((outcomes.runs, 1))


_OF_OUTCOMES: dict[Rule, Callable[[Outcomes], Array]] = {
    Rule("finite", "cost, QALYs and life-years are numbers", "finite", 0.0): _not_finite,
    Rule("parts", "QALYs by state and by component sum to one total", "equal, within 1e-9", 1e-9): _parts,
    Rule(
        "discounted", "discounting does not add life-years or costs", "at most undiscounted", 1e-9
    ): _added_by_discounting,
    Rule("positive", "no state gives negative life-years, no category a negative cost", "at least 0", 1e-9): _negative,
    Rule("quality", "QALYs do not exceed life-years", "at most life-years", 1e-9): _above_life_years,
    Rule("entries", "no state is entered by more than the cohort", "0 to 1", 1e-12): _entered_twice,
    Rule(
        "curves", "time on treatment lies within progression-free time, and that within survival", "within", 1e-9
    ): _not_nested,
    Rule("falling", "survival never rises", "falling landmarks", 1e-12): _rising,
}


def _area(inputs: Inputs, outcomes: Outcomes) -> Excess:
    """Under the half-cycle correction the trapezium is exact; the others count within a cycle of it."""
    gap = np.abs(outcomes.life_years[:, :, 0].sum(axis=-1) - outcomes.curves["os"].mean)
    if inputs.text("settings.correction") == Correction.HALF_CYCLE:
        return AREA, _largest(gap)
    return WITHIN_CYCLE, _largest(gap - inputs.number("settings.cycle_days") / DAYS_PER_YEAR)


# -------------------------------------------------------------------------------------------------- from the trace


def _below_nobody(trace: Trace) -> Array:
    return -trace.occupancy


def _not_whole(trace: Trace) -> Array:
    return np.asarray(np.abs(trace.occupancy.sum(axis=-1) - 1.0))


def _returns(trace: Trace) -> Array:
    return -np.diff(trace.occupancy[..., -1], axis=-1)


_OF_TRACE: dict[Rule, Callable[[Trace], Array]] = {
    Rule("occupancy", "no state holds less than nobody", "at least 0", 1e-15): _below_nobody,
    Rule("whole", "states sum to the whole cohort in every cycle", "1, within 1e-12", 1e-12): _not_whole,
    Rule("death", "nobody returns from death", "deaths never fall", 1e-15): _returns,
    Rule("flows", "entries equal exits plus those still there", "equal, within 1e-12", 1e-12): unbalanced,
}


assert tuple(sorted(LANDMARK_YEARS)) == LANDMARK_YEARS, "landmarks rise: survival at them falls"


# ------------------------------------------------------------------------------------------- drawn as asked for

QUADRATURE = 20_000
FAR = 4.0
"""Standard errors between the mean of the draws and that of the distribution that chance does not explain."""

BLOCK = 5000


@dataclass(frozen=True)
class DrawnMean:
    """A sampled parameter, in its cell's unit: its value, the mean and spread of its distribution, and of its draws.

    The value need not be the mean: under a log-normal with limits it is the median. `distance` is the gap between the
    two means in standard errors.
    """

    id: str
    value: float
    mean: float
    spread: float
    drawn_mean: float
    drawn_spread: float
    distance: float

    @property
    def is_as_asked(self) -> bool:
        """Whether the draws' mean is that of the distribution, but for chance."""
        return abs(self.distance) <= FAR


def drawn_means(inputs: Inputs, rows: Rows) -> tuple[DrawnMean, ...]:
    """Means of all sampled parameters in some draws, beside those of their distributions, by a midpoint rule.

    >>> from markov.analysis.draws import random_draws
    >>> all(one.is_as_asked for one in drawn_means(calgb, random_draws(calgb, 200, seed=1)))
    True
    """
    parameters = sampled(inputs)
    if not parameters:
        return ()
    count = len(rows)
    sums, squares = np.zeros(len(parameters)), np.zeros(len(parameters))
    centre = np.array([float(parameter.value or 0.0) for parameter in parameters])
    for start in range(0, count, BLOCK):
        block = rows.block(start, min(start + BLOCK, count))
        off = np.stack([block[parameter.id] for parameter in parameters]) - centre[:, None]
        sums += off.sum(axis=1)
        squares += (off**2).sum(axis=1)
    mean = centre + sums / count
    spread = np.sqrt(np.maximum(squares - sums**2 / count, 0.0) / max(count - 1, 1))
    return tuple(_drawn_means(inputs, mean.tolist(), spread.tolist(), count))


def _drawn_means(inputs: Inputs, drawn: list[float], spreads: list[float], count: int) -> Iterator[DrawnMean]:
    middles = (np.arange(QUADRATURE) + 0.5) / QUADRATURE
    for parameter, mean, spread in zip(sampled(inputs), drawn, spreads, strict=True):
        values = inverse(parameter)(middles)
        asked, expected = float(values.mean()), float(values.std())
        distance = (mean - asked) / (expected / math.sqrt(count))
        yield DrawnMean(parameter.id, float(parameter.value or 0.0), asked, expected, mean, spread, distance)
