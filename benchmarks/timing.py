"""Timing that bears comparison: every action once unmeasured, then all of them in turn, in another order each round."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
