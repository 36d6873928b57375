"""Computes a plan: takes up tasks, gives them to an engine, keeps what comes back, and says how far it is.

Whatever happens, the store holds whole results and the log says what became of the rest. A task that loses its worker
is given again; after a second loss its jobs go one by one, and a job that loses three workers by itself fails.
"""

import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from markov.batches.comparison import Comparison, compare
from markov.batches.engines import LOST, Engine, Finished, engine
from markov.batches.exports import export
from markov.batches.keys import Analysis
from markov.batches.pages import batch_pages
from markov.batches.plan import Job, Plan, Request, make_plan
from markov.batches.store import Counts, Store, now
from markov.batches.tasks import Answer, Task
from markov.inputs.problems import Problem
from markov.report.writers.excel import write_pages

LOG, WORKBOOK = "batch.log", "batch.xlsx"
HEARTBEAT = 5.0
PAUSE = 0.5
"""Seconds between two looks at what other runs are computing."""

LOSSES = 3
"""Workers that a job loses by itself before it fails."""

Watch = Callable[[Counts], None]
"""Is told how far the run is."""


class Progress:
    """What became of a run's jobs by key; several jobs may share one."""

    def __init__(self, plan: Plan):
        self.jobs: dict[str, list[Job]] = {}
        for job in plan.jobs:
            if job.key is not None:
                self.jobs.setdefault(job.key, []).append(job)
        self.total, self.settled = len(plan.jobs), set[str]()
        self.done, self.failed = 0, sum(job.key is None for job in plan.jobs)

    def settle(self, keys: Iterable[str], *, failed: bool = False) -> None:
        """Count jobs that have a result, or that failed."""
        for key in set(keys) - self.settled:
            self.settled.add(key)
            count = len(self.jobs[key])
            self.done, self.failed = (self.done, self.failed + count) if failed else (self.done + count, self.failed)

    def counts(self) -> Counts:
        """Jobs in all, done and failed."""
        return Counts(self.total, self.done, self.failed)


def batch(
    workbooks: Sequence[str | Path],
    *,
    scenarios: Sequence[str] = ("all",),
    shared_scenarios: str | Path | None = None,
    grid: bool = False,
    draws: int = 0,
    reports: bool = False,
    out: str | Path = "reports/batch",
    workers: int = 1,
) -> Comparison:
    """Many workbooks under many scenarios, as `markov batch` runs them; what is in the folder already is not run again.

    `scenarios` are "all", "base" or names; `shared_scenarios` a workbook of scenarios for every workbook; `grid` takes
    every combination. `draws` adds a probabilistic analysis of each. The folder holds batch.xlsx and tables as CSV.
    Raises InputError where nothing can be run; a workbook or scenario that alone cannot is among `failures`.

    >>> import tempfile
    >>> found = batch(["inputs/calgb_100104.xlsx"], scenarios=["Generic prices"], out=tempfile.mkdtemp())
    >>> [case.scenario for book in found.books for case in book.cases], len(found.failures)
    (['Base case', 'Generic prices'], 0)
    """
    shared = None if shared_scenarios is None else Path(shared_scenarios)
    request = Request(tuple(map(Path, workbooks)), tuple(scenarios), shared, grid, draws, reports)
    store, used = Store(Path(out)), engine(workers)
    try:
        return summarise(store, run_plan(make_plan(request), store, used, "markov.batch"))[0]
    finally:
        used.close()
        store.close()


def run_plan(plan: Plan, store: Store, engine: Engine, command: str, watch: Watch = lambda counts: None) -> int:
    """Compute what the store does not hold yet, and return the number of the run.

    Results that were there already, or that another run on the same folder computes meanwhile, are used as they are.
    On an interruption what was taken up is given back, and the exception goes on.

    >>> import tempfile
    >>> from markov.batches.engines import InProcess
    >>> from markov.batches.plan import Request
    >>> store = Store(Path(tempfile.mkdtemp()))
    >>> store.counts(run_plan(Plan(Request(()), ()), store, InProcess(), "markov batch"))
    Counts(total=0, done=0, failed=0, running=0)
    """
    program = plan.tasks[0].program if plan.tasks else ""
    run = store.begin(plan, command, program)
    return _Runner(plan, store, engine, run, program).all(command, watch)


def summarise(store: Store, run: int, *, parquet: bool = False) -> tuple[Comparison, Path]:
    """Write the comparison workbook and the exports of a run; returns what they say, and where the workbook is.

    Raises ReportError where a file cannot be written.

    >>> import tempfile
    >>> from markov.batches.plan import Request
    >>> store = Store(Path(tempfile.mkdtemp()))
    >>> summarise(store, store.begin(Plan(Request(()), ()), "markov batch", ""))[1].name
    'batch.xlsx'
    """
    result = compare(store, run)
    export(result, store.folder, parquet=parquet)
    return result, write_pages(batch_pages(result), store.folder / WORKBOOK, "Scenarios of all workbooks")


