"""The only reader of workbooks: every value is looked up by header and id, and remembers its cell.

Rows and columns may be inserted, moved or added; extra sheets are ignored; the file is never written to.
"""

from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from pathlib import Path

from markov.inputs import evidence, other_tables
from markov.inputs.cells import EMPTY, RawCell, Row, Sheets, number, unreadable
from markov.inputs.definitions.schema import (
    ID_PATTERN,
    NAME_PATTERN,
    PARAMETER_SHEETS,
    READABLE_VERSIONS,
    SCHEMA_VERSION,
    STRATEGY_INCLUDED,
    Definition,
    Sheet,
    label_of,
    match,
)
from markov.inputs.parameters import Inputs, Parameter, Strategy
from markov.inputs.problems import Problem, raise_errors
from markov.inputs.reading.file import File, read_file
from markov.inputs.reading.headers import cover_entries, read_tables
from markov.inputs.rules import between_values
from markov.inputs.rules.one_value import suggestion
from markov.terms import Distribution

NUMBERS = frozenset(
    [
        *("value", "base case", "se", "low", "high", "price year", "months", "age", "male", "female"),
        *("qx_male", "qx_female", "year", "index", "hazard ratio", "p value", "events", "correlation"),
    ]
)
"""Columns that are read as numbers, or as a number or a text by the row's id: their readers say what is wrong."""
RESERVED = ("common",)  # what ids call a rate or a target that all strategies share


def read_inputs(path: str | Path) -> Inputs:
    """Read a workbook, or raise InputError with every problem and its cell.

    >>> from markov.inputs.writing.template import shipped
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> inputs.compared
    ('no_maintenance', 'lenalidomide')
    >>> inputs.parameters["os.hazard_ratio.lenalidomide"].value
    0.61
    """
    sheets, problems = read_sheets(Path(path))
    return assemble(sheets, problems)


def read_sheets(path: Path) -> tuple[Sheets, list[Problem]]:
    """Every table as rows of raw cells, and what is wrong with the file or its headers."""
    return sheets_of(read_file(path))


def sheets_of(file: File) -> tuple[Sheets, list[Problem]]:
    """The tables of a file that was read, and what is wrong with its sheets or headers."""
    problems: list[Problem] = []
    rows = read_tables(file, problems)
    cover = cover_entries(file, problems)
    version = cover.get("schema version", RawCell(None, f"{file.name}, {Sheet.COVER}"))
    if version.value not in READABLE_VERSIONS or isinstance(version.value, bool):
        known = " and ".join(map(str, READABLE_VERSIONS))
        rule = f"this program reads schema versions {known}"
        remedy = f'Write {SCHEMA_VERSION} beside "Schema version", if the sheets are those of this program.'
        problems.append(Problem(version.place, rule, version.value, remedy))
    title = cover["title"].text() if "title" in cover else ""
    return Sheets(file.name, title or Path(file.name).stem, rows, file.sha256), problems


def assemble(sheets: Sheets, problems: list[Problem]) -> Inputs:
    """Turn rows of raw cells into checked inputs, or raise InputError with everything that is wrong."""
    unreadable = [*_unreadable_texts(sheets), *_from_elsewhere(sheets)]
    found: list[Problem] = []
    strategies = tuple(_strategies(sheets.rows.get(Sheet.STRATEGIES, ()), found))
    labels = {strategy.id: strategy.label for strategy in strategies}
    parameters = _parameters(sheets, labels, found)

    def rows(sheet: Sheet) -> tuple[Row, ...]:
        return sheets.rows.get(sheet, ())

    inputs = Inputs(
        sheets.name,
        sheets.sha256,
        sheets.title,
        strategies,
        parameters,
        other_tables.sex_table(sheets, Sheet.LIFE_TABLE, found),
        other_tables.sex_table(sheets, Sheet.POPULATION_UTILITY, found),
        other_tables.price_index(rows(Sheet.PRICE_INDEX), found),
        tuple(other_tables.trial_results(rows(Sheet.TRIAL_RESULTS), found)),
        tuple(other_tables.scenarios(rows(Sheet.SCENARIOS), found)),
        tuple(tuple(cell.text() for cell in row.values()) for row in rows(Sheet.CHANGE_LOG)),
        curve_points=tuple(evidence.curve_points(rows(Sheet.CURVE_POINTS), labels, found)),
        network=tuple(evidence.network(rows(Sheet.NETWORK), found)),
        curve_choices=tuple(evidence.curve_choices(rows(Sheet.CURVE_CHOICE), found)),
        correlations=tuple(evidence.correlations(rows(Sheet.CORRELATIONS), parameters, found)),
        reference_cases=tuple(other_tables.reference_cases(rows(Sheet.REFERENCE_CASE), found)),
        analyst_words=other_tables.analyst_words(rows(Sheet.REPORTING), found),
    )
    absent = {f"{sheets.name}, {sheet}" for sheet in Sheet if sheet not in sheets.rows}
    told = _without_echoes([*problems, *unreadable], found, absent)
    return replace(inputs, warnings=raise_errors(_without_echoes(told, between_values.problems(inputs), absent)))


