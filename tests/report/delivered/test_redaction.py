"""The redacted copy holds neither a confidential price nor anything from which it follows."""

import datetime
import re
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from markov.analysis.base_case import base_case
from markov.analysis.sensitivity.everything import deterministic
from markov.cli import main
from markov.excel.style import CONFIDENTIAL
from markov.inputs.parameters import Inputs
from markov.inputs.problems import InputError
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped
from markov.report.delivered.blank_what_differs import BLANK, redact
from markov.report.delivered.redact import confidential, public_command, write_redacted
from markov.report.page import Column, Page, Table
from markov.report.reports import report_pages, write_report

PRICE = "price.lenalidomide_10mg.brand"
SECRET, ANOTHER = 2347.61, 913.27
PACKS_PER_CYCLE = 28.0 / 21.0
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def with_secret(inputs: Inputs, price: float) -> Inputs:
    """The workbook with a confidential price, a word about it and a scenario of it."""
    row = replace(inputs.parameters[PRICE], value=price, base_case=price, confidential=True, comment=f"Agreed: {price}")
    rebate = replace(inputs.scenarios[0], scenario="Rebate", id=PRICE, value=0.8 * price, reason=f"80 % of {price}")
    return replace(inputs, parameters={**inputs.parameters, PRICE: row}, scenarios=(*inputs.scenarios, rebate))


def pages_of(inputs: Inputs, *, tested: bool = True) -> list[Page]:
    result = base_case(inputs)
    return report_pages(result, "markov run x", 0.0, NOW, deterministic(inputs, result) if tested else None)


@pytest.fixture(scope="module")
def copies(calgb: Inputs, tmp_path_factory: pytest.TempPathFactory) -> dict[float, Path]:
    """The redacted copies of two workbooks that differ in nothing but the confidential price."""
    folder = tmp_path_factory.mktemp("copies")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("markov.report.delivered.redact.FACTORS", (0.2, 1.6, 4.0))  # three other prices are enough here
        return {
            price: write_redacted(with_secret(calgb, price), folder / f"{i}.xlsx", pages_of)
            for i, price in enumerate((SECRET, ANOTHER))
        }


def texts(report: Path) -> str:
    """All that stands in any part of the file, markup, properties, names and what charts hold included."""
    if not zipfile.is_zipfile(report):
        return report.read_text(encoding="utf-8")
    with zipfile.ZipFile(report) as archive:
        return "\n".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())


def forms(value: float) -> list[str]:
    """A number as a file may show it, in full or rounded to five digits or more, or to four at the penny."""
    rounded = [f"{value:.{digits}g}" for digits in range(5, 18)]
    written = [*rounded, f"{value:.2f}", f"{value:,.2f}", f"{value:,.0f}", f"{value:,.4f}", f"{100 * value:.2f}"]
    return [form for form in dict.fromkeys(written) if len(re.sub(r"\D", "", form.split("e")[0]).strip("0")) >= 4]


def found_in(content: str, values: Sequence[float]) -> list[str]:
    """Forms of some numbers that stand in a text by themselves."""
    told = {form for value in values for form in forms(value)}
    return [form for form in told if form in content and re.search(rf"(?<![\d.,]){re.escape(form)}(?![\d])", content)]


def numbers(report: Path) -> list[float]:
    book = openpyxl.load_workbook(report, data_only=True)
    cells = (c.value for sheet in book for row in sheet.iter_rows() for c in row)
    return [float(value) for value in cells if isinstance(value, (int, float)) and value]


def results(inputs: Inputs) -> list[float]:
    """Figures from which the price follows: drug costs, totals, increments, ratios, net benefits."""
    outcomes = base_case(inputs).outcomes
    cost, qaly, drug = outcomes.cost[0], outcomes.qaly[0], outcomes.costs[0, 1, :, 0]
    gained = qaly[1] - qaly[0]
    found = [cost[1], cost[1] - cost[0], (cost[1] - cost[0]) / gained, *drug]
    found += [t * qaly[1] - cost[1] for t in inputs.thresholds]
    return [float(value) for value in found]


def test_copies_of_two_prices_are_the_same_file(copies: dict[float, Path]) -> None:
    """Nothing that is left depends on the price, so nobody can tell from the copy which of the two it was."""
    assert copies[SECRET].read_bytes() == copies[ANOTHER].read_bytes()


def test_no_part_of_the_file_holds_the_price_or_a_figure_from_which_it_follows(
    copies: dict[float, Path], calgb: Inputs
) -> None:
    inputs, content = with_secret(calgb, SECRET), texts(copies[SECRET])
    per = (1.0, 0.8, 1 / 21, 1 / 210, PACKS_PER_CYCLE, 28 / 21, 365.25 / 21, 1 / 378, 378 / SECRET**2)
    wanted = [*(SECRET * factor for factor in per), *results(inputs)]
    assert sum(len(forms(value)) for value in wanted) > 200
    assert found_in(content, wanted) == []


