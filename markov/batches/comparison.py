"""What came out of a run, compared: every scenario beside the base case of its workbook, from the store alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from sqlite3 import Row
from typing import TYPE_CHECKING

import numpy as np

from markov.analysis.incremental import PairwiseRow, icer_in_words, net_benefit, pairwise
from markov.analysis.sensitivity.scenarios import NO_CHANGE
from markov.batches.keys import Analysis
from markov.batches.plan import BASE_CASE
from markov.batches.store import COST_COLUMNS, Counts, RunRecord, Store

if TYPE_CHECKING:
    import pandas as pd

SAME = 1e-12
"""Relative difference up to which two runs of one model are the same."""


@dataclass(frozen=True)
class Line:
    """A strategy in a scenario, discounted: `figures` by name, and what there is by threshold, (thresholds,) each.

    Figures are costs, QALYs and life-years, the differences from the scenario's reference `versus` (`ratio` says them
    in words) and means over random draws; None where there is none. `gain` is net benefit over the reference's,
    `change` how far that is from the base case; None where the base case has no such comparison.
    """

    strategy: str
    label: str
    versus: str | None
    ratio: str
    figures: Mapping[str, float | None]
    net_benefit: tuple[float, ...]
    gain: tuple[float, ...]
    change: tuple[float | None, ...]
    probability: tuple[float | None, ...]

    def by_threshold(self, t: int) -> dict[str, float | None]:
        """What there is at one threshold, by name."""
        names = ("net_benefit", "gain_over_reference", "change_from_base", "probability_cost_effective")
        return dict(zip(names, (self.net_benefit[t], self.gain[t], self.change[t], self.probability[t]), strict=True))


@dataclass(frozen=True)
class Case:
    """A workbook under a scenario: every strategy, the reference first, and what to choose at each threshold.

    `changed` says whether that is another choice than in the base case, None where it has no such threshold. `moves`
    is whether anything is other than in the base case at all.
    """

    scenario: str
    reason: str
    thresholds: tuple[float, ...]
    lines: tuple[Line, ...]
    optimal: tuple[str, ...]
    changed: tuple[bool | None, ...]
    moves: bool
    draws: int = 0
    report: str = ""

    def of(self, strategy: str) -> Line | None:
        """One strategy's line; None where it is not compared."""
        return next((line for line in self.lines if line.strategy == strategy), None)

    def label(self, strategy: str) -> str:
        """A strategy's label."""
        line = self.of(strategy)
        return line.label if line else strategy


@dataclass(frozen=True)
class Failure:
    """A job that failed, with one of its problems."""

    workbook: str
    scenario: str
    analyses: tuple[str, ...]
    place: str
    rule: str
    found: str
    remedy: str
    message: str


@dataclass(frozen=True)
class BookResult:
    """A workbook's cases, the base case first; `state` is read, failed or blank."""

    name: str
    file: str
    title: str
    currency: str
    state: str
    cases: tuple[Case, ...] = ()

    @property
    def base(self) -> Case | None:
        """The base case, where it was computed."""
        return next((case for case in self.cases if case.scenario == BASE_CASE), None)

    @property
    def scenarios(self) -> tuple[Case, ...]:
        """Every case but the base case."""
        return tuple(case for case in self.cases if case.scenario != BASE_CASE)


@dataclass(frozen=True)
class Comparison:
    """A run, compared: workbooks in the command's order, failures, failed checks and what a grid did not combine.

    `changes` are rows of the store's table of that name.
    """

    run: RunRecord
    counts: Counts
    books: tuple[BookResult, ...] = ()
    failures: tuple[Failure, ...] = ()
    failed_checks: tuple[tuple[str, str, str, str], ...] = ()
    conflicts: tuple[tuple[str, str, str, str], ...] = ()
    changes: tuple[Mapping[str, str | float | None], ...] = ()
    computed: int = 0
    seconds: float = 0.0

    def to_frame(self) -> "pd.DataFrame":
        """Every figure there is as a tidy pandas frame: workbook, scenario, strategy, measure, value.

        A measure at a threshold carries it in its name: `net_benefit_25000`.
        """
        import pandas as pd

        lines = [(book, case, line) for book in self.books for case in book.cases for line in case.lines]
        rows = [
            (book.name, case.scenario, line.strategy, measure, value)
            for book, case, line in lines
            for measure, value in [
                *line.figures.items(),
                *((f"{m}_{at:g}", v) for t, at in enumerate(case.thresholds) for m, v in line.by_threshold(t).items()),
            ]
            if value is not None
        ]
        return pd.DataFrame(rows, columns=["workbook", "scenario", "strategy", "measure", "value"])


