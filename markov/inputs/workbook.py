"""The only reader of workbooks: every value is looked up by header and id, and remembers its cell.

Rows and columns may be inserted, moved or added; extra sheets are ignored; the file is never written to.
"""

import hashlib
import itertools
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from markov.inputs import checks, evidence
from markov.inputs.cells import EMPTY, EXCEL_ERRORS, RawCell, Row, Sheets, number, why_not_a_number
from markov.inputs.parameters import Inputs, Parameter, ScenarioChange, SexTable, Strategy, TrialResult
from markov.inputs.problems import InputError, Problem, raise_errors
from markov.inputs.schema import (
    ID_PATTERN,
    NAME_PATTERN,
    OPTIONAL_SHEETS,
    PARAMETER_SHEETS,
    SCHEMA_VERSION,
    STRATEGY_INCLUDED,
    TABLES,
    Sheet,
    columns_of,
    label_of,
    match,
)
from markov.inputs.value_checks import sex_table_problems, suggestion
from markov.terms import Distribution

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

HEADER_ROWS = 30  # a header row stands within the first rows of its sheet


def read_inputs(path: str | Path) -> Inputs:
    """Read a workbook, or raise InputError with every problem and its cell.

    >>> from markov.inputs.template import shipped
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
    import openpyxl  # here, because it takes longer to import than most commands take to run

    _refuse_what_is_no_workbook(path)
    content = path.read_bytes()
    try:
        book = openpyxl.load_workbook(path, data_only=True)
        formulas = openpyxl.load_workbook(path) if _has_formulas(path) else None
    except Exception as error:  # openpyxl raises whatever its parsers raise on a damaged file
        raise InputError(
            [
                Problem(
                    path.name, "is damaged and cannot be read", remedy=f"Open it in Excel and save it again ({error})."
                )
            ]
        ) from error
    problems: list[Problem] = []
    rows: dict[Sheet, tuple[Row, ...]] = {}
    for sheet in (*PARAMETER_SHEETS, *TABLES):
        name = next((n for n in book.sheetnames if n.strip().lower() == sheet.value.lower()), None)
        if name is None and sheet in OPTIONAL_SHEETS:
            continue
        if name is None:
            problems.append(Problem(path.name, f'sheet "{sheet}" is missing', remedy="Copy it from a blank workbook."))
            continue
        uncalculated = formulas[name] if formulas is not None else None
        rows[sheet] = tuple(_rows(path.name, sheet, book[name], uncalculated, problems))
    cover = book[Sheet.COVER.value] if Sheet.COVER.value in book.sheetnames else None
    title = _cover(path.name, cover, problems)
    return Sheets(path.name, title or path.stem, rows, hashlib.sha256(content).hexdigest()), problems


def _refuse_what_is_no_workbook(path: Path) -> None:
    def refuse(rule: str, remedy: str) -> None:
        raise InputError([Problem(str(path), rule, remedy=remedy)])

    if path.is_dir():
        refuse("is a folder", "Name the workbook in it.")
    if not path.exists():
        refuse("does not exist", "Check the spelling and the folder.")
    head = path.read_bytes()[:8]
    if not head:
        refuse("is empty", "Save the workbook again.")
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        refuse("is encrypted, or an old .xls", "Save it as .xlsx without a password.")
    if not zipfile.is_zipfile(path):
        refuse("is not an Excel workbook", "Save it as .xlsx or .xlsm.")


def _has_formulas(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        members = [n for n in archive.namelist() if n.startswith("xl/worksheets/") and n.endswith(".xml")]
        return any(re.search(rb"<f[ >/]", archive.read(name)) for name in members)


def _cover(file: str, cover: "Worksheet | None", problems: list[Problem]) -> str:
    """Title on the cover; a workbook of another schema is refused by name."""
    found: dict[str, tuple[object, str]] = {}
    if cover is not None:
        for row in cover.iter_rows(max_row=60, max_col=6):
            for label, value in itertools.pairwise(row):
                if isinstance(label.value, str) and value.value is not None:
                    found.setdefault(label.value.strip().lower(), (value.value, f"{file}, Cover!{value.coordinate}"))
    version, place = found.get("schema version", (None, f"{file}, Cover"))
    if version != SCHEMA_VERSION:
        remedy = f'Write {SCHEMA_VERSION} beside "Schema version", if the sheets are those of this program.'
        problems.append(Problem(place, f"this program reads schema version {SCHEMA_VERSION}", version, remedy))
    return str(found.get("title", ("", ""))[0])


def _rows(
    file: str, sheet: Sheet, cells: "Worksheet", formulas: "Worksheet | None", problems: list[Problem]
) -> Iterator[Row]:
    """Rows below the header, by header; wholly empty rows are skipped."""
    wanted = {column.header for column in columns_of(sheet)}
    required = {column.header for column in columns_of(sheet) if column.required}
    header_row, headers = 0, dict[str, int]()
    for position, row in enumerate(cells.iter_rows(max_row=HEADER_ROWS, values_only=True), start=1):
        names: dict[str, int] = {}
        for i, v in enumerate(row):
            if isinstance(v, str):
                names.setdefault(v.strip().lower(), i)
        if len(required & set(names)) > len(required & set(headers)):
            header_row, headers = position, names
    for missing in sorted(required - set(headers)):
        rule = f'column "{missing}" is missing'
        problems.append(Problem(f"{file}, {sheet}", rule, remedy="Copy the header row from a blank workbook."))
    if required - set(headers):
        return
    columns = {name: i for name, i in headers.items() if name in wanted}
    for cell_row in cells.iter_rows(min_row=header_row + 1):
        row_cells = {}
        for name, i in columns.items():
            if i < len(cell_row):
                cell = cell_row[i]
                uncalculated = cell.value is None and formulas is not None and _is_formula(formulas, cell.coordinate)
                row_cells[name] = RawCell(cell.value, f"{file}, {sheet}!{cell.coordinate}", uncalculated)
        if any(not cell.is_empty for cell in row_cells.values()):
            yield row_cells


def _is_formula(sheet: "Worksheet", coordinate: str) -> bool:
    return bool(sheet[coordinate].data_type == "f")


def assemble(sheets: Sheets, problems: list[Problem]) -> Inputs:
    """Turn rows of raw cells into checked inputs, or raise InputError with everything that is wrong."""
    found = list(problems)
    strategies = tuple(_strategies(sheets.rows.get(Sheet.STRATEGIES, ()), found))
    labels = {strategy.id: strategy.label for strategy in strategies}
    parameters: dict[str, Parameter] = {}
    for row in sheets.rows.get(Sheet.STRATEGIES, ()):
        name = row.get("id", EMPTY).text()
        identifier = f"strategy.included.{name}"
        if name in labels and identifier not in parameters:
            parameters[identifier] = Parameter(
                identifier,
                STRATEGY_INCLUDED,
                row["included"].text().lower(),
                label=label_of(identifier, labels),
                cell=row["included"].address,
                base_case=row.get("base case", EMPTY).text().lower() or None,
            )
    for sheet in PARAMETER_SHEETS:
        for row in sheets.rows.get(sheet, ()):
            parameter = _parameter(row, sheet, labels, sheets.name, found)
            if parameter is None:
                continue
            if parameter.id in parameters:
                rule = f"{parameter.id} is already given at {parameters[parameter.id].cell}"
                found.append(Problem(row["id"].place, rule, remedy="Keep one of the two rows."))
            else:
                parameters[parameter.id] = parameter
    inputs = Inputs(
        sheets.name,
        sheets.sha256,
        sheets.title,
        strategies,
        parameters,
        _sex_table(sheets, Sheet.LIFE_TABLE, ("qx_male", "qx_female"), found),
        _sex_table(sheets, Sheet.POPULATION_UTILITY, ("male", "female"), found),
        _price_index(sheets, found),
        tuple(_trial_results(sheets.rows.get(Sheet.TRIAL_RESULTS, ()), found)),
        tuple(_scenarios(sheets.rows.get(Sheet.SCENARIOS, ()), found)),
        tuple(tuple(cell.text() for cell in row.values()) for row in sheets.rows.get(Sheet.CHANGE_LOG, ())),
        curve_points=tuple(evidence.curve_points(sheets.rows.get(Sheet.CURVE_POINTS, ()), labels, found)),
        network=tuple(evidence.network(sheets.rows.get(Sheet.NETWORK, ()), found)),
        curve_choices=tuple(evidence.curve_choices(sheets.rows.get(Sheet.CURVE_CHOICE, ()), found)),
        correlations=tuple(evidence.correlations(sheets.rows.get(Sheet.CORRELATIONS, ()), parameters, found)),
    )
    told = {problem.place for problem in found}  # a cell that could not be read is not also empty
    found += [problem for problem in checks.problems(inputs) if problem.place not in told]
    warnings = raise_errors(found)
    return replace(inputs, warnings=warnings)


def _strategies(rows: tuple[Row, ...], problems: list[Problem]) -> Iterator[Strategy]:
    seen: dict[str, str] = {}
    for row in rows:
        cell = row["id"]
        name = cell.text()
        if not NAME_PATTERN.fullmatch(name):
            remedy = "Use small letters, digits and _, starting with a letter."
            problems.append(Problem(cell.place, "a strategy's id is a short word", name, remedy))
        elif name in seen:
            problems.append(
                Problem(cell.place, f"strategy {name} is already given at {seen[name]}", remedy="Rename it.")
            )
        else:
            seen[name] = cell.address
            label = row["label"].text() or name
            yield Strategy(name, label, row.get("description", EMPTY).text(), cell.address)


def _parameter(
    row: Row, sheet: Sheet, labels: Mapping[str, str], file: str, problems: list[Problem]
) -> Parameter | None:
    """One parameter from its row, or None with the reason among the problems."""
    identifier = row["id"].text()
    if not identifier:
        problems.append(Problem(row["id"].place, "the row has no id", remedy="Write its id, or clear the row."))
        return None
    if not ID_PATTERN.fullmatch(identifier):
        remedy = "Write small words joined by dots, such as pfs.shape.lenalidomide."
        problems.append(Problem(row["id"].place, "this is not a well-formed id", identifier, remedy))
        return None
    found = match(identifier)
    if found is None:
        problems.append(Problem(row["id"].place, "the model knows no such id", identifier, suggestion(identifier)))
        return None
    definition, names = found
    if "strategy" in names and names["strategy"] not in labels:
        remedy = f"Strategies are {', '.join(labels) or 'none'}: mend the id, or add the strategy."
        problems.append(
            Problem(row["id"].place, f"{identifier} belongs to no strategy of this workbook", remedy=remedy)
        )
        return None
    cell = row["value"]
    if definition.is_text and (cell.formula or cell.text() in EXCEL_ERRORS):
        problems.append(Problem(cell.place, f"{identifier} needs a text", *why_not_a_number(cell)))
    value: float | str | None = cell.text() or None if definition.is_text else number(cell, identifier, problems)
    base, year = row.get("base case", EMPTY), row.get("price year", EMPTY)

    def text(header: str) -> str:
        return row.get(header, EMPTY).text()

    def limit(header: str) -> float | None:
        return number(row.get(header, EMPTY), f"{header} of {identifier}", problems)

    return Parameter(
        identifier,
        definition,
        value,
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
    )


def _sex_table(sheets: Sheets, sheet: Sheet, headers: tuple[str, str], problems: list[Problem]) -> SexTable:
    import numpy as np

    columns: tuple[list[float], ...] = ([], [], [])
    rows = sheets.rows.get(sheet, ())
    for row in rows:
        for values, header in zip(columns, ("age", *headers), strict=True):
            value = number(row[header], f"{header} in {sheet}", problems)
            if value is None and row[header].is_empty:
                problems.append(Problem(row[header].place, f"{header} is empty", remedy="Every age needs both sexes."))
            values.append(float("nan") if value is None else value)
    place = rows[0]["age"].place if rows else f"{sheets.name}, {sheet}"
    problems += sex_table_problems(sheet, place, columns[0], columns[1], columns[2])
    return SexTable(*(np.array(values) for values in columns))


def _price_index(sheets: Sheets, problems: list[Problem]) -> dict[int, float]:
    index = {}
    for row in sheets.rows.get(Sheet.PRICE_INDEX, ()):
        year = number(row["year"], "price year", problems)
        value = number(row["index"], "price index", problems)
        if year is not None and value is not None and value > 0:
            index[int(year)] = value
        elif value is not None:
            problems.append(Problem(row["index"].place, "an index is above 0", value, "Mend it."))
    return index


def _trial_results(rows: tuple[Row, ...], problems: list[Problem]) -> Iterator[TrialResult]:
    for row in rows:
        what = f"the {row['measure'].text()} of {row['endpoint'].text()}"
        numbers = {
            key: number(row.get(key, EMPTY), f"{key} of {what}", problems) for key in ("months", "value", "low", "high")
        }
        texts = {
            key: row.get(key, EMPTY).text()
            for key in ("strategy", "endpoint", "measure", "source", "page", "status", "comment")
        }
        if numbers["value"] is None:
            if row["value"].is_empty:
                problems.append(Problem(row["value"].place, f"{what} has no value", remedy="Fill or clear the row."))
            continue
        yield TrialResult(
            **texts,
            cell=row["value"].address,
            months=numbers["months"] or 0.0,
            value=numbers["value"],
            low=numbers["low"],
            high=numbers["high"],
        )


def _scenarios(rows: tuple[Row, ...], problems: list[Problem]) -> Iterator[ScenarioChange]:
    for row in rows:
        identifier = row["id"].text()
        found = match(identifier)
        if found is None:
            problems.append(
                Problem(row["id"].place, "the scenario names an unknown id", identifier, suggestion(identifier))
            )
            continue
        cell, what = row["value"], f"{identifier} in scenario {row['scenario'].text()}"
        value = (cell.text() or None) if found[0].is_text else number(cell, what, problems)
        if found[0] is STRATEGY_INCLUDED:
            value = {"include": "yes", "exclude": "no"}.get(str(value), value)
        yield ScenarioChange(row["scenario"].text(), identifier, value, row.get("reason", EMPTY).text(), cell.address)
