"""Mutations of cells, rows, columns, headers and sheets, on a workbook as the reader meets it."""

import datetime
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from markov.inputs.definitions.schema import PARAMETER_SHEETS
from markov.inputs.reading.file import File, Grid, Position

PARAMETERS = tuple(sheet.value for sheet in PARAMETER_SHEETS)
HEADER_ROW = 4  # of the shipped workbooks
NAME = "fuzzed.xlsx"

Cells = dict[Position, object]


@dataclass
class Sketch:
    """A workbook under mutation; what was written by id, whether results must be the base's, and what was done."""

    pages: dict[str, Cells]
    random: random.Random
    merged: dict[str, list[tuple[int, int, int, int]]] = field(default_factory=dict)
    written: dict[str, float] = field(default_factory=dict)
    same: bool = True
    moved: bool = False
    log: list[str] = field(default_factory=list)

    def edit(self, title: str) -> Cells:
        """A sheet's cells, copied before their first change."""
        self.pages[title] = dict(self.pages[title])
        return self.pages[title]

    def title(self, wanted: tuple[str, ...] = ()) -> str:
        """A sheet at random."""
        return self.random.choice([t for t in self.pages if not wanted or t in wanted] or list(self.pages))

    def rows(self, title: str) -> list[int]:
        """The rows of a sheet's table."""
        return sorted({row for row, _ in self.pages[title] if row > HEADER_ROW})

    def columns(self, title: str) -> dict[str, int]:
        """The columns of a sheet by header."""
        return {str(v).strip().lower(): c for (r, c), v in self.pages[title].items() if r == HEADER_ROW}

    def file(self) -> File:
        """The workbook as the reader meets it; a text that begins with = is a formula that was never calculated."""
        grids = {}
        for title, cells in self.pages.items():
            formulas = frozenset(p for p, v in cells.items() if isinstance(v, str) and v[:1] == "=")
            kept = {p: v for p, v in cells.items() if v is not None and p not in formulas} if formulas else cells
            grids[title] = Grid(kept, formulas, tuple(self.merged.get(title, ())))
        return File(NAME, grids)


Mutation = Callable[[Sketch], object]

JUNK: tuple[object, ...] = (
    *(None, "", " ", "0,57", "12 %", "n/a", "−5", "½", "٣", "１", "1e5", "NaN", "inf", "=1+1", "+1", "-1", "@SUM(A1)"),
    *(
        "#REF!",
        "#N/A",
        True,
        False,
        0,
        -1,
        1,
        2,
        3,
        0.5,
        1e300,
        -1e300,
        5e-324,
        1e15,
        10**40,
        float("inf"),
        float("nan"),
    ),
    *(datetime.datetime(2026, 3, 1), datetime.time(12, 30), datetime.timedelta(hours=3), datetime.date(1900, 1, 1)),
    *("id", "value", "yes", "no", "lenalidomide", "no_maintenance", "settings.reference", "pfs.shape.lenalidomide"),
    *(
        "x" * 40_000,
        "\u202egnp.exe",
        "a\u0301",
        "\U0001f4a5",
        "<b>&amp;",
        "../../etc/passwd",
        "a\nb",
        "\ufeffid",
        "common",
    ),
)
FACTORS = (0.0, -1.0, 0.1, 0.5, 0.9, 1.0, 1.1, 2.0, 10.0, 1000.0)
NUMBERS = (
    0.0,
    1.0,
    -1.0,
    0.5,
    2.0,
    100.0,
    1e-9,
    1e-300,
    5e-324,
    1e6,
    1e9,
    1e14,
    0.999999999,
    1.000000001,
    365.25,
    0.1 + 0.2,
)


# What changes nothing ------------------------------------------------------------------------------------------------


def shuffle_rows(sketch: Sketch) -> None:
    title = sketch.title(PARAMETERS)
    rows = sketch.rows(title)
    to = dict(zip(rows, sketch.random.sample(rows, len(rows)), strict=True))
    sketch.pages[title] = {(to.get(r, r), c): v for (r, c), v in sketch.pages[title].items()}
    sketch.moved = True


def shuffle_columns(sketch: Sketch) -> None:
    title = sketch.title(PARAMETERS)
    columns = list(sketch.columns(title).values())
    to = dict(zip(columns, sketch.random.sample(columns, len(columns)), strict=True))
    sketch.pages[title] = {(r, to.get(c, c) if r >= HEADER_ROW else c): v for (r, c), v in sketch.pages[title].items()}


def shuffle_sheets(sketch: Sketch) -> None:
    titles = list(sketch.pages)
    sketch.random.shuffle(titles)
    sketch.pages = {title: sketch.pages[title] for title in titles}


