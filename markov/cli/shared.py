"""Steps that commands share: reading with the changes asked for, timing, progress, and stopping with a code."""

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from markov.analysis.uncertainty.sample import Done
    from markov.inputs.parameters import Inputs, Value

CHECK_FAILED, BAD_INPUT, NOT_WRITTEN, INTERRUPTED = 1, 2, 3, 130
SHOW_PROGRESS_AFTER = 2.0

Workbook = Annotated[
    Path, typer.Argument(help="Input workbook (.xlsx or .xlsm). It is never changed.", show_default=False)
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="ID=VALUE",
        help="Use another value for this run, in the unit of its cell; may be repeated. "
        "Example: --set price.lenalidomide_10mg.brand=1890 --set settings.price_set=generic",
        show_default=False,
    ),
]

Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Also write the numbers as JSON; - prints them.")
]


def read(workbook: Path, changes: list[str] | None) -> "Inputs":
    """Read and check a workbook with the changes of the command line, or stop with every problem."""
    from markov.excel.files import PROTECTED
    from markov.inputs.parameters import with_values
    from markov.inputs.problems import raise_errors
    from markov.inputs.rules import between_values
    from markov.inputs.workbook import read_inputs

    PROTECTED.add(workbook.resolve())
    inputs = read_inputs(workbook)
    if changes:
        inputs = with_values(inputs, dict(parse(inputs, changes)), place="--set")
        raise_errors(between_values.problems(inputs))
    warn_of_confidential(inputs)
    return inputs


def warn_of_confidential(inputs: "Inputs") -> None:
    """Say that what a command writes or prints of these inputs is confidential, where a value of them is."""
    ids = inputs.confidential
    if ids:
        more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
        print(
            f"Confidential: {', '.join(ids[:3])}{more} of {inputs.name}. What this command writes or prints, draws and "
            "JSON included, may give the values away; markov run --redact writes a copy that does not.",
            file=sys.stderr,
        )


def parse(inputs: "Inputs", changes: list[str]) -> "Iterator[tuple[str, Value]]":
    """ID=VALUE texts as ids and values; proportions may be typed as 52%."""
    from markov.inputs.definitions.schema import match
    from markov.inputs.problems import InputError, Problem
    from markov.inputs.rules.one_value import suggestion

    problems = []
    for change in changes:
        identifier, equals, text = (part.strip() for part in change.partition("="))
        found = match(identifier)
        known = found is not None and found[1].get("strategy", inputs.reference) in (*inputs.labels, "common")
        if not equals:
            problems.append(Problem("--set", "a change reads ID=VALUE", change, "Write --set utility.progression=0.6."))
        elif found is None or not known:
            problems.append(Problem("--set", "the model knows no such id", identifier, suggestion(identifier)))
        elif found[0].is_text:
            yield identifier, text
        elif re.fullmatch(r"[-+]?\d+(\.\d+)?\s*%", text):
            yield identifier, float(text.rstrip("% ")) / 100.0
        else:
            try:
                yield identifier, float(text)
            except ValueError:
                problems.append(Problem("--set", f"{identifier} needs a number", text, "The decimal sign is a point."))
    if problems:
        raise InputError(problems)


def target_of(workbook: Path, out: Path | None, kind: str = "xlsx", word: str = "report") -> Path:
    """Where the report goes: a file of its kind, or a folder in which it takes the workbook's name and a word.

    >>> target_of(Path("trial.xlsx"), None).name, target_of(Path("trial.xlsx"), Path("out"), "html", "base").name
    ('trial.report.xlsx', 'trial.base.html')
    """
    return report_path(out, f"{workbook.stem}.{word}.{kind}")


def report_path(out: Path | None, name: str) -> Path:
    """Where a report goes: the file that was asked for, if it ends as `name` does, else `name` in the folder."""
    folder = out or Path("reports")
    return folder if folder.suffix.lower() == Path(name).suffix else folder / name


def check_new(target: Path, what: str, remedy: str = "choose another name", *, replace: bool = False) -> None:
    """Stop where a new .xlsx file would have another ending, or take the place of one that is there."""
    if target.suffix.lower() != ".xlsx":
        stop(NOT_WRITTEN, f"{target}: {what} is an .xlsx file.")
    if target.exists() and not replace:
        stop(NOT_WRITTEN, f"{target} exists already and is left as it is: {remedy}.")


def write_text(file: str, text: str) -> None:
    """Write a text file beside its place and move it in; - prints the text."""
    if file == "-":
        print(text)
        return
    from markov.excel.files import write_whole

    write_whole(file, lambda place: place.write_text(text, encoding="utf-8"))


class Clock:
    """Times the steps; on a terminal, says what takes more than two seconds."""

    def __init__(self, wanted: bool):
        self.wanted = wanted
        self.began = time.perf_counter()
        self.steps: list[tuple[str, float]] = []

    @property
    def elapsed(self) -> float:
        """Seconds so far."""
        return time.perf_counter() - self.began

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time one step."""
        start = time.perf_counter()
        with progress(name, self.elapsed):
            yield
        self.steps.append((name, time.perf_counter() - start))

    @contextmanager
    def tracked(self, name: str) -> Iterator["Done | None"]:
        """Time one long step whose progress is told; on a terminal with the time left, quiet elsewhere."""
        start = time.perf_counter()
        with bar(name) as done:
            yield done
        self.steps.append((name, time.perf_counter() - start))

    def report(self) -> None:
        """Print the steps, if asked."""
        if self.wanted:
            for name, seconds in [*self.steps, ("Total", self.elapsed)]:
                print(f"{name:<34} {seconds:6.2f} s", file=sys.stderr)


@contextmanager
def progress(name: str, elapsed: float) -> Iterator[None]:
    """A line on the terminal while a step runs, once the command has taken two seconds; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield
        return
    import threading

    done = threading.Event()

    def show() -> None:
        if not done.wait(max(SHOW_PROGRESS_AFTER - elapsed, 0.0)):
            print(f"{name} …", end="\r", file=sys.stderr, flush=True)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def bar(name: str) -> Iterator["Done | None"]:
    """A bar with percent, rows done and the time left, on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.completed:,.0f} of {task.total:,.0f} runs  time left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(name, total=1)

        def done(rows: int, total: int) -> None:
            shown.update(task, completed=rows, total=total)

        yield done


def one_thread() -> None:
    """Keep linear algebra to one thread, before NumPy is imported: matrices are small here, and threads only wait."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@contextmanager
def explained(workbook: Path) -> Iterator[None]:
    """Leave with the code of bad input where an analysis cannot be run on this workbook, and say why."""
    try:
        yield
    except ValueError as error:
        stop(BAD_INPUT, f"{workbook.name}: {error}.")


def stop(code: int, message: str) -> NoReturn:
    """Say why on standard error, and leave with an exit code."""
    print(message, file=sys.stderr)
    raise SystemExit(code)
