"""The walk as an analyst meets it: the command, its report and numbers, and the sheet on which steps are planned."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pytest

from markov import read_inputs
from markov.analysis.walk.walk import NET_BENEFIT, Walk, walk
from markov.inputs.parameters import Inputs, with_values
from markov.inputs.problems import InputError
from markov.inputs.steps_sheet import read_steps
from markov.inputs.writing.template import shipped
from markov.report.page import Chart, Page, Table, Text
from markov.report.sheets.walk import answer, walk_pages
from markov.report.sheets.walk_chart import RISE, waterfall
from markov.report.writers.drawn_series import pieces, read_series
from markov.report.writers.excel import write_pages
from markov.report.writers.html_charts import chart_svg
from tests.inputs.rules.broken_inputs.editing import good_book

HR = "os.hazard_ratio.lenalidomide"
CALGB = shipped("calgb_100104")


@dataclass
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture
def markov(tmp_path: Path) -> Command:
    def run(*arguments: object) -> Answer:
        done = subprocess.run(
            [sys.executable, "-m", "markov", *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            check=False,
        )
        assert "Traceback" not in done.stderr
        return Answer(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="module")
def assessor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An edited copy: a hazard ratio with its reason, an age, a price set, and a line in the change log."""
    book = good_book()
    book.name = "assessor.xlsx"
    book.put(HR, 0.75)
    book.put(HR, "Longer follow-up", "comment")
    book.put("cohort.age", 63)
    book.put("settings.price_set", "generic")
    book.append(
        "Change log", {"date": "2026-11-25", "who": "Assessor", "what": f"{HR} to 0.75", "why": "Label"}, "date"
    )
    return book.save(tmp_path_factory.mktemp("walk"))


@pytest.fixture(scope="module")
def crossing(calgb: Inputs) -> Walk:
    """At generic prices net benefit goes from below zero to above it."""
    return walk(calgb, with_values(calgb, {"price.lenalidomide_10mg.generic": 100.0, HR: 0.5, "cohort.age": 65.0}))


def table_of(pages: list[Page], name: str, key: str) -> Table:
    (page,) = [page for page in pages if page.name == name]
    return next(block for block in page.blocks if isinstance(block, Table) and block.key == key)


# ------------------------------------------------------------------------------------------------ the command


def test_the_command_writes_report_and_numbers_of_an_edited_copy(
    markov: Command, assessor: Path, tmp_path: Path
) -> None:
    done = markov("walk", CALGB, assessor, "--json", "walk.json", "--threshold", "30000")
    assert done.code == 0
    assert "3 inputs differ, in 3 steps that add up to the difference." in done.out
    assert "The workbooks pay different price sets" in done.out
    told = json.loads((tmp_path / "walk.json").read_text(encoding="utf-8"))["walk"]
    assert [step["name"] for step in told["steps"]] == ["Population", "Overall survival", "Drug prices"]
    assert told["thresholds"] == [30000.0]
    path = told["paths"][0]
    total = sum(effect["delta_cost"] for effect in path["in_sequence"])
    own = [end["delta_cost"] for end in path["own_runs"]]
    assert total == pytest.approx(own[1] - own[0], rel=1e-12)
    (ratio,) = [each for each in told["inputs"] if each["id"] == HR]
    assert (ratio["first"]["value"], ratio["second"]["value"]) == (0.61, 0.75)
    assert ratio["second"]["comment"] == "Longer follow-up"
    book = openpyxl.load_workbook(tmp_path / "reports" / "calgb_100104_to_assessor.walk.xlsx")
    names = ["Walk", "Order of steps", "Inputs that differ", "Other differences", "Chart data", "Provenance"]
    assert book.sheetnames == names
    cells = {str(cell.value) for sheet in book for row in sheet for cell in row}
    assert {f"{HR} to 0.75", "Second workbook"} <= cells
    assert any("Longer follow-up" in text for text in cells)


