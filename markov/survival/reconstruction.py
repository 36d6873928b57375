"""Patient records behind a published Kaplan–Meier curve, from its digitised points and its numbers at risk.

After Guyot, Ades, Ouwens, Welton 2012 (BMC Med Res Methodol 12:9), from the paper's description: between numbers at
risk, censoring is spread evenly, events follow from the inverted Kaplan–Meier equations, and as many are censored as
lead to the next number at risk (after the last one, to the total of events). The paper iterates to that number; we
search all of them, which always ends, and where rounding lets several through keep the closest to the clicks.
Events stand at the clicks and go before censorings; a number at risk counts those who leave at its time or later.
Deaths at the first click after a risk time came before it where the numbers at risk leave no other way.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from markov.terms import Array

CLICK_NOISE = 0.02  # a click may miss by this share of an axis; two clicks, by twice as much
EQUAL = 1e-9  # survival this close counts as equal: a product of fractions is not exact

Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]
Rule = tuple[Flags, str, str]  # where it is broken, what is needed, the remedy


class PointError(ValueError):
    """A point or a number at risk that no curve can have; `kind` and `position` (from 1; 0 for all) say which one."""

    def __init__(self, kind: str, position: int, words: str):
        super().__init__(f"{kind} {position}: {words}" if position else f"{kind}: {words}")
        self.kind, self.position, self.words = kind, position, words


@dataclass(frozen=True)
class Change:
    """What cleaning did to one point: its position among the given points (from 1; 0 if added), and why."""

    point: int
    quantity: str
    given: float | None
    used: float
    reason: str

    def __str__(self) -> str:
        """The sentence for a report."""
        given = "added" if self.given is None else f"{self.given:g}"
        return f"{self.quantity}, point {self.point}: {given} → {self.used:g} ({self.reason})"


@dataclass(frozen=True)
class CleanPoints:
    """A curve's points: `times` (k,) rise from 0, `survival` (k,) starts at 1 and never rises; and what was changed."""

    times: Array
    survival: Array
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Quality:
    """How well records agree with what they were made from; times in the unit of the points.

    `rmse`, `max_difference`: Kaplan–Meier curve of the records against the cleaned points; `at_risk`, `at_risk_given`
    (m,) at `risk_times`; `median`: first time with survival at or below 0.5, None if not reached; `events_given`: None
    if not published; `rmst`: area under the records' curve up to `last_point`; `changes`: what cleaning did.
    """

    rmse: float
    max_difference: float
    risk_times: Array
    at_risk_given: Counts
    at_risk: Counts
    events: int
    events_given: int | None
    median: float | None
    rmst: float
    last_point: float
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Reconstruction:
    """Records (n,) in order of time: `times` in the unit of the points, `events` true, or false if censored."""

    times: Array
    events: Flags
    quality: Quality


def reconstruct(
    times: ArrayLike, survival: ArrayLike, risk_times: ArrayLike, at_risk: ArrayLike, total_events: int | None = None
) -> Reconstruction:
    """Records of n patients whose Kaplan–Meier curve passes through the points: d_k = round(n_k·(1 − S_k/Ŝ_(k−1))).

    `times`, `survival` (k,) are clicks in any unit of time and on a scale from 1 to 0, cleaned by `clean_points`;
    `risk_times`, `at_risk` (m,) start with time 0 and n, in the same unit, and may end there. After the last number at
    risk, censoring leads to `total_events` if given, else keeps its earlier rate (none where m = 1); who is left
    is censored at the end. Where points and numbers contradict each other, the points win: compare `quality`.
    Raises ValueError with the position, the value, the rule and the remedy.
    Source: Guyot, Ades, Ouwens, Welton 2012, BMC Med Res Methodol 12:9.

    >>> records = reconstruct([1, 2, 3, 4], [0.9, 0.8, 0.667, 0.5], risk_times=[0, 3.5], at_risk=[10, 6])
    >>> records.times.tolist(), records.events.astype(int).tolist()
    ([1.0, 1.75, 2.0, 3.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0], [1, 0, 1, 1, 1, 1, 0, 0, 0, 0])
    >>> records.quality.at_risk.tolist(), records.quality.events
    ([10, 6], 5)
    """
    points = clean_points(times, survival)
    starts, given = _checked_numbers(risk_times, at_risk, total_events, points.times[-1])
    event_times, censored_times = _records(points, starts, given, total_events)
    leaving = np.concatenate([event_times, censored_times])
    order = np.argsort(leaving, kind="stable")
    died = order < event_times.size
    return Reconstruction(leaving[order], died, _quality(leaving[order], died, points, starts, given, total_events))


