"""Random edits of good workbooks: what is read is what was meant, or its problem is told at its cell; never a crash.

A case is one to four edits with a seed. Each edit knows its own meaning: that nothing changed, that one field of one
row is now another, that a cell must be complained of, or that nothing can be said but that reading must not fail.
Most cases are read as cells in memory; some are written to files and read, and some are run.
"""

import datetime
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from broken_inputs.editing import Book, Page, good_book
from support.workbooks import contents

from markov.inputs.parameters import Inputs
from markov.inputs.problems import InputError, Problem
from markov.inputs.schema import PARAMETER_SHEETS, Sheet, match
from markov.inputs.workbook import read_inputs
from markov.model.evaluate import evaluate

CASES, A_TEST = 2000, 100
WORKBOOKS = ("calgb_100104", "myeloma_ix")
NUMERIC = ("value", "se", "low", "high", "base case", "price year")
PARAMETER_TITLES = tuple(sheet.value for sheet in PARAMETER_SHEETS)
PLACE = re.compile(r"[^!]+, (?P<sheet>[^,!]+)!(?P<cell>[A-Z]{1,3}\d+)")


Fields = Mapping[str, object]


@dataclass
class Case:
    """A workbook under edit: what must be told, what changed, and whether anything can be said of it at all."""

    book: Book
    random: random.Random
    changes: dict[tuple[str, str], object] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    told: list[Callable[[], str]] = field(default_factory=list)
    unsure: bool = False
    log: list[str] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)

    def sheet(self) -> str:
        """A parameter sheet that still has its name and header."""
        return self.random.choice([title for title in PARAMETER_TITLES if title in self.book.pages])

    def row(self, wanted: Callable[[str, Fields], bool] = lambda *_: True) -> tuple[str, str] | None:
        """The name of a sheet now, and the id of one of its rows that no edit has touched."""
        found = []
        for title, page in self.book.pages.items():
            if self.book.renamed.get(title, title) in PARAMETER_TITLES:
                for fields in page.table().values():
                    key = fields.get("id")
                    if isinstance(key, str) and match(key) and key not in self.touched and wanted(key, fields):
                        found.append((title, key))
        if not found:
            return None
        title, key = self.random.choice(found)
        self.touched.add(key)
        return title, key

    def must_tell(self, key: str, header: str, sheet: str = "") -> None:
        """A cell of which something must be said, wherever later edits move it."""
        title, position = self.book.find(key, header, sheet)
        self.follow(title, position)

    def follow(self, title: str, position: tuple[int, int]) -> None:
        """The same for a position."""
        mark = list(position)
        self.book[title].marks.append(mark)
        page = self.book[title]
        self.told.append(lambda: self.book.place(self._title_of(page), (mark[0], mark[1])))

    def _title_of(self, page: Page) -> str:
        return next(title for title, other in self.book.pages.items() if other is page)


Edit = Callable[[Case], bool]
"""Makes its edit and notes its meaning; False if there was nothing to edit."""


# Edits that mean nothing ---------------------------------------------------------------------------------------------


def insert_rows(case: Case) -> bool:
    page = case.book[case.random.choice(_tables(case.book))]
    if page.header_row > 20:
        return False
    page.shift_rows(case.random.randint(1, page.last_row + 1), case.random.randint(1, 3))
    return True


def insert_columns(case: Case) -> bool:
    page = case.book[case.random.choice(_tables(case.book))]
    page.shift_columns(case.random.randint(1, 8), case.random.randint(1, 3))
    return True


def swap_columns(case: Case) -> bool:
    """Two columns trade places, headers and all."""
    page = case.book[case.random.choice([t for t in _tables(case.book) if t != Sheet.CHANGE_LOG])]
    if page.merged or len(page.columns) < 2:
        return False
    first, second = case.random.sample(sorted(page.columns.values()), 2)
    trade = {first: second, second: first}
    top = page.header_row
    page.cells = {(r, trade.get(c, c) if r >= top else c): v for (r, c), v in page.cells.items()}
    for mark in page.marks:
        mark[1] = trade.get(mark[1], mark[1])
    return True


