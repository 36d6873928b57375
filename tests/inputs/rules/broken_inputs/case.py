"""One broken workbook: the edit that breaks it, and the words that must be said of it."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.inputs.rules.broken_inputs.editing import Book

HR, STOPPED, DEATH = "os.hazard_ratio.lenalidomide", "toxicity.proportion.lenalidomide", "cost.event.death"
NONE, LEN = "no_maintenance", "lenalidomide"
NEEDS = f"{HR} needs a number"


@dataclass(frozen=True)
class Broken:
    """One edit, which gives the place of the problem, and the words that must be said there."""

    edit: Callable[[Book], str]
    words: tuple[str, ...]


def put(key: str, value: object, *words: str, header: str = "value", sheet: str = "", told: str = "") -> Broken:
    """A value in one cell; `told` is the header of the cell that is named, where it is another one."""

    def edit(book: Book) -> str:
        told_place = book.at(key, told or header, sheet)
        book.put(key, value, header, sheet)
        return told_place

    return Broken(edit, words)


def add(sheet: str, identifier: str, value: object, unit: str | None, *words: str) -> Broken:
    """A row that should not be there."""
    return Broken(lambda book: book.add(sheet, identifier, value, unit), words)


def row(sheet: str, good: dict[str, object], changes: dict[str, object], told: str, *words: str) -> Broken:
    """A row of a table that is good but for some changes; `told` is the header of the cell that is named."""
    return Broken(lambda book: book.append(sheet, {**good, **changes}, told), words)


def rows(sheet: str, first: dict[str, object], second: dict[str, object], told: str, *words: str) -> Broken:
    """Two rows of a table, of which the second one is wrong beside the first."""

    def edit(book: Book) -> str:
        book.append(sheet, first, told)
        return book.append(sheet, second, told)

    return Broken(edit, words)