def _without_echoes(told: list[Problem], more: list[Problem], absent: Set[str]) -> list[Problem]:
    """Both lists, without what only follows from a cell or a sheet that could not be read."""
    places = absent | {problem.place for problem in told if not problem.warning}
    return told + [problem for problem in more if problem.place not in places]


def _unreadable_texts(sheets: Sheets) -> Iterator[Problem]:
    """Words that formulas should have given: an id, a unit or a choice that would be taken for empty."""
    for rows in sheets.rows.values():
        for row in rows:
            for header, cell in row.items():
                if header not in NUMBERS:
                    yield from unreadable(cell, f'"{header}"')


def _from_elsewhere(sheets: Sheets) -> Iterator[Problem]:
    """Values that were last taken from another file or program, which a reader of this one cannot follow."""
    for sheet, rows in sheets.rows.items():
        cells = [cell for row in rows for cell in row.values() if cell.elsewhere]
        if cells:
            many = f"{len(cells)} cells on {sheet} take their values" if len(cells) > 1 else "the cell takes its value"
            rule = f"{many} from another file or program"
            listed = ", ".join(cell.address for cell in cells)
            remedy = f"Copy them and paste their values, so that the workbook stands alone: {listed}."
            yield Problem(cells[0].place, rule, remedy=remedy, warning=True)


def _strategies(rows: tuple[Row, ...], problems: list[Problem]) -> Iterator[Strategy]:
    seen: dict[str, str] = {}
    for row in rows:
        cell = row["id"]
        name = cell.text()
        if not NAME_PATTERN.fullmatch(name):
            remedy = "Use small letters, digits and _, starting with a letter."
            problems.append(Problem(cell.place, "a strategy's id is a short word", name, remedy))
        elif name in RESERVED:
            rule, remedy = f'"{name}" has a meaning of its own in ids', "Choose another id for the strategy."
            problems.append(Problem(cell.place, rule, remedy=remedy))
        elif name in seen:
            problems.append(
                Problem(cell.place, f"strategy {name} is already given at {seen[name]}", remedy="Rename it.")
            )
        else:
            seen[name] = cell.address
            label = row["label"].text() or name
            yield Strategy(name, label, row.get("description", EMPTY).text(), cell.address)


def _parameters(sheets: Sheets, labels: Mapping[str, str], problems: list[Problem]) -> dict[str, Parameter]:
    """Every row of the parameter sheets by id, and whether each strategy is compared."""
    found: dict[str, Parameter] = {}
    for row in sheets.rows.get(Sheet.STRATEGIES, ()):
        name = row["id"].text()
        identifier = f"strategy.included.{name}"
        if name in labels and identifier not in found:
            found[identifier] = Parameter(
                identifier,
                STRATEGY_INCLUDED,
                row["included"].text().lower(),
                label=label_of(identifier, labels),
                cell=row["included"].address,
                base_case=row.get("base case", EMPTY).text().lower() or None,
            )
    for sheet in PARAMETER_SHEETS:
        for row in sheets.rows.get(sheet, ()):
            parameter = _parameter(row, sheet, labels, problems)
            if parameter is not None and parameter.id in found:
                rule = f"{parameter.id} is already given at {found[parameter.id].cell}"
                problems.append(Problem(row["id"].place, rule, remedy="Keep one of the two rows."))
            elif parameter is not None:
                found[parameter.id] = parameter
    return found