def clean_points(times: ArrayLike, survival: ArrayLike) -> CleanPoints:
    """Points that a Kaplan–Meier curve can pass through, with every change that clicks' noise made necessary.

    In this order: values outside the axes go to their ends; a click left of its predecessor goes to that one's time;
    one click a time stays, the lowest (the foot of the step); the curve starts at (0, 1); where survival rises,
    neighbours are averaged (least squares, pool adjacent violators: Barlow et al. 1972). `times`, `survival` (k,) in
    the order of the clicks, times in any unit. Raises ValueError where a click is off its axis by more than 2 % of
    it, or goes back in time, up in survival or starts below 1 by more than 4 %.

    >>> points = clean_points([-0.1, 5, 5, 10, 20], [0.99, 0.9, 0.8, 0.81, 0.5])
    >>> points.times.tolist(), points.survival.round(3).tolist()
    ([0.0, 5.0, 10.0, 20.0], [1.0, 0.805, 0.805, 0.5])
    >>> print(points.changes[0])
    time, point 1: -0.1 → 0 (before the start of the axis)
    """
    t, s = _checked_points(times, survival)
    changes: list[Change] = []
    number = np.arange(1, t.size + 1)
    t = _changed(changes, number, "time", t, np.maximum(t, 0.0), "before the start of the axis")
    s = _changed(changes, number, "survival", s, np.clip(s, 0.0, 1.0), "outside the axis")
    t = _changed(changes, number, "time", t, np.maximum.accumulate(t), "no earlier than the click before")
    t, s, number = _one_point_a_time(t, s, number, changes)
    if t[0] > 0.0:
        t, s, number = np.insert(t, 0, 0.0), np.insert(s, 0, 1.0), np.insert(number, 0, 0)
        changes.append(Change(0, "survival", None, 1.0, "a curve starts at time 0 with survival 1"))
    s = _changed(changes, number, "survival", s, _never_rising(s), "survival never rises")
    return CleanPoints(t, s, tuple(changes))


def _check(what: str, values: Array, rules: list[Rule]) -> None:
    for broken, rule, remedy in rules:
        if broken.any():
            k = int(broken.argmax())
            raise PointError(what, k + 1, f"needs {rule}, found {values[k]:g}. {remedy}")


def _columns(names: tuple[str, str], *columns: ArrayLike) -> tuple[Array, Array]:
    """Two columns of finite numbers, equally long."""
    x, y = (np.array(column, dtype=float) for column in columns)
    if x.ndim != 1 or x.size == 0 or x.shape != y.shape:
        rule = f"need two columns, equally long and not empty, found shapes {x.shape} and {y.shape}"
        raise PointError(f"{names[0]} and {names[1]}", 0, f"{rule}. Give one value of each for every position.")
    for what, values in zip(names, (x, y), strict=True):
        _check(what, values, [(~np.isfinite(values), "a number", "Fill the gap, or remove it from both columns.")])
    return x, y


def _checked_points(times: ArrayLike, survival: ArrayLike) -> tuple[Array, Array]:
    t, s = _columns(("time, point", "survival, point"), times, survival)
    last = t.max()
    back = np.maximum.accumulate(t) - t
    rules = [
        (np.full(t.size, last <= 0.0), "a time above 0 somewhere on the curve", "Check the time axis."),
        (t < -CLICK_NOISE * last, "a time from 0", "Calibrate the axis so that the curve starts at 0."),
        (back > 2 * CLICK_NOISE * last, "a time no earlier than before", "Sort the points, one curve at a time."),
    ]
    _check("time, point", t, rules)
    rise = s - np.minimum.accumulate(s)
    low = (t <= 0.0) & (s[t <= 0.0].max(initial=-1.0) < 1.0 - 2 * CLICK_NOISE)
    rules = [
        (s > 1.0 + CLICK_NOISE, "a share from 0 to 1", "Divide percentages by 100, or calibrate the axis."),
        (s < -CLICK_NOISE, "a share from 0 to 1", "Calibrate the axis so that nobody left is 0."),
        (rise > 2 * CLICK_NOISE, "a survival no higher than before", "Click again, or split two curves."),
        (low, "a survival of 1 at time 0", "Calibrate the axes, or divide by the survival at time 0."),
    ]
    _check("survival, point", s, rules)
    return t, s


