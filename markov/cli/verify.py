"""The command that tests an input workbook, or checks a delivered report: markov verify."""

import datetime
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from markov.cli.shared import (
    BAD_INPUT,
    CHECK_FAILED,
    NOT_WRITTEN,
    Changes,
    Clock,
    one_thread,
    read,
    stop,
    target_of,
    write_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markov.analysis.bank.registry import BankTest
    from markov.report.delivered.verify import Verification

WIDTH = 78
LISTED = 25  # differences before the rest is only counted


def verify(
    file: Annotated[
        Path,
        typer.Argument(
            help="Input workbook: it is tested. Report that run, psa, sobol or voi wrote: it is computed again.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Report of the tests, or the folder for it; with --repeat the file to write.",
            show_default="reports/NAME.verify.xlsx, NAME.repeated.xlsx",
        ),
    ] = None,
    changes: Changes = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="ID", help="Of a workbook: run this test only, such as TV-22; may be repeated."),
    ] = None,
    draws: Annotated[
        int,
        typer.Option("--draws", min=50, max=100_000, help="Of a workbook: random draws of the tests that need them."),
    ] = 300,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, help="Of a workbook: their seed.", show_default="settings.seed of the workbook"),
    ] = None,
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Of a workbook: also write the results as JSON; - prints them."),
    ] = None,
    repeat: Annotated[
        bool, typer.Option("--repeat", help="Of a report: also write it anew, and say whether it is byte-equal.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Of a report: list every difference, however many there are.")
    ] = False,
) -> None:
    """Test the model on an input workbook, or compute a delivered report again.

    An input workbook is perturbed, run and compared with what must come out: the verification bank (TECH-VER and
    further tests), scenarios included. Writes a report with a Verification sheet. A warning asks for an explanation.

    A report is computed again from the inputs that it carries, without its workbook, and every cell is compared. A
    cell that was changed by hand is named with both values; live sheets are compared by their stored values.

    Exit code 1 says that a test failed, or that a cell differs.
    """
    one_thread()
    from markov.inputs.reading.file import read_file
    from markov.report.delivered.read_back import is_report

    if is_report(read_file(file)):
        if changes or only or json_file or seed is not None:
            stop(BAD_INPUT, f"{file} is a report: --set, --only, --seed and --json are for input workbooks.")
        _compute_again(file, repeat, out, every)
        return
    if repeat or every:
        stop(BAD_INPUT, f"{file} is no report: --repeat and --all are for files that markov run wrote.")
    _test(file, changes, draws, seed, only or [], out, json_file)


def _test(
    workbook: Path,
    changes: list[str] | None,
    draws: int,
    seed: int | None,
    only: "Sequence[str]",
    out: Path | None,
    json_file: str | None,
) -> None:
    """Run the verification bank on a workbook, write its report, and leave with 1 where a test failed."""
    clock, inputs = Clock(False), read(workbook, changes)
    from markov.analysis.bank.bench import Bench
    from markov.analysis.bank.run import verify_workbook
    from markov.inputs.problems import raise_errors
    from markov.model.hazards import crossing_problems
    from markov.report.sheets.provenance import evidence_provenance_page
    from markov.report.sheets.verification import verification_page, verification_words
    from markov.report.writers.excel import write_pages

    raise_errors(crossing_problems(inputs))
    bench, tests, target = Bench(inputs, draws=draws, seed=seed), _chosen(only), target_of(workbook, out, word="verify")
    tested = verify_workbook(bench, tests, _progress(len(tests)))
    if sys.stderr.isatty():
        print(" " * WIDTH, end="\r", file=sys.stderr, flush=True)
    if json_file:
        from markov.report.json import verification_json

        write_text(json_file, verification_json(bench, tested))
    command = " ".join(["markov verify", workbook.name, *(f"--set {change}" for change in changes or ())])
    provenance = evidence_provenance_page(inputs, command, clock.elapsed, datetime.datetime.now(datetime.UTC))
    write_pages([verification_page(bench, tested), provenance], target, f"{inputs.title}: verification")
    if json_file != "-":
        print("\n".join(verification_words(tested)))
        print(f"Report: {target}")
    if any(each.check.verdict == "fail" for each in tested):
        stop(CHECK_FAILED, "A test failed: see the Verification sheet before using results of this workbook.")


def _chosen(only: "Sequence[str]") -> "Sequence[BankTest]":
    """The tests asked for; all of them where none is named."""
    from markov.analysis.bank.run import BANK

    unknown = [name for name in only if name.upper() not in {test.id for test in BANK}]
    if unknown:
        stop(BAD_INPUT, f'There is no test "{unknown[0]}": ids run from TV-01 to TV-79 and from FT-01 to FT-23.')
    wanted = {name.upper() for name in only}
    return [test for test in BANK if not wanted or test.id in wanted]


def _progress(total: int) -> "Callable[[int, BankTest], None]":
    """Says on a terminal which test runs; nothing elsewhere."""

    def show(number: int, test: "BankTest") -> None:
        if sys.stderr.isatty():
            line = f"Test {number + 1} of {total}: {test.id} {test.title}"
            print(line[:WIDTH].ljust(WIDTH), end="\r", file=sys.stderr, flush=True)

    return show


def _compute_again(report: Path, repeat: bool, out: Path | None, every: bool) -> None:
    """Compare a report with what the program computes from the inputs that it carries."""
    from markov.report.delivered.verify import verify as compared

    target = (out or report.with_name(f"{report.stem}.repeated.xlsx")) if repeat else None
    if target is not None and target.resolve() == report.resolve():
        stop(NOT_WRITTEN, f"{target} is the report itself: choose another name with --out.")
    with Clock(False).step("Computing the report again"):
        found = compared(report, target)
    print("\n".join(_told(found, every=every)))
    if target is not None:
        print(f"Written anew: {target}")
    if found.differences:
        stop(CHECK_FAILED, f"{report.name} does not hold what the program computes from the inputs that it carries.")


def _told(found: "Verification", *, every: bool) -> list[str]:
    shown = found.differences if every else found.differences[:LISTED]
    lines = [str(difference) for difference in shown]
    if len(shown) < len(found.differences):
        lines.append(f"{len(found.differences) - len(shown)} more cells differ; --all lists them.")
    counted = f"{found.cells:,} cells on {found.sheets} sheets compared, {found.numbers:,} of them numbers"
    differ = f"{len(found.differences)} differ" if found.differences else "all as computed"
    return [*lines, f"{found.name}: {counted}; {differ}.", *found.notes]
