"""The command that runs a workbook: markov run."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from markov.cli.steps import (
    CHECK_FAILED,
    NOT_WRITTEN,
    Changes,
    Clock,
    Workbook,
    explained,
    one_thread,
    read,
    stop,
    target_of,
    write_text,
)
from markov.cli.uncertainty import (
    SOME_YEARS,
    DrawsKind,
    Seed,
    Workers,
    Years,
    check_draws,
    check_points,
    keep_draws,
    years_of,
)
from markov.model.workers import warm

if TYPE_CHECKING:
    from markov.analysis.deterministic import Deterministic
    from markov.analysis.uncertainty import Uncertainty
    from markov.inputs.parameters import Inputs
    from markov.report.pages import Page


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
        bool,
        typer.Option(
            "--base-only", help="Leave out scenarios and sensitivity analyses: half the time. Writes NAME.base.xlsx."
        ),
    ] = False,
    kind: Annotated[
        Kind, typer.Option("--format", help="Excel workbook, web page that opens from disk, or Word document.")
    ] = Kind.XLSX,
    no_live: Annotated[
        bool, typer.Option("--no-live", help="Leave out the live model, which recalculates in Excel.")
    ] = False,
    all_: Annotated[
        bool,
        typer.Option(
            "--all", help="Also probabilistic and Sobol analysis, value of information and of longer follow-up."
        ),
    ] = False,
    runs: Annotated[int, typer.Option("--runs", min=2, max=10_000_000, help="Random draws, with --all.")] = 10_000,
    points: Annotated[
        int, typer.Option("--points", min=4, help="Points of the Sobol design, a power of two, with --all.")
    ] = 1024,
    years: Years = SOME_YEARS,
    seed: Seed = None,
    draws: DrawsKind = "csv",
    workers: Workers = None,
    redact: Annotated[
        bool,
        typer.Option(
            "--redact",
            help="Also write NAME.redacted.*: values only, without confidential ones and all that depends on them. "
            "Takes seven times as long.",
        ),
    ] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Include the trace by cycle in the JSON.")] = False,
    timings: Annotated[bool, typer.Option("--timings", help="Print how long each step took.")] = False,
) -> None:
    """Run a workbook and write its report.

    The report holds the base case, all scenarios of the workbook, and one-way, two-way and threshold analysis. Prints
    the answer, and where the report is. Problems of the workbook are listed all at once, each with its cell.
    """
    one_thread()
    clock = Clock(timings)
    asked = Asked(runs, points, years_of(years), seed, draws, workers) if all_ else None
    if not base_only:
        warm()
    with clock.step("Reading the workbook"):
        inputs = read(workbook, changes)
    if redact:
        from markov.report.redacted import confidential

        confidential(inputs)  # stops where there is nothing to redact, before anything is run
    from markov.analysis.bank.run import short_form
    from markov.analysis.base_case import base_case
    from markov.report import words
    from markov.report.reports import write_report

    begun = None
    if not base_only:
        from markov.analysis.deterministic import Begun, deterministic

        begun = Begun(inputs)
    with clock.step("Running the model and its checks"):
        result = base_case(inputs, begun.again if begun else None)
        tested = short_form(inputs, result.outcomes)
    command = " ".join(
        [
            "markov run",
            workbook.name,
            *(f"--set {change}" for change in changes or ()),
            *["--base-only"] * base_only,
            *["--no-live"] * no_live,
            *([asked.command] if asked else []),
        ]
    )
    target = target_of(workbook, out, kind, "base" if base_only else "report")
    if target.resolve() == workbook.resolve():
        stop(NOT_WRITTEN, f"{target} is the input workbook: choose another name with --out.")
    found = None
    if begun is not None:
        with clock.step("Scenarios and sensitivity analyses"):
            found = deterministic(inputs, result, begun)
    doubt = asked.run(workbook, inputs, found, clock) if asked else None
    with clock.step("Writing the report"):
        write_report(
            result,
            target,
            deterministic=found,
            uncertainty=doubt,
            draws=keep_draws(doubt.probabilistic, target, draws) if doubt else None,
            kind=kind,
            live=not no_live,
            command=command,
            seconds=clock.elapsed,
            tested=tested,
        )
    copy = _redacted(inputs, target, kind, command, found, doubt, clock) if redact else None
    if json_file:
        from markov.report.export import to_json

        write_text(json_file, to_json(result, deterministic=found, uncertainty=doubt, trace=trace))
    if json_file != "-":
        print("\n".join(words.answer(result)))
        print(words.checks_counted(result))
        print(f"Report, with confidential values: {target}\nRedacted copy: {copy}" if copy else f"Report: {target}")
    clock.report()
    if any(check.verdict == "fail" for check in (*result.checks, *(each.check for each in tested))):
        stop(CHECK_FAILED, "A check failed: see the Checks sheet before using these results.")
    if doubt and any(invariant.breaches for invariant in doubt.probabilistic.sample.invariants):
        stop(CHECK_FAILED, "A check failed in some draws: see the sheet Draw checks before using these results.")


def _redacted(
    inputs: "Inputs",
    target: Path,
    kind: str,
    command: str,
    found: "Deterministic | None",
    doubt: "Uncertainty | None",
    clock: Clock,
) -> Path:
    """Write the copy for the public beside the report."""
    import datetime

    from markov.report.recipe import results_again, run_recipe
    from markov.report.redacted import confidential, public_command, write_redacted
    from markov.report.reports import report_pages

    now, told = datetime.datetime.now(datetime.UTC), public_command(command, confidential(inputs))
    recipe = run_recipe(found, doubt)

    def build(some: "Inputs") -> "list[Page]":
        result, tested, drawn = results_again(some, recipe)
        return report_pages(result, told, 0.0, now, tested, (), drawn)

    name = f"{target.name.removesuffix(target.suffix).removesuffix('.report')}.redacted{target.suffix}"
    with clock.step("Redacting a copy"):
        return write_redacted(inputs, target.with_name(name), build, kind)


@dataclass(frozen=True)
class Asked:
    """What --all asks for."""

    runs: int
    points: int
    years: tuple[float, ...]
    seed: int | None
    draws: str
    workers: int | None

    def __post_init__(self) -> None:
        check_points(self.points)
        check_draws(self.draws)

    @property
    def command(self) -> str:
        """The options as they would be typed."""
        seed = "" if self.seed is None else f" --seed {self.seed}"
        years = ",".join(f"{year:g}" for year in self.years)
        return f"--all --runs {self.runs} --points {self.points} --years {years}{seed}"

    def run(self, workbook: Path, inputs: "Inputs", found: "Deterministic | None", clock: Clock) -> "Uncertainty":
        """Every analysis of uncertainty, over one set of draws."""
        from markov.analysis.uncertainty import uncertainty

        with explained(workbook):
            return uncertainty(
                inputs,
                self.runs,
                self.points,
                years=self.years,
                seed=self.seed,
                workers=self.workers,
                bars=found.one_way if found else None,
                steps=clock.tracked,
            )