def _changed(changes: list[Change], number: Counts, quantity: str, given: Array, used: Array, reason: str) -> Array:
    """The values used, with a note of each that is not the given one."""
    for k in np.flatnonzero(np.abs(used - given) > EQUAL):
        changes.append(Change(int(number[k]), quantity, float(given[k]), float(used[k]), reason))
    return used


def _one_point_a_time(
    times: Array, survival: Array, number: Counts, changes: list[Change]
) -> tuple[Array, Array, Counts]:
    """The lowest of the clicks at each time; at time 0 survival is 1."""
    kept, first, group = np.unique(times, return_index=True, return_inverse=True)
    lowest = np.minimum.reduceat(survival, first)
    lowest[kept == 0.0] = 1.0
    _changed(changes, number, "survival", survival, lowest[group], "one point a time, the foot of the step; 1 at 0")
    return kept, lowest, number[first]


def _never_rising(survival: Array) -> Array:
    """The closest sequence that never rises: neighbours that do are pooled into their mean."""
    pools: list[tuple[float, int]] = []
    for value in survival.tolist():
        mean, size = value, 1
        while pools and pools[-1][0] < mean:
            before, others = pools.pop()
            mean, size = (before * others + mean * size) / (others + size), others + size
        pools.append((mean, size))
    return np.concatenate([np.full(size, mean) for mean, size in pools])


def _checked_numbers(risk_times: ArrayLike, at_risk: ArrayLike, total: int | None, last: float) -> tuple[Array, Counts]:
    t, n = _columns(("risk time, position", "number at risk, position"), risk_times, at_risk)
    first = np.arange(t.size) == 0
    late = (t > (1.0 + CLICK_NOISE) * last) & (n > 0.0)
    end = "Use one unit of time, click the curve to its end, or leave the position out."
    rules = [
        (first & (t != 0.0), "time 0 first", "Start with the number of patients at time 0."),
        (np.diff(t, prepend=-1.0) <= 0.0, "a time later than before", "Sort the risk times, each once."),
        (late, f"a time up to the last point, {last:g}, while patients are at risk", end),
    ]
    _check("risk time, position", t, rules)
    rules = [
        ((n != np.floor(n)) | (n < 0.0), "a whole number from 0", "Copy the number printed under the curve."),
        (first & (n < 1.0), "at least one patient at time 0", "Give the number of patients in the arm."),
        (np.diff(n, prepend=n[0]) > 0.0, "a number no higher than before", "Check the arm and the order."),
    ]
    _check("number at risk, position", n, rules)
    if total is not None and not (0 <= total <= n[0] and total == int(total)):
        rule = f"needs a whole number from 0 to the patients at time 0, {n[0]:g}, found {total:g}"
        raise PointError("total events", 0, f"{rule}. Check that events and patients are of one arm.")
    return t, n.astype(np.int64)


@dataclass(frozen=True)
class _Interval:
    """The clicks from one risk time up to the next, and how many are alive and at which survival it starts."""

    start: float
    end: float
    times: Array
    survival: Array
    alive: int
    level: float


@dataclass(frozen=True)
class _Passage:
    """Who leaves in an interval, how many are alive and at which survival it ends, and its squares off the clicks."""

    deaths: Counts
    censored_times: Array
    alive: int
    level: float
    misfit: float


def _pass(interval: _Interval, censored: int, most: int) -> _Passage:
    """Deaths d_k = round(n_k·(1 − S_k/Ŝ_(k−1))), at most so many, if `censored` patients leave evenly."""
    leaving = np.linspace(interval.start, interval.end, censored + 2)[1:-1]
    between = np.searchsorted(interval.times, leaving, side="right")
    leavers = np.bincount(between, minlength=interval.times.size + 1).tolist()
    deaths, misfit = [], 0.0
    left = min(leavers[0], interval.alive)
    alive, level = interval.alive - left, interval.level
    for survival, leave in zip(interval.survival.tolist(), leavers[1:], strict=True):
        died = min(int(alive * (1.0 - survival / level) + 0.5), alive, most) if level > survival else 0
        level *= 1.0 - died / alive if died else 1.0
        leave = min(leave, alive - died)
        alive, most, left = alive - died - leave, most - died, left + leave
        deaths.append(died)
        misfit += (level - survival) ** 2
    return _Passage(np.array(deaths, dtype=np.int64), leaving[:left], alive, level, misfit)


