"""A delivered report computed again from the inputs that it carries, and every cell compared."""

import math
import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markov.inputs.parameters import Inputs
from markov.inputs.problems import InputError, Problem
from markov.inputs.reading.file import File, Grid, address, read_file
from markov.report.delivered.read_back import Recovered, recovered
from markov.report.recipe import BASE, LIVE, SENSITIVITY, UNCERTAINTY, Recipe, results_again
from markov.report.reports import write_report
from markov.report.uncertainty_reports import WORDS, pages_again, write_uncertainty_report

RELATIVE, ABSOLUTE = 1e-9, 1e-12
"""Numbers nearer than this are one: processors differ, and so do programs in which a report was saved again."""
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
LIVE_ABSOLUTE = 1e-9  # of cells that a spreadsheet computes, differences of large numbers among them
ENVIRONMENT = ("Program", "Python", "Package", "System")
"""Facts of the Provenance sheet that may differ where a report is computed on another machine."""


@dataclass(frozen=True)
class Difference:
    """A cell that does not hold what the computation gives; None is an empty cell."""

    sheet: str
    cell: str
    told: object
    computed: object

    def __str__(self) -> str:
        if not self.cell:
            return f"{self.sheet}: {self.told}, {self.computed}"
        told, computed = ("nothing" if value is None else value for value in (self.told, self.computed))
        return f"{self.sheet}!{self.cell}: the report says {_short(told)}, the computation gives {_short(computed)}"


@dataclass(frozen=True)
class Verification:
    """What came of comparing a report with its repetition: cells and numbers compared, and what differs."""

    name: str
    sheets: int
    cells: int
    numbers: int
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


def verify(path: Path, repeated: Path | None = None) -> Verification:
    """Compute a report again from the inputs that it carries and compare all cells; `repeated` keeps the new one.

    Raises InputError for a file that is no report, or one that carries no complete inputs.
    """
    file = read_file(path)
    found = recovered(file)
    with tempfile.TemporaryDirectory() as folder:
        target = repeated or Path(folder) / "repeated.xlsx"
        repeat(found, target)
        again = read_file(target)
        differences = tuple(_differences(file, again))
        cells = [value for grid in again.grids.values() for value in grid.cells.values()]
        same = _unequal_parts(path, target) if repeated else ()
    notes = tuple(_notes(file, again, same, kept=repeated is not None))
    if ids := ", ".join(found.inputs.confidential):
        notes += (f"Confidential: {ids}. The report, what is printed of it and its repetition may give them away.",)
    return Verification(path.name, len(again.grids), len(cells), sum(map(_is_number, cells)), differences, notes)


def repeat(found: Recovered, target: Path) -> None:
    """Write a report anew as its Provenance sheet says it was made.

    Raises InputError where the sheet names a kind of report that is not computed again.
    """
    recipe = found.recipe
    told: dict[str, Any] = {"command": found.command, "seconds": found.seconds, "now": found.time}
    known = {SENSITIVITY, UNCERTAINTY, LIVE}
    ours = recipe.parts[:1] == (BASE,) and known.issuperset(recipe.parts[1:])
    if not ours and recipe.parts[:1] not in [(word,) for word in WORDS]:
        rule, what = "is a report of a kind that is not computed again", ", ".join(recipe.parts)
        raise InputError([Problem(found.inputs.name, rule, what or None, "Reports of run, psa, sobol and voi are.")])
    try:
        if ours:
            _run_again(found.inputs, recipe, target, told)
        else:
            write_uncertainty_report(found.inputs, pages_again(found.inputs, recipe), target, recipe, **told)
    except KeyError as error:
        rule = f"its options were changed: {error} is not among them"
        raise InputError([Problem(f"{found.inputs.name}, Provenance", rule)]) from error


