"""What must hold in every draw, not in the base case alone: each breach is counted and named, no draw is dropped.

Draws in which a declared rule changed a curve (a cap where curves cross, deaths at their limit) are no breaches: they
are counted apart, because a rule that acts in many draws is an assumption that the reader should see.

Source: Büyükkaramikli, Rutten-van Mölken, Severens, Al 2019, PharmacoEconomics 37:1391 (TECH-VER).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from markov.analysis.checks import Check
from markov.inputs.parameters import Columns, Inputs
from markov.model.outcomes import LANDMARK_YEARS, Outcomes, Trace
from markov.model.structure import MAINTENANCE_MODEL
from markov.survival.life_table import LifeTable
from markov.terms import DAYS_PER_YEAR, Array, Correction, State, Verdict

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

FINITE = Rule("finite", "cost, QALYs and life-years are numbers", "finite", 0.0)
PARTS = Rule("parts", "QALYs by state and by component sum to one total", "equal, within 1e-9", 1e-9)
DISCOUNTED = Rule("discounted", "discounting does not add life-years or costs", "at most undiscounted", 1e-9)
POSITIVE = Rule("positive", "no state gives negative life-years, no category a negative cost", "at least 0", 1e-9)
QUALITY = Rule("quality", "QALYs do not exceed life-years", "at most life-years", 1e-9)
ENTRIES = Rule("entries", "no state is entered by more than the cohort", "0 to 1", 1e-12)
CURVES = Rule("curves", "time on treatment lies within progression-free time, and that within survival", "within", 1e-9)
FALLING = Rule("falling", "survival never rises", "falling landmarks", 1e-12)
AREA = Rule("area", "undiscounted life-years are the area under modelled survival", "equal, within 1e-9", 1e-9)
WITHIN_CYCLE = Rule("area", "undiscounted life-years are the area under modelled survival", "within a cycle", 0.0)
OCCUPANCY = Rule("occupancy", "no state holds less than nobody", "at least 0", 1e-15)
WHOLE = Rule("whole", "states sum to the whole cohort in every cycle", "1, within 1e-12", 1e-12)
DEATH = Rule("death", "nobody returns from death", "deaths never fall", 1e-15)
FLOWS = Rule("flows", "entries equal exits plus those still there", "equal, within 1e-12", 1e-12)
POPULATION = Rule("population", "survival stays below the general population's", "below it, within 1e-4", 1e-4)


def excesses(inputs: Inputs, outcomes: Outcomes, values: Mapping[str, Array]) -> Iterator[Excess]:
    """By rule and draw, how far a block of outcomes is off what must hold; `values` are the block's own.

    Rules on occupancy, flows and the general population need the trace.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> from markov.model.evaluate import evaluate
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> found = list(excesses(inputs, evaluate(inputs, trace=True), {}))
    >>> len(found), any((gap > rule.tolerance).any() for rule, gap in found)
    (14, False)
    """
    for rule, of in _OF_OUTCOMES.items():
        yield rule, _largest(of(outcomes))
    yield _area(inputs, outcomes)
    if outcomes.trace is not None:
        for rule, of_trace in _OF_TRACE.items():
            yield rule, _largest(of_trace(outcomes.trace))
        yield POPULATION, _above_population(Columns(inputs, values, outcomes.runs), outcomes.trace)


def merge(found: Mapping[Rule, list[tuple[int, Array]]]) -> tuple[Invariant, ...]:
    """Invariants over all blocks: by rule, the first draw of each block and its excesses (runs,).

    >>> merge({PARTS: [(0, np.zeros(3)), (3, np.array([0.0, 0.5]))]})[0].first
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
    order = ("on_treatment", "progression_and_spm_free", "os")
    levels = [
        np.concatenate([outcomes.curves[name].landmarks, outcomes.curves[name].mean[..., None]], axis=-1)
        for name in order
    ]
    return np.asarray(np.nan_to_num(np.stack([levels[0] - levels[1], levels[1] - levels[2]], axis=-1), nan=0.0))


def _rising(outcomes: Outcomes) -> Array:
    landmarks = outcomes.curves["os"].landmarks
    reached = landmarks[..., ~np.isnan(landmarks).all(axis=(0, 1))]
    if reached.shape[-1] == 0:
        return np.zeros((outcomes.runs, 1))
    return np.diff(np.concatenate([np.ones((*reached.shape[:2], 1)), reached], axis=-1), axis=-1)


_OF_OUTCOMES: dict[Rule, Callable[[Outcomes], Array]] = {
    FINITE: _not_finite,
    PARTS: _parts,
    DISCOUNTED: _added_by_discounting,
    POSITIVE: _negative,
    QUALITY: _above_life_years,
    ENTRIES: _entered_twice,
    CURVES: _not_nested,
    FALLING: _rising,
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


def _unbalanced(trace: Trace) -> Array:
    """Entries less exits less the change in those present, by state."""
    total = trace.flows.sum(axis=2)
    change = trace.occupancy[:, :, -1] - trace.occupancy[:, :, 0]
    gaps = []
    for i, state in enumerate(State):
        into = [row for pair, row in MAINTENANCE_MODEL.row.items() if pair[1] == state]
        out = [row for pair, row in MAINTENANCE_MODEL.row.items() if pair[0] == state]
        gaps.append(total[..., into].sum(axis=-1) - total[..., out].sum(axis=-1) - change[..., i])
    return np.asarray(np.abs(np.stack(gaps, axis=-1)))


_OF_TRACE: dict[Rule, Callable[[Trace], Array]] = {
    OCCUPANCY: _below_nobody,
    WHOLE: _not_whole,
    DEATH: _returns,
    FLOWS: _unbalanced,
}


def _above_population(columns: Columns, trace: Trace) -> Array:
    """Excess of survival over the general population's of the draw's age and sex; 0 where the draw's SMR is below 1."""
    table = columns.inputs.life_table
    life = LifeTable.from_probabilities(table.ages, table.male, table.female)
    age, female = columns.number("cohort.age"), columns.number("cohort.proportion_female")
    population = life.survival(age, female, trace.boundaries[:, None]).T  # (runs or 1, cycles + 1)
    excess = (trace.curves["os"] - population[:, None]).max(axis=(1, 2))
    return np.where(columns.number("mortality.smr") >= 1.0, np.maximum(excess, 0.0), 0.0)


assert tuple(sorted(LANDMARK_YEARS)) == LANDMARK_YEARS, "landmarks rise: survival at them falls"
