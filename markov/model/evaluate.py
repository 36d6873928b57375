"""One function: rows of parameter values in, outcomes by (run, strategy) out.

A base case is one row, a one-way analysis 2k + 1, a probabilistic one n; a scenario is the same on changed inputs.
Rows go through in blocks, and each block's outcomes go to a sink, so that a million rows need no more memory than a
thousand.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from markov.compiling import filled, say_what_is_waited_for
from markov.inputs.given_values import Frame, checked_columns
from markov.inputs.parameters import Columns, Inputs, Trusted
from markov.model.discounting import COSTS, UNDISCOUNTED
from markov.model.hazards import curves_of, cycle_boundaries, strategy_hazard
from markov.model.outcomes import CURVES, LANDMARK_YEARS, CurveSummary, Outcomes, Trace, concatenate
from markov.model.payoffs import Payoffs
from markov.model.run import Choices, Kept, Rates, run
from markov.model.stops import Told
from markov.model.structure import MAINTENANCE_MODEL
from markov.model.treatment import Malignancies, Window
from markov.survival.hazards import POLICIES
from markov.terms import (
    LIVING,
    MONTHS_PER_YEAR,
    Array,
    Crossing,
    Endpoint,
    PostProgression,
    PostProgressionMortality,
    PostProgressionRate,
    State,
    WithinCycle,
)

BLOCK = 200  # rows: fewer, and the cost of calling NumPy shows; more, and they leave the processor's cache
Span = tuple[int, int]


@runtime_checkable
class Rows(Protocol):
    """Parameter values that are made when asked for: any number of rows without holding them."""

    def __len__(self) -> int:
        """Number of rows."""

    def block(self, start: int, stop: int) -> Mapping[str, Array]:
        """Values of some rows, by parameter id, each (stop − start,)."""


Sink = Callable[[int, Outcomes], None]
"""Takes the outcomes of a block, and the number of its first row."""


def evaluate(
    inputs: Inputs,
    values: Mapping[str, ArrayLike] | Frame | Rows | None = None,
    *,
    sink: Sink | None = None,
    trace: bool = False,
    workers: int | None = None,
    block: int | None = None,
) -> Outcomes:
    """Outcomes of every row of values; without values, of the base case.

    `values` maps parameter ids to (rows,) in each cell's own unit, or makes blocks when asked; ids left out keep
    their base value. With a `sink` the blocks go there and only the last is returned. Results do not depend on
    the size of blocks nor on the number of workers: threads, one for each processor unless told otherwise.
    Raises InputError, with the nearest id, for columns that no workbook could hold: an unknown id, what is no number
    or beyond its limits, other lengths; a table of pandas is checked too.

    >>> from markov import evaluate
    >>> import numpy as np
    >>> outcomes = evaluate(calgb, {"price.lenalidomide_10mg.brand": np.array([3780.0, 7560.0])})
    >>> drug = outcomes.part("costs", "drug")[:, 1]
    >>> bool(np.isclose(drug[1], 2 * drug[0]))
    True
    """
    if values is not None and not isinstance(values, Trusted | Rows):
        values = checked_columns(inputs, values)
    say_what_is_waited_for()
    total = _row_count(values)
    block = block or BLOCK
    spans = [(a, min(a + block, total)) for a in range(0, total, block)]
    collected: list[Outcomes] = []
    for (start, _), outcomes in zip(spans, _in_order(inputs, values, spans, trace, workers), strict=True):
        if sink is None:
            collected.append(outcomes)
        else:
            sink(start, outcomes)
            collected = [outcomes]
    return concatenate(collected)


Asked = tuple[Inputs, Mapping[str, Array]]
"""Inputs, and rows of values (rows,) by parameter id as `evaluate` takes them; none: one row, as it is."""


def evaluate_each(asked: Sequence[Asked]) -> list[Outcomes | Exception]:
    """Outcomes of each question, or the error that `evaluate` raises, so that no question takes others with it.

    >>> found = evaluate_each([(calgb, {}), (calgb, {"utility.progression": np.array([0.5, 0.6])})])
    >>> [each.runs for each in found if not isinstance(each, Exception)]
    [1, 2]
    """
    found: list[Outcomes | Exception] = []
    for inputs, values in asked:
        try:
            found.append(evaluate(inputs, values))
        except (ValueError, KeyError, ArithmeticError) as error:
            found.append(error)
    return found


def _row_count(values: Mapping[str, Array] | Rows | None) -> int:
    if values is None:
        return 1
    if isinstance(values, Mapping):
        lengths = {len(v) for v in values.values()}
        if len(lengths) > 1:
            raise ValueError(f"columns of values differ in length: {sorted(lengths)}")
        return lengths.pop() if lengths else 1
    return len(values)


def _block_of(values: Mapping[str, Array] | Rows | None, start: int, stop: int) -> Mapping[str, Array]:
    if values is None:
        return {}
    if isinstance(values, Mapping):
        return {key: np.asarray(column)[start:stop] for key, column in values.items()}
    return values.block(start, stop)


def _in_order(
    inputs: Inputs, values: Mapping[str, Array] | Rows | None, spans: list[Span], trace: bool, workers: int | None
) -> Iterator[Outcomes]:
    """Blocks in their order, at most two per worker ahead of the sink."""

    def outcomes_of(span: Span) -> Outcomes:
        return Block(Columns(inputs, _block_of(values, *span), span[1] - span[0])).outcomes(trace=trace)

    workers = min(workers or os.cpu_count() or 1, len(spans))
    if workers <= 1:
        yield from map(outcomes_of, spans)
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(outcomes_of, span) for span in spans[: 2 * workers]]
        for span in spans[2 * workers :]:
            yield waiting.pop(0).result()
            waiting.append(pool.submit(outcomes_of, span))
        for future in waiting:
            yield future.result()


class Block:
    """One block of rows before anybody moves: everything that the cycles take, as arrays of numbers."""

    def __init__(self, columns: Columns):
        inputs = columns.inputs
        self.columns, self.cohorts = columns, (len(inputs.compared), columns.rows)
        self.boundaries = cycle_boundaries(inputs)
        self.told = Told.of(columns)
        start = np.array([inputs.number(f"treatment.start.{s}") for s in inputs.compared])
        self.curves = curves_of(columns, self.told.years_observed(start))
        self.window = Window.of(columns, self.curves.boundaries)
        self.payoffs = Payoffs(columns, self.window, self.told.starting, self.boundaries)

    def outcomes(self, *, trace: bool = False, seen: tuple[Array, Array] | None = None) -> Outcomes:
        """Let every cohort go through its cycles, and name what was counted.

        Payoffs and curves may be those of a cohort `seen` otherwise: occupancy (rows, strategies, cycles + 1, states)
        and flows (rows, strategies, cycles, transitions).
        """
        kept, payoffs = self._kept(trace, seen), self.payoffs
        run(
            self.curves,
            self._rates(),
            self.window,
            self.told,
            self._choices(),
            payoffs.weights(),
            self.boundaries,
            self.columns.rows,
            payoffs.sums,
            kept,
        )
        qalys, components = payoffs.qalys()
        treated = payoffs.treated
        return Outcomes(
            strategies=self.columns.inputs.compared,
            life_years=_runs_first(payoffs.life_years()),
            qalys=_runs_first(qalys),
            qaly_components=_runs_first(components),
            costs=_runs_first(payoffs.costs()),
            entries=np.moveaxis(payoffs.arrivals[UNDISCOUNTED], (2, 1), (0, 1)),
            time_on_treatment=treated[UNDISCOUNTED].T.copy(),
            drug_years=treated[COSTS].T.copy(),
            curves={name: CurveSummary(kept.median[i], kept.mean[i], kept.values[i]) for i, name in enumerate(CURVES)},
            solved={"toxicity_rate": kept.toxicity_rate, "other_stop_rate": kept.other_rate},
            counts={
                "floored_cycles": kept.floored,
                "crossing_cycles": kept.crossings,
                "first_crossing_years": kept.first_crossing,
                "clipped_cycles": kept.clipped,
                "negative_hazard_cycles": kept.negative,
            },
            trace=self._trace(kept) if trace else None,
        )

    def _kept(self, trace: bool, seen: tuple[Array, Array] | None) -> Kept:
        """Room for what is kept of each cohort."""
        by_run, curves = self.cohorts[::-1], (len(CURVES), *self.cohorts[::-1])
        cycles, landmarks = len(self.boundaries) - 1, np.array(LANDMARK_YEARS)
        within = np.clip(np.searchsorted(self.boundaries, landmarks, side="right") - 1, 0, cycles - 1)
        traced = (self.columns.rows if trace or seen else 0, self.cohorts[0])
        occupancy, flows = seen or (
            np.empty((*traced, cycles + 1, len(State))),
            np.empty((*traced, cycles, len(MAINTENANCE_MODEL.transitions))),
        )
        return Kept(
            landmarks,
            np.where(landmarks > self.boundaries[-1] + 1e-9, -1, within),
            np.empty(curves),
            np.empty(curves),
            np.empty((*curves, len(landmarks))),
            np.zeros(by_run),
            np.zeros(by_run),
            np.zeros(by_run),
            np.zeros(by_run),
            np.zeros(by_run),
            np.zeros(by_run),
            np.zeros(by_run),
            occupancy,
            flows,
            np.empty((*traced, len(CURVES), cycles + 1)),
            seen is not None,
        )

    def _choices(self) -> Choices:
        """Choices of method, as numbers."""
        inputs = self.columns.inputs
        return Choices(
            POLICIES.index(Crossing(inputs.text("settings.crossing"))),
            inputs.compared.index(inputs.reference),
            self._by_curve and inputs.text("settings.post_progression_mortality") == PostProgressionMortality.ALL_CAUSE,
            1.0 if self._entrants_move_on else 0.0,
        )

    @property
    def _by_curve(self) -> bool:
        return self.columns.inputs.text("settings.post_progression") == PostProgression.TIME_SINCE_PROGRESSION

    @property
    def _entrants_move_on(self) -> bool:
        return self.columns.inputs.text("settings.within_cycle") == WithinCycle.HALF_CYCLE_EXPOSURE

    def _rates(self) -> Rates:
        """Second malignancies, and deaths after them and after progression."""
        columns, length = self.columns, float(self.boundaries[1])
        malignancies = Malignancies.of(columns)
        haematologic, solid = malignancies.haematologic, 1.0 - malignancies.haematologic
        since, entry = self._since_progression()

        def of_each(values: Array) -> Array:
            return filled(values, self.cohorts)

        return Rates(
            of_each(malignancies.off * haematologic * length),
            of_each(malignancies.off * solid * length),
            of_each(malignancies.excess * haematologic),
            of_each(malignancies.excess * solid),
            of_each(columns.number("spm.excess_death.haematologic") * length),
            of_each(columns.number("spm.excess_death.solid") * length),
            of_each(self._excess_rate() * length),
            of_each(entry),
            since,
        )

    def _excess_rate(self) -> Array:
        """Excess deaths per year after progression under a constant rate, (strategies or 1, rows or 1)."""
        columns, inputs = self.columns, self.columns.inputs
        if inputs.text("settings.post_progression") != PostProgression.RATE:
            return np.zeros((1, 1))
        if inputs.text("settings.post_progression_rate") == PostProgressionRate.COMMON:
            return columns.number("post_progression.excess_rate.common")[None]
        return columns.by_strategy("post_progression.excess_rate.", inputs.compared)

    def _since_progression(self) -> tuple[Array, Array]:
        """A curve's increments by cycles since progression (strategies, rows or 1, cycles), and for entrants.

        Those who enter have been there for half a cycle at its end, or for none where they do not move on.
        """
        columns, inputs = self.columns, self.columns.inputs
        if not self._by_curve:
            return np.empty((self.cohorts[0], 1, 0)), np.zeros((1, 1))
        shift = 0.5 * self.boundaries[1] if self._entrants_move_on else 0.0
        months = np.concatenate([[0.0], self.boundaries + shift]) * MONTHS_PER_YEAR
        curves = [strategy_hazard(columns, Endpoint.POST_PROGRESSION, s, months) for s in inputs.compared]
        total = np.stack(np.broadcast_arrays(*curves))
        return np.maximum(np.diff(total[:, :, 1:]), 0.0), total[:, :, 1] - total[:, :, 0]

    def _trace(self, kept: Kept) -> Trace:
        curves = {name: kept.curves[:, :, i] for i, name in enumerate(CURVES)}
        present, on_drug = kept.occupancy[..., 0], curves["on_treatment"]
        share = np.divide(on_drug, present, out=np.zeros(on_drug.shape), where=present > 0)
        return Trace(self.boundaries, kept.occupancy, kept.flows, curves, share)


def _runs_first(values: Array) -> Array:
    """(schedule, part, strategies, rows) → (rows, strategies, schedule, part)."""
    return np.ascontiguousarray(np.transpose(values, (3, 2, 0, 1)))


assert list(LIVING) == list(State)[:-1], "the living states come first: payoffs rely on it"
