"""One function: rows of parameter values in, outcomes by (run, strategy) out.

A base case is one row, a one-way analysis 2k + 1, a probabilistic one n; a scenario is the same on changed inputs.
Rows go through in blocks, a few cycles at a time, and each block's outcomes go to a sink, so that a million rows
need no more memory than five thousand.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Protocol

import numpy as np

from markov.inputs.parameters import Columns, Inputs
from markov.model.cohort import Batch, run_batches
from markov.model.collector import Collector
from markov.model.maintenance import MaintenanceRule
from markov.model.outcomes import Outcomes, concatenate
from markov.model.preparation import Preparation
from markov.model.structure import MAINTENANCE_MODEL
from markov.model.workers import Helper, borrow, give_back
from markov.terms import Array, PostProgression, State

BLOCK = 5000  # rows: fewer, and the cost of calling NumPy shows; more, and nothing is gained
BLOCK_OF_TUNNELS = 500  # rows, where a whole history of entries by cycle is kept
WORTH_A_HELPER = 2000  # rows: starting a helper process takes as long as running this many
ABREAST = 500  # rows, about, that go through the cohort side by side: with more, nothing is gained
Span = tuple[int, int]


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
    values: Mapping[str, Array] | Rows | None = None,
    *,
    sink: Sink | None = None,
    trace: bool = False,
    workers: int | None = None,
    block: int | None = None,
) -> Outcomes:
    """Outcomes of every row of values; without values, of the base case.

    `values` maps parameter ids to (rows,) in each cell's own unit, or makes blocks when asked; ids left out keep
    their base value. With a `sink` the blocks go there and only the last is returned. Results do not depend on
    the size of blocks nor on the number of workers: this process and, from 2,000 rows on, helper processes, one
    for each processor unless told otherwise.

    >>> from markov import evaluate, read_inputs
    >>> from markov.inputs.writing.template import shipped
    >>> import numpy as np
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> outcomes = evaluate(inputs, {"price.lenalidomide_10mg.brand": np.array([3780.0, 7560.0])})
    >>> drug = outcomes.part("costs", "drug")[:, 1]
    >>> bool(np.isclose(drug[1], 2 * drug[0]))
    True
    """
    total = _row_count(values)
    workers = (workers or os.cpu_count() or 1) if total >= WORTH_A_HELPER else 1
    block = block or _block_size(inputs, -(-total // workers))
    spans = [(a, min(a + block, total)) for a in range(0, total, block)]
    workers = min(workers, len(spans))
    collected: list[Outcomes] = []
    for (start, _), outcomes in zip(spans, _in_order(inputs, values, spans, trace, workers), strict=True):
        if sink is None:
            collected.append(outcomes)
        else:
            sink(start, outcomes)
            collected = [outcomes]
    return concatenate(collected)


def _block_size(inputs: Inputs, share: int) -> int:
    """Rows that go through together, at most a worker's share of them."""
    tunnels = inputs.text("settings.post_progression") == PostProgression.TIME_SINCE_PROGRESSION
    return min(BLOCK_OF_TUNNELS if tunnels else BLOCK, share)


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


def _run(inputs: Inputs, chosen: Mapping[str, Array], rows: int, trace: bool) -> Outcomes:
    """Run one block; helper processes call this too."""
    return run_block(Columns(inputs, chosen, rows), trace=trace)


def _in_order(
    inputs: Inputs, values: Mapping[str, Array] | Rows | None, spans: list[Span], trace: bool, workers: int
) -> Iterator[Outcomes]:
    """Blocks in their order, at most two per worker ahead of the sink."""

    def task(span: Span) -> tuple[Inputs, Mapping[str, Array], int, bool]:
        return inputs, _block_of(values, *span), span[1] - span[0], trace

    if workers == 1:
        yield from (_run(*task(span)) for span in spans)
        return
    helpers = borrow(workers - 1)
    free: SimpleQueue[Helper | None] = SimpleQueue()  # None: this process
    for helper in (None, *helpers):
        free.put(helper)

    def run(span: Span) -> Outcomes:
        helper = free.get()
        outcomes: Outcomes = helper(_run, *task(span)) if helper else _run(*task(span))
        free.put(helper)
        return outcomes

    sound = False
    try:
        with ThreadPoolExecutor(workers) as pool:
            waiting = [pool.submit(run, span) for span in spans[: 2 * workers]]
            for span in spans[2 * workers :]:
                yield waiting.pop(0).result()
                waiting.append(pool.submit(run, span))
            for future in waiting:
                yield future.result()
        sound = True
    finally:
        give_back(helpers, sound=sound)


View = Callable[[Batch], Batch]
"""Another way to see where the cohort is, for payoffs: the same cycles with other occupancy and arrivals."""


def evaluate_side_by_side(asked: Sequence[tuple[Inputs, Mapping[str, Array]]]) -> list[Outcomes]:
    """Outcomes of several inputs, each with rows of values, bit by bit as `evaluate` gives them one by one.

    A cycle of one row takes as long as that of fifty: blocks that differ in families, stops or costs are prepared one
    by one and go through the cohort side by side, as many as move alike.

    >>> from markov import evaluate, read_inputs
    >>> from markov.inputs.parameters import with_values
    >>> from markov.inputs.writing.template import shipped
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> late = with_values(inputs, {"treatment.planned_stop.lenalidomide": 24.0})
    >>> found = evaluate_side_by_side([(inputs, {}), (late, {})])
    >>> [bool((one.cost == evaluate(each).cost).all()) for one, each in zip(found, (inputs, late))]
    [True, True]
    """
    found: dict[int, Outcomes] = {}
    groups: dict[tuple[object, int], dict[int, Preparation]] = {}
    taken: Counter[object] = Counter()
    for place, (inputs, values) in enumerate(asked):
        rows = _row_count(values)
        if rows > ABREAST:
            found[place] = evaluate(inputs, values)
            continue
        block = Preparation(Columns(inputs, values, rows))
        groups.setdefault((block.course, taken[block.course] // ABREAST), {})[place] = block
        taken[block.course] += rows
    for blocks in groups.values():
        found |= zip(blocks, _run_abreast(list(blocks.values())), strict=True)
    return [found[place] for place in range(len(asked))]


def run_block(columns: Columns, *, trace: bool = False, view: View | None = None) -> Outcomes:
    """Run one block of rows through the cohort engine; with a view, payoffs and curves are those of what it shows."""
    (outcomes,) = _run_abreast([Preparation(columns)], trace=trace, view=view)
    return outcomes


def _run_abreast(
    preparations: Sequence[Preparation], *, trace: bool = False, view: View | None = None
) -> list[Outcomes]:
    """Run blocks of one course, each with payoffs of its own."""
    rule = MaintenanceRule(preparations)
    ends = np.cumsum([0, *rule.rows]).tolist()
    collectors = [
        Collector(each, rule, slice(start, stop), trace)
        for each, start, stop in zip(preparations, ends[:-1], ends[1:], strict=True)
    ]
    initial = np.zeros((len(State), *rule.cohorts))
    initial[0] = 1.0
    batches = run_batches(
        MAINTENANCE_MODEL,
        initial,
        rule.cycles,
        rule,
        half_cycle_exposure=rule.half_exposure,
        batch=rule.batch,
        flows=trace,
    )
    for batch in batches if view is None else map(view, batches):
        for collector in collectors:
            collector.add(batch)
    return [collector.outcomes() for collector in collectors]
