"""What a test of the bank is, how it says what it found, and how tests are listed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from markov.analysis.bank.bench import Bench
from markov.analysis.checks import Check
from markov.terms import Array, Verdict

TECH_VER = "TECH-VER: Büyükkaramikli and others 2019, PharmacoEconomics 37:1391"
OWN = "Own test"


@dataclass(frozen=True)
class Finding:
    """What a test found: what should be, what is, the verdict, and what a reader needs to know beside it."""

    expected: str
    observed: str
    verdict: Verdict
    note: str = ""


@dataclass(frozen=True)
class BankTest:
    """A test of the bank: its id, what it claims, what is done to the workbook, and its theme.

    A `cheap` test needs no more than the outcomes of the base case, and stands in every report.
    """

    id: str
    title: str
    done: str
    theme: str
    run: Callable[[Bench], Finding]
    source: str
    cheap: bool


@dataclass(frozen=True)
class Tested:
    """A test with its outcome."""

    test: BankTest
    check: Check


class Theme:
    """Collects the tests of one file: `@theme("TV-01", title, done)` above each function."""

    def __init__(self, name: str):
        self.name = name
        self.tests: list[BankTest] = []

    def __call__(
        self, identifier: str, title: str, done: str, *, cheap: bool = False
    ) -> Callable[[Callable[[Bench], Finding]], Callable[[Bench], Finding]]:
        """Register a test under its id."""
        source = TECH_VER if identifier.startswith("TV") else OWN

        def register(run: Callable[[Bench], Finding]) -> Callable[[Bench], Finding]:
            run.__doc__ = f"{title}. {done}."
            self.tests.append(BankTest(identifier, title, done, self.name, run, source, cheap))
            return run

        return register

    def answer(self, identifier: str, title: str, finding: Finding) -> None:
        """Register a test that needs no run: of another kind of model, or a question to the analyst."""
        self(identifier, title, "–")(lambda bench: finding)


# ------------------------------------------------------------------------------------------------- findings


def within(gap: float, tolerance: float, expected: str, note: str = "", *, warn: bool = False) -> Finding:
    """A gap that stays within its tolerance; a gap that is not a number does not.

    >>> within(1e-14, 1e-12, "equal").verdict.value, within(float("nan"), 1e-12, "equal").verdict.value
    ('pass', 'fail')
    """
    verdict = Verdict.PASS if gap <= tolerance else Verdict.WARN if warn else Verdict.FAIL
    return Finding(f"{expected}, within {tolerance:g}", f"largest gap {gap:.2g}", verdict, note)


def holds(true: bool, expected: str, observed: str, note: str = "") -> Finding:
    """What must hold.

    >>> holds(1.0 > 0.5, "above 0.5", "1").verdict.value
    'pass'
    """
    return Finding(expected, observed, Verdict.PASS if true else Verdict.FAIL, note)


def plausible(true: bool, expected: str, observed: str, note: str = "") -> Finding:
    """What should hold, or be explained: a breach warns.

    >>> plausible(False, "below 1 %", "3 %", "a short horizon").verdict.value
    'warn'
    """
    return Finding(expected, observed, Verdict.PASS if true else Verdict.WARN, "" if true else note)


def not_applicable(reason: str) -> Finding:
    """A test that this kind of model, or this workbook, gives nothing to.

    >>> not_applicable("one strategy").note
    'one strategy'
    """
    return Finding("", "", Verdict.NOT_APPLICABLE, reason)


def analyst(question: str) -> Finding:
    """A question that only the analyst can answer.

    >>> analyst("Why this horizon?").expected
    'an answer in writing'
    """
    return Finding("an answer in writing", "", Verdict.ANALYST, question)


# ---------------------------------------------------------------------------------------------- comparisons


def rises(before: Array, after: Array) -> bool:
    """Whether nothing falls by more than rounding, and something rises.

    >>> rises(np.array([1.0, 2.0]), np.array([1.0, 3.0])), rises(np.array([1.0, 2.0]), np.array([0.0, 3.0]))
    (True, False)
    """
    scale = max(float(np.max(np.abs(before), initial=0.0)), 1e-12)
    step = (np.asarray(after) - np.asarray(before)) / scale
    return bool(step.min(initial=0.0) >= -1e-12 and step.max(initial=0.0) > 1e-12)


def amounts(values: Iterable[float], digits: int = 4) -> str:
    """Numbers of several strategies in one cell.

    >>> amounts([1.0, 2.5, -26169.7])
    '1; 2.5; -26,170'
    """
    return "; ".join(f"{value:,.0f}" if abs(value) >= 1000.0 else f"{value:.{digits}g}" for value in values)


def listed(names: Sequence[str], most: int = 6) -> str:
    """The first of several names in one cell.

    >>> listed(["a", "b", "c"], 2), listed([])
    ('a, b and 1 more', 'none')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) + more) or "none"