def insert_rows(sketch: Sketch) -> None:
    title, by = sketch.title(), sketch.random.choice([1, 2, 50, 1000])
    start = sketch.random.choice([HEADER_ROW + 1, *sketch.rows(title)])
    sketch.pages[title] = {(r + by * (r >= start), c): v for (r, c), v in sketch.pages[title].items()}


def insert_columns(sketch: Sketch) -> None:
    title, start = sketch.title(PARAMETERS), sketch.random.randint(1, 12)
    by = sketch.random.choice([1, 3, 200])
    sketch.pages[title] = {(r, c + by * (c >= start)): v for (r, c), v in sketch.pages[title].items()}


def add_notes(sketch: Sketch) -> None:
    """A column of the analyst's own, and stray cells far away."""
    cells = sketch.edit(sketch.title(PARAMETERS))
    cells[HEADER_ROW, 40] = "checked by"
    cells |= {(row, 40): sketch.random.choice([1.0, "AB", "=A1", "#N/A"]) for row in range(5, 9)}
    cells[1_048_576, 16_384] = " "


def add_sheet(sketch: Sketch) -> None:
    name = sketch.random.choice(["Notes", "注記", "Copy of Costs", "a" * 31, "../x"])
    sketch.pages[name] = dict(sketch.pages[sketch.title()])


def capitals(sketch: Sketch) -> None:
    cells = sketch.edit(sketch.title(PARAMETERS))
    cells |= {p: f" {v.upper()}\u00a0" for p, v in cells.items() if p[0] == HEADER_ROW and isinstance(v, str)}


def blanks(sketch: Sketch) -> None:
    cells = sketch.edit(sketch.title(PARAMETERS))
    for _ in range(10):
        spot = (sketch.random.randint(5, 400), sketch.random.randint(1, 30))
        cells.setdefault(spot, sketch.random.choice(["", " ", "\u00a0", "\t"]))


# What changes a number -----------------------------------------------------------------------------------------------


def write_number(sketch: Sketch) -> None:
    """Another number in a value cell of a row whose id is there once."""
    title = sketch.title(PARAMETERS)
    columns = sketch.columns(title)
    if not {"id", "value"} <= set(columns):
        return
    numbers = [r for r in sketch.rows(title) if type(sketch.pages[title].get((r, columns["value"]))) in (int, float)]
    if not numbers:
        return
    cells, row = sketch.edit(title), sketch.random.choice(numbers)
    old = float(str(cells[row, columns["value"]]))
    new = sketch.random.choice(NUMBERS) if sketch.random.random() < 0.4 else old * sketch.random.choice(FACTORS)
    cells[row, columns["value"]] = new
    sketch.written[str(cells.get((row, columns["id"])))] = new
    sketch.same = False


# What may change anything --------------------------------------------------------------------------------------------


def junk_cell(sketch: Sketch) -> None:
    cells = sketch.edit(sketch.title())
    cells[sketch.random.choice(list(cells))] = sketch.random.choice(JUNK)


def junk_value(sketch: Sketch) -> None:
    title = sketch.title(PARAMETERS)
    column = sketch.columns(title).get(
        sketch.random.choice(["value", "se", "low", "high", "unit", "distribution", "id"])
    )
    if column is not None and sketch.rows(title):
        sketch.edit(title)[sketch.random.choice(sketch.rows(title)), column] = sketch.random.choice(JUNK)


def junk_block(sketch: Sketch) -> None:
    cells = sketch.edit(sketch.title())
    top, left = sketch.random.randint(1, 60), sketch.random.randint(1, 12)
    for _ in range(sketch.random.choice([5, 30])):
        spot = (top + sketch.random.randint(0, 9), left + sketch.random.randint(0, 5))
        cells[spot] = sketch.random.choice(JUNK)


def fill_column(sketch: Sketch) -> None:
    """One value in every row of a column."""
    title = sketch.title()
    columns = list(sketch.columns(title).values()) or [2]
    value, column = sketch.random.choice(JUNK), sketch.random.choice(columns)
    sketch.edit(title).update({(row, column): value for row in sketch.rows(title)})


def swap_cells(sketch: Sketch) -> None:
    cells = sketch.edit(sketch.title())
    if len(cells) > 1:
        one, other = sketch.random.sample(list(cells), 2)
        cells[one], cells[other] = cells[other], cells[one]