def test_the_command_refuses_what_cannot_be_compared_and_writes_nothing(markov: Command, tmp_path: Path) -> None:
    done = markov("walk", shipped("post_transplant_uk"), shipped("post_transplant_us"))
    assert (done.code, done.out) == (2, "")
    assert "one is in GBP, the other in USD" in done.err
    assert "Convert the amounts" in done.err
    assert list(tmp_path.iterdir()) == []


def test_equal_workbooks_have_no_walk_and_no_report(markov: Command, tmp_path: Path) -> None:
    done = markov("walk", CALGB, CALGB)
    assert done.code == 0
    assert "there is no step, and no report" in done.out
    assert list(tmp_path.iterdir()) == []


def test_a_report_never_replaces_an_input_workbook(markov: Command, assessor: Path) -> None:
    before = assessor.read_bytes()
    done = markov("walk", CALGB, assessor, "--out", assessor)
    assert done.code == 3
    assert "is an input workbook" in done.err
    assert assessor.read_bytes() == before


def test_steps_are_written_edited_and_given_back(markov: Command, assessor: Path, tmp_path: Path) -> None:
    assert markov("walk", CALGB, assessor, "--write-steps", "steps.xlsx").code == 0
    again = markov("walk", CALGB, assessor, "--write-steps", "steps.xlsx")
    assert again.code == 3
    assert "exists already" in again.err
    book = openpyxl.load_workbook(tmp_path / "steps.xlsx")
    lines = [cell for row in book["Steps"].iter_rows(min_col=7, max_col=7) for cell in row if cell.value == HR]
    sheet, row = book["Steps"], lines[0].row
    sheet.cell(row, 1).value, sheet.cell(row, 2).value = 0.5, "Effect of the label"
    book.save(tmp_path / "steps.xlsx")
    done = markov("walk", CALGB, assessor, "--steps", "steps.xlsx", "--json", "-")
    names = [step["name"] for step in json.loads(done.out)["walk"]["steps"]]
    assert names == ["Effect of the label", "Population", "Drug prices"]


# -------------------------------------------------------------------------------------------- the sheet of steps


def sheet(folder: Path, *rows: tuple[object, ...], headers: tuple[str, ...] = ("Order", "Step", "id")) -> Path:
    book = openpyxl.Workbook()
    for line in (("my own title",), (), headers, *rows):
        book.worksheets[0].append(list(line))
    book.save(folder / "steps.xlsx")
    return folder / "steps.xlsx"


def test_steps_come_in_their_order_and_those_without_one_last(tmp_path: Path) -> None:
    file = sheet(
        tmp_path,
        (None, "Utilities", "utility.progression"),
        (2, "Effect ", HR),
        (1, "Age", "cohort.age"),
        (None, "Effect", "Life table"),
        (3, None, "cost.event.death"),
    )
    assert read_steps(file) == {
        "Age": ("cohort.age",),
        "Effect": (HR, "Life table"),
        "Utilities": ("utility.progression",),
    }
    assert list(read_steps(file)) == ["Age", "Effect", "Utilities"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((2, "Age", "cohort.agee"), 'the model knows no such id, found "cohort.agee". Did you mean cohort.age?'),
        ((1, "Again", "cohort.age"), "cohort.age is already at Sheet!C4"),
        (("first", "Costs", "cost.event.death"), "A5: the order of Costs needs a number"),
        ((7, "Age", "cost.event.death"), 'A5: step "Age" has the order 1 at Sheet!A4, and another here, found "7"'),
    ],
)
def test_what_is_wrong_with_a_sheet_of_steps_is_said_with_its_cell(
    tmp_path: Path, row: tuple[object, ...], words: str
) -> None:
    with pytest.raises(InputError) as caught:
        read_steps(sheet(tmp_path, (1, "Age", "cohort.age"), row))
    assert words in str(caught.value)


def test_a_file_without_steps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no sheet has a row with the headers order, step, id"):
        read_steps(sheet(tmp_path, headers=("Order", "Name", "id")))


# ---------------------------------------------------------------------------------------------------- the report