class _Runner:
    """One run of a plan."""

    def __init__(self, plan: Plan, store: Store, engine: Engine, run: int, program: str):
        self.plan, self.store, self.engine, self.run, self.program = plan, store, engine, run, program
        self.progress = Progress(plan)
        self.todo: deque[Task] = deque()
        self.elsewhere: deque[Task] = deque()
        self.losses: Counter[tuple[str, ...]] = Counter()
        self.busy = 0

    def _log(self, words: str) -> None:
        """Add a line with the time and the run to a text file, which several runs may write at once."""
        with (self.store.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(f"{now()} run {self.run}: {words}\n")

    def _log_problems(self, what: str, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self._log(f"failed: {what}: {problem}")

    def all(self, command: str, watch: Watch) -> int:
        """Every task; returns the number of the run."""
        self._log(f"started: {command} ({self.engine.name})")
        for job in self.plan.jobs:
            self._log_problems(f"{job.workbook}, {job.scenario or 'the workbook'}", job.problems)
        outcome = "interrupted"
        try:
            with _heartbeat(self.store.folder, self.run):
                self._start()
                watch(self.progress.counts())
                while self.todo or self.elsewhere or self.busy:
                    self._step()
                    watch(self.progress.counts())
            outcome = "failures" if self.progress.counts().failed else "complete"
        finally:
            counts = self.progress.counts()
            self.store.finish(self.run, outcome)
            self._log(f"{outcome}: {counts.done} jobs done, {counts.failed} failed, {counts.left} left")
        return self.run

    def _start(self) -> None:
        """Leave out what is there already."""
        self.progress.settle(self.store.answered(self.progress.jobs))
        self.todo.extend(filter(None, (self._without_known(task) for task in self.plan.tasks)))
        self._log(f"{self.progress.total} jobs, {self.progress.done} of them done before")

    def _without_known(self, task: Task) -> Task | None:
        asked = tuple(each for each in task.asked if each.key not in self.progress.settled)
        return replace(task, asked=asked) if asked else None

    def _step(self) -> None:
        """Give the engine what it has room for, and take what is finished."""
        while self.todo and self.engine.room > 0:
            self._take_up(self.todo.popleft())
        if self.busy:
            for finished in self.engine.wait(PAUSE):
                self.busy -= 1
                self._lost(finished) if finished.lost else self._keep(finished)
        elif self.elsewhere:
            time.sleep(PAUSE)
        if self.elsewhere and not self.todo:
            self._look_elsewhere()

    def _take_up(self, task: Task) -> None:
        """Compute what is free of a task; what other runs compute is looked after later."""
        mine = set(self.store.claim(self.run, task.keys))
        others = tuple(each for each in task.asked if each.key not in mine)
        if others:
            self.elsewhere.append(replace(task, asked=others))
        if mine:
            once = {each.key: each for each in task.asked if each.key in mine}
            self.engine.submit(replace(task, asked=tuple(once.values())))
            self.busy += 1

    def _look_elsewhere(self) -> None:
        """Take what other runs have finished; what they gave up, or died over, is to do again."""
        waiting, self.elsewhere = self.elsewhere, deque()
        self.progress.settle(self.store.answered({key for task in waiting for key in task.keys}))
        self.todo.extend(filter(None, map(self._without_known, waiting)))

    def _keep(self, finished: Finished) -> None:
        analysis, answers = finished.task.analysis, finished.answers
        self.store.keep(self.run, finished.task, answers, [self._file(answer, analysis) for answer in answers])
        for answer in answers:
            self.progress.settle([answer.key], failed=bool(answer.problems))
            for job in self.progress.jobs[answer.key]:
                self._log_problems(f"{job.workbook}, {job.scenario}, {analysis}", answer.problems)
        seconds = sum(answer.seconds for answer in answers)
        first = self.progress.jobs[answers[0].key][0]
        self._log(f"{first.workbook}: {len(answers)} {analysis} jobs in {seconds:.2f} s")

    def _file(self, answer: Answer, analysis: Analysis) -> str | None:
        """Where the file of an answer goes: a report by workbook and scenario, draws by key."""
        if answer.file is None:
            return None
        if analysis is Analysis.PSA:
            return f"draws/{answer.key[:24]}.npz"
        job = self.progress.jobs[answer.key][0]
        return f"reports/{_plain(job.workbook)}/{_plain(job.scenario)}.{answer.key[:8]}.xlsx"

    def _lost(self, finished: Finished) -> None:
        """Do a lost task again, then its jobs one by one; a job that goes on losing workers fails."""
        task = finished.task
        self.losses[task.keys] += 1
        self.store.give_up(self.run, task.keys, "lost")
        self._log(f"{finished.lost}: {len(task.asked)} {task.analysis} jobs are to do again")
        if len(task.asked) > 1 and self.losses[task.keys] > 1:
            self.todo.extendleft(replace(task, asked=(each,)) for each in reversed(task.asked))
        elif self.losses[task.keys] >= LOSSES:
            self._keep(Finished(task, tuple(_given_up(task, each.key, each.scenario) for each in task.asked)))
        else:
            self.todo.appendleft(task)


def _given_up(task: Task, key: str, scenario: str) -> Answer:
    rule = f'scenario "{scenario}": {LOST} {LOSSES} times while computing it'
    remedy = "Run the same command again; if it stays, run it with more memory or fewer --workers."
    return Answer(key, 0.0, problems=(Problem(task.inputs.name, rule, remedy=remedy),))


@contextmanager
def _heartbeat(folder: Path, run: int) -> Iterator[None]:
    """Says every few seconds that the run lives, whatever it is busy with."""
    over = threading.Event()

    def beat() -> None:
        store = Store(folder)
        while not over.wait(HEARTBEAT):
            store.beat(run)
        store.close()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _plain(name: str, longest: int = 60) -> str:
    """A name as a file may have it on every system."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._")[:longest] or "scenario"