def _best(interval: _Interval, counts: range, most: int, rank: Callable[[_Passage], tuple[int, float]]) -> _Passage:
    """The passage that ranks first if one of `counts` patients is censored; beyond 256 of them, coarse then fine."""
    rough = min(range(0, len(counts), 256), key=lambda k: rank(_pass(interval, counts[k], most)))
    return min((_pass(interval, count, most) for count in counts[max(rough - 256, 0) : rough + 257]), key=rank)


def _to_number_at_risk(interval: _Interval, target: int) -> _Passage:
    """The passage that ends with `target` alive, or with the next above: those are censored after the last click."""

    def rank(passage: _Passage) -> tuple[int, float]:
        over = passage.alive - target
        return (over if over >= 0 else interval.alive - over), passage.misfit

    found = _best(interval, range(max(interval.alive - target, 0) + 1), interval.alive, rank)
    over = max(found.alive - target, 0)
    late = np.linspace(interval.times.max(initial=interval.start), interval.end, over + 2)[1:-1]
    return replace(found, censored_times=np.append(found.censored_times, late), alive=found.alive - over)


def _to_the_end(interval: _Interval, rate: float, events: int | None) -> _Passage:
    """The passage after the last number at risk: to so many `events`, or with a `rate` of censoring a unit time."""
    counts, most = range(interval.alive + 1), interval.alive if events is None else max(events, 0)
    if events is None:
        expected = min(round(rate * (interval.end - interval.start)), interval.alive)
        counts = counts[expected : expected + 1]
    found = _best(interval, counts, most, lambda passage: (-int(passage.deaths.sum()), passage.misfit))
    return replace(found, censored_times=np.append(found.censored_times, np.full(found.alive, interval.end)))


def _records(points: CleanPoints, starts: Array, given: Counts, total: int | None) -> tuple[Array, Array]:
    """Times of events and of censorings, interval by interval."""
    end = max(points.times[-1], starts[-1])
    alive, level, events, censored = int(given[0]), 1.0, np.zeros(0), np.zeros(0)
    for i, (start, stop) in enumerate(pairwise([*starts.tolist(), end])):
        last = i == starts.size - 1
        inside = (points.times >= start) & ((points.times < stop) | last)
        interval = _Interval(start, stop, points.times[inside], points.survival[inside], alive, level)
        if last:
            missing = None if total is None else total - events.size
            passage = _to_the_end(interval, censored.size / (start or 1.0), missing)
        else:
            target = int(given[i + 1])
            passage = _to_number_at_risk(interval, target)
            early = min(target - passage.alive, passage.deaths[:1].sum(), (censored > starts[i - 1]).sum())
            if i > 0 and early > 0:  # so many deaths at the first click came before the risk time, not censorings
                events = np.append(events, np.full(early, 0.5 * (start + points.times[points.times < start][-1])))
                censored = censored[:-early]
                passage = _to_number_at_risk(replace(interval, level=level * (1.0 - early / (alive + early))), target)
        alive, level = passage.alive, passage.level
        events = np.append(events, np.repeat(interval.times, passage.deaths))
        censored = np.append(censored, passage.censored_times)
    return events, censored


def _quality(
    times: Array, events: Flags, points: CleanPoints, starts: Array, given: Counts, total: int | None
) -> Quality:
    """The records' Kaplan–Meier curve, numbers at risk and summaries against what was given."""
    steps, deaths = np.unique(times[events], return_counts=True)
    curve = np.cumprod(1.0 - deaths / (times.size - np.searchsorted(times, steps)))
    levels = np.concatenate([[1.0], curve])
    difference = levels[np.searchsorted(steps, points.times, side="right")] - points.survival
    reached = steps[curve <= 0.5 + EQUAL]
    return Quality(
        rmse=float(np.sqrt(np.mean(difference**2))),
        max_difference=float(np.abs(difference).max()),
        risk_times=starts,
        at_risk_given=given,
        at_risk=np.asarray(times.size - np.searchsorted(times, starts), dtype=np.int64),
        events=int(events.sum()),
        events_given=total,
        median=float(reached[0]) if reached.size else None,
        rmst=float(np.sum(levels * np.diff(steps, prepend=0.0, append=points.times[-1]))),
        last_point=float(points.times[-1]),
        changes=points.changes,
    )
