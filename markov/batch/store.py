"""The store of a batch: an SQLite file beside the reports, in which every result is found by its key.

Every change is one transaction under the write-ahead log, so that a killed run leaves whole results only, and several
runs may work on one folder: who takes up a key writes it down first, and the others leave it alone while that run
lives. A run lives while its heartbeat moves; one whose process is gone is dead at once, on the same machine.
"""

import datetime
import os
import socket
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from markov.batch.plan import Book, Job, Plan
from markov.batch.tables import COST_COLUMNS, SCHEMA, STORE_VERSION
from markov.batch.tasks import Answer, Task, Totals
from markov.inputs.problems import Problem
from markov.report.files import write_whole

FILE = "batch.sqlite"
PATIENCE = 60.0
"""Seconds to wait for another run's transaction."""

LIFETIME = 60.0
"""Seconds without a heartbeat after which a run counts as dead."""


class StoreError(OSError):
    """The store cannot be used: it is of another version, or no store."""


@dataclass(frozen=True)
class Counts:
    """How far a run is: jobs in all, done, failed, and being computed by any run."""

    total: int
    done: int
    failed: int
    running: int = 0

    @property
    def left(self) -> int:
        """Jobs without a result, those being computed included."""
        return self.total - self.done - self.failed


@dataclass(frozen=True)
class RunRecord:
    """A run as the store knows it."""

    run: int
    command: str
    host: str
    process: int
    started: str
    heartbeat: float
    finished: str | None
    outcome: str | None

    @property
    def is_alive(self) -> bool:
        """Whether it still works: not finished, its heart beats, and its process exists where that can be seen."""
        if self.finished is not None or time.time() - self.heartbeat > LIFETIME:
            return False
        return self.host != socket.gethostname() or _exists(self.process)