def _run_again(inputs: Inputs, recipe: Recipe, target: Path, told: Mapping[str, Any]) -> None:
    """A report of markov run."""
    result, tested, doubt = results_again(inputs, recipe)
    name = recipe.options.get("draws")
    live, draws = LIVE in recipe.parts, Path(name) if name else None
    write_report(result, target, deterministic=tested, uncertainty=doubt, draws=draws, live=live, **told)


# ------------------------------------------------------------------------------------------------- comparing


def _differences(file: File, again: File) -> Iterator[Difference]:
    for name in [*again.grids, *(n for n in file.grids if n not in again.grids)]:
        if name not in file.grids:
            yield Difference(name, "", "the sheet is missing", "and the computation gives it")
        elif name not in again.grids:
            yield Difference(name, "", "the sheet is in the report", "and the computation does not give it")
        else:
            yield from _on_sheet(name, file.grids[name], again.grids[name])


def _on_sheet(name: str, told: Grid, computed: Grid) -> Iterator[Difference]:
    live = name.startswith("Live ")
    ignored = set(_environment_rows(computed)) if name == "Provenance" else set()
    for position in sorted({*told.cells, *computed.cells}):
        one, other = told.cells.get(position), computed.cells.get(position)
        if position[0] not in ignored and not _same(one, other, LIVE_ABSOLUTE if live else ABSOLUTE):
            yield Difference(name, address(position), one, other)


def _environment_rows(grid: Grid) -> Iterator[int]:
    for (row, column), value in grid.cells.items():
        if column == 1 and str(value).startswith(ENVIRONMENT):
            yield row


def _same(one: object, other: object, absolute: float) -> bool:
    if _is_number(one) and _is_number(other):
        return math.isclose(float(str(one)), float(str(other)), rel_tol=RELATIVE, abs_tol=absolute)
    return _same_words(_words(one), _words(other), absolute)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same_words(one: str, other: str, absolute: float) -> bool:
    """Texts alike but for the last digits of the numbers in them, such as a gap of 1.4e-15 and one of 1.3e-15."""
    if one == other:
        return True
    if NUMBER.split(one) != NUMBER.split(other):
        return False
    pairs = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    return all(math.isclose(float(a), float(b), rel_tol=RELATIVE, abs_tol=absolute) for a, b in pairs)


def _words(value: object) -> str:
    """A text as every program saves it: without the kind of its line breaks."""
    return "" if value is None else str(value).replace("\r\n", "\n").replace("_x000D_", "")


def _short(value: object) -> str:
    text = f"{value:.12g}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= 100 else f"{text[:99]}…"


# ------------------------------------------------------------------------------------------------------ notes


def _notes(file: File, again: File, unequal: tuple[str, ...], *, kept: bool) -> Iterator[str]:
    """What differs without being a difference of the report: the machine, and bytes where a file was saved again."""
    changed = [
        f"{key} {told.get(key, 'not told')}, here {value}"
        for told, now in [(_facts(file), _facts(again))]
        for key, value in now.items()
        if key.startswith(ENVIRONMENT) and told.get(key) != value
    ]
    if changed:
        yield f"Computed on another machine or version: {'; '.join(changed)}."
    if kept and unequal:
        yield f"Not byte-equal: {', '.join(unequal)}."
    elif kept:
        yield "Every part of the new file is byte-equal to the report's."


def _facts(file: File) -> Mapping[str, str]:
    cells = file.grids["Provenance"].cells
    return {str(value): str(cells.get((row, 2), "")) for (row, column), value in cells.items() if column == 1}


def _unequal_parts(one: Path, other: Path) -> tuple[str, ...]:
    """Parts of two files whose bytes differ, by name; a part that only one of them has differs."""
    with zipfile.ZipFile(one) as first, zipfile.ZipFile(other) as second:
        names = dict.fromkeys([*first.namelist(), *second.namelist()])
        both = set(first.namelist()) & set(second.namelist())
        return tuple(n for n in names if n not in both or first.read(n) != second.read(n))
