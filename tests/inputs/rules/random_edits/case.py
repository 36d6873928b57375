"""A workbook under edit, and what its edits find in it."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from markov.inputs.definitions.schema import PARAMETER_SHEETS, Sheet, match
from markov.inputs.parameters import Inputs
from tests.inputs.rules.broken_inputs.editing import Book, Page, good_book

WORKBOOKS = ("calgb_100104", "myeloma_ix")
NUMERIC = ("value", "se", "low", "high", "base case", "price year")
PARAMETER_TITLES = tuple(sheet.value for sheet in PARAMETER_SHEETS)


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


def tables(book: Book) -> list[str]:
    known = {sheet.value for sheet in Sheet} - {"Cover"}
    return [title for title in book.pages if book.renamed.get(title, title) in known]


def definition(key: str) -> Any:
    found = match(key)
    assert found is not None, key
    return found[0]


def is_number(fields: Fields, header: str) -> bool:
    value = fields.get(header)
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@lru_cache(maxsize=4)
def original(name: str) -> Inputs:
    return good_book(name).read()