def _parameter(row: Row, sheet: Sheet, labels: Mapping[str, str], problems: list[Problem]) -> Parameter | None:
    """One parameter from its row, or None with the reason among the problems."""
    definition = _definition(row, sheet, labels, problems)
    if definition is None:
        return None
    identifier = row["id"].text()
    cell, base, year = row["value"], row.get("base case", EMPTY), row.get("price year", EMPTY)
    if definition.is_text:
        problems += unreadable(cell, identifier)

    def text(header: str) -> str:
        return row.get(header, EMPTY).text()

    def limit(header: str) -> float | None:
        return number(row.get(header, EMPTY), f"{header} of {identifier}", problems)

    return Parameter(
        identifier,
        definition,
        cell.text() or None if definition.is_text else number(cell, identifier, problems),
        unit=text("unit"),
        label=text("label") or label_of(identifier, labels),
        cell=cell.address,
        base_case=base.text() or None if definition.is_text else number(base, f"base case of {identifier}", problems),
        se=limit("se"),
        low=limit("low"),
        high=limit("high"),
        distribution=text("distribution") or Distribution.FIXED,
        group=text("group"),
        price_year=number(year, f"price year of {identifier}", problems),
        value_set=text("value set"),
        source=text("source"),
        page=text("page"),
        status=text("status"),
        comment=text("comment"),
        confidential=_confidential(row.get("confidential", EMPTY), identifier, definition, problems),
        shown=row.get("confidential", EMPTY).text().lower() == "no",
    )


def _definition(row: Row, sheet: Sheet, labels: Mapping[str, str], problems: list[Problem]) -> Definition | None:
    """What a row's id stands for, or None with the reason among the problems."""
    identifier = row["id"].text()
    refusal = _refusal(identifier, labels)
    if refusal is not None:
        problems.append(Problem(row["id"].place, *refusal))
        return None
    found = match(identifier)
    assert found is not None, identifier
    definition = found[0]
    if definition.sheet is not sheet:
        rule = f"{identifier} belongs on {definition.sheet}"
        problems.append(Problem(row["id"].place, rule, sheet, "It is read, but move it there.", warning=True))
    return definition


def _confidential(cell: RawCell, identifier: str, definition: Definition, problems: list[Problem]) -> bool:
    """Whether a value is marked as confidential: yes, no or nothing, and only of numbers."""
    told = cell.text().lower()
    if told not in ("", "yes", "no"):
        rule = f"{identifier} is confidential or not"
        problems.append(Problem(cell.place, rule, cell.text(), "Write yes or no, or leave the cell empty."))
    elif told == "yes" and definition.is_text:
        rule = f"{identifier} is a choice or a text, and only numbers can be confidential"
        problems.append(Problem(cell.place, rule, remedy="Clear the cell."))
    return told == "yes"


def _refusal(identifier: str, labels: Mapping[str, str]) -> tuple[str, str | None, str] | None:
    """Why a row's id cannot be read: the rule, what was found, the remedy."""
    if not identifier:
        return "the row has no id", None, "Write its id, or clear the row."
    if not ID_PATTERN.fullmatch(identifier):
        lower = "_".join(identifier.lower().split())
        remedy = f"Did you mean {lower}?" if match(lower) else "Write small words joined by dots, such as cohort.age."
        return "this is not a well-formed id", identifier, remedy
    found = match(identifier)
    if found is not None and found[0] is STRATEGY_INCLUDED:
        return "a strategy is included on the sheet of strategies", identifier, "Clear the row."
    if found is None:
        return "the model knows no such id", identifier, suggestion(identifier)
    if labels and "strategy" in found[1] and found[1]["strategy"] not in labels:
        remedy = f"Strategies are {', '.join(labels)}: mend the id, or add the strategy."
        return f"{identifier} belongs to no strategy of this workbook", None, remedy
    return None
