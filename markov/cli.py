"""The command line: run, check, parameters, new. Exit codes: 0 done, 1 a check failed, 2 bad input, 3 not written."""

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from markov.inputs.parameters import Inputs, Value
    from markov.inputs.problems import Problem

CHECK_FAILED, BAD_INPUT, NOT_WRITTEN, INTERRUPTED = 1, 2, 3, 130
SHOW_PROGRESS_AFTER = 2.0

app = typer.Typer(
    help="Cost-effectiveness of maintenance therapy in multiple myeloma: an Excel workbook in, an Excel report out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

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


@app.command()
def run(
    workbook: Workbook,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Report to write, or the folder for it.", show_default="reports/NAME.report.xlsx"),
    ] = None,
    changes: Changes = None,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Also write the numbers as JSON; - prints them.")
    ] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Include the trace by cycle in the JSON.")] = False,
    timings: Annotated[bool, typer.Option("--timings", help="Print how long each step took.")] = False,
) -> None:
    """Run a workbook and write its report.

    Prints the answer, and where the report is. Problems of the workbook are listed all at once, each with its cell.
    """
    clock = _Clock(timings)
    with clock.step("Reading the workbook"):
        inputs = _read(workbook, changes)
    from markov.analysis.base_case import base_case
    from markov.report import words
    from markov.report.reports import write_report

    with clock.step("Running the model and its checks"):
        result = base_case(inputs)
    command = " ".join(["markov run", workbook.name, *(f"--set {change}" for change in changes or ())])
    target = _target(workbook, out)
    if target.resolve() == workbook.resolve():
        _stop(NOT_WRITTEN, f"{target} is the input workbook: choose another name with --out.")
    with clock.step("Writing the report"):
        write_report(result, target, command=command, seconds=clock.elapsed)
    if json_file:
        from markov.report.export import to_json

        _write_text(json_file, to_json(result, trace=trace))
    if json_file != "-":
        print("\n".join(words.answer(result)))
        print(words.checks_counted(result))
        print(f"Report: {target}")
    clock.report()
    if any(check.verdict == "fail" for check in result.checks):
        _stop(CHECK_FAILED, "A check failed: see the Checks sheet before using these results.")


@app.command()
def check(workbook: Workbook, changes: Changes = None) -> None:
    """Check a workbook without running it: every problem with its cell, the rule and the remedy."""
    inputs = _read(workbook, changes)
    for warning in inputs.warnings:
        print(f"warning: {warning}")
    strategies = ", ".join(inputs.labels[s] for s in inputs.compared)
    scenarios = len({change.scenario for change in inputs.scenarios})
    print(f"{workbook.name} is sound: {len(inputs.parameters)} values, {scenarios} scenarios, strategies {strategies}.")


@app.command()
def parameters(
    workbook: Workbook,
    search: Annotated[str, typer.Argument(help="Only ids or labels that contain this.", show_default=False)] = "",
) -> None:
    """List a workbook's parameters: id, value, unit, evidence status and cell."""
    inputs = _read(workbook, None)
    found = [p for p in inputs.parameters.values() if search.lower() in f"{p.id} {p.label}".lower()]
    width = max((len(p.id) for p in found), default=0)
    for p in found:
        value = "" if p.value is None else str(p.value)
        print(f"{p.id:<{width}}  {value:>14}  {p.unit:<22}  {p.status:<22}  {p.cell}")
    if not found:
        _stop(BAD_INPUT, f'No id or label of {workbook.name} contains "{search}".')


