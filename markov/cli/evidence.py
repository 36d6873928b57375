"""Evidence into inputs: markov fit, calibrate, network. Each writes a new workbook and a report."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from markov.cli.shared import BAD_INPUT, NOT_WRITTEN, Changes, Clock, Workbook, check_new, read, stop, target_of

if TYPE_CHECKING:
    from markov.analysis.evidence.synthesis import SynthesisModel
    from markov.inputs.cells import Sheets
    from markov.inputs.parameters import Inputs
    from markov.report.page import Page
    from markov.terms import Family

Out = Annotated[
    Path | None,
    typer.Option("--out", help="New workbook to write.", show_default="beside the workbook, NAME.COMMAND.xlsx"),
]
Report = Annotated[
    Path | None,
    typer.Option("--report", help="Report to write, or the folder for it.", show_default="reports/"),
]
Replace = Annotated[bool, typer.Option("--replace", help="Replace a new workbook that is there already.")]
Rows = Mapping[str, Mapping[str, object] | None]


def fit(
    workbook: Workbook,
    family: Annotated[
        list[str] | None,
        typer.Option(
            "--family",
            metavar="ENDPOINT=FAMILY",
            help="Family to put into the workbook, such as pfs=weibull; may be repeated.",
            show_default="the workbook's own, else the lowest AIC",
        ),
    ] = None,
    knots: Annotated[str, typer.Option("--knots", help="Numbers of internal knots to try for splines.")] = "1,2",
    joint: Annotated[
        bool, typer.Option("--joint", help="One shape for all arms, with a hazard or time ratio for each.")
    ] = False,
    points: Annotated[
        Path | None,
        typer.Option("--points", help="CSV file with rows of the sheet Kaplan-Meier, put in place of those there."),
    ] = None,
    medians: Annotated[
        str | None,
        typer.Option("--from-medians", metavar="ENDPOINT", help="Instead: Weibull curves from medians and a ratio."),
    ] = None,
    out: Out = None,
    report: Report = None,
    replace: Replace = False,
) -> None:
    """Fit survival curves to the digitised points of the Kaplan-Meier sheet.

    Rebuilds patient records, fits every family to every arm, and writes a new workbook with the chosen curves, their
    covariance, a scenario for each other family and a table of choices to justify. Your workbook is not touched.
    With --from-medians pfs, curves come from the medians of Trial results and a hazard ratio of Evidence network.
    """
    clock = Clock(False)
    inputs, sheets = read(workbook, None), _sheets(workbook)
    if points is not None:
        inputs, sheets = _with_points(sheets, points)
    places = _places(workbook, "fit", "fitted", out, report, replace)
    if medians is not None:
        _fit_medians(inputs, sheets, medians, places, clock)
    else:
        _fit_points(inputs, sheets, _families(family or []), _whole_numbers(knots), joint, places, clock)


def _with_points(sheets: "Sheets", file: Path) -> "tuple[Inputs, Sheets]":
    """The workbook with the points of a CSV file on its Kaplan-Meier sheet."""
    from dataclasses import replace

    from markov.inputs.cells import EMPTY
    from markov.inputs.definitions.schema import Sheet, columns_of
    from markov.inputs.workbook import assemble
    from markov.inputs.writing.sources import csv_rows

    if not file.is_file():
        stop(BAD_INPUT, f"{file}: does not exist. Check the spelling and the folder.")
    headers = [column.header for column in columns_of(Sheet.CURVE_POINTS)]
    rows = tuple({header: row.get(header, EMPTY) for header in headers} for row in csv_rows(file))
    if not rows or rows[0]["value"] is EMPTY:
        stop(BAD_INPUT, f"{file}: needs a first line with the columns {', '.join(headers[:5])}.")
    sheets = replace(sheets, rows={**sheets.rows, Sheet.CURVE_POINTS: rows})
    return assemble(sheets, []), sheets


def _fit_points(
    inputs: "Inputs",
    sheets: "Sheets",
    families: "Mapping[str, Family]",
    knots: tuple[int, ...],
    joint: bool,
    places: "_Places",
    clock: Clock,
) -> None:
    """The part of `fit` that fits curves: values, the choice to justify, correlations and scenarios."""
    from markov.analysis.evidence.curve_fits import describe, fit_curves
    from markov.analysis.evidence.fitted_parameters import (
        choice_rows,
        correlation_rows,
        parameter_changes,
        scenario_rows,
    )
    from markov.inputs.definitions.schema import Sheet
    from markov.inputs.writing.change_rows import with_correlations, with_rows, with_rows_in_place
    from markov.report.sheets.fits import curve_fit_pages

    with clock.step("Fitting the curves"):
        found = fit_curves(inputs, families, knots, joint=joint)
    changes, scenarios = parameter_changes(found), list(scenario_rows(found))
    new = with_rows(sheets, changes)
    new = with_rows_in_place(new, Sheet.CURVE_CHOICE, ("strategy", "endpoint"), list(choice_rows(found)))
    new = with_correlations(new, changes, correlation_rows(found))
    new = with_rows_in_place(new, Sheet.SCENARIOS, ("scenario",), scenarios)
    fitted = ", ".join(f"{arm.endpoint} of {arm.strategy}, {describe(arm.chosen)}" for arm in found.arms)
    names = {row["scenario"] for row in scenarios}
    others = [
        f"Sheet Scenarios: {len(names)} scenarios, one for each other family that could be fitted to every arm.",
        "Sheet Correlations: what was estimated together is sampled together.",
    ]
    told = _Told("fit", f"Survival curves fitted: {fitted}", "Digitised Kaplan–Meier points", changes, others)
    _finish(inputs, sheets, new, places, told, lambda: curve_fit_pages(found), clock)


def _fit_medians(inputs: "Inputs", sheets: "Sheets", endpoint: str, places: "_Places", clock: Clock) -> None:
    """The part of `fit` that needs no curve."""
    from markov.analysis.evidence.median_fits import fit_medians, median_changes
    from markov.inputs.writing.change_rows import with_correlations, with_rows
    from markov.report.sheets.fits_from_medians import median_fit_page
    from markov.terms import Endpoint

    if endpoint not in (Endpoint.PFS, Endpoint.OS):
        stop(BAD_INPUT, f'--from-medians takes pfs or os, found "{endpoint}".')
    found = fit_medians(inputs, endpoint)
    changes = median_changes(found)
    new = with_correlations(with_rows(sheets, changes), changes, ())
    what = f"Weibull curves of {endpoint} from medians, shape {found.shape.value:.3f}"
    told = _Told("fit", what, "Only medians and a ratio are published", changes)
    _finish(inputs, sheets, new, places, told, lambda: [median_fit_page(inputs, found)], clock)


def calibrate(
    workbook: Workbook,
    changes: Changes = None,
    malignancies: Annotated[
        bool, typer.Option("--spm", help="Also solve rates of second malignancies from incidences in Trial results.")
    ] = False,
    discontinuation: Annotated[
        bool, typer.Option("--discontinuation", help="Also write the solved rates of stops for toxicity.")
    ] = False,
    draws: Annotated[
        int, typer.Option("--draws", min=2, max=100_000, help="Random draws for the spread of each rate.")
    ] = 200,
    out: Out = None,
    report: Report = None,
    replace: Replace = False,
) -> None:
    """Solve rates inside the model so that it returns published figures.

    Targets are rows such as calibration.os_median.common of the sheet Survival, or come with --set. Writes a new
    workbook with the solved rates and keeps the targets: random draws then draw the target and solve the rate again.
    """
    clock = Clock(False)
    inputs = read(workbook, changes)
    places = _places(workbook, "calibrate", "calibrated", out, report, replace)
    from markov.analysis.calibration import CalibrationError
    from markov.analysis.evidence.calibrated_parameters import calibration_changes, calibration_story
    from markov.inputs.writing.change_rows import with_rows
    from markov.report.sheets.calibration import calibration_pages

    try:
        with clock.step("Solving the rates"):
            story = calibration_story(inputs, draws, malignancies=malignancies, discontinuation=discontinuation)
    except CalibrationError as error:
        stop(BAD_INPUT, f"{workbook.name}: {error}.")
    if not story.rates and not story.others:
        words = "names no target. Fill calibration.os_median.common (months) on the sheet Survival, or add"
        stop(BAD_INPUT, f"{workbook.name} {words} --set calibration.os_median.common=84.1.")
    sheets, rows = _sheets(workbook), calibration_changes(story)
    solved = [*(rate.target.rate for rate in story.rates), *(name for name, *_ in story.others)]
    what = f"Rates calibrated inside the model: {', '.join(solved)}"
    told = _Told("calibrate", what, "Published figures", rows)
    _finish(inputs, sheets, with_rows(sheets, rows), places, told, lambda: calibration_pages(story), clock)


def network(
    workbook: Workbook,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="ENDPOINT=MODEL",
            help="fixed_effect or random_effects, such as pfs=fixed_effect; may be repeated.",
            show_default="random_effects",
        ),
    ] = None,
    out: Out = None,
    report: Report = None,
    replace: Replace = False,
) -> None:
    """Synthesise the trials of the sheet Evidence network into hazard ratios against the reference.

    Writes a new workbook in which strategies whose curve is a hazard ratio take the network's, with its uncertainty,
    and a report with the network's picture, forest plots, every pair of treatments and what disagrees.
    """
    clock = Clock(False)
    inputs = read(workbook, None)
    places = _places(workbook, "network", "network", out, report, replace)
    from markov.analysis.evidence.networks import (
        MODEL_NAMES,
        network_changes,
        network_correlations,
        network_scenarios,
        networks,
        not_written,
    )
    from markov.inputs.definitions.schema import Sheet
    from markov.inputs.writing.change_rows import with_correlations, with_rows, with_rows_in_place
    from markov.report.sheets.network import network_pages

    with clock.step("Synthesising the trials"):
        found = networks(inputs, _models(model or []))
    sheets, rows = _sheets(workbook), network_changes(inputs, found)
    new = with_correlations(with_rows(sheets, rows), rows, network_correlations(inputs, found))
    new = with_rows_in_place(new, Sheet.SCENARIOS, ("scenario",), list(network_scenarios(inputs, found)))
    what = "Trials synthesised: " + ", ".join(f"{n.endpoint} by {MODEL_NAMES[n.used.model]}" for n in found)
    others = [sentence for n in found for sentence in not_written(inputs, n)]
    told = _Told("network", what, "Sheet Evidence network", rows, others)
    _finish(inputs, sheets, new, places, told, lambda: network_pages(inputs, found), clock)


def _models(given: Sequence[str]) -> "dict[str, SynthesisModel]":
    """ENDPOINT=MODEL texts."""
    from markov.analysis.evidence.synthesis import SynthesisModel
    from markov.inputs.evidence import NETWORK_ENDPOINTS

    found = _by_endpoint("--model", given, NETWORK_ENDPOINTS, "models", tuple(SynthesisModel))
    return {endpoint: SynthesisModel(model) for endpoint, model in found.items()}


def _families(given: Sequence[str]) -> "dict[str, Family]":
    """ENDPOINT=FAMILY texts."""
    from markov.survival.fitting import OWN_FAMILIES
    from markov.terms import Endpoint, Family

    found = _by_endpoint("--family", given, tuple(Endpoint), "families", OWN_FAMILIES)
    return {endpoint: Family(family) for endpoint, family in found.items()}


def _by_endpoint(
    option: str, given: Sequence[str], endpoints: Sequence[str], what: str, names: Sequence[str]
) -> dict[str, str]:
    """ENDPOINT=NAME texts of one option, or stop with the names that are known."""
    found = {}
    for text in given:
        endpoint, _, name = (part.strip().lower().replace("-", "_") for part in text.partition("="))
        if endpoint not in endpoints or name not in names:
            form = f"ENDPOINT={option.removeprefix('--').upper()}"
            known = f"{', '.join(endpoints)}; {what}: {', '.join(names)}"
            stop(BAD_INPUT, f'{option} reads {form}, found "{text}". Endpoints: {known}.')
        found[endpoint] = name
    return found


def _whole_numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        numbers = (-1,)
    if any(not 0 <= number <= 5 for number in numbers):
        stop(BAD_INPUT, f'--knots takes whole numbers from 0 to 5 with commas between, such as 1,2; found "{text}".')
    return numbers


# ------------------------------------------------------------------------------------------------------ shared


@dataclass(frozen=True)
class _Told:
    """What a command did, for the change log and the report."""

    command: str
    what: str
    why: str
    changes: Rows
    others: Sequence[str] = ()


@dataclass(frozen=True)
class _Places:
    """The workbook that was read, the new one, and the report."""

    workbook: Path
    target: Path
    report: Path


def _places(workbook: Path, command: str, word: str, out: Path | None, report: Path | None, replace: bool) -> _Places:
    """Where the new workbook and the report go; nothing that is there is replaced unasked."""
    target = out or workbook.with_name(f"{workbook.stem}.{word}.xlsx")
    if target.resolve() == workbook.resolve():
        stop(NOT_WRITTEN, f"{target} is the workbook that was read: choose another name with --out.")
    check_new(target, "a new workbook", "choose another --out, or add --replace", replace=replace)
    return _Places(workbook, target, target_of(workbook, report, word=f"{command}_report"))


def _sheets(workbook: Path) -> "Sheets":
    """The workbook's rows as they stand; it has been read without problems before."""
    from markov.inputs.workbook import read_sheets

    return read_sheets(workbook)[0]