class Store:
    """An open store in a folder, for one thread."""

    def __init__(self, folder: Path):
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"{folder} is no folder that can be written ({error.strerror or error})"
            raise StoreError(f"{message}. Choose another with --out.") from error
        try:
            self.connection = sqlite3.connect(folder / FILE, timeout=PATIENCE, isolation_level=None)
            self.connection.row_factory = sqlite3.Row
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = NORMAL")
            self._make_tables()
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{folder / FILE}: cannot be used ({error}). Choose another folder with --out.") from error

    def _make_tables(self) -> None:
        known = self.connection.execute("SELECT name FROM sqlite_master WHERE name = 'about'").fetchone()
        if known is None:
            with self.transaction():
                for statement in SCHEMA.split(";\n"):
                    self.connection.execute(statement)
                row = ("store version", str(STORE_VERSION))
                self.connection.execute("INSERT OR IGNORE INTO about VALUES (?, ?)", row)
        version = self.one("SELECT value FROM about WHERE name = 'store version'")
        if version != str(STORE_VERSION):
            message = f"is of store version {version}; this program writes {STORE_VERSION}"
            raise StoreError(f"{self.folder / FILE}: {message}. Choose another folder with --out.")

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and nobody else writes meanwhile."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def one(self, question: str, values: Sequence[object] = ()) -> object:
        """The first column of the first row of an answer; None where there is none."""
        row = self.connection.execute(question, values).fetchone()
        return None if row is None else row[0]

    def rows(self, question: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        """Every row of an answer."""
        return self.connection.execute(question, values).fetchall()

    # ------------------------------------------------------------------------------------------------- runs

    def begin(self, plan: Plan, command: str, program: str) -> int:
        """Write down a run and its jobs; returns its number."""
        with self.transaction():
            values = (command, program, socket.gethostname(), os.getpid(), now(), time.time())
            columns = "command, program, host, process, started, heartbeat"
            made = self.connection.execute(f"INSERT INTO runs ({columns}) VALUES (?, ?, ?, ?, ?, ?)", values)
            run = int(made.lastrowid or 0)
            for place, book in enumerate(plan.books):
                self._add_book(run, place, book)
            for number, job in enumerate(plan.jobs, 1):
                self._add_job(run, number, job)
        return run

    def _add_book(self, run: int, place: int, book: Book) -> None:
        inputs = book.inputs
        state = "read" if inputs else "blank" if book.blank else "failed"
        facts = (inputs.sha256, inputs.title, inputs.currency) if inputs else (None, None, None)
        self._insert("workbooks", [(run, book.name, place, str(book.path), *facts, state)])
        if inputs is None:
            return
        self._insert("strategies", [(run, book.name, strategy.id, strategy.label) for strategy in inputs.strategies])
        self._insert("conflicts", [(run, book.name, pair.first, pair.second, pair.id) for pair in book.apart])
        changes = [
            (run, book.name, name, c.id, c.label, c.unit, c.base, c.value, c.reason, c.cell)
            for name, c in book.changes()
        ]
        self._insert("changes", changes)

    def _add_job(self, run: int, number: int, job: Job) -> None:
        thresholds = "; ".join(f"{threshold!r}" for threshold in job.thresholds)
        facts = (job.workbook, job.scenario, job.analysis, job.draws, job.key, job.reason, thresholds, job.reference)
        self._insert("jobs", [(run, number, *facts)])
        self.add_problems(run, number, job.problems)

    def add_problems(self, run: int, number: int, problems: Iterable[Problem]) -> None:
        """Why a job of a run failed."""
        rows = [
            (run, number, p.place, p.rule, None if p.found is None else str(p.found), p.remedy, str(p))
            for p in problems
            if not p.warning
        ]
        self._insert("problems", rows)

    def _insert(self, table: str, rows: Sequence[Sequence[object]]) -> None:
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            self.connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)

    def beat(self, run: int) -> None:
        """Say that a run lives."""
        self.connection.execute("UPDATE runs SET heartbeat = ? WHERE run = ?", (time.time(), run))

    def finish(self, run: int, outcome: str) -> None:
        """Write down that a run ended, and give back what it had taken up."""
        with self.transaction():
            back = "UPDATE computations SET finished = ?, outcome = 'interrupted' WHERE run = ? AND finished IS NULL"
            self.connection.execute(back, (now(), run))
            ended = "UPDATE runs SET finished = ?, outcome = ?, heartbeat = ? WHERE run = ?"
            self.connection.execute(ended, (now(), outcome, time.time(), run))

    def record(self, run: int) -> RunRecord:
        """What is known of a run."""
        return _run_record(self.rows("SELECT * FROM runs WHERE run = ?", (run,))[0])

    def latest(self) -> RunRecord | None:
        """The run that was started last."""
        found = self.rows("SELECT * FROM runs ORDER BY run DESC LIMIT 1")
        return _run_record(found[0]) if found else None

    def counts(self, run: int) -> Counts:
        """How far a run is."""
        counted = self.rows("SELECT state, COUNT(*) FROM job_states WHERE run = ? GROUP BY state", (run,))
        states: dict[str, int] = {row[0]: row[1] for row in counted}
        living = [record.run for record in self._unfinished() if record.is_alive]
        held = f"SELECT key FROM computations WHERE finished IS NULL AND run IN ({', '.join('?' * len(living))})"
        running = self.one(f"SELECT COUNT(*) FROM jobs WHERE run = ? AND key IN ({held})", (run, *living))
        done, failed = states.get("done", 0), states.get("failed", 0)
        return Counts(sum(states.values()), done, failed, int(str(running)))

    # ---------------------------------------------------------------------------------------------- results

    def answered(self, keys: Iterable[str]) -> set[str]:
        """Those keys that have a result, with its file where it has one."""
        found = set()
        for part in _parts(list(keys)):
            marks = ", ".join("?" * len(part))
            for key, file in self.rows(f"SELECT key, file FROM answers WHERE key IN ({marks})", part):
                if file is None or (self.folder / file).exists():
                    found.add(key)
        return found

    def claim(self, run: int, keys: Sequence[str]) -> list[str]:
        """Take up those keys that have no result and that no other living run has taken up."""
        with self.transaction():
            marks = ", ".join("?" * len(keys))
            question = f"SELECT key, run FROM computations WHERE finished IS NULL AND key IN ({marks})"
            held = {key: owner for key, owner in self.rows(question, keys) if owner != run}
            living = {record.run for record in self._unfinished() if record.is_alive}
            abandoned = [(now(), key, owner) for key, owner in held.items() if owner not in living]
            lost = "UPDATE computations SET finished = ?, outcome = 'lost' WHERE key = ? AND run = ?"
            self.connection.executemany(f"{lost} AND finished IS NULL", abandoned)
            answered = self.answered(keys)
            free = [key for key in dict.fromkeys(keys) if key not in answered and held.get(key) not in living]
            taken = "INSERT INTO computations (key, run, started) VALUES (?, ?, ?)"
            self.connection.executemany(taken, [(key, run, now()) for key in free])
        return free

    def give_up(self, run: int, keys: Sequence[str], outcome: str) -> None:
        """Write down that what a run had taken up came to nothing."""
        with self.transaction():
            self._close(run, keys, outcome)

    def _close(self, run: int, keys: Iterable[str], outcome: str) -> None:
        ended = "UPDATE computations SET finished = ?, outcome = ? WHERE key = ? AND run = ? AND finished IS NULL"
        self.connection.executemany(ended, [(now(), outcome, key, run) for key in keys])

    def keep(self, run: int, task: Task, answers: Sequence[Answer], files: Sequence[str | None]) -> None:
        """Keep what a task gave: files first, then all of its results at once, or the reasons of those that failed."""
        for answer, file in zip(answers, files, strict=True):
            if answer.file is not None and file is not None:
                write_whole(self.folder / file, partial(_write, content=answer.file))
        with self.transaction():
            for answer, file in zip(answers, files, strict=True):
                if answer.problems:
                    self._fail(run, answer)
                else:
                    self._succeed(task, answer, file)
                self._close(run, [answer.key], "failed" if answer.problems else "done")

    def _succeed(self, task: Task, answer: Answer, file: str | None) -> None:
        checks = "\n".join(answer.failed_checks) or None
        self._insert("answers", [(answer.key, task.analysis, task.program, answer.seconds, now(), file, checks)])
        self.connection.execute("DELETE FROM results WHERE key = ?", (answer.key,))
        self._insert("results", [_result(answer.key, i, totals) for i, totals in enumerate(answer.totals)])
        chances = [(answer.key, c.threshold, c.strategy, c.net_benefit, c.probability) for c in answer.chances]
        self._insert("acceptability", chances)

    def _fail(self, run: int, answer: Answer) -> None:
        for (number,) in self.rows("SELECT job FROM jobs WHERE run = ? AND key = ?", (run, answer.key)):
            self.add_problems(run, number, answer.problems)

    def _unfinished(self) -> Iterator[RunRecord]:
        yield from map(_run_record, self.rows("SELECT * FROM runs WHERE finished IS NULL"))


def _write(place: Path, content: bytes) -> None:
    place.write_bytes(content)


def _result(key: str, place: int, totals: Totals) -> tuple[object, ...]:
    """A row of the table of results."""
    effects = (totals.cost, totals.qaly, totals.life_years, totals.life_years_undiscounted)
    costs = totals.costs or (None,) * len(COST_COLUMNS)
    return (key, place, totals.strategy, *effects, totals.cost_error, totals.qaly_error, *costs)


def _run_record(row: sqlite3.Row) -> RunRecord:
    names = ("run", "command", "host", "process", "started", "heartbeat", "finished", "outcome")
    return RunRecord(*(row[name] for name in names))


def _parts(keys: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def _exists(process: int) -> bool:
    """Whether a process of this machine is there; taken for granted on Windows, where asking would end it."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def now() -> str:
    """The present time, UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
