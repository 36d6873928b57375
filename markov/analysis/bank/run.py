"""The whole bank: every test in order, on one workbook, in full or in the short form of a report."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from markov.analysis.bank import (
    arms,
    costs,
    decisions,
    discounting,
    events,
    sensitivity,
    states,
    survival,
    uncertainty,
    utilities,
)
from markov.analysis.bank.bench import Bench
from markov.analysis.bank.registry import BankTest, Finding, Tested
from markov.analysis.checks import Check
from markov.inputs.parameters import Inputs
from markov.model.outcomes import Outcomes
from markov.terms import Verdict

FILES = (states, survival, events, utilities, costs, arms, discounting, decisions, sensitivity, uncertainty)
BANK: tuple[BankTest, ...] = tuple(
    test for file in FILES for test in sorted(file.theme.tests, key=lambda t: (t.id[:2] != "TV", t.id))
)
"""Every test once, theme by theme."""

FAILURES = (ValueError, KeyError, IndexError, ArithmeticError, AssertionError)
"""What an engine may raise under a perturbation; the test then fails, and says so."""

Progress = Callable[[int, BankTest], None]


def verify_workbook(
    bench: Bench, tests: Sequence[BankTest] = BANK, progress: Progress | None = None
) -> tuple[Tested, ...]:
    """Run tests of the bank on a workbook; `progress` is told the number of each before it begins.

    Source: Büyükkaramikli, Rutten-van Mölken, Severens, Al 2019, PharmacoEconomics 37:1391 (TECH-VER).

    >>> price = [test for test in BANK if test.id == "TV-01"]
    >>> [tested.check.verdict.value for tested in verify_workbook(Bench(calgb), price)]
    ['pass']
    """
    found = []
    for i, test in enumerate(tests):
        if progress is not None:
            progress(i, test)
        found.append(_run(test, bench))
    return tuple(found)


def short_form(inputs: Inputs, base: Outcomes) -> tuple[Tested, ...]:
    """The tests that need no more than a base case with its trace: those of every report.

    >>> count(short_form(calgb, calgb_base.outcomes))["fail"]
    0
    """
    return verify_workbook(Bench(inputs, base), [test for test in BANK if test.cheap])


def count(tested: Iterable[Tested]) -> Counter[Verdict]:
    """How many tests came to each verdict.

    >>> dict(count([]))
    {}
    """
    return Counter(each.check.verdict for each in tested)


def _run(test: BankTest, bench: Bench) -> Tested:
    try:
        with np.errstate(all="ignore"):  # extreme inputs may overflow: what is not a number then fails its comparison
            found = test.run(bench)
    except FAILURES as error:
        reason = f"{type(error).__name__}: {error}"
        found = Finding("the perturbed model runs", "it does not", Verdict.FAIL, reason)
    return Tested(test, Check(test.id, test.title, found.expected, found.observed, found.verdict, found.note))