def move_row(case: Case) -> bool:
    """A parameter's row goes to the end of its sheet."""
    page = case.book[case.sheet()]
    if page.merged or not page.rows():
        return False
    row, last = case.random.choice(page.rows()), page.last_row + case.random.randint(1, 3)
    page.cells = {(last if r == row else r, c): v for (r, c), v in page.cells.items()}
    for mark in page.marks:
        mark[0] = last if mark[0] == row else mark[0]
    return True


def add_sheet(case: Case) -> bool:
    name = case.random.choice(["My notes", "Sheet1", "Calculations 2", "Überschlag", "注記"])
    if name in case.book.pages:
        return False
    junk = ("id", "value", 3.0, "unit", "#REF!", datetime.datetime(2026, 1, 1), "=A1", "Survival")
    spots = [(case.random.randint(1, 40), case.random.randint(1, 9)) for _ in range(30)]
    case.book.pages[name] = Page({spot: case.random.choice(junk) for spot in spots})
    return True


def add_column(case: Case) -> bool:
    page = case.book[case.random.choice(_tables(case.book))]
    column = max(c for _, c in page.cells) + case.random.randint(1, 4)
    page.cells[page.header_row, column] = case.random.choice(["checked by", "my remark", "2024", "colour ☺"])
    for row in page.rows()[::3]:
        page.cells[row, column] = case.random.choice(["AB", 1.5, True, "=A1", "#N/A"])
    return True


def shuffle_sheets(case: Case) -> bool:
    names = list(case.book.pages)
    case.random.shuffle(names)
    case.book.pages = {name: case.book.pages[name] for name in names}
    return True


def pad_texts(case: Case) -> bool:
    """Blanks around what an analyst typed, ordinary and non-breaking."""
    page = case.book[case.random.choice(_tables(case.book))]
    for position in case.random.sample(sorted(page.cells), min(8, len(page.cells))):
        value = page.cells[position]
        if isinstance(value, str) and not value.startswith("=") and position[0] >= page.header_row:
            page.cells[position] = case.random.choice([" {}", "{}  ", "\u00a0{} ", "\t{}\n"]).format(value)
    return True


def capital_headers(case: Case) -> bool:
    page = case.book[case.random.choice(_tables(case.book))]
    for column in page.columns.values():
        page.cells[page.header_row, column] = str(page.cells[page.header_row, column]).upper()
    return True


def rename_sheet_slightly(case: Case) -> bool:
    name = case.random.choice([t for t in _tables(case.book) if t == t.strip()])
    renamed = case.random.choice([f"{name} ", name.upper(), name.lower(), f" {name}"])
    case.book.pages = {renamed if key == name else key: page for key, page in case.book.pages.items()}
    case.book.renamed[renamed] = name
    return True


def blank_cells(case: Case) -> bool:
    page = case.book[case.random.choice(_tables(case.book))]
    for _ in range(20):
        spot = (page.header_row + case.random.randint(1, 200), case.random.randint(1, 30))
        page.cells.setdefault(spot, case.random.choice([" ", "  ", "\u00a0", "\t"]))
    return True


def whole_numbers_as_floats(case: Case) -> bool:
    for page in case.book.pages.values():
        page.cells = {p: float(v) if type(v) is int and p[0] > 4 else v for p, v in page.cells.items()}
    return True


# Edits that mean something -------------------------------------------------------------------------------------------


def scale_value(case: Case) -> bool:
    found = case.row(lambda key, fields: _is_number(fields, "value"))
    if found is None:
        return False
    sheet, key = found
    scaled = float(str(case.book.get(key, sheet=sheet))) * case.random.choice([0.9, 0.97, 1.02, 1.1])
    value = float(f"{scaled:.15g}")  # openpyxl, with which the files are made, writes 16 digits
    case.book.put(key, value, sheet=sheet)
    case.changes[key, "value"] = value
    return True


def write_remark(case: Case) -> bool:
    found = case.row()
    if found is None:
        return False
    words = case.random.choice(["Ünïcode “quotes” 李 <&>", "x" * 5000, "two\nlines", "'=not a formula", "☃ −1,5 %"])
    case.book.put(found[1], words, "comment", found[0])
    case.changes[found[1], "comment"] = words
    return True