def compare(store: Store, run: int) -> Comparison:
    """Compare every result that a run has, its own and those that were there before.

    >>> import pathlib, tempfile
    >>> from markov.batches.plan import Plan, Request
    >>> store = Store(pathlib.Path(tempfile.mkdtemp()))
    >>> run = store.begin(Plan(Request(()), ()), "markov batch --out reports/batch", "")
    >>> compare(store, run).run.command
    'markov batch --out reports/batch'
    """
    of_run = (run,)
    computed, seconds = store.rows(
        "SELECT COUNT(*), COALESCE(SUM(seconds), 0) FROM answers WHERE key IN "
        "(SELECT key FROM computations WHERE run = ? AND outcome = 'done')",
        of_run,
    )[0]
    return Comparison(
        store.record(run),
        store.counts(run),
        tuple(_books(store, run)),
        tuple(_failures(store, run)),
        tuple(_failed_checks(store, run)),
        tuple(map(tuple, store.rows(_OF_RUN.format("workbook, first, second, id", "conflicts"), of_run))),
        tuple(map(dict, store.rows(f"{_OF_RUN.format('*', 'changes')} ORDER BY rowid", of_run))),
        computed,
        seconds,
    )


_OF_RUN = "SELECT {} FROM {} WHERE run = ?"
_RESULTS = (
    "SELECT jobs.scenario, jobs.analysis, results.* FROM jobs JOIN results ON results.key = jobs.key "
    "WHERE jobs.run = ? AND jobs.workbook = ? ORDER BY jobs.job, results.place"
)
_CHANCES = (
    "SELECT jobs.scenario, acceptability.* FROM jobs JOIN acceptability ON acceptability.key = jobs.key "
    "WHERE jobs.run = ? AND jobs.workbook = ?"
)
_REPORTS = (
    "SELECT jobs.scenario, answers.file FROM jobs JOIN answers ON answers.key = jobs.key "
    "WHERE jobs.run = ? AND jobs.workbook = ? AND jobs.analysis = 'report'"
)
_FAILURES = (
    "SELECT jobs.workbook, jobs.scenario, jobs.analysis, problems.* FROM problems JOIN jobs USING (run, job) "
    "WHERE run = ? ORDER BY job"
)
_CHECKS = (
    "SELECT workbook, scenario, jobs.analysis, failed_checks FROM jobs JOIN answers ON answers.key = jobs.key "
    "WHERE run = ? AND failed_checks IS NOT NULL ORDER BY job"
)


def _failures(store: Store, run: int) -> Iterator[Failure]:
    """One for each problem of a workbook and scenario, whatever analyses it stopped."""
    told: dict[tuple[str, ...], list[str]] = {}
    for row in store.rows(_FAILURES, (run,)):
        texts = (row[key] or "" for key in ("workbook", "scenario", "place", "rule", "found", "remedy", "message"))
        told.setdefault(tuple(texts), []).append(row["analysis"])
    for (workbook, scenario, *rest), analyses in told.items():
        yield Failure(workbook, scenario, tuple(dict.fromkeys(analyses)), *rest)


def _failed_checks(store: Store, run: int) -> Iterator[tuple[str, str, str, str]]:
    for workbook, scenario, analysis, words in store.rows(_CHECKS, (run,)):
        yield from ((workbook, scenario, analysis, line) for line in words.splitlines())


# -------------------------------------------------------------------------------------------------- one workbook


def _books(store: Store, run: int) -> Iterator[BookResult]:
    for row in store.rows("SELECT * FROM workbooks WHERE run = ? ORDER BY place", (run,)):
        cases = tuple(_Book(store, run, row).cases()) if row["state"] == "read" else ()
        facts = (row["title"] or row["workbook"], row["currency"] or "", row["state"])
        yield BookResult(row["workbook"], row["file"], *facts, cases)