def test_the_same_search_finds_them_in_the_full_report(calgb: Inputs, tmp_path: Path) -> None:
    """The search can fail: the full report holds what it looks for."""
    inputs = with_secret(calgb, SECRET)
    content = texts(write_report(base_case(inputs), tmp_path / "full.xlsx"))
    assert [value for value in (SECRET, *results(inputs)[:3]) if not found_in(content, [value])] == []


def test_no_sum_difference_or_ratio_of_two_numbers_gives_the_price(copies: dict[float, Path]) -> None:
    """What is left is combined two by two; as many combinations hit the price as hit amounts that are nobody's."""
    values = np.unique(np.round(numbers(copies[SECRET]), 9))
    amounts = values[np.abs(values) > 20.0]

    def hits(price: float) -> int:
        left, right = np.triu_indices(len(amounts), 1)
        a, b = amounts[left], amounts[right]
        found = [a - b, b - a, a + b]
        return sum(int(np.isclose(f, price, rtol=1e-7, atol=0.0).sum()) for f in found)

    decoys = [hits(SECRET * (1.0 + 0.0137 * k)) for k in range(1, 6)]
    assert hits(SECRET) <= max(decoys)


def test_least_squares_on_what_is_left_knows_nothing_of_the_price(calgb: Inputs) -> None:
    """A reader with reports of other prices learns price from numbers; on the copies all are constants."""
    prices = [500.0, 900.0, 1500.0, 2200.0, 3100.0]
    runs = [pages_of(with_secret(calgb, price), tested=False) for price in prices]

    def vector(pages: Sequence[Page]) -> list[float]:
        tables = [block for page in pages for block in page.blocks if isinstance(block, Table)]
        cells = (cell for table in tables for row in table.rows for cell in row)
        return [0.0 if not isinstance(cell, float) else cell for cell in cells]

    def explained(reports: Sequence[Sequence[Page]]) -> float:
        x = np.array([vector(pages) for pages in reports])
        x = np.hstack([x - x.mean(axis=0), np.zeros((len(x), 1))])
        y = np.array(prices) - np.mean(prices)
        fitted = x @ np.linalg.lstsq(x, y, rcond=None)[0]
        return 1.0 - float(((y - fitted) ** 2).sum() / (y**2).sum())

    others = [[run for j, run in enumerate(runs) if j != i] for i in range(len(runs))]
    cleaned = [redact(run, rest, ids=[PRICE]).pages for run, rest in zip(runs, others, strict=True)]
    assert explained(runs) == pytest.approx(1.0)
    assert explained(cleaned) == pytest.approx(0.0, abs=1e-9)


def test_what_does_not_depend_on_the_price_is_kept(copies: dict[float, Path], calgb: Inputs) -> None:
    outcomes = base_case(calgb).outcomes
    kept = numbers(copies[SECRET])
    wanted = [*outcomes.qaly[0], outcomes.cost[0, 0], *outcomes.life_year[0]]
    assert all(any(abs(value - other) < 1e-9 * value for other in kept) for value in map(float, wanted))


def test_the_copy_has_values_only_and_says_first_what_was_blanked(copies: dict[float, Path]) -> None:
    book = openpyxl.load_workbook(copies[SECRET])
    assert book.sheetnames[0] == "Redacted copy"
    assert not [name for name in book.sheetnames if name.startswith("Live ") or name == "Inputs in full"]
    assert "<f>" not in texts(copies[SECRET])
    assert not set(book.defined_names)
    first = [str(c.value) for row in book["Redacted copy"].iter_rows() for c in row if c.value]
    assert PRICE in first
    assert {"Summary", "Incremental", "Tornado", "Scenarios"} <= set(first)


def test_charts_are_drawn_from_no_blanked_cell(copies: dict[float, Path]) -> None:
    with zipfile.ZipFile(copies[SECRET]) as archive:
        charts = [archive.read(n).decode() for n in archive.namelist() if n.startswith("xl/charts/chart")]
    assert charts
    assert not [chart for chart in charts if BLANK in chart]


