"""The cells of a file as they are: what stands where, what is merged, and which formulas were never calculated.

The only place that opens an analyst's workbook to read it; the file is never written to.
"""

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from markov.inputs.reading.archive import SLIM, content_of, damaged, refusal

if TYPE_CHECKING:
    from markov.inputs.reading.parts import Cells

Position = tuple[int, int]
"""Row and column, both from 1."""

Read = TypeVar("Read")


@dataclass(frozen=True)
class Grid:
    """A sheet as sparse cells; `merged` has the first row and column and the last row and column of each range.

    `uncalculated` formulas have no value beside them; `elsewhere` take theirs from another file or program.
    """

    cells: Mapping[Position, object]
    uncalculated: frozenset[Position] = frozenset()
    merged: tuple[tuple[int, int, int, int], ...] = ()
    elsewhere: frozenset[Position] = frozenset()


@dataclass(frozen=True)
class File:
    """A workbook as it was found: its sheets in their order, and its fingerprint."""

    name: str
    grids: Mapping[str, Grid]
    sha256: str = ""


def address(position: Position) -> str:
    """A position in Excel's words.

    >>> address((7, 28))
    'AB7'
    """
    row, column = position
    letters = ""
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row}"


def read_file(path: Path) -> File:
    """Every sheet of a workbook as a grid; raises InputError for what is no workbook, saying what it is instead."""
    content = content_of(path)
    return File(path.name, _Grids(path, content), hashlib.sha256(content).hexdigest())


class _Grids(Mapping[str, Grid]):
    """Sheets by name, each read when it is first asked for: what the model has no use for costs no time."""

    def __init__(self, path: Path, content: bytes):
        from markov.inputs.reading.parts import open_parts  # here, because openpyxl takes long to import

        self.path, self.read = path, dict[str, Grid]()
        self.parts = self._told(lambda: open_parts(zipfile.ZipFile(io.BytesIO(content))))

    def __getitem__(self, name: str) -> Grid:
        if name not in self.parts.sheets:
            raise KeyError(name)
        if name not in self.read:
            self.read[name] = self._told(lambda: _grid(self.parts.cells(name)))
        return self.read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts.sheets)

    def __len__(self) -> int:
        return len(self.parts.sheets)

    def _told(self, read: Callable[[], Read]) -> Read:
        from markov.inputs.reading.parts import StrictError, TooLargeError

        try:
            return read()
        except TooLargeError as error:
            raise refusal(self.path, f"is too large: {error}", SLIM) from error
        except StrictError as error:
            remedy = "Save it as Excel Workbook (.xlsx), without Strict."
            raise refusal(self.path, "is saved as Strict Open XML", remedy) from error
        except Exception as error:  # whatever parsers raise on a damaged file
            raise damaged(self.path, error) from error


def _grid(cells: "Cells") -> Grid:
    return Grid(
        cells.values,
        frozenset(cells.uncalculated - cells.values.keys()),
        tuple(cells.merged),
        frozenset(cells.elsewhere),
    )
