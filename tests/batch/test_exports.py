"""Tables for other programs: no text in a CSV file is taken for a formula, and no text on the screen for a command."""

import csv
import gzip
import re
from pathlib import Path

import openpyxl
import pytest

from markov.batch.exports import as_text
from markov.inputs.writing.template import shipped
from tests.support.command import markov

LABELS = ("=cmd|'/C calc'!A0", "@SUM(1+1)*cmd|' /C calc'!A0")
SCENARIOS = ("+1+cmd|' /C calc'!A0", "-10 % price", '=HYPERLINK("http://127.0.0.1/","a")', "＝1+1", "-10")
FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")
NUMBER = re.compile(r"[-+]?[\d.]+([eE][-+]?\d+)?")


@pytest.fixture(scope="module")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbook whose name, strategies and scenarios begin as formulas do."""
    book = openpyxl.load_workbook(shipped("calgb_100104"))
    for row, label in enumerate(LABELS, start=5):
        cell = book["Strategies"].cell(row, 2)
        cell.value, cell.data_type = label, "s"
    page = book["Scenarios"]
    page.delete_rows(5, page.max_row)
    for row, name in enumerate(SCENARIOS, start=5):
        for column, value in enumerate((name, "utility.progression", 0.5 + 0.01 * row, None, "=1+1"), start=1):
            cell = page.cell(row, column)
            cell.value = value
            cell.data_type = "s" if isinstance(value, str) else cell.data_type
    path = tmp_path_factory.mktemp("formulas") / "=1+1.xlsx"
    book.save(path)
    return path


def texts(content: str) -> list[str]:
    return [cell for row in csv.reader(content.splitlines()) for cell in row]


def test_no_cell_of_a_batch_is_a_formula(workbook: Path, tmp_path: Path) -> None:
    done = markov("batch", workbook, "--out", tmp_path / "out", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    cells = [cell for file in (tmp_path / "out").glob("*.csv") for cell in texts(file.read_text(encoding="utf-8"))]
    assert [cell for cell in cells if FORMULA.match(cell) and not NUMBER.fullmatch(cell)] == []
    assert {f"'{text}" for text in (*LABELS, *SCENARIOS[:4])} | {"-10", "'=1+1"} <= set(cells)
    book = openpyxl.load_workbook(tmp_path / "out" / "batch.xlsx")
    held = [cell for page in book for row in page.iter_rows() for cell in row if isinstance(cell.value, str)]
    assert {cell.data_type for cell in held if "cmd|" in str(cell.value)} == {"s"}


def test_draws_hold_ids_and_numbers_only(workbook: Path, tmp_path: Path) -> None:
    arguments = ("--runs", 1001, "--export", tmp_path / "draws", "--out", tmp_path)
    done = markov("psa", workbook, *arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    files = [file.read_text() for file in (tmp_path / "draws").glob("*.csv")]
    files += [gzip.decompress(file.read_bytes()).decode() for file in tmp_path.glob("*.draws.csv.gz")]
    assert len(files) == 4
    for content in files:
        head, *lines = content.splitlines()
        assert all(re.fullmatch(r"[a-z_][a-z0-9_.]*", name) for name in head.split(","))
        assert all(NUMBER.fullmatch(cell) for line in lines[:50] for cell in line.split(","))


@pytest.mark.parametrize("text", ["\t=1+1", "\r=1+1", " =1+1", "＠SUM(1)", "-1+1", "+"])
def test_blanks_and_wide_signs_hide_no_formula(text: str) -> None:
    assert as_text(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "-10", "+2.5e-3", "Lenalidomide", "10 % = a tenth", -1.5, None, True])
def test_numbers_and_plain_texts_stay_as_they_are(text: str | float | None) -> None:
    assert as_text(text) == text