def test_a_price_from_which_a_secret_one_follows_is_asked_about(calgb: Inputs) -> None:
    """Blanking it unasked would tell a reader who knows it that the secret one is a whole multiple."""
    marked, generic = with_secret(calgb, 3780.0), "price.lenalidomide_10mg.generic"
    with pytest.raises(InputError, match=r"Drugs and dosing!C6: .* is 10 % of .*Write yes .*, or no"):
        confidential(marked)
    row = marked.parameters[generic]
    for said in (replace(row, confidential=True), replace(row, shown=True)):
        told = replace(marked, parameters={**marked.parameters, generic: said})
        assert confidential(told) == ((PRICE, generic) if said.confidential else (PRICE,))
    rebate = replace(marked.scenarios[0], scenario="Rebate", id=generic, value=0.25 * 3780.0)
    other = replace(row, value=401.17, base_case=401.17, low=None, high=None)
    hidden = replace(marked, parameters={**marked.parameters, generic: other}, scenarios=(rebate,))
    with pytest.raises(InputError, match="is 25 % of"):
        confidential(hidden)


def test_equal_utilities_are_asked_about_and_others_are_not(calgb: Inputs) -> None:
    key = "utility.maintenance"
    marked = replace(calgb.parameters[key], confidential=True)
    with pytest.raises(InputError) as caught:
        confidential(replace(calgb, parameters={**calgb.parameters, key: marked}))
    assert [problem.rule.split()[0] for problem in caught.value.problems] == ["utility.toxicity"]


def test_verdicts_that_turn_at_other_prices_are_blanked_and_reordered_tables_left_out() -> None:
    def table(*rows: tuple[str, str, float]) -> Page:
        return Page("P", "P", "", (Table("T", (Column("a"), Column("b"), Column("c", "number")), rows, "t"),))

    kept = redact([table(("x", "yes", 1.5), ("y", "no", 2.5))], [[table(("x", "yes", 1.5), ("y", "yes", 2.5))]])
    assert [row for block in kept.pages[0].blocks if isinstance(block, Table) for row in block.rows] == [
        ("x", BLANK, 1.5),
        ("y", BLANK, 2.5),
    ]
    gone = redact([table(("x", "", 1.5), ("y", "", 2.5))], [[table(("y", "", 2.5), ("x", "", 1.5))]])
    assert not [block for block in gone.pages[0].blocks if isinstance(block, Table)]


def test_the_command_of_the_copy_does_not_tell_the_price() -> None:
    told = public_command(f"markov run a.xlsx --set {PRICE}=1890.5 --set cohort.age=60", [PRICE])
    assert told == f"markov run a.xlsx --set {PRICE}=confidential --set cohort.age=60"


def test_marked_values_are_coloured_in_the_full_report_and_the_column_is_read(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(shipped("myeloma_ix"))
    page = book["Drugs and dosing"]
    column = next(c.column for c in page[4] if c.value == "confidential")
    row = next(c.row for c in page["A"] if c.value == "price.thalidomide_50mg.brand")
    page.cell(row, column).value = "Yes"
    book.save(tmp_path / "marked.xlsx")
    inputs = read_inputs(tmp_path / "marked.xlsx")
    assert [p.id for p in inputs.parameters.values() if p.confidential] == ["price.thalidomide_50mg.brand"]
    report = openpyxl.load_workbook(write_report(base_case(inputs), tmp_path / "report.xlsx"))
    for sheet in ("Inputs used", "Inputs in full"):
        coloured = [c for r in report[sheet].iter_rows() for c in r if c.fill.fgColor.rgb == f"FF{CONFIDENTIAL[1:]}"]
        first = {str(c.value) for c in coloured if c.column == 1}
        assert first == {"price.thalidomide_50mg.brand"}
    page.cell(row, column).value = "maybe"
    book.save(tmp_path / "broken.xlsx")
    with pytest.raises(InputError, match="is confidential or not"):
        read_inputs(tmp_path / "broken.xlsx")


def test_the_command_writes_both_and_refuses_where_nothing_is_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = openpyxl.load_workbook(shipped("myeloma_ix"))
    page = book["Drugs and dosing"]
    column = next(c.column for c in page[4] if c.value == "confidential")
    row = next(c.row for c in page["A"] if c.value == "price.thalidomide_50mg.brand")
    page.cell(row, column).value = page.cell(row + 1, column).value = "yes"  # the generic price is 10 % of it
    book.save(tmp_path / "marked.xlsx")
    arguments = ["run", str(tmp_path / "marked.xlsx"), "--base-only", "--no-live", "--redact", "--out", str(tmp_path)]
    with pytest.raises(SystemExit) as code:
        main(arguments)
    assert code.value.code == 0
    assert "Redacted copy: " in capsys.readouterr().out
    assert (tmp_path / "marked.base.xlsx").exists()
    assert "298.48" not in texts(tmp_path / "marked.base.redacted.xlsx")
    with pytest.raises(SystemExit) as code:
        main(["run", str(shipped("myeloma_ix")), "--redact", "--out", str(tmp_path)])
    assert code.value.code == 2