def change_choice(case: Case) -> bool:
    found = case.row(lambda key, fields: key.startswith("settings.") and bool(_definition(key).choices))
    if found is None:
        return False
    value = case.random.choice(_definition(found[1]).choices)
    case.book.put(found[1], value, sheet=found[0])
    case.changes[found[1], "value"] = value
    return True


def delete_row(case: Case) -> bool:
    found = case.row()
    if found is None:
        return False
    title = found[0]
    _, (row, _) = case.book.find(found[1], "id", title)
    if any(mark[0] == row for mark in case.book[title].marks) or case.book[title].merged:
        return False
    case.book[title].shift_rows(row, -1)
    case.removed.add(found[1])
    return True


def empty_value(case: Case) -> bool:
    """A value that was there is empty: its default is used, and that is told."""
    found = case.row(lambda key, fields: fields.get("base case") not in (None, ""))
    if found is None or case.book.get(found[1], sheet=found[0]) is None:
        return False
    case.book.put(found[1], None, sheet=found[0])
    case.changes[found[1], "value"] = None
    case.must_tell(found[1], "value", found[0])
    return True


# Edits that must be told ---------------------------------------------------------------------------------------------

NOT_NUMBERS: tuple[object, ...] = (
    *("0,57", "12 %", "5%", "0.61", "n/a", "about 3", "−5", "1.234,5", "1,890", "GBP 10", "<0.001", "1e5", "½", "٣"),
    *(
        datetime.datetime(2026, 3, 1),
        datetime.time(12, 30),
        True,
        False,
        "#REF!",
        "#DIV/0!",
        "=1/3",
        1e300,
        -1e300,
        10**40,
    ),
)


def break_number(case: Case) -> bool:
    header = case.random.choice(NUMERIC)
    found = case.row(lambda key, fields: _definition(key).quantity is not None and fields.get(header) is not None)
    if found is None:
        return False
    case.book.put(found[1], case.random.choice(NOT_NUMBERS), header, found[0])
    case.must_tell(found[1], header, found[0])
    return True


def break_choice(case: Case) -> bool:
    found = case.row(lambda key, fields: bool(_definition(key).choices))
    if found is None:
        return False
    junk = case.random.choice(["unknown", "Weibul", 3.0, "=A1", "#N/A", "on/off", "½", True])
    case.book.put(found[1], junk, sheet=found[0])
    case.must_tell(found[1], "value", found[0])
    return True


def break_word(case: Case) -> bool:
    header = case.random.choice(["unit", "distribution", "status"])
    found = case.row(
        lambda key, fields: (
            _definition(key).quantity is not None and not _definition(key).is_method and _is_number(fields, "value")
        )
    )
    if found is None:
        return False
    case.book.put(found[1], case.random.choice(["per fortnight", "lognormal", "?", 7, "rëad"]), header, found[0])
    case.must_tell(found[1], "value", found[0])
    return True


def misspell_id(case: Case) -> bool:
    found = case.row()
    if found is None:
        return False
    sheet, key = found
    cut = case.random.randrange(len(key))
    slips = (
        key[:cut] + key[cut + 1 :],
        key.upper(),
        key.replace("a", "а", 1),
        key.replace(".", " ", 1),
        key[:-3],
        "",
        f"{key}.x",
    )
    slip = case.random.choice(slips)
    matched = match(slip)
    if slip == key or (matched and matched[1].get("strategy", "no_maintenance") in case.book.strategies()):
        return False
    title = sheet
    case.must_tell(key, "id", title)
    case.book.put(key, slip or None, "id", title)
    case.removed.add(key)
    return True


def repeat_row(case: Case) -> bool:
    found = case.row()
    if found is None:
        return False
    title = found[0]
    page = case.book[title]
    _, (row, column) = case.book.find(found[1], "id", title)
    last = page.last_row + 1
    page.cells |= {(last, c): v for (r, c), v in page.cells.items() if r == row}
    case.follow(title, (last, column))
    return True


def add_junk_row(case: Case) -> bool:
    sheet = case.sheet()
    page = case.book[sheet]
    if "id" not in page.columns:
        return False
    row = page.last_row + case.random.randint(1, 5)
    page.cells[row, page.columns["id"]] = case.random.choice(
        ["Total", "pfs", "x.y", "see note 3", 42, "PFS.shape.lenalidomide"]
    )
    page.cells[row, page.columns["value"]] = 1.0
    case.follow(sheet, (row, page.columns["id"]))
    return True


