"""Speed and memory of `evaluate` on the CALGB 100104 workbook: prints medians, asserts nothing.

    python benchmarks/evaluate.py [runs] [rows]

`runs` (5) is how often each figure is taken, `rows` (10,000) the number of rows of the large cases. All sampled
parameters vary by row; in the large cases so do the parameters of both progression-free survival curves.
"""

import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

import numpy as np

from markov import Inputs, evaluate, read_inputs, with_values
from markov.inputs.template import shipped
from markov.terms import Array

WEIBULL = {"no_maintenance": (27.0, 1.38), "lenalidomide": (46.0, 1.38)}


def sampled(inputs: Inputs, rows: int) -> dict[str, Array]:
    """Every sampled parameter, normal around its base value and inside its limits; made for speed, not for analysis."""
    random, values = np.random.default_rng(1), {}
    for parameter in inputs.parameters.values():
        if parameter.is_sampled:
            low, high = parameter.definition.quantity.low, parameter.definition.quantity.high
            spread = parameter.se or (parameter.high - parameter.low) / 4.0
            drawn = random.normal(parameter.value, 0.5 * abs(spread), rows)
            values[parameter.id] = np.clip(drawn, low + 1e-9, high - 1e-9)
    return values


def with_weibull(inputs: Inputs, rows: int) -> tuple[Inputs, dict[str, Array]]:
    """Weibull curves with their medians and shapes sampled."""
    random, changes, values = np.random.default_rng(2), {}, sampled(inputs, rows)
    for strategy, (median, shape) in WEIBULL.items():
        changes |= {
            f"pfs.family.{strategy}": "weibull",
            f"pfs.median.{strategy}": median,
            f"pfs.shape.{strategy}": shape,
        }
        values[f"pfs.median.{strategy}"] = random.normal(median, 1.0, rows)
        values[f"pfs.shape.{strategy}"] = random.normal(shape, 0.05, rows)
    return with_values(inputs, changes), values


def with_generalised_f(inputs: Inputs, rows: int) -> tuple[Inputs, dict[str, Array]]:
    """The workbook's generalised F curves with all four parameters sampled."""
    random, values = np.random.default_rng(3), sampled(inputs, rows)
    for strategy in inputs.compared:
        for name, spread in (("mu", 0.02), ("sigma", 0.02), ("q", 0.01), ("p", 2e-5)):
            base = inputs.value(f"pfs.{name}.{strategy}")
            values[f"pfs.{name}.{strategy}"] = np.abs(random.normal(base, spread, rows))
    return inputs, values


def median_time(action: Callable[[], object], runs: int) -> str:
    """Median and range of the wall time, after one run that does not count."""
    action()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return f"{np.median(times):7.3f} s  ({min(times):.3f} to {max(times):.3f})"


class MadeInBlocks:
    """The same rows again and again, made when asked for."""

    def __init__(self, values: Mapping[str, Array], rows: int):
        self.values, self.rows = values, rows

    def __len__(self) -> int:
        return self.rows

    def block(self, start: int, stop: int) -> dict[str, Array]:
        """Values of some rows."""
        return {key: np.resize(column, stop - start) for key, column in self.values.items()}


def peak_memory(rows: int) -> None:
    """Run rows through a sink and print this process's peak memory in MB (KB on Linux, bytes on macOS)."""
    inputs, values = with_weibull(read_inputs(shipped("calgb_100104")), 1000)
    total = 0.0

    def sink(start: int, outcomes: object) -> None:
        nonlocal total
        total += float(outcomes.cost.sum())

    evaluate(inputs, MadeInBlocks(values, rows), sink=sink, workers=1)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit:.0f}")


def main() -> None:
    """Print every figure."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    inputs = read_inputs(shipped("calgb_100104"))
    print(f"{platform.platform()}, Python {platform.python_version()}, NumPy {np.__version__}; medians of {runs}")
    # First of all: a process never reports less than its parent held when it was started.
    for count in (1_000, 100_000):
        peak = subprocess.run(
            [sys.executable, __file__, "memory", str(count)], capture_output=True, text=True, check=True
        )
        print(f"{count:,} rows through a sink: peak {peak.stdout.strip()} MB")
    print(f"1 row                                    {median_time(lambda: evaluate(inputs), max(runs, 15))}")
    for name, made in (("Weibull", with_weibull), ("generalised F", with_generalised_f)):
        changed, values = made(inputs, rows)
        for workers in (1, 2):
            timed = median_time(lambda c=changed, v=values, w=workers: evaluate(c, v, workers=w), runs)
            print(f"{rows:,} rows, {name}, {workers} worker(s)".ljust(41) + timed)


if __name__ == "__main__":
    if sys.argv[1:2] == ["memory"]:
        peak_memory(int(sys.argv[2]))
    else:
        main()
