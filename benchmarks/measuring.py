"""Measuring that bears comparison: each action once unmeasured, then all in turn, in another order each round."""

import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

Action = Callable[[], object]


@dataclass(frozen=True)
class Timed:
    """Wall times of one action, in seconds."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median over the rounds."""
        return median(self.seconds)

    def __str__(self) -> str:
        """Median and range, in the unit that suits: 12.3 ms (12.1 to 15.0)."""
        factor, unit = (1.0, "s") if self.median >= 1.0 else (1e3, "ms")
        low, high = min(self.seconds) * factor, max(self.seconds) * factor
        return f"{figures(self.median * factor)} {unit} ({figures(low)} to {figures(high)})"


def figures(value: float) -> str:
    """Three significant figures without an exponent."""
    if value >= 100.0:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10.0 else f"{value:.2f}" if value >= 1.0 else f"{value:.3g}"


def interleaved(actions: Mapping[str, Action], rounds: int) -> dict[str, Timed]:
    """Times by name. A machine that slows down slows all of them, so that their ratios hold."""
    for action in actions.values():
        action()
    times: dict[str, list[float]] = {name: [] for name in actions}
    order = random.Random(1)
    for _ in range(rounds):
        for name in order.sample(sorted(actions), len(actions)):
            start = time.perf_counter()
            actions[name]()
            times[name].append(time.perf_counter() - start)
    return {name: Timed(tuple(seconds)) for name, seconds in times.items()}


def table(headers: list[str], rows: list[list[str]]) -> list[str]:
    """A table in Markdown."""
    lines = [headers, ["---"] * len(headers), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def peak_memory(script: str, rows: int) -> str:
    """Peak memory in MB of a new process that a script runs with `memory ROWS`, as it prints it."""
    command = [sys.executable, script, "memory", str(rows)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def own_peak() -> str:
    """Peak memory of this process in MB: on Linux since it began its program, not what its parent held before."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return f"{int(line.split()[1]) / 1024:.0f}"
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit:.0f}"
