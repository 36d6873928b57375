"""Scenario sheets where one bad scenario leaves the others alone: a workbook's own, and one that many share."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from markov.inputs import other_tables
from markov.inputs.cells import Row, Sheets, unreadable
from markov.inputs.definitions.schema import Sheet, match
from markov.inputs.parameters import Inputs, ScenarioChange
from markov.inputs.problems import InputError, Problem, raise_errors
from markov.inputs.reading.file import read_file
from markov.inputs.reading.headers import read_table
from markov.inputs.rules.one_value import place_of
from markov.inputs.workbook import assemble, read_sheets

NAMELESS = "(row without a name)"
WHOLE_SHEET = "(the sheet of scenarios)"


@dataclass(frozen=True)
class ScenarioSheet:
    """Scenarios of one file: rows by scenario in the sheet's order, and why some cannot be read."""

    file: str
    rows: Mapping[str, tuple[ScenarioChange, ...]]
    problems: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Every scenario, readable or not."""
        return tuple(self.rows)


def read_with_scenarios(path: Path) -> tuple[Inputs, ScenarioSheet]:
    """A workbook, and its scenarios apart: a scenario that cannot be read or applied leaves the others alone.

    Raises InputError where the workbook itself cannot be run.

    >>> from markov.inputs.writing.template import shipped
    >>> inputs, sheet = read_with_scenarios(shipped("calgb_100104"))
    >>> len(sheet.names), dict(sheet.problems)
    (22, {})
    """
    sheets, problems = read_sheets(path)
    rows, start = sheets.rows.get(Sheet.SCENARIOS, ()), f"{sheets.name}, {Sheet.SCENARIOS}!"
    told = [problem for problem in problems if problem.place.startswith(start)]
    try:
        inputs = assemble(sheets, list(problems))
    except InputError:
        bare = replace(sheets, rows={**sheets.rows, Sheet.SCENARIOS: ()})
        inputs = assemble(bare, [problem for problem in problems if problem not in told])
    return inputs, _by_scenario(sheets.name, rows, told)


def is_blank(path: Path) -> bool:
    """Whether a workbook is a template that nobody has filled in: no survival curve and no life table.

    >>> from markov.inputs.writing.template import shipped
    >>> is_blank(shipped("calgb_100104"))
    False
    """
    try:
        sheets, problems = read_sheets(path)
    except InputError:
        return False
    return not problems and _has_no_values(sheets)


def _has_no_values(sheets: Sheets) -> bool:
    families = (r["value"] for r in sheets.rows.get(Sheet.SURVIVAL, ()) if r["id"].text().startswith("pfs.family."))
    return not sheets.rows.get(Sheet.LIFE_TABLE, ()) and all(cell.is_empty for cell in families)


def read_shared(path: Path) -> ScenarioSheet:
    """The Scenarios sheet of a workbook that may hold nothing else; its rows say the file beside the cell.

    Raises InputError where there is no such sheet, or it has no rows.
    """
    file = read_file(path)
    problems: list[Problem] = []
    rows = read_table(file, Sheet.SCENARIOS, problems)
    raise_errors(problems)
    if not rows:
        remedy = "Write scenario, id, value and reason in its first row, and one row for each value below."
        raise InputError([Problem(f"{file.name}, {Sheet.SCENARIOS}", "there is no scenario", remedy=remedy)])
    sheet = _by_scenario(file.name, rows)
    told = {name: tuple(replace(r, cell=f"{r.cell} of {file.name}") for r in rows) for name, rows in sheet.rows.items()}
    return replace(sheet, rows=told)


def unknown_names(inputs: Inputs, rows: Sequence[ScenarioChange]) -> Iterator[Problem]:
    """Ids of a shared scenario that a workbook lacks: of a strategy, product, event, course or route it does not have.

    An id that the workbook merely leaves empty, such as the start of waning, is none of them.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> row = ScenarioChange("Dearer", "price.bortezomib.brand", 800.0, cell="Scenarios!C2 of shared.xlsx")
    >>> print(*unknown_names(read_inputs(shipped("calgb_100104")), [row]))
    calgb_100104.xlsx, Scenarios!C2 of shared.xlsx: scenario "Dearer" names a product that the workbook does not have,
    found "price.bortezomib.brand". It has lenalidomide_10mg.
    """
    for row in rows:
        found = match(row.id)
        if row.id in inputs.parameters or found is None:
            continue
        for kind, name in found[1].items():
            known = tuple(inputs.labels) if kind == "strategy" else inputs.names(kind)
            if name not in (*known, "common"):
                rule = f'scenario "{row.scenario}" names a {kind} that the workbook does not have'
                remedy = f"It has {', '.join(known)}." if known else f"It has no {kind} at all."
                yield Problem(place_of(inputs, row.cell), rule, row.id, remedy)
                break


def _by_scenario(file: str, rows: Sequence[Row], told: Sequence[Problem] = ()) -> ScenarioSheet:
    """Rows and problems of each scenario by itself; `told` are those of the sheet, such as merged cells."""
    tables: dict[str, list[Row]] = {}
    for row in rows:
        tables.setdefault(row["scenario"].text() or NAMELESS, []).append(row)
    read: dict[str, tuple[ScenarioChange, ...]] = {}
    wrong: dict[str, tuple[Problem, ...]] = {}
    for name, table in tables.items():
        places = {cell.place for row in table for cell in row.values()}
        found = [problem for problem in told if problem.place in places]
        found += [
            problem for row in table for key in ("scenario", "id") for problem in unreadable(row[key], f'"{key}"')
        ]
        read[name] = tuple(other_tables.scenarios(tuple(table), found))
        if name == NAMELESS:
            found.append(Problem(table[0]["scenario"].place, "a scenario row has no name", remedy="Name it."))
        if any(not problem.warning for problem in found):
            wrong[name] = tuple(found)
    known = {problem for found in wrong.values() for problem in found}
    elsewhere = tuple(problem for problem in told if problem not in known and not problem.warning)
    if elsewhere:
        read[WHOLE_SHEET], wrong[WHOLE_SHEET] = (), elsewhere
    return ScenarioSheet(file, read, wrong)
