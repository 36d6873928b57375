"""The commands on uncertainty: markov psa, sobol, voi."""

import datetime
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from markov.cli.steps import BAD_INPUT, CHECK_FAILED, Changes, Clock, Workbook, read, stop, write_text

if TYPE_CHECKING:
    from markov.analysis.follow_up import FollowUp
    from markov.analysis.probabilistic import Probabilistic
    from markov.analysis.sample import Sample
    from markov.inputs.parameters import Inputs
    from markov.report.pages import Page

Out = Annotated[
    Path | None, typer.Option("--out", help="Report to write, or the folder for it.", show_default="reports/")
]
Runs = Annotated[int, typer.Option("--runs", min=2, max=10_000_000, help="Random draws.")]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, help="Seed of the draws.", show_default="settings.seed of the workbook")
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes to use.", show_default="one for each processor")
]
Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Also write the numbers as JSON; - prints them.")
]


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
    changes: Changes = None,
    out: Out = None,
    json_file: Json = None,
    workers: Workers = None,
) -> None:
    """Probabilistic analysis: draw every uncertain input at once, and say how sure the answer is.

    Strategies and scenarios share their random numbers. What must hold is checked in every draw; no draw is dropped.
    """
    clock = Clock(False)
    inputs = _inputs(workbook, changes, scenario)
    from markov.analysis.probabilistic import probabilistic
    from markov.analysis.probabilistic import until_precision as run_until
    from markov.report.psa_pages import probabilistic_pages

    with clock.step("Running the draws"):
        if until_precision is not None:
            result = run_until(inputs, until_precision, seed=seed, workers=workers)
        else:
            result = probabilistic(inputs, runs, seed, workers=workers)
    if json_file:
        from markov.report.uncertainty_json import probabilistic_json

        write_text(json_file, probabilistic_json(result))
    with clock.step("Writing the report"):
        target = _write(workbook, out, "psa", inputs, lambda: probabilistic_pages(inputs, result), clock)
    if json_file != "-":
        print("\n".join(_psa_words(inputs, result)))
        print(f"Report: {target}")
    if any(invariant.breaches for invariant in result.sample.invariants):
        stop(CHECK_FAILED, "A check failed in some draws: see the sheet Draw checks before using these results.")


def _psa_words(inputs: "Inputs", result: "Probabilistic") -> list[str]:
    words = []
    for i, threshold in enumerate(result.decisions.thresholds):
        best = inputs.labels[result.sample.strategies[result.decisions.best[i]]]
        sure = float(result.decisions.frontier[i])
        words.append(
            f"At {inputs.currency} {threshold:,.0f} per QALY: {best} has the highest mean net benefit and is best in "
            f"{sure:.0%} of {result.sample.runs:,} draws."
        )
    words.append(f"Mean net benefit is known to ± {inputs.currency} {result.half_width:,.0f} (95 %).")
    return words


def sobol(
    workbook: Workbook,
    points: Annotated[int, typer.Option("--points", min=4, help="Points of the design, a power of two.")] = 1024,
    second_order: Annotated[
        bool, typer.Option("--second-order/--no-second-order", help="Also pairs of inputs; doubles the runs.")
    ] = True,
    resamples: Annotated[int, typer.Option("--resamples", min=10, help="Resamples behind the intervals.")] = 1000,
    seed: Seed = None,
    changes: Changes = None,
    out: Out = None,
    workers: Workers = None,
) -> None:
    """Sobol analysis: how much of the variance of the result each uncertain input explains, alone and with others."""
    clock = Clock(False)
    inputs = _inputs(workbook, changes, None)
    from markov.analysis.sobol import sobol_analysis
    from markov.report.sobol_page import output_words, sobol_pages

    if points & (points - 1):
        stop(BAD_INPUT, f"--points takes a power of two, such as 1024; found {points}.")
    with clock.step("Running the design"):
        result = sobol_analysis(
            inputs, points, second_order=second_order, resamples=resamples, seed=seed, workers=workers
        )
    with clock.step("Writing the report"):
        target = _write(workbook, out, "sobol", inputs, lambda: sobol_pages(inputs, result), clock)
    for indices, told in zip(result.indices, result.statements, strict=True):
        if indices.total is not None and told is not None and indices.output.startswith("net_benefit"):
            first = indices.factors[indices.ranking[0]]
            share = float(indices.total[indices.ranking[0]])
            print(f"{output_words(inputs, indices.output)}: {first} has a part in {share:.0%} of the variance.")
    print(f"Report: {target}")


