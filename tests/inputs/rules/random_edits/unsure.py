"""Edits of which nothing can be said, but that reading must not fail."""

from .case import Case, Edit, tables
from .harmful import NOT_NUMBERS


def swap_header_words(case: Case) -> bool:
    page = case.book[case.random.choice(tables(case.book))]
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
    page = case.book[case.random.choice(tables(case.book))]
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


UNSURE: tuple[Edit, ...] = (swap_header_words, paste_junk, cut_rows, swap_values)
