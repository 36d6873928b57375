"""The marked copy: every problem on its cell and in a list with links; the original as it was."""

from pathlib import Path

import openpyxl
import pytest

from markov.excel.style import BAD, WARN
from markov.inputs.problems import Problem
from markov.inputs.writing.annotate import MARK, annotate, is_marked_copy
from markov.inputs.writing.template import shipped
from tests.inputs.rules.broken_inputs.editing import Book, good_book, problems_of
from tests.support.command import markov

HR, DEATH = "os.hazard_ratio.lenalidomide", "cost.event.death"


def broken() -> Book:
    book = good_book()
    book.put(HR, "0,57")
    book.put(DEATH, "=HYPERLINK(1)")
    book.put("cohort.age", 96)
    book.put("utility.progression", 64)
    book.put("utility.progression", "EQ-5D, US", "value set")
    del book.pages["Trial results"]
    return book


@pytest.fixture
def marked(tmp_path: Path) -> tuple[Path, Path, tuple[Problem, ...]]:
    """The broken workbook, its marked copy, and what is wrong with it."""
    source, problems = broken().save(tmp_path), problems_of(broken())
    annotate(source, problems, tmp_path / "marked.xlsx")
    return source, tmp_path / "marked.xlsx", problems


def test_every_problem_with_a_cell_is_marked_there_with_rule_and_remedy(
    marked: tuple[Path, Path, tuple[Problem, ...]],
) -> None:
    _, copy, problems = marked
    book = openpyxl.load_workbook(copy)
    placed = [problem for problem in problems if "!" in problem.place]
    assert len(placed) >= 5
    for problem in placed:
        sheet, cell = problem.place.removeprefix("broken.xlsx, ").split("!")
        found = book[sheet][cell]
        assert found.comment is not None
        assert problem.rule in found.comment.text
        assert problem.remedy in found.comment.text
        assert found.fill.fgColor.rgb.endswith((BAD.lstrip("#"), WARN.lstrip("#")))


def test_an_error_is_marked_as_one_and_a_warning_otherwise(marked: tuple[Path, Path, tuple[Problem, ...]]) -> None:
    book = openpyxl.load_workbook(marked[1])
    title, (row, column) = broken().find(HR)
    assert book[title].cell(row, column).fill.fgColor.rgb.endswith(BAD.lstrip("#"))
    title, (row, column) = broken().find("cohort.age")
    assert book[title].cell(row, column).fill.fgColor.rgb.endswith(WARN.lstrip("#"))


def test_the_list_stands_first_with_every_problem_and_a_link_to_its_cell(
    marked: tuple[Path, Path, tuple[Problem, ...]],
) -> None:
    _, copy, problems = marked
    book = openpyxl.load_workbook(copy)
    page = book.worksheets[0]
    assert page["A1"].value == MARK
    rows = list(page.iter_rows(min_row=5))
    assert [row[3].value for row in rows] == [problem.rule for problem in problems]
    assert [row[1].value for row in rows] == ["warning" if p.warning else "problem" for p in problems]
    for row, problem in zip(rows, problems, strict=True):
        if "!" in problem.place:
            sheet, cell = problem.place.removeprefix("broken.xlsx, ").split("!")
            assert row[2].hyperlink is not None
            assert row[2].hyperlink.location == f"'{sheet}'!{cell}"
    missing = next(row for row in rows if row[3].value == 'sheet "Trial results" is missing')
    assert missing[2].value == "broken.xlsx"


def test_what_an_analyst_typed_is_quoted_and_never_calculated(tmp_path: Path) -> None:
    source = good_book().save(tmp_path)
    place = f"broken.xlsx, Costs!C{good_book().find(DEATH)[1][0]}"
    annotate(source, [Problem(place, "=1+1", '=HYPERLINK("x")', "=2+2")], tmp_path / "marked.xlsx")
    page = openpyxl.load_workbook(tmp_path / "marked.xlsx").worksheets[0]
    assert [(cell.value, cell.data_type) for cell in page[5][3:6]] == [
        ("=1+1", "s"),
        ('=HYPERLINK("x")', "s"),
        ("=2+2", "s"),
    ]


