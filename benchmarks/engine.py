"""The model of the workbooks by rows, cycles, strategies and workers, and the memory that it takes."""

import sys
from collections.abc import Mapping
from functools import partial

import numpy as np
from measuring import figures, interleaved, own_peak, peak_memory, table

from markov import Inputs, evaluate, random_draws, read_inputs, with_values
from markov.inputs.writing.template import shipped, worked_names
from markov.model.evaluate import Rows
from markov.terms import Array

TRIAL, FLAGSHIP = "calgb_100104", "post_transplant_uk"
WEIBULL = {"no_maintenance": (27.0, 1.38), "lenalidomide": (46.0, 1.38)}  # medians in months, shapes
SPREADS = {"mu": 0.02, "sigma": 0.02, "q": 0.01, "p": 2e-5}


class Repeated:
    """The same values by row again and again, made when asked for."""

    def __init__(self, values: Mapping[str, Array], rows: int):
        self.values, self.rows = values, rows

    def __len__(self) -> int:
        """Number of rows."""
        return self.rows

    def block(self, start: int, stop: int) -> dict[str, Array]:
        """Values of some rows."""
        return {key: np.resize(column, stop - start) for key, column in self.values.items()}


def sampled(inputs: Inputs, rows: int) -> dict[str, Array]:
    """Every uncertain parameter from its own distribution."""
    drawn: Rows = random_draws(inputs, rows)
    return dict(drawn.block(0, rows))


def with_weibull(rows: int) -> tuple[Inputs, dict[str, Array]]:
    """The trial with Weibull curves of progression-free survival, their medians and shapes by row too."""
    inputs, random = read_inputs(shipped(TRIAL)), np.random.default_rng(2)
    changes: dict[str, str | float | None] = {}
    values = sampled(inputs, rows)
    for strategy, (median, shape) in WEIBULL.items():
        changes |= {f"pfs.family.{strategy}": "weibull"}
        changes |= {f"pfs.median.{strategy}": median, f"pfs.shape.{strategy}": shape}
        values[f"pfs.median.{strategy}"] = random.normal(median, 1.0, rows)
        values[f"pfs.shape.{strategy}"] = random.normal(shape, 0.05, rows)
    return with_values(inputs, changes), values


def with_generalised_f(rows: int) -> tuple[Inputs, dict[str, Array]]:
    """The trial with its generalised F curves, all four parameters by row too."""
    inputs, random = read_inputs(shipped(TRIAL)), np.random.default_rng(3)
    values = sampled(inputs, rows)
    for strategy in inputs.compared:
        for name, spread in SPREADS.items():
            base = inputs.number(f"pfs.{name}.{strategy}")
            values[f"pfs.{name}.{strategy}"] = np.abs(random.normal(base, spread, rows))
    return inputs, values


def section(rounds: int, largest: int) -> list[str]:
    """Times of the model of the workbooks; Markdown lines."""
    parts = (_base_cases(rounds), _curves(rounds), _rows(rounds, largest), _cycles(rounds), _strategies(rounds))
    return ["## The model of the workbooks", "", *(line for part in parts for line in (*part, ""))]


def _base_cases(rounds: int) -> list[str]:
    read = {name: read_inputs(shipped(name)) for name in worked_names()}
    times = interleaved({name: partial(evaluate, inputs) for name, inputs in read.items()}, max(rounds, 7))
    rows = [[name, str(len(read[name].compared)), str(timed)] for name, timed in times.items()]
    return ["### One row: a base case", "", *table(["workbook", "strategies", "median (range)"], rows)]


def _curves(rounds: int) -> list[str]:
    cases = {"Weibull curves": with_weibull(10_000), "generalised F curves": with_generalised_f(10_000)}
    flagship = read_inputs(shipped(FLAGSHIP))
    cases["the flagship, all outcomes"] = flagship, sampled(flagship, 10_000)
    actions = {
        f"{name}, {workers} thread{'s' * (workers > 1)}": partial(evaluate, inputs, values, workers=workers)
        for name, (inputs, values) in cases.items()
        for workers in (1, 2)
    }
    rows = [[name, str(timed)] for name, timed in interleaved(actions, rounds).items()]
    words = "Every uncertain parameter by row; on the trial those of both curves too."
    return ["### 10,000 rows", "", words, "", *table(["case", "median (range)"], rows)]


def _rows(rounds: int, largest: int) -> list[str]:
    inputs, values = with_weibull(1_000)
    sizes = [size for size in (1_000, 10_000, 100_000, 1_000_000) if size <= largest]
    actions = {
        f"{size:,}": partial(evaluate, inputs, Repeated(values, size), sink=lambda first, outcomes: None, workers=2)
        for size in sizes
    }
    times = interleaved(actions, rounds if largest <= 100_000 else 1)
    rows = [
        [name, str(timed), figures(timed.median / size * 1e6), peak_memory(__file__, size)]
        for (name, timed), size in zip(times.items(), sizes, strict=True)
    ]
    headers = ["rows", "median (range)", "µs a row", "peak memory of one process (MB)"]
    return ["### By number of rows, into a sink, 2 threads", "", *table(headers, rows)]


def _cycles(rounds: int) -> list[str]:
    inputs, values = with_weibull(2_000)
    made = {days: with_values(inputs, {"settings.cycle_days": days}) for days in (56.0, 28.0, 14.0, 7.0)}
    actions = {f"{days:g}": partial(evaluate, changed, values, workers=1) for days, changed in made.items()}
    rows = [[name, str(timed)] for name, timed in interleaved(actions, rounds).items()]
    return ["### By length of the cycle, 2,000 rows, 1 thread", "", *table(["days", "median (range)"], rows)]


def _strategies(rounds: int) -> list[str]:
    inputs = read_inputs(shipped(FLAGSHIP))
    others = [s for s in inputs.labels if s != inputs.reference]
    actions = {}
    for count in range(len(others) + 1):
        included = {f"strategy.included.{s}": "yes" if i < count else "no" for i, s in enumerate(others)}
        changed = with_values(inputs, dict(included))
        actions[str(count + 1)] = partial(evaluate, changed, sampled(changed, 2_000), workers=1)
    rows = [[name, str(timed)] for name, timed in interleaved(actions, rounds).items()]
    return ["### By number of strategies, 2,000 rows, 1 thread", "", *table(["strategies", "median (range)"], rows)]


def run_into_a_sink(size: int) -> None:
    """Run rows made when they are needed, keep nothing, and print this process's peak memory."""
    inputs, values = with_weibull(1_000)
    evaluate(inputs, Repeated(values, size), sink=lambda first, outcomes: None, workers=1)
    print(own_peak())


if __name__ == "__main__":
    if sys.argv[1:2] == ["memory"]:
        run_into_a_sink(int(sys.argv[2]))
    else:
        print("\n".join(section(rounds=3, largest=10_000)))