@app.command()
def new(
    workbook: Annotated[Path, typer.Argument(help="Workbook to write.", show_default=False)],
    example: Annotated[
        str | None,
        typer.Option("--from", metavar="NAME", help="Start from a worked decision problem instead of a blank one."),
    ] = None,
    strategies: Annotated[
        str, typer.Option("--strategies", help="Ids of the strategies of a blank workbook, the reference first.")
    ] = "no_maintenance,maintenance",
) -> None:
    """Write a blank workbook, or a copy of a worked one (calgb_100104, myeloma_ix)."""
    from markov.inputs.schema import NAME_PATTERN
    from markov.inputs.template import CoverText, blank_sheets, build, sources_folder, worked_names, write_workbook

    if workbook.suffix.lower() != ".xlsx":
        _stop(NOT_WRITTEN, f"{workbook}: a new workbook is an .xlsx file.")
    if workbook.exists():
        _stop(NOT_WRITTEN, f"{workbook} exists already and is left as it is: choose another name.")
    names = [name.strip() for name in strategies.split(",")]
    try:
        if example is not None:
            if example not in worked_names():
                _stop(BAD_INPUT, f'There is no worked workbook "{example}". There are: {", ".join(worked_names())}.')
            build(sources_folder() / example, workbook)
        else:
            bad = [name for name in names if not NAME_PATTERN.fullmatch(name)]
            if bad or len(set(names)) < len(names):
                _stop(BAD_INPUT, f"Strategy ids are different short words of small letters, digits and _: {strategies}")
            purpose = "A new decision problem: fill the cells in the input colour, then run the program on this file."
            write_workbook(workbook, CoverText("New decision problem", purpose), blank_sheets(names))
    except OSError as error:
        _stop(NOT_WRITTEN, f"{workbook}: cannot be written ({error.strerror or error}).")
    print(f"Wrote {workbook}. Edit it in Excel, then: markov check {workbook}")


# ------------------------------------------------------------------------------------------------------ steps


def _read(workbook: Path, changes: list[str] | None) -> "Inputs":
    """Read and check a workbook with the changes of the command line, or stop with every problem."""
    from markov.inputs import checks
    from markov.inputs.parameters import with_values
    from markov.inputs.problems import raise_errors
    from markov.inputs.workbook import read_inputs

    inputs = read_inputs(workbook)
    if not changes:
        return inputs
    inputs = with_values(inputs, dict(_parse(inputs, changes)), place="--set")
    raise_errors(checks.problems(inputs))
    return inputs


def _parse(inputs: "Inputs", changes: list[str]) -> "Iterator[tuple[str, Value]]":
    """ID=VALUE texts as ids and values; proportions may be typed as 52%."""
    from markov.inputs.problems import InputError, Problem
    from markov.inputs.schema import match
    from markov.inputs.value_checks import suggestion

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


def _target(workbook: Path, out: Path | None) -> Path:
    """Where the report goes: a file, or a folder in which it takes the workbook's name."""
    name = f"{workbook.stem}.report.xlsx"
    if out is None:
        return Path("reports") / name
    return out if out.suffix.lower() == ".xlsx" else out / name


def _write_text(file: str, text: str) -> None:
    if file == "-":
        print(text)
        return
    target = Path(file)
    temporary = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    except OSError as error:
        _stop(NOT_WRITTEN, f"{target}: cannot be written ({error.strerror or error}).")


class _Clock:
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
        with _progress(name, self.elapsed):
            yield
        self.steps.append((name, time.perf_counter() - start))

    def report(self) -> None:
        """Print the steps, if asked."""
        if self.wanted:
            for name, seconds in [*self.steps, ("Total", self.elapsed)]:
                print(f"{name:<34} {seconds:6.2f} s", file=sys.stderr)


@contextmanager
def _progress(name: str, elapsed: float) -> Iterator[None]:
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


def _stop(code: int, message: str) -> None:
    print(message, file=sys.stderr)
    raise SystemExit(code)


def _explain(problems: "tuple[Problem, ...]") -> str:
    errors = [p for p in problems if not p.warning]
    count = f"{len(errors)} problem{'s' if len(errors) != 1 else ''} found; nothing was written."
    return "\n".join([*(str(p) for p in errors), count])


def main(arguments: list[str] | None = None) -> Any:
    """Run a command and leave with its exit code; what goes wrong is said in words, never as a traceback."""
    command: Callable[..., Any] = typer.main.get_command(app)
    from markov.inputs.problems import InputError

    try:
        command(args=arguments, prog_name="markov", standalone_mode=True)
    except InputError as error:
        _stop(BAD_INPUT, _explain(error.problems))
    except KeyboardInterrupt:
        _stop(INTERRUPTED, "Interrupted; nothing was left half written.")
    except OSError as error:
        _stop(NOT_WRITTEN, str(error))
