"""The report as a reader opens it: every value stored, nothing broken, and the numbers those of the run."""

import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from markov import BaseCase, base_case, read_inputs, write_report
from markov.analysis.sensitivity.everything import deterministic
from markov.inputs.parameters import Inputs
from markov.inputs.writing.template import shipped
from markov.report.writers.excel import ReportError
from markov.terms import LIVING, CostCategory, State
from tests.support.libreoffice import convert, needs_libreoffice
from tests.support.reports import cells, sheet_names

FIRST = ("Summary", "Contents", "Results", "Disaggregated", "Incremental")
PAGES = (*FIRST, "Survival", "Bridge", "Inputs used", "Checks")
CHECKLISTS = ("Reference case", "CHEERS 2022", "AdViSHE")
SHEETS = [*PAGES, *CHECKLISTS, "Inputs in full", "Population tables", "Evidence and scenarios", "Provenance"]


@pytest.fixture(scope="module", params=["calgb_100104", "gem2005mas65", "post_transplant_us"])
def case(request: pytest.FixtureRequest) -> BaseCase:
    return base_case(read_inputs(shipped(request.param)))


@pytest.fixture(scope="module")
def report(case: BaseCase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(case, tmp_path_factory.mktemp("report") / "report.xlsx", command="markov run test", seconds=1.0)


@pytest.fixture(scope="module")
def full(calgb: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with scenarios and sensitivity analyses."""
    result, folder = base_case(calgb), tmp_path_factory.mktemp("full")
    return write_report(result, folder / "full.xlsx", deterministic=deterministic(calgb, result))


def table(path: Path, sheet: str, title: str) -> list[list[object]]:
    """Rows of a table below its title and header, up to the first empty row."""
    rows = cells(path, sheet)
    start = next(i for i, row in enumerate(rows) if row[0] == title) + 2
    end = next((i for i in range(start, len(rows)) if all(v is None for v in rows[i])), len(rows))
    return rows[start:end]


def test_the_sheets_stand_in_order_and_none_is_hidden_or_locked(report: Path, case: BaseCase) -> None:
    book = openpyxl.load_workbook(report)
    traces = [name for name in book.sheetnames if name.startswith("Trace ")]
    assert [name for name in book.sheetnames if name not in traces] == SHEETS
    assert len(traces) == len(case.labels)
    for sheet in book:
        assert sheet.sheet_state == "visible"
        assert not sheet.protection.sheet
        assert sheet.page_setup.orientation == ("portrait" if sheet.title == "Summary" else "landscape")
        assert str(sheet.page_setup.paperSize) == sheet.PAPERSIZE_A4
        assert sheet.print_area


def test_the_file_holds_no_macro_no_external_link_and_no_formula(report: Path) -> None:
    with zipfile.ZipFile(report) as archive:
        names = archive.namelist()
        assert not any("vba" in name.lower() or "externalLink" in name for name in names)
        sheets = [name for name in names if name.startswith("xl/worksheets/sheet")]
        assert not any(b"<f>" in archive.read(name) for name in sheets)


def test_totals_and_parts_in_the_cells_are_the_outcomes(report: Path, case: BaseCase) -> None:
    outcomes = case.outcomes
    rows = {str(row[0]): row for row in table(report, "Results", "Totals")}
    for i in range(len(case.labels)):
        assert rows["Cost, discounted"][2 + i] == pytest.approx(outcomes.cost[0, i], rel=1e-12)
        assert rows["QALYs, discounted"][2 + i] == pytest.approx(outcomes.qaly[0, i], rel=1e-12)
    costs = table(report, "Disaggregated", f"Costs by category ({case.inputs.currency}), discounted")
    assert len(costs) == len(CostCategory) + 1
    for i in range(len(case.labels)):
        column = [float(str(row[1 + i])) for row in costs]
        assert column[:-1] == pytest.approx(outcomes.costs[0, i, 1].tolist(), rel=1e-12)
        assert sum(column[:-1]) == pytest.approx(column[-1], rel=1e-12)
    states = table(report, "Disaggregated", "QALYs by state, undiscounted")
    assert [row[1] for row in states[: len(LIVING)]] == pytest.approx(outcomes.qalys[0, 0, 0].tolist(), rel=1e-12)


def test_the_trace_sheet_is_the_trace(report: Path, case: BaseCase) -> None:
    trace = case.outcomes.trace
    assert trace is not None
    name = next(n for n in sheet_names(report) if n.startswith("Trace "))
    rows = table(report, name, "Occupancy")
    told = np.array([[float(str(v)) for v in row[2 : 2 + len(State)]] for row in rows])
    assert np.allclose(told, trace.occupancy[0, 0], rtol=0, atol=1e-15)


def test_an_icer_is_never_a_negative_number(report: Path) -> None:
    rows = table(report, "Incremental", "Full incremental analysis")
    assert rows
    assert all(row[5] is None or float(str(row[5])) >= 0 for row in rows)


def test_every_assumed_or_unverified_value_is_listed_first(report: Path, case: BaseCase) -> None:
    weak = {p.id for p in case.inputs.parameters.values() if p.status not in ("", "seed", "read", "method")}
    weak = {i for i in weak if case.inputs.parameters[i].value is not None}
    rows = cells(report, "Inputs used")
    title = next(i for i, row in enumerate(rows) if str(row[0]).startswith("Derived, unverified or assumed"))
    listed = {str(row[0]) for row in rows[title + 2 : title + 2 + len(weak)]}
    assert listed == weak
    assert weak


def test_every_input_is_listed_with_its_cell_and_the_cell_holds_it(report: Path, case: BaseCase) -> None:
    source = openpyxl.load_workbook(shipped(Path(case.inputs.name).stem), data_only=True)
    compared = 0
    for row in cells(report, "Inputs used"):
        parameter = case.inputs.parameters.get(str(row[0]))
        if parameter is None:
            continue
        sheet, address = str(row[9]).split("!")
        assert source[sheet][address].value == row[2]
        compared += 1
    assert compared == sum(p.value is not None for p in case.inputs.parameters.values())


def test_the_summary_shows_both_prices_the_three_readings_and_the_checks(report: Path, case: BaseCase) -> None:
    text = " ".join(str(v) for row in cells(report, "Summary") for v in row if v is not None)
    for words in ("brand price", "generic price", "One excess death rate for all", "An excess death rate by strategy"):
        assert words in text
    assert "Deaths follow the overall-survival curves" in text
    assert f"{len(case.checks)} checks" in text
    assert "Assumed or unverified among the clinical inputs" in text


def test_charts_are_native_and_point_at_cells(report: Path) -> None:
    with zipfile.ZipFile(report) as archive:
        charts = [archive.read(n).decode() for n in archive.namelist() if n.startswith("xl/charts/chart")]
    assert len(charts) >= 8
    assert all("<c:f>" in chart and "<a:t>" in chart for chart in charts)
    assert any("areaChart" in chart for chart in charts)
    assert any("barChart" in chart for chart in charts)
    assert any("scatterChart" in chart for chart in charts)


def test_a_report_that_is_open_elsewhere_is_said_to_be_so(
    case: BaseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "The process cannot access the file")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(ReportError, match="is open in another program"):
        write_report(case, tmp_path / "open.xlsx")
    assert not list(tmp_path.iterdir()), "nothing half written stays behind"


def test_a_report_into_a_place_that_cannot_be_written_is_refused_in_words(case: BaseCase, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ReportError, match="Choose another folder"):
        write_report(case, tmp_path / "file" / "report.xlsx")


def opened_in_libreoffice(report: Path, folder: Path) -> list[object]:
    """Every value that LibreOffice finds in a report, from the workbook that it writes after opening it."""
    convert(report, "xlsx:Calc MS Excel 2007 XML", folder)
    book = openpyxl.load_workbook(folder / report.name, data_only=True, read_only=True)
    return [cell for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row if cell is not None]


def errors(values: list[object]) -> list[str]:
    return [v for v in values if isinstance(v, str) and v.startswith(("#", "Err:"))]


@needs_libreoffice
def test_libreoffice_opens_the_report_without_an_error_value(report: Path, tmp_path: Path) -> None:
    values = opened_in_libreoffice(report, tmp_path)
    assert len(values) > 5000
    assert errors(values) == []
    convert(report, "pdf", tmp_path)
    assert (tmp_path / "report.pdf").stat().st_size > 50_000


@needs_libreoffice
def test_libreoffice_opens_the_sensitivity_analyses_too(full: Path, tmp_path: Path) -> None:
    values = opened_in_libreoffice(full, tmp_path)
    assert {"Tornado", "Two-way", "Threshold", "Assumptions"} <= set(sheet_names(tmp_path / full.name))
    assert errors(values) == []


def test_the_full_report_holds_no_macro_no_external_link_and_no_formula(full: Path) -> None:
    with zipfile.ZipFile(full) as archive:
        names = archive.namelist()
        assert not any("vba" in name.lower() or "externalLink" in name for name in names)
        sheets = [name for name in names if name.startswith("xl/worksheets/sheet")]
        assert not any(b"<f>" in archive.read(name) for name in sheets)
        charts = [archive.read(n).decode() for n in names if n.startswith("xl/charts/chart")]
    assert sum('barDir val="bar"' in chart for chart in charts) >= 3, "scenarios, and a tornado at each threshold"