def _finish(
    inputs: "Inputs",
    old: "Sheets",
    new: "Sheets",
    places: _Places,
    told: _Told,
    pages: "Callable[[], list[Page]]",
    clock: Clock,
) -> None:
    """Check the new tables, write the workbook and its report, and say where they are."""
    from markov.inputs.workbook import assemble
    from markov.inputs.writing.change_rows import regenerate, taken_away, with_log
    from markov.report.sheets.new_workbook import new_workbook_page
    from markov.report.sheets.provenance import evidence_provenance_page
    from markov.report.writers.excel import write_pages

    now = datetime.datetime.now(datetime.UTC)
    command = f"markov {told.command}"
    new = with_log(new, command, told.what, told.why, now.date())
    assemble(new, [])
    with clock.step("Writing the new workbook"):
        left = regenerate(places.workbook, new, places.target)
    with clock.step("Writing the report"):
        first, *others = pages()
        removed = taken_away(old, told.changes)
        page = new_workbook_page(places.target.name, inputs.labels, told.changes, told.others, left, removed)
        provenance = evidence_provenance_page(inputs, f"{command} {places.workbook.name}", clock.elapsed, now)
        write_pages([first, page, *others, provenance], places.report, f"{inputs.title}: {told.command}")
    print(f"{told.what}.")
    print(f"New workbook: {places.target}")
    for lost in left:
        print(f"  not carried over: {lost}")
    print(f"Report: {places.report}")