def delete_rows(sketch: Sketch) -> None:
    title = sketch.title()
    rows = sketch.rows(title)
    if rows:
        start = sketch.random.choice(rows)
        gone = range(start, start + sketch.random.choice([1, 1, 1, 3, 500]))
        sketch.pages[title] = {(r, c): v for (r, c), v in sketch.pages[title].items() if r not in gone}


def repeat_rows(sketch: Sketch) -> None:
    title = sketch.title()
    rows = sketch.rows(title)
    if rows:
        row = sketch.random.choice(rows)
        copies = {(rows[-1] + n, c): v for n in (1, 2) for (r, c), v in sketch.pages[title].items() if r == row}
        sketch.edit(title).update(copies)


def reverse_rows(sketch: Sketch) -> None:
    title = sketch.title()
    rows = sketch.rows(title)
    to = dict(zip(rows, reversed(rows), strict=True))
    sketch.pages[title] = {(to.get(r, r), c): v for (r, c), v in sketch.pages[title].items()}


def delete_column(sketch: Sketch) -> None:
    title = sketch.title()
    columns = list(sketch.columns(title).values())
    if columns:
        gone = sketch.random.choice(columns)
        sketch.pages[title] = {(r, c): v for (r, c), v in sketch.pages[title].items() if c != gone}


def junk_header(sketch: Sketch) -> None:
    title = sketch.title()
    columns = list(sketch.columns(title).values())
    if columns:
        junk = sketch.random.choice([*JUNK, *sketch.columns(title)])
        sketch.edit(title)[HEADER_ROW, sketch.random.choice(columns)] = junk


def drop_sheet(sketch: Sketch) -> None:
    if len(sketch.pages) > 1:
        sketch.pages.pop(sketch.title())


def rename_sheet(sketch: Sketch) -> None:
    title = sketch.title()
    to = sketch.random.choice([title[:-1], title.upper(), f"{title} ", "Sheet1", "x" * 31, "Сosts", sketch.title()])
    sketch.pages = {to if name == title else name: cells for name, cells in sketch.pages.items()}


def repeat_sheet(sketch: Sketch) -> None:
    title = sketch.title()
    sketch.pages[sketch.random.choice([f"{title} ", title.upper(), f"{title} (2)"])] = dict(sketch.pages[title])


def paste_sheet(sketch: Sketch) -> None:
    """The cells of one sheet under the name of another."""
    sketch.pages[sketch.title()] = dict(sketch.pages[sketch.title()])


def transpose(sketch: Sketch) -> None:
    title = sketch.title()
    sketch.pages[title] = {(c, r): v for (r, c), v in sketch.pages[title].items() if r <= 16_384}


def merge(sketch: Sketch) -> None:
    title = sketch.title()
    row, column = sketch.random.randint(1, 60), sketch.random.randint(1, 8)
    area = (row, column, row + sketch.random.randint(0, 3), column + sketch.random.randint(0, 3))
    sketch.merged.setdefault(title, []).append(area)


def new_names(sketch: Sketch) -> None:
    """One id, a strategy's or a parameter's, by another word in every cell."""
    old = sketch.random.choice(["lenalidomide", "thalidomide", "no_maintenance", "progression", "neutropenia"])
    new = sketch.random.choice(["x", "common", "costs", "a" * 300, "no", "generic"])
    for title in list(sketch.pages):
        cells = sketch.edit(title)
        cells |= {p: v.replace(old, new) for p, v in cells.items() if isinstance(v, str) and old in v}


HARMLESS: tuple[Mutation, ...] = (
    *(shuffle_rows, shuffle_columns, shuffle_sheets, insert_rows, insert_columns),
    *(add_notes, add_sheet, capitals, blanks),
)
HARMFUL: tuple[Mutation, ...] = (
    *(junk_cell, junk_cell, junk_value, junk_value, junk_block, fill_column, swap_cells, delete_rows, repeat_rows),
    *(reverse_rows, delete_column, junk_header, drop_sheet, rename_sheet, repeat_sheet, paste_sheet, transpose, merge),
    new_names,
)


def mutate(sketch: Sketch) -> bool:
    """One to four mutations; whether what they mean is known."""
    chance = sketch.random
    kind = chance.choices(("harmless", "number", "harmful"), (3, 5, 4))[0]
    if kind == "harmful":
        chosen = chance.choices((*HARMFUL, write_number), k=chance.randint(1, 4))
    elif kind == "number":
        chosen = [write_number] * chance.randint(1, 3) + chance.choices(HARMLESS, k=chance.randint(0, 1))
    else:
        chosen = chance.choices(HARMLESS, k=chance.randint(1, 4))
    for mutation in chosen:
        mutation(sketch)
        sketch.log.append(mutation.__name__)
    return kind != "harmful"