def voi(
    workbook: Workbook,
    runs: Runs = 5000,
    years: Annotated[
        str, typer.Option("--years", help="Years of longer follow-up to value, with commas between.")
    ] = "1,2,3,5,8",
    seed: Seed = None,
    changes: Changes = None,
    out: Out = None,
    workers: Workers = None,
) -> None:
    """Value of information: what it is worth to know more before deciding, and to wait for longer follow-up.

    For longer follow-up the workbook says how long patients were followed (follow_up.os) and how many still are
    (follow_up.at_risk.STRATEGY); for a population, decision.patients_per_year and decision.years.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the regressions are small: threads only wait for each other
    clock = Clock(False)
    inputs = _inputs(workbook, changes, None)
    waited = _years(years)
    from markov.analysis.sample import draw_sample
    from markov.analysis.value_of_information import value_of_information
    from markov.report.voi_page import voi_pages

    with clock.step("Running the draws"):
        sample = draw_sample(inputs, runs, seed, traced=False, workers=workers)
    with clock.step("Valuing information"):
        result = value_of_information(inputs, sample)
        follow_up, note = _follow_up(inputs, sample, waited)
    with clock.step("Writing the report"):
        target = _write(workbook, out, "voi", inputs, lambda: voi_pages(inputs, result, follow_up, note), clock)
    for threshold, value in zip(result.thresholds, result.perfect, strict=True):
        print(
            f"At {inputs.currency} {threshold:,.0f} per QALY knowing everything is worth "
            f"{inputs.currency} {value.value:,.0f} per patient."
        )
    if note:
        print(note)
    print(f"Report: {target}")


def _years(text: str) -> tuple[float, ...]:
    try:
        years = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        years = ()
    if not years or min(years) <= 0:
        stop(BAD_INPUT, f'--years takes numbers above 0 with commas between, such as 1,2,5; found "{text}".')
    return years


def _follow_up(inputs: "Inputs", sample: "Sample", years: tuple[float, ...]) -> "tuple[tuple[FollowUp, ...], str]":
    """What longer follow-up of the first strategy with a sampled hazard ratio is worth, or why that is not said."""
    from markov.analysis.designs import sampled
    from markov.analysis.follow_up import longer_follow_up

    drawn = {parameter.id for parameter in sampled(inputs)}
    ratio = next((f"os.hazard_ratio.{s}" for s in inputs.compared if f"os.hazard_ratio.{s}" in drawn), None)
    if ratio is None:
        return (), "Longer follow-up is not valued: no hazard ratio of overall survival is uncertain in this workbook."
    strategy = ratio.rsplit(".", 1)[1]
    needed = ("follow_up.os", f"follow_up.at_risk.{strategy}", f"follow_up.at_risk.{inputs.reference}")
    missing = [identifier for identifier in needed if not inputs.given(identifier)]
    if missing:
        return (), f"Longer follow-up is not valued: fill {', '.join(missing)} on the sheet Survival."
    at_risk = (inputs.number(needed[1]), inputs.number(needed[2]))
    people = "decision.patients_per_year"
    found = longer_follow_up(
        inputs,
        sample,
        ratio,
        at_risk,
        inputs.number("follow_up.os"),
        years,
        per_year=inputs.number(people) if inputs.given(people) else None,
        decision_years=inputs.number("decision.years"),
    )
    return found, ""


def _inputs(workbook: Path, changes: list[str] | None, scenario: str | None) -> "Inputs":
    """The workbook with the changes of the command line, or under one of its scenarios."""
    inputs = read(workbook, changes)
    if scenario is None:
        return inputs
    from markov.analysis.scenarios import applied
    from markov.inputs import checks
    from markov.inputs.problems import raise_errors

    rows = [change for change in inputs.scenarios if change.scenario == scenario]
    if not rows:
        names = "; ".join(dict.fromkeys(change.scenario for change in inputs.scenarios))
        stop(BAD_INPUT, f'{workbook.name} has no scenario "{scenario}". It has: {names}.')
    changed = applied(inputs, rows)
    raise_errors(checks.problems(changed))
    return changed


def _write(
    workbook: Path, out: Path | None, word: str, inputs: "Inputs", pages: "Callable[[], list[Page]]", clock: Clock
) -> Path:
    """Write a report of its own, with a page on where it comes from."""
    from markov.report.provenance import evidence_provenance_page
    from markov.report.workbook import write_pages

    name = f"{workbook.stem}.{word}.xlsx"
    folder = out or Path("reports")
    target = folder if folder.suffix.lower() == ".xlsx" else folder / name
    now = datetime.datetime.now(datetime.UTC)
    provenance = evidence_provenance_page(inputs, f"markov {word} {workbook.name}", clock.elapsed, now)
    return write_pages([*pages(), provenance], target, f"{inputs.title}: {word}")