class _Book:
    """The results of one workbook, by scenario."""

    def __init__(self, store: Store, run: int, row: Row):
        of_book = (run, row["workbook"])
        self.currency = row["currency"]
        labels = "SELECT strategy, label FROM strategies WHERE run = ? AND workbook = ?"
        self.labels: dict[str, str] = {row[0]: row[1] for row in store.rows(labels, of_book)}
        self.jobs = store.rows(f"{_OF_RUN.format('*', 'jobs')} AND workbook = ? ORDER BY job", of_book)
        self.results: dict[tuple[str, str], list[Row]] = {}
        for result in store.rows(_RESULTS, of_book):
            self.results.setdefault((result["scenario"], result["analysis"]), []).append(result)
        self.chances = {
            (chance["scenario"], chance["threshold"], chance["strategy"]): chance["probability"]
            for chance in store.rows(_CHANCES, of_book)
        }
        self.reports: dict[str, str] = {row[0]: row[1] for row in store.rows(_REPORTS, of_book)}
        self.draws = {job["scenario"]: job["draws"] for job in self.jobs if job["analysis"] == Analysis.PSA}

    def cases(self) -> Iterator[Case]:
        """Every case that has a result, the base case first."""
        base: _Figures | None = None
        for job in self.jobs:
            rows = self.results.get((job["scenario"], Analysis.BASE))
            if job["analysis"] == Analysis.BASE and rows:
                figures = _Figures(job, rows)
                base = figures if job["scenario"] == BASE_CASE else base
                yield self._case(job, rows, figures, base)

    def _case(self, job: Row, rows: Sequence[Row], figures: "_Figures", base: "_Figures | None") -> Case:
        scenario = job["scenario"]
        means = {row["strategy"]: row for row in self.results.get((scenario, Analysis.PSA), ())}
        changes = figures.changes(base)
        lines = tuple(
            self._line(scenario, row, figures, i, changes[i], means.get(row["strategy"])) for i, row in enumerate(rows)
        )
        best = figures.optimal
        return Case(
            scenario,
            job["reason"],
            figures.thresholds,
            lines,
            best,
            figures.decisions_changed(base),
            base is None or not figures.equals(base),
            self.draws.get(scenario, 0) if means else 0,
            self.reports.get(scenario, ""),
        )

    def _line(
        self, scenario: str, row: Row, figures: "_Figures", i: int, change: tuple[float | None, ...], mean: Row | None
    ) -> Line:
        strategy = row["strategy"]
        against = figures.pairs.get(strategy)
        totals = ("cost", "qaly", "life_years", "life_years_undiscounted", *COST_COLUMNS)
        return Line(
            strategy,
            self.labels.get(strategy, strategy),
            against.versus if against else None,
            icer_in_words(against, self.currency) if against else "reference",
            {name: row[name] for name in totals}
            | {name: getattr(against, name, None) for name in ("delta_cost", "delta_qaly", "icer")}
            | {f"mean_{name}": mean[name] if mean else None for name in ("cost", "qaly")},
            tuple(figures.benefit[:, i].tolist()),
            tuple(figures.gain[:, i].tolist()),
            change,
            tuple(self.chances.get((scenario, t, strategy)) for t in figures.thresholds),
        )


class _Figures:
    """Costs and QALYs of one case, and what follows from them: `benefit` and `gain` (thresholds, strategies)."""

    def __init__(self, job: Row, rows: Sequence[Row]):
        self.strategies = tuple(row["strategy"] for row in rows)
        self.cost, self.qaly = ([row[name] for row in rows] for name in ("cost", "qaly"))
        self.thresholds = tuple(float(part) for part in job["thresholds"].split(";"))
        self.benefit = net_benefit(self.cost, self.qaly, self.thresholds).monetary
        self.gain = self.benefit - self.benefit[:, :1]
        found = pairwise(self.strategies, self.cost, self.qaly, self.strategies[0])
        self.pairs: Mapping[str, PairwiseRow] = {pair.strategy: pair for pair in found}

    @property
    def optimal(self) -> tuple[str, ...]:
        """The strategy of the highest net benefit at each threshold; of equal ones the first."""
        return tuple(self.strategies[int(i)] for i in self.benefit.argmax(axis=1))

    def changes(self, base: "_Figures | None") -> list[tuple[float | None, ...]]:
        """By strategy: net benefit over the reference's, less the same in the base case."""
        nothing: tuple[float | None, ...] = (None,) * len(self.thresholds)
        if base is None or len(base.thresholds) != len(self.thresholds) or base.strategies[0] != self.strategies[0]:
            return [nothing] * len(self.strategies)
        return [
            tuple(map(_settled, self.gain[:, i] - base.gain[:, base.strategies.index(s)]))
            if s in base.strategies
            else nothing
            for i, s in enumerate(self.strategies)
        ]

    def decisions_changed(self, base: "_Figures | None") -> tuple[bool | None, ...]:
        """Whether another strategy is best than in the base case, at the same place among the thresholds."""
        if base is None or len(base.thresholds) != len(self.thresholds):
            return (None,) * len(self.thresholds)
        return tuple(own != other for own, other in zip(self.optimal, base.optimal, strict=True))

    def equals(self, base: "_Figures") -> bool:
        """Whether strategies, costs and QALYs are those of the base case."""
        return self.strategies == base.strategies and bool(
            np.allclose(self.cost, base.cost, rtol=SAME, atol=0.0) and np.allclose(self.qaly, base.qaly, rtol=SAME)
        )


def _settled(change: float) -> float:
    """A change without what is only rounding."""
    return 0.0 if abs(change) < NO_CHANGE else float(change)
