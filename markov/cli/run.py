"""The command that runs a workbook: markov run."""

from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from markov.cli.shared import (
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
    from markov.analysis.bank.registry import Tested
    from markov.analysis.base_case import BaseCase
    from markov.analysis.sensitivity.everything import Deterministic
    from markov.analysis.uncertainty.everything import Uncertainty
    from markov.inputs.parameters import Inputs
    from markov.report.page import Page


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
        from markov.report.delivered.redact import confidential

        confidential(inputs)  # stops where there is nothing to redact, before anything is run
    target = target_of(workbook, out, kind, "base" if base_only else "report")
    if target.resolve() == workbook.resolve():
        stop(NOT_WRITTEN, f"{target} is the input workbook: choose another name with --out.")
    sets = (f"--set {change}" for change in changes or ())
    parts = [*sets, *["--base-only"] * base_only, *["--no-live"] * no_live, *([asked.command] if asked else [])]
    command = " ".join(["markov run", workbook.name, *parts])
    results = Results.of(workbook, inputs, asked, clock, base_only=base_only)
    results.write(target, kind, command, clock, live=not no_live, draws=draws)
    copy = results.write_redacted(target, kind, command, clock) if redact else None
    if json_file:
        write_text(json_file, results.as_json(trace=trace))
    if json_file != "-":
        from markov.report import words

        print("\n".join(words.answer(results.base)))
        print(words.checks_counted(results.base))
        print(f"Report, with confidential values: {target}\nRedacted copy: {copy}" if copy else f"Report: {target}")
    clock.report()
    if failure := results.failure:
        stop(CHECK_FAILED, failure)


@dataclass(frozen=True)
class Results:
    """What a run found: the base case, the tests of its report, and the analyses that were asked for."""

    base: "BaseCase"
    tested: "tuple[Tested, ...]"
    deterministic: "Deterministic | None"
    uncertainty: "Uncertainty | None"

    @classmethod
    def of(cls, workbook: Path, inputs: "Inputs", asked: "Asked | None", clock: Clock, *, base_only: bool) -> "Results":
        """Run everything that was asked for, in the order in which each analysis can use the one before."""
        from markov.analysis.bank.run import short_form
        from markov.analysis.base_case import base_case

        begun = None
        if not base_only:
            from markov.analysis.sensitivity.everything import Begun, deterministic

            begun = Begun(inputs)
        import_module("markov.report.reports")  # while the helper works
        with clock.step("Running the model and its checks"):
            base = base_case(inputs, begun.again if begun else None)
            tested = tuple(short_form(inputs, base.outcomes))
        found = None
        if begun:
            with clock.step("Scenarios and sensitivity analyses"):
                found = deterministic(inputs, base, begun)
        return cls(base, tested, found, asked.run(workbook, inputs, found, clock) if asked else None)

    def write(self, target: Path, kind: str, command: str, clock: Clock, *, live: bool, draws: str) -> None:
        """Write the report."""
        from markov.report.reports import write_report

        with clock.step("Writing the report"):
            write_report(
                self.base,
                target,
                deterministic=self.deterministic,
                uncertainty=self.uncertainty,
                draws=keep_draws(self.uncertainty.probabilistic, target, draws) if self.uncertainty else None,
                kind=kind,
                live=live,
                command=command,
                seconds=clock.elapsed,
                tested=self.tested,
            )

    def write_redacted(self, target: Path, kind: str, command: str, clock: Clock) -> Path:
        """Write the copy for the public beside the report."""
        import datetime

        from markov.report.delivered.redact import confidential, public_command, write_redacted
        from markov.report.recipe import results_again, run_recipe
        from markov.report.reports import report_pages

        inputs = self.base.inputs
        now, told = datetime.datetime.now(datetime.UTC), public_command(command, confidential(inputs))
        recipe = run_recipe(self.deterministic, self.uncertainty)

        def build(some: "Inputs") -> "list[Page]":
            result, tested, drawn = results_again(some, recipe)
            return report_pages(result, told, 0.0, now, tested, (), drawn)

        name = f"{target.name.removesuffix(target.suffix).removesuffix('.report')}.redacted{target.suffix}"
        with clock.step("Redacting a copy"):
            return write_redacted(inputs, target.with_name(name), build, kind)

    def as_json(self, *, trace: bool) -> str:
        """The numbers, at full precision."""
        from markov.report.json import to_json

        return to_json(self.base, deterministic=self.deterministic, uncertainty=self.uncertainty, trace=trace)

    @property
    def failure(self) -> str:
        """Why the results must not be used before a look at the checks; empty where they may."""
        if any(check.verdict == "fail" for check in (*self.base.checks, *(each.check for each in self.tested))):
            return "A check failed: see the Checks sheet before using these results."
        doubt = self.uncertainty
        if doubt and any(invariant.breaches for invariant in doubt.probabilistic.sample.invariants):
            return "A check failed in some draws: see the sheet Draw checks before using these results."
        return ""


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
        from markov.analysis.uncertainty.everything import uncertainty

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