def drawn(found: Walk, price_set: str) -> tuple[Chart, Table]:
    (path,) = [path for path in found.paths if path.price_set == price_set]
    return waterfall(found, path, f"at the {price_set} price")


@pytest.mark.parametrize("price_set", ["brand", "generic"])
def test_each_bar_floats_from_where_the_one_before_ended(crossing: Walk, price_set: str) -> None:
    (path,) = [path for path in crossing.paths if path.price_set == price_set]
    chart, table = drawn(crossing, price_set)
    tables = {("Chart data", table.key): table}
    layers = pieces(chart, [read_series(chart, series, tables) for series in chart.series])
    seen = [piece for series, layer in zip(chart.series, layers, strict=True) for piece in layer if not series.hidden]
    standing = path.standing[:, NET_BENEFIT].tolist()
    for k, (before, after) in enumerate(itertools.pairwise(standing), 1):
        bars = [piece for piece in seen if piece.x == k]
        ends = [end for piece in bars for end in (piece.low, piece.high)]
        if before != after:
            assert (min(ends), max(ends)) == pytest.approx((min(before, after), max(before, after)), rel=1e-12)
            length = sum(abs(piece.high - piece.low) for piece in bars)
            assert length == pytest.approx(abs(after - before), rel=1e-12)


def test_a_bar_that_crosses_zero_has_a_part_on_either_side(crossing: Walk) -> None:
    _, table = drawn(crossing, "generic")
    (price,) = [row for row in table.rows if row[0] == "Drug prices"]
    assert price[1] is None or price[3] is None or price[4] is None
    parts = [row for row in table.rows if isinstance(row[3], float) and isinstance(row[4], float)]
    assert len(parts) == 1
    assert parts[0][1] is None


def test_what_bars_float_on_is_not_seen_in_excel_nor_in_a_browser(crossing: Walk, tmp_path: Path) -> None:
    chart, table = drawn(crossing, "brand")
    picture = chart_svg(chart, {("Chart data", table.key): table}, "waterfall")
    assert "Not drawn" not in picture
    assert picture.count("Raises net benefit</text>") == 1
    assert RISE in picture
    write_pages(walk_pages(crossing), tmp_path / "walk.xlsx", "Walk")
    with ZipFile(tmp_path / "walk.xlsx") as archive:
        xml = archive.read("xl/charts/chart1.xml").decode()
    first = xml.split("<c:ser>")[1]
    assert "<a:noFill/>" in first
    assert [f'<c:idx val="{i}"/><c:delete val="1"/>' in xml for i in range(6)] == [
        True,
        False,
        False,
        True,
        False,
        True,
    ]


def test_the_steps_table_shows_the_sum_beside_the_difference_of_the_own_runs(crossing: Walk) -> None:
    table = table_of(walk_pages(crossing), "Walk", "steps_lenalidomide_brand")
    total, own, difference = table.rows[-3:]
    assert total[0] == "Sum of the steps"
    assert own[0] == f"{crossing.second.name}, its own run"
    assert total[-4:] == pytest.approx(difference[-4:], rel=1e-12, abs=1e-9)
    checks = table_of(walk_pages(crossing), "Walk", "ends")
    assert [row[1] for row in checks.rows] == ["pass"] * 3


def test_a_walk_that_misses_an_input_is_marked_as_failed(crossing: Walk) -> None:
    checks = table_of(walk_pages(replace(crossing, gaps=(0.0, 1e-6))), "Walk", "ends")
    assert [row[1] for row in checks.rows] == ["pass", "fail", "pass"]


def test_the_lead_says_when_ratio_and_net_benefit_disagree(calgb: Inputs) -> None:
    found = walk(calgb, read_inputs(shipped("ifm_2005_02")), {"All": []})
    words = " ".join(answer(found))
    assert (
        "The ratio rises although net benefit rises too, because the differences in cost and in QALYs both fall"
        in words
    )
    lead = walk_pages(found)[0].blocks[0]
    assert isinstance(lead, Text)
    assert lead.words == words
