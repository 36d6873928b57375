"""The command that checks a delivered report: markov verify."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from markov.cli.steps import BAD_INPUT, CHECK_FAILED, NOT_WRITTEN, Clock, one_thread, stop

if TYPE_CHECKING:
    from markov.report.verify import Verification

LISTED = 25  # differences before the rest is only counted


def verify(
    report: Annotated[
        Path, typer.Argument(help="Report that run, psa, sobol or voi wrote (.xlsx).", show_default=False)
    ],
    repeat: Annotated[
        bool, typer.Option("--repeat", help="Also write the report anew, and say whether it is byte-equal.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write with --repeat.", show_default="NAME.repeated.xlsx")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="List every difference, however many there are.")] = False,
) -> None:
    """Compute a delivered report again from the inputs that it carries, and compare every cell.

    Needs no input workbook. A cell that was changed by hand is named with both values; exit code 1 says that there
    is one. What a spreadsheet computes in the live sheets is compared by its stored values.
    """
    one_thread()
    from markov.inputs.grid import read_file
    from markov.report.recovered import is_report
    from markov.report.verify import verify as compared

    if not is_report(read_file(report)):
        stop(BAD_INPUT, f"{report} is no report: name a file that markov run wrote.")
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
