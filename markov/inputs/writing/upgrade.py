"""A workbook of an older schema brought to the present one: every value it had, and a list of what was left behind."""

from dataclasses import dataclass, replace
from pathlib import Path

from markov.excel.files import write_whole
from markov.inputs.cells import RawCell
from markov.inputs.definitions.schema import SCHEMA_VERSION
from markov.inputs.parameters import Inputs
from markov.inputs.reading.file import read_file
from markov.inputs.reading.headers import cover_entries
from markov.inputs.workbook import assemble, read_inputs, sheets_of
from markov.inputs.writing.change_rows import regenerate


class UpgradeError(RuntimeError):
    """The new workbook does not read as the old one: a defect of the program, told rather than passed on."""


@dataclass(frozen=True)
class Upgrade:
    """What was done: the schema before and after, values carried, and what had no place in the new workbook."""

    before: int
    after: int
    values: int
    left: tuple[str, ...]


def upgrade(source: Path, target: Path) -> Upgrade:
    """Write a workbook again under the present schema, and read it back to see that every value came along.

    The source is not touched. Formulas keep their values. Raises InputError where the source has problems,
    FileExistsError where the target is the source, and UpgradeError where the two would not read alike.
    """
    file = read_file(source)
    sheets, problems = sheets_of(file)
    old = assemble(sheets, problems)
    version = cover_entries(file, []).get("schema version", RawCell(SCHEMA_VERSION, "")).value
    if target.resolve() == source.resolve():
        raise FileExistsError(f"{target} is the workbook that was read: choose another name.")
    left: tuple[str, ...] = ()

    def fill(place: Path) -> None:
        nonlocal left
        left = regenerate(source, sheets, place)
        if _values(read_inputs(place)) != _values(old):
            raise UpgradeError(f"{target}: not every value of {source.name} came along; nothing was kept.")

    write_whole(target, fill)
    return Upgrade(int(str(version)), SCHEMA_VERSION, len(old.parameters), left)


def _values(inputs: Inputs) -> dict[str, object]:
    """All that was read, without where it stood and what its file was called."""
    tables = (inputs.life_table, inputs.population_utility)
    evidence = (inputs.curve_points, inputs.curve_choices, inputs.network, inputs.correlations)
    return {
        "title": inputs.title,
        "strategies": [replace(strategy, cell="") for strategy in inputs.strategies],
        "parameters": {key: replace(row, cell="") for key, row in inputs.parameters.items()},
        "tables": [[list(column) for column in (table.ages, table.male, table.female)] for table in tables],
        "price index": dict(inputs.price_index),
        "trial results": [replace(result, cell="") for result in inputs.trial_results],
        "scenarios": [replace(change, cell="") for change in inputs.scenarios],
        "reference cases": [replace(row, place="") for row in inputs.reference_cases],
        "checklists": dict(inputs.analyst_words),
        "evidence": [[replace(row, place="") for row in rows] for rows in evidence],
    }
