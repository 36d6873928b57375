"""The command that runs a workbook: markov run."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from markov.cli.steps import CHECK_FAILED, NOT_WRITTEN, Changes, Clock, Workbook, read, stop, target_of, write_text
from markov.model.workers import warm


class Kind(StrEnum):
    """Formats of a report."""

    XLSX = "xlsx"
    HTML = "html"
    DOCX = "docx"


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
    base_only: Annotated[
        bool, typer.Option("--base-only", help="Leave out scenarios and sensitivity analyses: half the time.")
    ] = False,
    kind: Annotated[
        Kind, typer.Option("--format", help="Excel workbook, web page that opens from disk, or Word document.")
    ] = Kind.XLSX,
    no_live: Annotated[
        bool, typer.Option("--no-live", help="Leave out the live model, which recalculates in Excel.")
    ] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Include the trace by cycle in the JSON.")] = False,
    timings: Annotated[bool, typer.Option("--timings", help="Print how long each step took.")] = False,
) -> None:
    """Run a workbook and write its report.

    The report holds the base case, all scenarios of the workbook, and one-way, two-way and threshold analysis. Prints
    the answer, and where the report is. Problems of the workbook are listed all at once, each with its cell.
    """
    clock = Clock(timings)
    if not base_only:
        warm()
    with clock.step("Reading the workbook"):
        inputs = read(workbook, changes)
    from markov.analysis.base_case import base_case
    from markov.report import words
    from markov.report.reports import write_report

    begun = None
    if not base_only:
        from markov.analysis.deterministic import Begun, deterministic

        begun = Begun(inputs)
    with clock.step("Running the model and its checks"):
        result = base_case(inputs)
    command = " ".join(
        [
            "markov run",
            workbook.name,
            *(f"--set {change}" for change in changes or ()),
            *["--base-only"] * base_only,
            *["--no-live"] * no_live,
        ]
    )
    target = target_of(workbook, out, kind)
    if target.resolve() == workbook.resolve():
        stop(NOT_WRITTEN, f"{target} is the input workbook: choose another name with --out.")
    found = None
    if begun is not None:
        with clock.step("Scenarios and sensitivity analyses"):
            found = deterministic(inputs, result, begun)
    with clock.step("Writing the report"):
        write_report(
            result, target, deterministic=found, kind=kind, live=not no_live, command=command, seconds=clock.elapsed
        )
    if json_file:
        from markov.report.export import to_json

        write_text(json_file, to_json(result, deterministic=found, trace=trace))
    if json_file != "-":
        print("\n".join(words.answer(result)))
        print(words.checks_counted(result))
        print(f"Report: {target}")
    clock.report()
    if any(check.verdict == "fail" for check in result.checks):
        stop(CHECK_FAILED, "A check failed: see the Checks sheet before using these results.")
