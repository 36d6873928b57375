"""The command for many workbooks and scenarios: markov batch."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from markov.cli.shared import BAD_INPUT, CHECK_FAILED, INTERRUPTED, NOT_WRITTEN, progress, stop, warn_of_confidential

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markov.batch.comparison import Comparison
    from markov.batch.plan import Plan, Request
    from markov.batch.store import Counts, Store

EVERY = 0.2
"""Seconds between two lines of progress on a terminal."""

LINES = 20
"""Failures that are printed; the summary has all."""


def batch(
    workbooks: Annotated[
        list[Path] | None,
        typer.Argument(metavar="WORKBOOKS", help="Input workbooks. They are never changed.", show_default=False),
    ] = None,
    scenarios: Annotated[
        list[str] | None,
        typer.Option(
            "--scenarios",
            metavar="NAME",
            help="all, base (no scenario of the workbooks themselves), or the name of a scenario; may be repeated.",
            show_default="all",
        ),
    ] = None,
    shared_scenarios: Annotated[
        Path | None,
        typer.Option(
            "--shared-scenarios",
            metavar="FILE",
            help="Workbook with a Scenarios sheet alone, whose scenarios are applied to every workbook.",
        ),
    ] = None,
    grid: Annotated[
        bool, typer.Option("--grid", help="Every combination of the scenarios instead of each one alone.")
    ] = False,
    psa: Annotated[
        int,
        typer.Option(
            "--psa", metavar="N", min=0, help="Also a probabilistic analysis of each, with so many random draws."
        ),
    ] = 0,
    reports: Annotated[bool, typer.Option("--reports", help="Also a report of each, linked from batch.xlsx.")] = False,
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Folder for results; a second run continues it.")
    ] = Path("reports/batch"),
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", min=1, help="Processes to use on this machine.")
    ] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="Compute on a Dask cluster, such as tcp://10.0.0.5:8786."),
    ] = None,
    parquet: Annotated[bool, typer.Option("--parquet", help="Write the exports as Parquet too.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Only say how far the last run in the folder is.")] = False,
) -> None:
    """Run many workbooks under many scenarios, and compare all results in one workbook.

    Writes batch.xlsx, batch.sqlite and CSV files into the folder. Only what is new or changed is computed: run the same
    command again after a failure, an interruption or an edit. One bad workbook or scenario fails alone, by name.
    """
    if status:
        _status(out)
        return
    if not workbooks:
        stop(BAD_INPUT, "Name the workbooks to run, such as: markov batch inputs/*.xlsx --scenarios all")
    from markov.batch.plan import Request

    request = Request(tuple(workbooks), tuple(scenarios or ["all"]), shared_scenarios, grid, psa, reports)
    _compute(request, out, workers, scheduler, parquet)


def _compute(request: "Request", out: Path, workers: int, scheduler: str | None, parquet: bool) -> None:
    """Plan, run and summarise, then leave with the code that says how it went."""
    import sqlite3

    from markov.batch.engines import engine
    from markov.batch.exports import require_parquet
    from markov.batch.run import run_plan
    from markov.batch.store import Store
    from markov.batch.summary import summarise

    if parquet:
        require_parquet()
    plan = _plan(request)
    for book in plan.books:
        if book.inputs is not None:
            warn_of_confidential(book.inputs)
    line = _Line()
    try:
        used = engine(workers, scheduler)
        store = Store(out)
        try:
            run = run_plan(plan, store, used, _command(), line.show)
        except KeyboardInterrupt:
            line.clear()
            _interrupted(store)
        finally:
            used.close()
        line.clear()
        with progress("Writing the comparison", EVERY):
            result, target = summarise(store, run, parquet=parquet)
        store.close()
    except sqlite3.Error as error:
        stop(NOT_WRITTEN, f"{out}: the store cannot be written ({error}). Free some space and run again.")
    _tell(result, target)


def _plan(request: "Request") -> "Plan":
    from markov.batch.combinations import GridTooLargeError
    from markov.batch.plan import make_plan

    try:
        with progress("Reading workbooks and scenarios", EVERY):
            return make_plan(request)
    except GridTooLargeError as error:
        stop(BAD_INPUT, f"{error}. List fewer with --scenarios NAME; nothing was computed.")


def _command() -> str:
    """The command as it was typed, to repeat it."""
    import shlex

    return shlex.join(["markov", *sys.argv[1:]])


def _interrupted(store: "Store") -> None:
    record = store.latest()
    counts = store.counts(record.run) if record else None
    store.close()
    how_far = f" with {counts.done:,} of {counts.total:,} jobs done" if counts else ""
    stop(INTERRUPTED, f"Interrupted{how_far}; nothing was lost. Run the same command again to continue.")


def _tell(result: "Comparison", target: Path) -> None:
    """Print what came out; leave with 1 where a job or a check failed."""
    from markov.batch.pages import in_words

    print("\n".join(in_words(result)))
    print(f"Summary: {target}")
    if not result.failures and not result.failed_checks:
        return
    told = list(_failures(result))
    told += [f"{workbook}, {scenario}: check failed: {words}" for workbook, scenario, _, words in result.failed_checks]
    more = [f"and {len(told) - LINES:,} more: see the sheet Failures"] if len(told) > LINES else []
    stop(CHECK_FAILED, "\n".join([*told[:LINES], *more]))


def _failures(result: "Comparison") -> "Iterator[str]":
    """Each workbook or scenario that failed, with the first of its problems."""
    told: dict[tuple[str, str], list[str]] = {}
    for failure in result.failures:
        told.setdefault((failure.workbook, failure.scenario), []).append(failure.message)
    for messages in told.values():
        others = len(messages) - 1
        more = f" (and {others} more problem{'s' if others > 1 else ''})" if others else ""
        yield f"Failed: {messages[0]}{more}"


class _Line:
    """One line on the terminal that says how far it is; nothing elsewhere."""

    def __init__(self) -> None:
        self.wanted = sys.stderr.isatty()
        self.began = self.last = time.monotonic()
        self.known: int | None = None

    def show(self, counts: "Counts") -> None:
        """Counts, failures and the time left, at the rate since the start."""
        now = time.monotonic()
        settled = counts.done + counts.failed
        self.known = settled if self.known is None else self.known
        if self.wanted and now - self.last >= EVERY:
            self.last = now
            new = settled - self.known
            left = f", {duration((now - self.began) * counts.left / new)} left" if new else ""
            words = f"{counts.done:,} of {counts.total:,} jobs done, {counts.failed:,} failed{left}"
            print(f"\r{words:<78}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away."""
        if self.wanted:
            print(f"\r{'':<78}\r", end="", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """A time in words, as precise as an estimate is.

    >>> duration(42.3), duration(245.0), duration(9000.0)
    ('42 s', '4 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _status(out: Path) -> None:
    """Print how far the last run in a folder is; its command tells which that was."""
    from markov.batch.store import FILE, Store

    record, store = None, None
    if (out / FILE).exists():
        store = Store(out)
        record = store.latest()
    if store is None or record is None:
        stop(BAD_INPUT, f"{out} holds no batch: nothing was started there yet.")
    counts = store.counts(record.run)
    if record.is_alive:
        state = f"running since {record.started} UTC as process {record.process} on {record.host}"
    elif record.finished:
        state = f"{record.outcome} at {record.finished} UTC"
    else:
        state = f"stopped without finishing; it was started at {record.started} UTC"
    print(f"{record.command}\nRun {record.run}: {state}.")
    print(
        f"{counts.total:,} jobs: {counts.done:,} done, {counts.failed:,} failed, {counts.left:,} left"
        + (f", {counts.running:,} of them being computed." if counts.running else ".")
    )
    store.close()
