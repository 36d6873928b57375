"""The command that tests an input workbook, or checks a delivered report: markov verify."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from markov.cli.shared import BAD_INPUT, CHECK_FAILED, NOT_WRITTEN, Changes, Clock, one_thread, stop
from markov.cli.verification import Asked, run_bank

if TYPE_CHECKING:
    from markov.report.delivered.verify import Verification

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
    run_bank(file, Asked(changes, draws, seed, only), out, json_file)


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