def misspell_header(case: Case) -> bool:
    sheet = case.sheet()
    page = case.book[sheet]
    header = case.random.choice(
        [h for h in ("value", "unit", "se", "low", "high", "distribution", "group") if h in page.columns] or [""]
    )
    if not header or any(mark for mark in page.marks):
        return False
    case.book.rename_header(
        sheet, header, case.random.choice(["my column", header[:-1] + "x", f"{header} (new)", None])
    )
    case.told.append(lambda: f"{case.book.name}, {case.book.renamed.get(sheet, sheet)}")
    case.unsure = True
    return True


def merge_cells(case: Case) -> bool:
    sheet = case.sheet()
    page = case.book[sheet]
    if page.merged or "value" not in page.columns or len(page.rows()) < 3:
        return False
    rows = page.rows()
    row, column = case.random.choice(rows[:-1]), page.columns["value"]
    if page.cells.get((row, column)) is None:
        return False
    page.merged.append((row, column, row + 1, column))
    case.follow(sheet, (row, column))
    case.unsure = True
    return True


def break_life_table(case: Case) -> bool:
    titles = [t for t in case.book.pages if case.book.renamed.get(t, t) in ("Life table", "Population utility")]
    if not titles:
        return False
    title = case.random.choice(titles)
    page = case.book[title]
    rows, columns = page.rows(), page.columns
    row = case.random.choice(rows[30:70])
    kind = case.random.choice(["gap", "twice", "text", "percent", "empty", "reverse"])
    value = page.columns["qx_male" if "qx_male" in columns else "male"]
    if kind == "gap":
        page.shift_rows(row, -1)
    elif kind == "twice":
        page.cells[row, columns["age"]] = page.cells.get((row - 1, columns["age"]), 0)
    elif kind == "reverse":
        ages = [page.cells[r, columns["age"]] for r in rows if (r, columns["age"]) in page.cells]
        for r, age in zip([r for r in rows if (r, columns["age"]) in page.cells], reversed(ages), strict=True):
            page.cells[r, columns["age"]] = age
    else:
        page.cells[row, value] = {"text": "0,01", "percent": 45.0, "empty": None}[kind]
    case.told.append(lambda: f"{case.book.name}, {case.book.renamed.get(title, title)}")
    case.unsure = True
    return True


def rename_sheet(case: Case) -> bool:
    name = case.sheet()
    case.book.pages = {"Old" if key == name else key: page for key, page in case.book.pages.items()}
    case.told = [lambda: case.book.name]
    case.unsure = True
    return True


# Edits of which nothing can be said ----------------------------------------------------------------------------------


def swap_header_words(case: Case) -> bool:
    page = case.book[case.random.choice(_tables(case.book))]
    if len(page.columns) < 2:
        return False
    first, second = case.random.sample(sorted(page.columns.values()), 2)
    row = page.header_row
    page.cells[row, first], page.cells[row, second] = page.cells[row, second], page.cells[row, first]
    case.unsure = True
    return True


def paste_junk(case: Case) -> bool:
    page = case.book[case.random.choice(list(case.book.pages))]
    top, left = case.random.randint(1, 30), case.random.randint(1, 10)
    junk = (
        *NOT_NUMBERS,
        "lenalidomide",
        "yes",
        "id",
        "value",
        "pfs.shape.lenalidomide",
        0,
        -1,
        1,
        "settings.reference",
    )
    for _ in range(30):
        page.cells[top + case.random.randint(0, 8), left + case.random.randint(0, 6)] = case.random.choice(junk)
    case.unsure = True
    return True


def cut_rows(case: Case) -> bool:
    page = case.book[case.random.choice(_tables(case.book))]
    if page.rows():
        page.shift_rows(case.random.choice(page.rows()), -case.random.randint(1, 40))
    case.unsure = True
    return True


