"""The sheets that carry what a run was computed from, complete and in all digits, so that the report can be verified.

They hold the rows of the input workbook under its own headers, and the cell that each came from.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from markov.inputs.agencies import Reference
from markov.inputs.definitions.schema import NUMERIC, STRATEGY_INCLUDED, TABLES, Sheet
from markov.inputs.evidence import Correlation, CurveChoice, CurvePoint, TrialContrast
from markov.inputs.parameters import Inputs, Parameter, ScenarioChange, Strategy, TrialResult
from markov.report.page import Cell, Column, Look, Page, Table
from markov.report.sheets.evidence import marked

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
    """Every parameter in the workbook's order, the tables by age and year, and all other tables."""
    listed = list(inputs.parameters.values())
    parameters = _table(PARAMETERS, PARAMETER_HEADERS, map(_parameter, listed))
    parameters = replace(parameters, tints=marked(listed, len(parameters.columns)))
    rows = table_rows(inputs)
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
    rows = tuple((*row, check_of(row)) for row in cells)
    return Table(title, (*columns, Column(CHECK)), rows, title, whole=True)


def check_of(row: Iterable[Cell]) -> str:
    """Fingerprint of a row: eight digits that change with any of its words, or the first twelve digits of a number.

    >>> check_of(("utility.maintenance", 0.72)) == check_of(("utility.maintenance", 0.72 + 1e-15)) != check_of(("a", 1))
    True
    """
    words = (f"{float(value):.12g}" if isinstance(value, (int, float)) else str(value or "") for value in row)
    return hashlib.sha256("\x1f".join(words).encode()).hexdigest()[:8]


def fingerprint(inputs: Inputs) -> str:
    """Fingerprint of all that a report carries, from those of its rows.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> len(fingerprint(read_inputs(shipped("calgb_100104"))))
    64
    """
    tables = (block for page in carried_pages(inputs) for block in page.blocks if isinstance(block, Table))
    checks = "\n".join(str(row[-1]) for table in tables for row in table.rows)
    return hashlib.sha256(checks.encode()).hexdigest()


def _parameter(p: Parameter) -> Fields:
    numbers = {"value": p.value, "base case": p.base_case, "se": p.se, "low": p.low, "high": p.high}
    texts = {"label": p.label, "unit": p.unit, "group": p.group, "value set": p.value_set, "source": p.source}
    kind = "" if p.definition is STRATEGY_INCLUDED else p.distribution
    texts |= {"page": p.page, "status": p.status, "comment": p.comment, "distribution": kind, CELL: p.cell}
    texts["confidential"] = "yes" if p.confidential else "no" if p.shown else ""
    return {"id": p.id, "price year": p.price_year, **numbers, **texts}


# ------------------------------------------------------------------------------------------- tables to rows


def table_rows(inputs: Inputs) -> dict[Sheet, list[Fields]]:
    """The tables beside the parameters as rows by header."""
    life, utility = inputs.life_table, inputs.population_utility
    return {
        Sheet.STRATEGIES: [_strategy(inputs, s) for s in inputs.strategies],
        Sheet.LIFE_TABLE: [
            {"age": float(age), "qx_male": float(men), "qx_female": float(women)}
            for age, men, women in zip(life.ages, life.male, life.female, strict=True)
        ],
        Sheet.POPULATION_UTILITY: [
            {"age": float(age), "male": float(men), "female": float(women)}
            for age, men, women in zip(utility.ages, utility.male, utility.female, strict=True)
        ],
        Sheet.PRICE_INDEX: [{"year": year, "index": index} for year, index in inputs.price_index.items()],
        Sheet.TRIAL_RESULTS: [_trial(r) for r in inputs.trial_results],
        Sheet.CURVE_POINTS: [_point(p) for p in inputs.curve_points],
        Sheet.CURVE_CHOICE: [_choice(c) for c in inputs.curve_choices],
        Sheet.NETWORK: [_contrast(c) for c in inputs.network],
        Sheet.CORRELATIONS: [_correlation(c) for c in inputs.correlations],
        Sheet.SCENARIOS: [_change(c) for c in inputs.scenarios],
        Sheet.REFERENCE_CASE: [_reference(r) for r in inputs.reference_cases],
        Sheet.REPORTING: [{"item": item, "text": text} for item, text in inputs.analyst_words.items()],
    }


def _strategy(inputs: Inputs, s: Strategy) -> Fields:
    included = inputs.parameters[f"strategy.included.{s.id}"]
    words = {"included": included.value, "base case": included.base_case}
    return {"id": s.id, "label": s.label, "description": s.description, CELL: s.cell, **words}


def _sourced(row: TrialResult | CurvePoint | TrialContrast | Correlation) -> Fields:
    return {"source": row.source, "page": row.page, "status": row.status, "comment": row.comment}


def _at(place: str) -> str:
    """The cell of a place, without the file's name."""
    return place.rpartition(", ")[2]


def _trial(r: TrialResult) -> Fields:
    words = {"strategy": r.strategy, "endpoint": r.endpoint, "measure": r.measure, CELL: r.cell}
    return {**words, "months": r.months, "value": r.value, "low": r.low, "high": r.high, **_sourced(r)}


def _point(p: CurvePoint) -> Fields:
    words = {"strategy": p.strategy, "endpoint": p.endpoint, "quantity": p.quantity, CELL: _at(p.place)}
    return {**words, "months": p.months, "value": p.value, **_sourced(p)}


def _choice(c: CurveChoice) -> Fields:
    words = {"strategy": c.strategy, "endpoint": c.endpoint, "family": c.family, "fit": c.fit, "hazard": c.hazard}
    words |= {"plausibility": c.plausibility, "other evidence": c.other_evidence, "rationale": c.rationale}
    return {**words, CELL: _at(c.place)}


def _contrast(c: TrialContrast) -> Fields:
    words = {"endpoint": c.endpoint, "trial": c.trial, "treatment": c.treatment, "comparator": c.comparator}
    numbers = {"hazard ratio": c.hazard_ratio, "low": c.low, "high": c.high, "p value": c.p_value, "events": c.events}
    return {**words, **numbers, "included": "yes" if c.included else "no", **_sourced(c), CELL: _at(c.place)}


def _correlation(c: Correlation) -> Fields:
    return {"first": c.first, "second": c.second, "correlation": c.value, **_sourced(c), CELL: _at(c.place)}


def _change(c: ScenarioChange) -> Fields:
    value = c.value
    if c.id.startswith("strategy.included."):
        value = {"yes": "include", "no": "exclude"}.get(str(value), value)
    return {"scenario": c.scenario, "id": c.id, "value": value, "reason": c.reason, "weight": c.weight, CELL: c.cell}


def _reference(r: Reference) -> Fields:
    words = {"agency": r.agency, "item": r.item, "value": r.value or None, "source": r.source, "status": r.status}
    return {**words, "comment": r.comment, CELL: _at(r.place)}
