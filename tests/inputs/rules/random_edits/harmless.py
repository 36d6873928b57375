"""Edits that mean nothing: what is read stays as it was."""

import datetime

from markov.inputs.definitions.schema import Sheet
from tests.inputs.rules.broken_inputs.editing import Page

from .case import Case, Edit, tables


def insert_rows(case: Case) -> bool:
    page = case.book[case.random.choice(tables(case.book))]
    if page.header_row > 20:
        return False
    page.shift_rows(case.random.randint(1, page.last_row + 1), case.random.randint(1, 3))
    return True


def insert_columns(case: Case) -> bool:
    page = case.book[case.random.choice(tables(case.book))]
    page.shift_columns(case.random.randint(1, 8), case.random.randint(1, 3))
    return True


def swap_columns(case: Case) -> bool:
    """Two columns trade places, headers and all."""
    page = case.book[case.random.choice([t for t in tables(case.book) if t != Sheet.CHANGE_LOG])]
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
    page = case.book[case.random.choice(tables(case.book))]
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
    page = case.book[case.random.choice(tables(case.book))]
    for position in case.random.sample(sorted(page.cells), min(8, len(page.cells))):
        value = page.cells[position]
        if isinstance(value, str) and not value.startswith("=") and position[0] >= page.header_row:
            page.cells[position] = case.random.choice([" {}", "{}  ", "\u00a0{} ", "\t{}\n"]).format(value)
    return True


def capital_headers(case: Case) -> bool:
    page = case.book[case.random.choice(tables(case.book))]
    for column in page.columns.values():
        page.cells[page.header_row, column] = str(page.cells[page.header_row, column]).upper()
    return True


def rename_sheet_slightly(case: Case) -> bool:
    name = case.random.choice([t for t in tables(case.book) if t == t.strip()])
    renamed = case.random.choice([f"{name} ", name.upper(), name.lower(), f" {name}"])
    case.book.pages = {renamed if key == name else key: page for key, page in case.book.pages.items()}
    case.book.renamed[renamed] = name
    return True


def blank_cells(case: Case) -> bool:
    page = case.book[case.random.choice(tables(case.book))]
    for _ in range(20):
        spot = (page.header_row + case.random.randint(1, 200), case.random.randint(1, 30))
        page.cells.setdefault(spot, case.random.choice([" ", "  ", "\u00a0", "\t"]))
    return True


def whole_numbers_as_floats(case: Case) -> bool:
    for page in case.book.pages.values():
        page.cells = {p: float(v) if type(v) is int and p[0] > 4 else v for p, v in page.cells.items()}
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