def swap_values(case: Case) -> bool:
    """Two values of a sheet trade places: of one kind or not."""
    page = case.book[case.sheet()]
    column = page.columns.get("value")
    rows = page.rows()
    if column is None or len(rows) < 2:
        return False
    a, b = case.random.sample(rows, 2)
    page.cells[a, column], page.cells[b, column] = page.cells.get((b, column)), page.cells.get((a, column))
    case.unsure = True
    return True


HARMLESS: tuple[Edit, ...] = (
    insert_rows,
    insert_columns,
    swap_columns,
    move_row,
    add_sheet,
    add_column,
    shuffle_sheets,
    pad_texts,
    capital_headers,
    rename_sheet_slightly,
    blank_cells,
    whole_numbers_as_floats,
)
MEANT: tuple[Edit, ...] = (scale_value, write_remark, change_choice, delete_row, empty_value)
HARMFUL: tuple[Edit, ...] = (
    break_number,
    break_number,
    break_choice,
    break_word,
    misspell_id,
    repeat_row,
    add_junk_row,
    misspell_header,
    merge_cells,
    break_life_table,
    rename_sheet,
)
UNSURE: tuple[Edit, ...] = (swap_header_words, paste_junk, cut_rows, swap_values)


# Ingredients ---------------------------------------------------------------------------------------------------------


def _tables(book: Book) -> list[str]:
    known = {sheet.value for sheet in Sheet} - {"Cover"}
    return [title for title in book.pages if book.renamed.get(title, title) in known]


def _definition(key: str) -> Any:
    found = match(key)
    assert found is not None, key
    return found[0]


def _is_number(fields: Fields, header: str) -> bool:
    value = fields.get(header)
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@lru_cache(maxsize=4)
def _original(name: str) -> Inputs:
    return good_book(name).read()


def _edited(seed: int) -> Case:
    chance = random.Random(seed)
    case = Case(good_book(WORKBOOKS[seed % len(WORKBOOKS)]), chance)
    kinds = chance.choices((HARMLESS, MEANT, HARMFUL, UNSURE), weights=(4, 3, 3, 1), k=chance.randint(1, 4))
    # What can no longer be followed comes last.
    for kind in sorted(kinds, key=lambda k: k is UNSURE):
        edit = chance.choice(kind)
        if edit(case):
            case.log.append(edit.__name__)
            case.told = [] if kind is UNSURE else case.told
    return case


def _expected(case: Case, name: str) -> dict[str, object]:
    expected = contents(_original(name))
    rows = dict(expected["parameters"])  # type: ignore[call-overload]
    for (key, field_name), value in case.changes.items():
        text = " ".join(str(value).split("\x00")).strip() if isinstance(value, str) else value
        rows[key] = replace(rows[key], **{field_name: text})
    expected["parameters"] = {key: row for key, row in rows.items() if key not in case.removed}
    return expected


def _read(case: Case) -> tuple[Inputs | None, tuple[Problem, ...]]:
    try:
        inputs = case.book.read()
    except InputError as error:
        return None, error.problems
    return inputs, inputs.warnings


def _assert_located(case: Case, problems: tuple[Problem, ...]) -> None:
    """Every problem names the file and, where it names a cell, one that could be there; in one line of words."""
    for problem in problems:
        assert problem.place == case.book.name or problem.place.startswith(f"{case.book.name}, "), problem
        found = PLACE.fullmatch(problem.place)
        assert found is None or found["sheet"] in [sheet.value for sheet in Sheet], problem
        assert ("!" in problem.place) == (found is not None), problem
        assert "\n" not in str(problem)
        assert problem.rule.strip()


def _assert_told(case: Case, problems: tuple[Problem, ...]) -> None:
    places = {problem.place for problem in problems}
    unread = {p.place.partition("!")[0] for p in problems if p.rule.startswith("column") and not p.warning}
    for place_of in case.told:
        place = place_of()
        if place.partition("!")[0] in unread:
            continue  # a table whose header is broken is told as a whole
        assert place in places or any(p.startswith(f"{place}!") for p in places), (case.log, place, sorted(places))


def _assert_excused(case: Case, problems: tuple[Problem, ...]) -> None:
    """What is refused without a broken cell is about a value that was changed, or a row that is gone."""
    words = {key for key, _ in case.changes} | case.removed
    for problem in problems:
        text = str(problem)
        about = any(key in text or key.split(".")[-1] in text for key in words)
        assert problem.warning or about, (case.log, text)


