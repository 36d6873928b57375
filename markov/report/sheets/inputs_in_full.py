"""The sheets that carry what a run was computed from, complete and in all digits, so that the report can be verified.

They hold the rows of the input workbook under its own headers, and the cell that each came from.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from markov.inputs.agencies import Reference
from markov.inputs.definitions.schema import NUMERIC, STRATEGY_INCLUDED, TABLES, Sheet
from markov.inputs.evidence import Correlation, TrialContrast
from markov.inputs.parameters import Inputs, Parameter, ScenarioChange, SexTable, Strategy
from markov.report.page import Cell, Column, Look, Page, Table
from markov.report.sheets.inputs_used import marked

PARAMETERS, POPULATION, TABLES_PAGE = "Inputs in full", "Population tables", "Evidence and scenarios"
CARRYING = (PARAMETERS, POPULATION, TABLES_PAGE)
CELL, CHECK = "cell", "check"
"""Where a row came from, and a fingerprint of it, by which a later change is found where no result depends on it."""
POPULATION_TABLES = (Sheet.LIFE_TABLE, Sheet.POPULATION_UTILITY, Sheet.PRICE_INDEX)
OTHER_TABLES = tuple(sheet for sheet in TABLES if sheet not in POPULATION_TABLES and sheet is not Sheet.CHANGE_LOG)
PARAMETER_HEADERS = (
    *("id", "label", "value", "unit", "se", "low", "high", "distribution", "group", "price year", "value set"),
    *("base case", "confidential", "status", "source", "page", "comment", CELL),
)
PARAMETER_WIDTHS = (
    *(40.0, 36.0, 20.0, 16.0, 10.0, 10.0, 10.0, 15.0, 12.0, 8.0, 14.0),
    *(18.0, 12.0, 18.0, 34.0, 34.0, 34.0, 20.0, 11.0),
)

Fields = Mapping[str, Cell]


def carried_pages(inputs: Inputs) -> list[Page]:
    """Every parameter in the workbook's order, the tables by age and year, and all other tables.

    >>> [page.name for page in carried_pages(calgb)]
    ['Inputs in full', 'Population tables', 'Evidence and scenarios']
    """
    listed = list(inputs.parameters.values())
    parameters = _table(PARAMETERS, PARAMETER_HEADERS, map(_parameter, listed))
    parameters = replace(parameters, tints=marked(listed, len(parameters.columns)))
    rows = _table_rows(inputs)
    return [
        Page(
            PARAMETERS,
            PARAMETERS,
            "Every row of the workbook in its order, as this run used it, also those without a value: with the two "
            "sheets that follow, all that markov verify needs to compute this report again.",
            (parameters,),
            widths=PARAMETER_WIDTHS,
        ),
        Page(
            POPULATION,
            POPULATION,
            "Mortality and mean utility of the general population by age and sex, and the price index.",
            tuple(_table(sheet, _headers(sheet), rows[sheet]) for sheet in POPULATION_TABLES),
            widths=(16.0,) * 4,
        ),
        Page(
            TABLES_PAGE,
            TABLES_PAGE,
            "Strategies, published figures, curve points, trials, correlations, scenarios, reference cases and the "
            "analyst's words, as the workbook gave them.",
            tuple(_table(sheet, _headers(sheet), rows[sheet]) for sheet in OTHER_TABLES if rows[sheet]),
            widths=(26.0, 34.0, 24.0, 44.0, 18.0, 34.0, 18.0, *(30.0,) * 6),
        ),
    ]


def _headers(sheet: Sheet) -> tuple[str, ...]:
    lost = {Sheet.PRICE_INDEX: ("source", "status"), Sheet.SCENARIOS: ("base case",)}.get(sheet, ())
    headers = tuple(column.header for column in TABLES[sheet] if column.header not in lost)
    return headers if sheet in POPULATION_TABLES else (*headers, CELL)


def _table(title: str, headers: Sequence[str], listed: Iterable[Fields]) -> Table:
    looks: dict[str, Look] = {header: "exact" if header in NUMERIC else "text" for header in headers}
    strong = headers[0] not in NUMERIC
    columns = [Column(header, "strong" if strong and i == 0 else looks[header]) for i, header in enumerate(headers)]
    cells = [tuple(row.get(header) for header in headers) for row in listed]
    rows = tuple((*row, _check_of(row)) for row in cells)
    return Table(title, (*columns, Column(CHECK)), rows, title, whole=True)


def _check_of(row: Iterable[Cell]) -> str:
    """Fingerprint of a row: eight digits that change with any of its words, or the first twelve digits of a number.

    >>> _check_of(("age", 0.72)) == _check_of(("age", 0.72 + 1e-15)) != _check_of(("age", 0.73))
    True
    """
    words = (f"{float(value):.12g}" if isinstance(value, (int, float)) else str(value or "") for value in row)
    return hashlib.sha256("\x1f".join(words).encode()).hexdigest()[:8]


def fingerprint(inputs: Inputs) -> str:
    """Fingerprint of all that a report carries, from those of its rows.

    >>> len(fingerprint(calgb))
    64
    """
    tables = (block for page in carried_pages(inputs) for block in page.blocks if isinstance(block, Table))
    checks = "\n".join(str(row[-1]) for table in tables for row in table.rows)
    return hashlib.sha256(checks.encode()).hexdigest()


def _fields(row: object, headers: Iterable[str]) -> Fields:
    """Cells of a row by header: headers are its fields, with spaces for underscores."""
    return {header: getattr(row, header.replace(" ", "_")) for header in headers}


def _parameter(p: Parameter) -> Fields:
    kind = "" if p.definition is STRATEGY_INCLUDED else p.distribution
    confidential = "yes" if p.confidential else "no" if p.shown else ""
    return {**_fields(p, PARAMETER_HEADERS), "distribution": kind, "confidential": confidential}


def _table_rows(inputs: Inputs) -> dict[Sheet, list[Fields]]:
    """The tables beside the parameters as rows by header."""
    listed: dict[Sheet, Iterable[object]] = {
        Sheet.STRATEGIES: inputs.strategies,
        Sheet.TRIAL_RESULTS: inputs.trial_results,
        Sheet.CURVE_POINTS: inputs.curve_points,
        Sheet.CURVE_CHOICE: inputs.curve_choices,
        Sheet.NETWORK: inputs.network,
        Sheet.CORRELATIONS: inputs.correlations,
        Sheet.SCENARIOS: inputs.scenarios,
        Sheet.REFERENCE_CASE: inputs.reference_cases,
    }
    return {
        **{sheet: [_row(inputs, sheet, row) for row in rows] for sheet, rows in listed.items()},
        Sheet.LIFE_TABLE: _by_age(Sheet.LIFE_TABLE, inputs.life_table),
        Sheet.POPULATION_UTILITY: _by_age(Sheet.POPULATION_UTILITY, inputs.population_utility),
        Sheet.PRICE_INDEX: [{"year": year, "index": index} for year, index in inputs.price_index.items()],
        Sheet.REPORTING: [{"item": item, "text": text} for item, text in inputs.analyst_words.items()],
    }


def _row(inputs: Inputs, sheet: Sheet, row: object) -> Fields:
    place: str = getattr(row, "place", "") or getattr(row, "cell", "")
    told = {**_told_otherwise(inputs, row), CELL: place.rpartition(", ")[2]}  # without the file's name
    return {**_fields(row, [header for header in _headers(sheet) if header not in told]), **told}


def _told_otherwise(inputs: Inputs, row: object) -> Fields:
    """Cells of a row that are not the fields of their headers."""
    match row:
        case Strategy():
            included = inputs.parameters[f"strategy.included.{row.id}"]
            return {"included": included.value, "base case": included.base_case}
        case TrialContrast():
            return {"included": "yes" if row.included else "no"}
        case Correlation():
            return {"correlation": row.value}
        case ScenarioChange() if row.id.startswith("strategy.included."):
            return {"value": {"yes": "include", "no": "exclude"}.get(str(row.value), row.value)}
        case Reference():
            return {"value": row.value or None}
    return {}


def _by_age(sheet: Sheet, table: SexTable) -> list[Fields]:
    rows = zip(table.ages.tolist(), table.male.tolist(), table.female.tolist(), strict=True)
    return [dict(zip(_headers(sheet), map(float, row), strict=True)) for row in rows]
