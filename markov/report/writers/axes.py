"""Axes of a chart: which range, which ticks, and where a value falls on the paper."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from markov.report.writers.number_formats import decimals_of, formatted

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
START_AT_ZERO = 1.0 / 6.0
"""An axis starts at 0 where the values spread over more than this share of the largest, as in Excel."""


@dataclass(frozen=True)
class Range:
    """What an axis shows: its ends, its ticks, how they are written, and whether it counts in powers of 2."""

    low: float
    high: float
    ticks: tuple[float, ...]
    code: str = "General"
    log: bool = False
    hidden: bool = False

    def words(self, value: float, finer: float = 1.0) -> str:
        """A value as the axis writes it, to a fraction of the step between ticks."""
        if self.log and finer == 1.0:
            return formatted(value, "General")
        step = self.ticks[1] - self.ticks[0] if len(self.ticks) > 1 and not self.log else 1.0
        return formatted(value, self.code, decimals(step * finer))

    def share(self, value: float) -> float:
        """Where a value stands between the low end (0) and the high end (1)."""
        if self.log:
            return math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def decimals(step: float) -> int:
    """Decimals that a step of an axis needs.

    >>> decimals(0.25), decimals(20.0), decimals(0.2)
    (2, 0, 1)
    """
    exponent = Decimal(f"{step:.9g}").normalize().as_tuple().exponent
    return max(0, -int(exponent))


def nice_step(width: float, parts: int, most: int = 9) -> float:
    """The smallest round step (1, 2, 2.5 or 5 times a power of ten) that cuts a width into at most so many parts.

    A quarter step is passed over where it needs more than `most` decimals: years are counted by 2 or 5.

    >>> nice_step(25.0, 6), nice_step(1.0, 5), nice_step(15.0, 6, most=0)
    (5.0, 0.2, 5.0)
    """
    power = 10.0 ** math.floor(math.log10(width / parts))
    steps = [step for step in STEPS if step != 2.5 or decimals(step * power) <= most]
    return next(step for step in steps if step * power * parts >= width * (1.0 - 1e-9)) * power


def ticks_between(low: float, high: float, step: float) -> tuple[float, ...]:
    """Multiples of a step from one end to the other."""
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(float(f"{k * step:.12g}") for k in range(first, last + 1))


def range_of(
    values: Iterable[float], *, code: str, parts: int, limit: float | None = None, tight: bool = False
) -> Range:
    """Range from 0 to a limit, or one that holds all values and ends on ticks (`tight`: on the values).

    >>> range_of([0.3, 1.1], code="0.0", parts=6)
    Range(low=0.0, high=1.2, ticks=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2), code='0.0', log=False, hidden=False)
    """
    most = 9 if code == "General" else decimals_of(code)
    if limit is not None:
        return Range(0.0, limit, ticks_between(0.0, limit, nice_step(limit, parts, most)), code)
    known = list(values) or [0.0]
    low, high = min(known), max(known)
    if low == high:
        low, high = min(low, 0.0), max(high, 0.0) or (1.0 if low == 0.0 else 0.0)
    if not tight and low > 0.0 and high - low > START_AT_ZERO * high:
        low = 0.0
    if not tight and high < 0.0 and high - low > START_AT_ZERO * -low:
        high = 0.0
    step = nice_step(high - low, parts, most)
    if not tight:
        low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return Range(float(f"{low:.12g}"), float(f"{high:.12g}"), ticks_between(low, high, step), code)


def ratio_range(values: Sequence[float]) -> Range:
    """Range of ratios in powers of 2, at least from a quarter to four.

    >>> ratio_range([0.1, 1.5]).ticks
    (0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
    """
    powers = [math.log2(v) for v in values if v > 0.0]
    low, high = math.floor(min([-2.0, *powers])), math.ceil(max([2.0, *powers]))
    ticks = tuple(2.0**k for k in range(low, high + 1))
    return Range(ticks[0], ticks[-1], ticks, "General", log=True)