def check(seed: int) -> Case:
    """One case, from its edits to the assertions."""
    case = _edited(seed)
    name = WORKBOOKS[seed % len(WORKBOOKS)]
    inputs, problems = _read(case)
    _assert_located(case, problems)
    _assert_told(case, problems)
    if case.unsure:
        return case
    if inputs is not None:
        mine, theirs = contents(inputs), _expected(case, name)
        for key, value in theirs.items():
            assert mine[key] == value, (case.log, key)
    elif not case.told:
        _assert_excused(case, problems)
    return case


# Tests ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", range(0, CASES, A_TEST))
def test_what_is_read_is_what_was_meant_or_the_problem_is_told_at_its_cell(start: int) -> None:
    for seed in range(start, start + A_TEST):
        try:
            check(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}, edits {_edited(seed).log}: {error!r}") from error


def test_the_cases_are_of_every_kind() -> None:
    cases = [_edited(seed) for seed in range(300)]
    made = {name for case in cases for name in case.log}
    assert made == {edit.__name__ for edit in (*HARMLESS, *MEANT, *HARMFUL, *UNSURE)}
    assert sum(not case.told and not case.unsure for case in cases) > 80
    assert sum(bool(case.told) for case in cases) > 80


def _accepted(seeds: Iterator[int], number: int) -> Iterator[tuple[int, Case, Inputs]]:
    for seed in seeds:
        case = _edited(seed)
        inputs, _ = _read(case)
        if inputs is not None:
            yield seed, case, inputs
            number -= 1
        if not number:
            return


def test_what_is_accepted_can_be_run_and_harmless_edits_change_no_result() -> None:
    base = {name: evaluate(_original(name)) for name in WORKBOOKS}
    for seed, case, inputs in _accepted(iter(range(CASES, 2 * CASES)), 40):
        outcomes = evaluate(inputs)
        assert np.isfinite(outcomes.cost).all(), (seed, case.log)
        assert np.isfinite(outcomes.qaly).all(), (seed, case.log)
        if not (case.changes or case.removed or case.unsure):
            original = base[WORKBOOKS[seed % len(WORKBOOKS)]]
            np.testing.assert_array_equal(outcomes.cost, original.cost, err_msg=f"{seed} {case.log}")
            np.testing.assert_array_equal(outcomes.qaly, original.qaly, err_msg=f"{seed} {case.log}")


def test_a_treatment_without_a_product_can_be_run() -> None:
    book = good_book()
    book.put("dose.amount.lenalidomide_10mg.lenalidomide", None)
    assert np.isfinite(evaluate(book.read()).cost).all()


FORMATS = ("0.00", "0.0 %", "General", "@", "#,##0", '"GBP" 0', "0.00E+00", "[Red]0")


@pytest.mark.parametrize("start", range(3 * CASES, 3 * CASES + 30, 10))
def test_files_read_as_their_cells_do_whatever_their_formats(start: int, tmp_path: Path) -> None:
    for seed in range(start, start + 10):
        case = _edited(seed)
        if len({title.strip().lower() for title in case.book.pages}) < len(case.book.pages):
            continue  # no file has two sheets of one name
        inputs, problems = _read(case)
        path = case.book.save(tmp_path)
        _format(path, case.random)
        try:
            found = read_inputs(path)
        except InputError as error:
            assert inputs is None, (seed, case.log, str(error))
            assert sorted(map(str, error.problems)) == sorted(map(str, problems)), (seed, case.log)
        else:
            assert inputs is not None, (seed, case.log)
            assert contents(found) == contents(inputs), (seed, case.log)


def _format(path: Path, chance: random.Random) -> None:
    """Formats that change how a number looks and not what it is, widths, colours and hidden columns."""
    book = openpyxl.load_workbook(path)
    for page in book.worksheets:
        page.sheet_view.zoomScale = 85
        page.column_dimensions["B"].hidden = True
        for row in page.iter_rows(min_row=5):
            for cell in chance.sample(row, min(2, len(row))):
                if isinstance(cell.value, (int, float)):
                    cell.number_format = chance.choice(FORMATS)
    book.save(path)
