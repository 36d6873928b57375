"""All probabilistic analyses of a workbook at once, over one set of draws: how sure, what drives it, worth waiting?"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from markov.analysis.sensitivity.one_way import OneWay, one_way
from markov.analysis.uncertainty.follow_up import YEARS, FollowUp, followed_strategies, longer_follow_up
from markov.analysis.uncertainty.importance import ImportanceTable, importance_tables
from markov.analysis.uncertainty.probabilistic import Probabilistic, probabilistic
from markov.analysis.uncertainty.sample import Done, Sample
from markov.analysis.uncertainty.sobol import POINTS, RESAMPLES, Sobol, sobol
from markov.analysis.uncertainty.value_of_information import ValueOfInformation, value_of_information
from markov.inputs.parameters import Inputs

RUNS = 10_000

Steps = Callable[[str], AbstractContextManager[Done | None]]
"""Opens a step by its name, and gives what is told of its progress."""


def _silent(name: str) -> AbstractContextManager[Done | None]:
    """A step of which nothing is told."""
    return nullcontext()


@dataclass(frozen=True)
class Uncertainty:
    """Probabilistic and Sobol analysis, value of information and longer follow-up, and what matters in all of them.

    `note` says why longer follow-up is not valued, where it is not.
    """

    probabilistic: Probabilistic
    sobol: Sobol
    information: ValueOfInformation
    follow_up: tuple[FollowUp, ...]
    note: str
    importance: tuple[ImportanceTable, ...]


def uncertainty(
    inputs: Inputs,
    runs: int = RUNS,
    points: int = POINTS,
    *,
    years: Sequence[float] = YEARS,
    second_order: bool = True,
    resamples: int = RESAMPLES,
    seed: int | None = None,
    workers: int | None = None,
    bars: OneWay | None = None,
    steps: Steps = _silent,
) -> Uncertainty:
    """Every analysis of uncertainty of a workbook; `bars` is its one-way analysis, where it was already run.

    Value of information uses the draws of the probabilistic analysis.  Raises ValueError as the analyses do, and where
    fewer than two strategies are compared.

    >>> found = uncertainty(calgb, 40, 4, years=[2.0], second_order=False, resamples=10)
    >>> found.probabilistic.sample.runs, len(found.importance), found.follow_up[0].strategy
    (40, 2, 'lenalidomide')
    """
    with steps("Random draws") as done:
        drawn = probabilistic(inputs, runs, seed, workers=workers, done=done)
    with steps("Sobol design") as done:
        shares = sobol(
            inputs, points, second_order=second_order, resamples=resamples, seed=seed, workers=workers, done=done
        )
    with steps("Value of information"):
        information = value_of_information(inputs, drawn.sample)
    followed, note = follow_up(inputs, drawn.sample, years, seed=seed, workers=workers, steps=steps)
    tables = importance_tables(shares, information, bars or one_way(inputs), drawn.sample)
    return Uncertainty(drawn, shares, information, followed, note, tables)


def follow_up(
    inputs: Inputs,
    sample: Sample,
    years: Sequence[float] = YEARS,
    *,
    seed: int | None = None,
    workers: int | None = None,
    steps: Steps = _silent,
) -> tuple[tuple[FollowUp, ...], str]:
    """Longer follow-up of every strategy whose trial's size is known, or why it is not valued.

    >>> from markov.analysis.uncertainty.sample import draw_sample
    >>> (found,), note = follow_up(calgb, draw_sample(calgb, 40), [2.0])
    >>> found.strategy, [wait.years for wait in found.waits]
    ('lenalidomide', [2.0, 2.0])
    """
    strategies, note = followed_strategies(inputs)
    found = []
    for strategy in strategies:
        with steps("Longer follow-up") as done:
            found.append(longer_follow_up(inputs, sample, strategy, years, seed=seed, workers=workers, done=done))
    return tuple(found), note
