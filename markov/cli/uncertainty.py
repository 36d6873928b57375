"""The commands on uncertainty: markov psa, sobol, voi."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from markov.cli.shared import (
    BAD_INPUT,
    CHECK_FAILED,
    Changes,
    Clock,
    Json,
    Workbook,
    explained,
    one_thread,
    read,
    stop,
    target_of,
    write_text,
)

if TYPE_CHECKING:
    from markov.analysis.uncertainty.probabilistic import Probabilistic
    from markov.analysis.uncertainty.structural import StructuralAverage
    from markov.inputs.parameters import Inputs
    from markov.report.page import Page
    from markov.report.recipe import Recipe

Out = Annotated[
    Path | None, typer.Option("--out", help="Report to write, or the folder for it.", show_default="reports/")
]
Runs = Annotated[int, typer.Option("--runs", min=2, max=10_000_000, help="Random draws.")]
Points = Annotated[int, typer.Option("--points", min=4, help="Points of the Sobol design, a power of two.")]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, help="Seed of the draws.", show_default="settings.seed of the workbook")
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes to use.", show_default="one for each processor")
]
Years = Annotated[str, typer.Option("--years", help="Years of longer follow-up to value, with commas between.")]
DrawsKind = Annotated[
    str,
    typer.Option(
        "--draws",
        help="Where more than 1,000 draws go, beside the report: csv (compressed), parquet (needs pyarrow), or none.",
    ),
]
SOME_YEARS = "1,2,3,5,8"


def psa(
    workbook: Workbook,
    runs: Runs = 1000,
    until_precision: Annotated[
        float | None,
        typer.Option(
            "--until-precision",
            metavar="AMOUNT",
            help="Draw until mean net benefit is known to ± this amount of money (95 %); at most 50,000 draws.",
        ),
    ] = None,
    seed: Seed = None,
    scenario: Annotated[
        str | None, typer.Option("--scenario", help="Name of a scenario of the workbook to run instead of its base.")
    ] = None,
    average: Annotated[
        bool, typer.Option("--average", help="Average the scenarios that have a weight on the sheet Scenarios.")
    ] = False,
    changes: Changes = None,
    out: Out = None,
    json_file: Json = None,
    draws: DrawsKind = "csv",
    export_to: Annotated[
        Path | None,
        typer.Option(
            "--export",
            metavar="FOLDER",
            help="Also write parameters, costs and effects as BCEA, voi and SAVI read them.",
        ),
    ] = None,
    workers: Workers = None,
) -> None:
    """Probabilistic analysis: draw every uncertain input at once, and say how sure the answer is.

    Strategies and scenarios share their random numbers. What must hold is checked in every draw; no draw is dropped.
    """
    one_thread()
    clock = Clock(False)
    check_draws(draws)
    if average and (scenario or until_precision is not None or export_to):
        stop(BAD_INPUT, "--average goes with neither --scenario, --until-precision nor --export.")
    inputs = _inputs(workbook, changes, scenario)
    from markov.report.recipe import PSA, Recipe, psa_options
    from markov.report.uncertainty_reports import psa_report_pages

    result, mixture = _drawn(workbook, inputs, runs, until_precision, seed, workers, average, clock)
    if json_file:
        from markov.report.uncertainty_json import as_text, psa_data

        write_text(json_file, as_text({"confidential": list(inputs.confidential), "psa": psa_data(result, mixture)}))
    if export_to:
        from markov.report.sheets.draws import export

        export(inputs, result.sample, export_to)
    with clock.step("Writing the report"):
        target = target_of(workbook, out, word="psa")
        kept = keep_draws(result, target, draws)
        recipe = Recipe((PSA,), psa_options(result.sample.runs, _seed(inputs, seed), average, until_precision, kept))
        _write(workbook, target, inputs, psa_report_pages(inputs, result, mixture, kept), recipe, clock)
    if json_file != "-":
        print("\n".join(_psa_words(inputs, result)))
        print(f"Report: {target}")
        if export_to:
            print(f"Draws for BCEA, voi and SAVI: {export_to}")
    if any(invariant.breaches for invariant in result.sample.invariants):
        stop(CHECK_FAILED, "A check failed in some draws: see the sheet Draw checks before using these results.")


def _drawn(
    workbook: Path,
    inputs: "Inputs",
    runs: int,
    until: float | None,
    seed: int | None,
    workers: int | None,
    average: bool,
    clock: Clock,
) -> "tuple[Probabilistic, StructuralAverage | None]":
    """The draws that were asked for: a number, until a precision, or an average of scenarios."""
    from markov.analysis.uncertainty.probabilistic import probabilistic, until_precision

    with explained(workbook), clock.tracked("Random draws") as done:
        if average:
            from markov.analysis.uncertainty.structural import declared, structural_average

            mixture = structural_average(declared(inputs), runs, seed, workers=workers, done=done)
            return mixture.result, mixture
        if until is not None:
            return until_precision(inputs, until, seed=seed, workers=workers, done=done), None
        return probabilistic(inputs, runs, seed, workers=workers, done=done), None


def check_draws(kind: str) -> None:
    """Stop where draws cannot be kept as they are asked to be, before anything is run."""
    if kind not in ("csv", "parquet", "none"):
        stop(BAD_INPUT, f'--draws takes csv, parquet or none; found "{kind}".')
    if kind == "parquet":
        import importlib.util

        if importlib.util.find_spec("pyarrow") is None:
            stop(BAD_INPUT, "--draws parquet needs the package pyarrow: pip install 'markov-myeloma[parquet]'.")


def keep_draws(result: "Probabilistic", target: Path, kind: str) -> Path | None:
    """Write more draws than a sheet holds beside the report; None where they stand on the sheet, or are not kept."""
    from markov.report.sheets.draws import KINDS, ON_SHEET, write_draws

    if result.sample.runs <= ON_SHEET or kind == "none":
        return None
    return write_draws(result.sample, target.with_name(target.stem + KINDS[kind]))


def _psa_words(inputs: "Inputs", result: "Probabilistic") -> list[str]:
    from markov.report.words import money, per_qaly

    words = []
    for i, threshold in enumerate(result.decisions.thresholds):
        best = inputs.labels[result.sample.strategies[result.decisions.best[i]]]
        sure = float(result.decisions.frontier[i])
        words.append(
            f"At {per_qaly(float(threshold), inputs.currency)}: {best} has the highest mean net benefit and is "
            f"best in {sure:.0%} of {result.sample.runs:,} draws."
        )
    words.append(f"Mean net benefit is known to ± {money(result.half_width, inputs.currency)} (95 %).")
    return words


def sobol(
    workbook: Workbook,
    points: Points = 1024,
    second_order: Annotated[
        bool, typer.Option("--second-order/--no-second-order", help="Also pairs of inputs; doubles the runs.")
    ] = True,
    resamples: Annotated[int, typer.Option("--resamples", min=10, help="Resamples behind the intervals.")] = 1000,
    seed: Seed = None,
    changes: Changes = None,
    out: Out = None,
    json_file: Json = None,
    workers: Workers = None,
) -> None:
    """Sobol analysis: how much of the variance of the result each uncertain input explains, alone and with others."""
    one_thread()
    clock = Clock(False)
    check_points(points)
    inputs = _inputs(workbook, changes, None)
    from markov.analysis.uncertainty.sobol import sobol_analysis
    from markov.report.recipe import SOBOL, Recipe, sobol_options
    from markov.report.sheets.sobol import sobol_pages, sobol_words

    with explained(workbook), clock.tracked("Sobol design") as done:
        result = sobol_analysis(
            inputs, points, second_order=second_order, resamples=resamples, seed=seed, workers=workers, done=done
        )
    if json_file:
        from markov.report.uncertainty_json import as_text, sobol_data

        write_text(json_file, as_text({"confidential": list(inputs.confidential), "sobol": sobol_data(result)}))
    with clock.step("Writing the report"):
        target = target_of(workbook, out, word="sobol")
        recipe = Recipe((SOBOL,), sobol_options(result))
        _write(workbook, target, inputs, sobol_pages(inputs, result), recipe, clock)
    if json_file != "-":
        print("\n".join(sobol_words(inputs, result)))
        print(f"Report: {target}")


def voi(
    workbook: Workbook,
    runs: Runs = 5000,
    years: Years = SOME_YEARS,
    seed: Seed = None,
    changes: Changes = None,
    out: Out = None,
    json_file: Json = None,
    workers: Workers = None,
) -> None:
    """Value of information: what it is worth to know more before deciding, and to wait for longer follow-up.

    For longer follow-up the workbook says how long patients were followed (follow_up.os) and how many were randomised
    (follow_up.randomised.STRATEGY); for a population, decision.patients_per_year and decision.years.
    """
    one_thread()
    clock = Clock(False)
    waited = years_of(years)
    inputs = _inputs(workbook, changes, None)
    from markov.analysis.uncertainty.everything import value_of_waiting
    from markov.analysis.uncertainty.sample import draw_sample
    from markov.analysis.uncertainty.value_of_information import value_of_information
    from markov.report.recipe import VOI, Recipe
    from markov.report.sheets.follow_up_value import follow_up_lead
    from markov.report.sheets.value_of_information import perfect_words
    from markov.report.uncertainty_reports import voi_report_pages

    with explained(workbook):
        with clock.tracked("Random draws") as done:
            sample = draw_sample(inputs, runs, seed, traced=False, workers=workers, done=done)
        with clock.step("Value of information"):
            result = value_of_information(inputs, sample)
        follow_up, note = value_of_waiting(inputs, sample, waited, seed=seed, workers=workers, steps=clock.tracked)
    if json_file:
        from markov.report.uncertainty_json import as_text, voi_data

        write_text(
            json_file, as_text({"confidential": list(inputs.confidential), "voi": voi_data(result, follow_up, note)})
        )
    with clock.step("Writing the report"):
        target = target_of(workbook, out, word="voi")
        options = {"runs": str(runs), "seed": _seed(inputs, seed), "years": ", ".join(map(repr, waited))}
        pages = voi_report_pages(inputs, result, follow_up, note)
        _write(workbook, target, inputs, pages, Recipe((VOI,), options), clock)
    if json_file != "-":
        told = [sentence for found in follow_up for sentence in follow_up_lead(inputs, found)]
        print("\n".join([*perfect_words(inputs, result), *told, *([note] if note else [])]))
        print(f"Report: {target}")


def check_points(points: int) -> None:
    """Stop where the points of a Sobol design are no power of two."""
    if points & (points - 1):
        stop(BAD_INPUT, f"--points takes a power of two, such as 1024; found {points}.")


def years_of(text: str) -> tuple[float, ...]:
    """Years of longer follow-up from the command line, rising."""
    try:
        years = tuple(sorted({float(part) for part in text.split(",") if part.strip()}))
    except ValueError:
        years = ()
    if not years or min(years) <= 0:
        stop(BAD_INPUT, f'--years takes numbers above 0 with commas between, such as 1,2,5; found "{text}".')
    return years


def _inputs(workbook: Path, changes: list[str] | None, scenario: str | None) -> "Inputs":
    """The workbook with the changes of the command line, or under one of its scenarios."""
    inputs = read(workbook, changes)
    if scenario is None:
        return inputs
    from markov.analysis.sensitivity.scenarios import applied
    from markov.inputs.problems import raise_errors
    from markov.inputs.rules import between_values

    rows = [change for change in inputs.scenarios if change.scenario == scenario]
    if not rows:
        names = "; ".join(dict.fromkeys(change.scenario for change in inputs.scenarios))
        stop(BAD_INPUT, f'{workbook.name} has no scenario "{scenario}". It has: {names}.')
    changed = applied(inputs, rows)
    raise_errors(between_values.problems(changed))
    return changed


def _seed(inputs: "Inputs", seed: int | None) -> str:
    """The seed of the draws: that of the command line, else the workbook's."""
    return str(int(inputs.number("settings.seed")) if seed is None else seed)


def _write(workbook: Path, target: Path, inputs: "Inputs", pages: "list[Page]", recipe: "Recipe", clock: Clock) -> None:
    """Write a report of its own, with a page on where it comes from."""
    from markov.report.uncertainty_reports import WORDS, write_uncertainty_report

    command = f"markov {WORDS[recipe.parts[0]]} {workbook.name}"
    write_uncertainty_report(inputs, pages, target, recipe, command=command, seconds=clock.elapsed)
