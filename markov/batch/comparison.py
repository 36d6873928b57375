"""What came out of a run, compared: every scenario beside the base case of its workbook, from the store alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from sqlite3 import Row

import numpy as np

from markov.analysis.incremental import PairwiseRow, icer_in_words, net_benefit, pairwise
from markov.analysis.sensitivity.scenarios import NO_CHANGE
from markov.batch.keys import Analysis
from markov.batch.plan import BASE_CASE
from markov.batch.store import Counts, RunRecord, Store
from markov.batch.tables import COST_COLUMNS

SAME = 1e-12
"""Relative difference up to which two runs of one model are the same."""


@dataclass(frozen=True)
class Line:
    """A strategy in a scenario, discounted; figures by threshold are (thresholds,).

    `against` compares it with the scenario's reference, `ratio` says so in words. `gain` is net benefit over the
    reference's, `change` how far that is from the base case; None where the base case has no such comparison. Figures
    of random draws are None without them.
    """

    strategy: str
    label: str
    cost: float
    qaly: float
    life_years: float
    life_years_undiscounted: float | None
    costs: tuple[float | None, ...]
    against: PairwiseRow | None
    ratio: str
    net_benefit: tuple[float, ...]
    gain: tuple[float, ...]
    change: tuple[float | None, ...]
    mean_cost: float | None = None
    mean_qaly: float | None = None
    probability: tuple[float | None, ...] = ()


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
    program: str
    counts: Counts
    books: tuple[BookResult, ...]
    failures: tuple[Failure, ...]
    failed_checks: tuple[tuple[str, str, str, str], ...]
    conflicts: tuple[tuple[str, str, str, str], ...]
    changes: tuple[Mapping[str, str | float | None], ...]
    computed: int
    seconds: float


def compare(store: Store, run: int) -> Comparison:
    """Compare every result that a run has, its own and those that were there before."""
    program = str(store.one("SELECT program FROM runs WHERE run = ?", (run,)))
    computed = store.rows(
        "SELECT COUNT(*), COALESCE(SUM(seconds), 0) FROM answers WHERE key IN "
        "(SELECT key FROM computations WHERE run = ? AND outcome = 'done')",
        (run,),
    )[0]
    return Comparison(
        store.record(run),
        program,
        store.counts(run),
        tuple(_books(store, run)),
        tuple(_failures(store, run)),
        tuple(_failed_checks(store, run)),
        tuple(
            tuple(row) for row in store.rows(f"{_OF_RUN.format('workbook, first, second, id', 'conflicts')}", (run,))
        ),
        tuple(map(dict, store.rows(f"{_OF_RUN.format('*', 'changes')} ORDER BY rowid", (run,)))),
        computed[0],
        computed[1],
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
        return Line(
            strategy,
            self.labels.get(strategy, strategy),
            row["cost"],
            row["qaly"],
            row["life_years"],
            row["life_years_undiscounted"],
            tuple(row[column] for column in COST_COLUMNS),
            against,
            icer_in_words(against, self.currency) if against else "reference",
            tuple(figures.benefit[:, i].tolist()),
            tuple(figures.gain[:, i].tolist()),
            change,
            mean["cost"] if mean else None,
            mean["qaly"] if mean else None,
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