def test_a_note_that_was_there_is_kept_and_so_is_everything_else(tmp_path: Path) -> None:
    source = tmp_path / "broken.xlsx"
    book = openpyxl.load_workbook(shipped("calgb_100104"))
    title, (row, column) = good_book().find(HR)
    book[title].cell(row, column).comment = openpyxl.comments.Comment("ask the statistician", "AB")
    book.create_sheet("Problems")["A1"] = "mine"
    book.save(source)
    problem = Problem(f"broken.xlsx, {title}!{book[title].cell(row, column).coordinate}", "a rule", None, "a remedy.")
    annotate(source, [problem, problem], tmp_path / "marked.xlsx")
    after = openpyxl.load_workbook(tmp_path / "marked.xlsx")
    comment = after[title].cell(row, column).comment
    assert comment is not None
    assert "ask the statistician" in comment.text
    assert comment.text.count("a rule") == 2
    assert after["Problems"]["A1"].value == "mine"
    before = openpyxl.load_workbook(source)
    for name in book.sheetnames:
        values = [[cell.value for cell in line] for line in before[name].iter_rows()]
        assert [[cell.value for cell in line] for line in after[name].iter_rows()] == values


def test_a_sheet_under_a_name_of_its_own_is_found(tmp_path: Path) -> None:
    book = good_book()
    book.put(HR, "0,57")
    book.pages = {("SURVIVAL " if name == "Survival" else name): page for name, page in book.pages.items()}
    annotate(book.save(tmp_path), problems_of(book), tmp_path / "marked.xlsx")
    title, (row, column) = book.find(HR)
    assert openpyxl.load_workbook(tmp_path / "marked.xlsx")[title].cell(row, column).comment is not None


def test_the_original_is_never_the_target(tmp_path: Path) -> None:
    source = good_book().save(tmp_path)
    before = source.read_bytes()
    with pytest.raises(FileExistsError, match="the workbook itself"):
        annotate(source, [], source)
    assert source.read_bytes() == before


# The command ---------------------------------------------------------------------------------------------------------


def test_check_annotate_writes_a_copy_says_what_it_is_for_and_ends_with_2(tmp_path: Path) -> None:
    source = broken().save(tmp_path)
    before = source.read_bytes()
    done = markov("check", "broken.xlsx", "--annotate", folder=tmp_path)
    assert done.returncode == 2
    assert "Marked copy: broken.problems.xlsx" in done.stderr
    assert "which was not touched" in done.stderr
    assert "Traceback" not in done.stderr
    assert source.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.problems.xlsx", "broken.xlsx"]
    assert is_marked_copy(tmp_path / "broken.problems.xlsx")
    assert not is_marked_copy(source)
    again = markov("check", "broken.xlsx", "--annotate", folder=tmp_path)
    assert again.returncode == 2, "a marked copy may be written again"


def test_a_sound_workbook_gets_its_warnings_marked(tmp_path: Path) -> None:
    good_book().save(tmp_path)
    done = markov("check", "broken.xlsx", "--annotate", "--out", "marked.xlsx", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "is sound" in done.stdout
    assert "Marked copy: marked.xlsx" in done.stdout


def test_a_file_that_is_no_marked_copy_is_never_replaced(tmp_path: Path) -> None:
    broken().save(tmp_path)
    (tmp_path / "broken.problems.xlsx").write_bytes(shipped("calgb_100104").read_bytes())
    done = markov("check", "broken.xlsx", "--annotate", folder=tmp_path)
    assert done.returncode == 3
    assert "is no marked copy" in done.stderr
    assert (tmp_path / "broken.problems.xlsx").read_bytes() == shipped("calgb_100104").read_bytes()


def test_what_is_no_workbook_cannot_be_marked_and_is_refused_as_ever(tmp_path: Path) -> None:
    (tmp_path / "notes.xlsx").write_text("notes")
    done = markov("check", "notes.xlsx", "--annotate", folder=tmp_path)
    assert done.returncode == 2
    assert "is not an Excel workbook" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.xlsx"]


def test_pfs_above_os_is_a_problem_under_the_error_policy(tmp_path: Path) -> None:
    book = good_book()
    book.put("settings.crossing", "error")
    book.put("os.family.no_maintenance", "exponential")
    book.remove("os.shape.no_maintenance")
    book.put("os.median.no_maintenance", 20.0)
    book.save(tmp_path)
    done = markov("check", "broken.xlsx", folder=tmp_path)
    assert done.returncode == 2
    assert f"{book.at('settings.crossing')}: PFS of no_maintenance rises above its OS" in done.stderr
    assert "Choose cap_hazard or cap_curve" in done.stderr
