"""Tables of comma-separated values: every cell knows its line and column, and what is no table is refused."""

from pathlib import Path

import pytest

from markov.inputs.problems import InputError
from markov.inputs.reading.csv_table import read_table


def saved(folder: Path, content: str | bytes) -> Path:
    path = folder / "points.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_cells_remember_line_and_column_past_blank_lines_and_a_mark_of_excel(tmp_path: Path) -> None:
    rows = read_table(saved(tmp_path, "\ufeffstrategy,months,value\nlen,0,1\n\n,,\nlen,12\n"))
    assert [[cell.value for cell in row.values()] for row in rows] == [["len", 0.0, 1.0], ["len", 12.0, None]]
    assert rows[1]["months"].place == "points.csv, months in line 5"


def test_words_that_pandas_takes_for_nothing_stay_words(tmp_path: Path) -> None:
    (row,) = read_table(saved(tmp_path, "strategy,value,comment\nNA,n/a,null\n"))
    assert [cell.value for cell in row.values()] == ["NA", "n/a", "null"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n1,2\n1,2,3\n", "line 3"),
        ("a,b\n1,2,3\n", "as many commas as the first"),
        ('a,b\n"1,2\n', "is no table"),
        ("", "is no table"),
        ("a,b\né,1\n".encode("latin-1"), "CSV UTF-8"),
    ],
)
def test_what_is_no_table_is_refused_by_name(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        read_table(saved(tmp_path, content))
    assert "points.csv" in str(error.value)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv"):
        read_table(tmp_path / "none.csv")
