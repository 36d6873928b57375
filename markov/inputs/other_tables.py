"""The tables beside the parameters, from raw rows to typed values.

Ages, price index, trial results, evidence, scenarios, reference cases and the analyst's words for checklists.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from markov.inputs import standards
from markov.inputs.agencies import DEFAULTS, RATES, Reference
from markov.inputs.cells import EMPTY, RawCell, Row, Sheets, fields_of, number, unreadable
from markov.inputs.definitions.schema import STRATEGY_INCLUDED, Sheet, match
from markov.inputs.evidence import (
    NETWORK_ENDPOINTS,
    QUANTITIES,
    Correlation,
    CurveChoice,
    CurvePoint,
    TrialContrast,
    TrialResult,
)
from markov.inputs.parameters import ScenarioChange, SexTable
from markov.inputs.problems import Problem
from markov.inputs.rules.one_value import choose, suggestion
from markov.terms import Agency, Endpoint, ReferenceItem, Status

SEX_COLUMNS = {Sheet.LIFE_TABLE: ("qx_male", "qx_female"), Sheet.POPULATION_UTILITY: ("male", "female")}


def other_tables(
    sheets: Sheets, labels: Collection[str], parameters: Collection[str], problems: list[Problem]
) -> dict[str, Any]:
    """The tables by the fields of `Inputs`, of a workbook with these strategies and parameters.

    What cannot be read joins the problems, each with its cell.

    >>> problems = []
    >>> found = other_tables(Sheets("a.xlsx", "", {}), [], [], problems)
    >>> found["trial_results"], [str(problem) for problem in problems][:1]
    ((), ['a.xlsx, Life table: Life table has no rows. Copy the table of a shipped workbook.'])
    """

    def rows(sheet: Sheet) -> tuple[Row, ...]:
        return sheets.rows.get(sheet, ())

    return {
        "life_table": _sex_table(sheets, Sheet.LIFE_TABLE, problems),
        "population_utility": _sex_table(sheets, Sheet.POPULATION_UTILITY, problems),
        "price_index": _price_index(rows(Sheet.PRICE_INDEX), problems),
        "trial_results": tuple(_trial_results(rows(Sheet.TRIAL_RESULTS), problems)),
        "scenarios": tuple(scenarios(rows(Sheet.SCENARIOS), problems)),
        "changes": tuple(tuple(cell.text() for cell in row.values()) for row in rows(Sheet.CHANGE_LOG)),
        "curve_points": tuple(_curve_points(rows(Sheet.CURVE_POINTS), labels, problems)),
        "network": tuple(_network(rows(Sheet.NETWORK), problems)),
        "curve_choices": tuple(_curve_choices(rows(Sheet.CURVE_CHOICE), problems)),
        "correlations": tuple(_correlations(rows(Sheet.CORRELATIONS), parameters, problems)),
        "reference_cases": tuple(_reference_cases(rows(Sheet.REFERENCE_CASE), problems)),
        "analyst_words": _analyst_words(rows(Sheet.REPORTING), problems),
    }


# ------------------------------------------------------------------------------------------------------ by age


def _sex_table(sheets: Sheets, sheet: Sheet, problems: list[Problem]) -> SexTable:
    """A table by age and sex; every cell that it cannot use becomes a problem."""
    rows = sheets.rows.get(sheet, ())
    if not rows:
        place = f"{sheets.name}, {sheet}"
        problems.append(Problem(place, f"{sheet} has no rows", remedy="Copy the table of a shipped workbook."))
    columns = [
        [_filled(row[header], header, sheet, problems) for row in rows] for header in ("age", *SEX_COLUMNS[sheet])
    ]
    problems += _age_problems(sheet, [row["age"] for row in rows], columns[0])
    for values, header in zip(columns[1:], SEX_COLUMNS[sheet], strict=True):
        problems += _share_problems(sheet, [row[header] for row in rows], columns[0], values)
    if sheet is Sheet.LIFE_TABLE and rows:
        problems += _swapped(rows[0]["qx_female"], columns[1], columns[2])
    return SexTable(*(np.array(values) for values in columns))


def _filled(cell: RawCell, header: str, sheet: Sheet, problems: list[Problem]) -> float:
    value = number(cell, f"{header} in {sheet}", problems)
    if value is None and cell.is_empty:
        problems.append(Problem(cell.place, f"{header} is empty", remedy="Every age needs both sexes."))
    return math.nan if value is None else value


def _age_problems(sheet: Sheet, cells: Sequence[RawCell], ages: Sequence[float]) -> Iterator[Problem]:
    """Whole years, each one more than the one before; where several are not, the first is told."""
    for i, age in enumerate(ages):
        before = ages[i - 1] if i else age - 1.0
        if math.isnan(age) or math.isnan(before):
            continue
        if age != round(age) or age < 0.0 or age - before != 1.0:
            gap = f"{before:g} then {age:g}" if i else f"{age:g}"
            rule = f"{sheet} needs every whole year of age, in order"
            yield Problem(cells[i].place, rule, gap, "Fill the gap, or put the rows in order.")
            return


def _share_problems(
    sheet: Sheet, cells: Sequence[RawCell], ages: Sequence[float], values: Sequence[float]
) -> Iterator[Problem]:
    """Mortality lies from 0 to below 1, mean utility from 0 to 1."""
    mortality = sheet is Sheet.LIFE_TABLE
    for cell, age, value in zip(cells, ages, values, strict=True):
        if value < 0.0 or value > 1.0 or (mortality and value == 1.0):
            rule = f"{sheet} at age {age:g} must lie between 0 and 1" + (", and below 1" if value == 1.0 else "")
            remedy = "Write a proportion such as 0.0123, not a percentage or a number in 1,000."
            yield Problem(cell.place, rule, f"{value:g}", remedy if value > 1.0 else "Mend it.")


def _swapped(cell: RawCell, male: Sequence[float], female: Sequence[float]) -> Iterator[Problem]:
    higher = sum(women > men for men, women in zip(male, female, strict=True))
    if higher > len(male) / 2:
        rule = f"women die sooner than men at {higher} of {len(male)} ages"
        yield Problem(cell.place, rule, remedy="Check that the two columns are not swapped.", warning=True)


# ------------------------------------------------------------------------------------------------- price index


def _price_index(rows: tuple[Row, ...], problems: list[Problem]) -> dict[int, float]:
    """The index by whole year."""
    index: dict[int, float] = {}
    for row in rows:
        year = number(row["year"], "price year", problems)
        value = number(row["index"], "price index", problems)
        for cell, what in ((row["year"], "the year"), (row["index"], "the index")):
            if cell.is_empty:
                problems.append(Problem(cell.place, f"{what} of a row is empty", remedy="Fill it, or clear the row."))
        if value is not None and value <= 0:
            problems.append(Problem(row["index"].place, "an index is above 0", f"{value:g}", "Mend it."))
        elif year is not None and year != round(year):
            problems.append(Problem(row["year"].place, "a price year is a whole year", f"{year:g}", "Mend it."))
        elif year is not None and value is not None and index.setdefault(int(year), value) != value:
            rule = f"the year {year:g} is there twice, with {index[int(year)]:g} and {value:g}"
            problems.append(Problem(row["year"].place, rule, remedy="Keep one of the two rows."))
    return index


# ---------------------------------------------------------------------------------------------------- evidence


def _evidence(
    sheet: Sheet, row: Row, main: str, numbers: Mapping[str, str], needed: Collection[str], problems: list[Problem]
) -> dict[str, Any] | None:
    """A row by its fields, with the place of its main cell; None, with the reason told, without a number it needs."""
    found = fields_of(sheet, row, numbers, problems)
    for header in needed:
        if row[header].is_empty:
            rule = f"{numbers[header]} is empty"
            problems.append(Problem(row[header].place, rule, remedy="Fill it, or clear the row."))
    lacking = any(found[header.replace(" ", "_")] is None for header in needed)
    return None if lacking else {**found, "place": row[main].place}


def _check_status(row: Row, problems: list[Problem]) -> None:
    status = row.get("status", EMPTY)
    if status.text() and status.text() not in tuple(Status):
        remedy = f"Write one of: {', '.join(Status)}."
        problems.append(Problem(status.place, "unknown evidence status", status.text(), remedy))


def _is_one_of(cell: RawCell, options: Collection[str], what: str, problems: list[Problem]) -> bool:
    if cell.text() in options:
        return True
    problems.append(Problem(cell.place, f"unknown {what}", cell.text(), f"Write one of: {', '.join(options)}."))
    return False


def _trial_results(rows: tuple[Row, ...], problems: list[Problem]) -> Iterator[TrialResult]:
    """Published figures; a proportion needs the time that it holds at."""
    for row in rows:
        what = f"the {row['measure'].text()} of {row['endpoint'].text()}"
        numbers = {header: f"{header} of {what}" for header in ("months", "value", "low", "high")}
        found = fields_of(Sheet.TRIAL_RESULTS, row, numbers, problems)
        if row["months"].is_empty and found["measure"] != "median":
            rule, remedy = f"{what} has no time", "Write the months at which the proportion was read."
            problems.append(Problem(row["months"].place, rule, remedy=remedy))
        if row["value"].is_empty:
            problems.append(Problem(row["value"].place, f"{what} has no value", remedy="Fill or clear the row."))
        if found["value"] is not None:
            yield TrialResult(**{**found, "months": found["months"] or 0.0}, place=row["value"].place)


def _curve_points(rows: tuple[Row, ...], labels: Collection[str], problems: list[Problem]) -> Iterator[CurvePoint]:
    """The rows of the Kaplan–Meier sheet; a total of events needs no time."""
    for row in rows:
        known = (
            _is_one_of(row["strategy"], labels, "strategy", problems)
            and _is_one_of(row["endpoint"], tuple(Endpoint), "endpoint", problems)
            and _is_one_of(row["quantity"], QUANTITIES, "quantity", problems)
        )
        quantity = row["quantity"].text()
        numbers = {"value": f"the {quantity.replace('_', ' ')}", "months": "months"}
        needed = ("value",) if quantity == "events" else ("value", "months")
        found = _evidence(Sheet.CURVE_POINTS, row, "value", numbers, needed, problems)
        if known and found is not None and (found["months"] is not None or row["months"].is_empty):
            _check_status(row, problems)
            yield CurvePoint(**{**found, "months": found["months"] or 0.0})


def _curve_choices(rows: tuple[Row, ...], problems: list[Problem]) -> Iterator[CurveChoice]:
    """The rows of the sheet on curve choice; an empty rationale is a warning."""
    for row in rows:
        choice = CurveChoice(**fields_of(Sheet.CURVE_CHOICE, row, {}, problems), place=row["family"].place)
        if not choice.rationale:
            rule = f"the choice of a curve for {choice.endpoint} of {choice.strategy} has no rationale"
            remedy = "Say why, beyond AIC and BIC: hazard, plausibility, other evidence."
            problems.append(Problem(row["rationale"].place, rule, remedy=remedy, warning=True))
        yield choice


def _network(rows: tuple[Row, ...], problems: list[Problem]) -> Iterator[TrialContrast]:
    """The rows of the evidence network; each needs a hazard ratio and something that says how sure it is."""
    for row in rows:
        known = _is_one_of(row["endpoint"], NETWORK_ENDPOINTS, "endpoint", problems)
        known = _is_one_of(row["included"], ("yes", "no"), "included", problems) and known
        what = f"{row['endpoint'].text()} of {row['trial'].text()}"
        numbers = {header: f"{header} of {what}" for header in ("low", "high", "p value", "events")}
        numbers["hazard ratio"] = f"the hazard ratio of {what}"
        found = _evidence(Sheet.NETWORK, row, "hazard ratio", numbers, ("hazard ratio",), problems)
        if known and found is not None:
            _check_status(row, problems)
            contrast = TrialContrast(**{**found, "included": found["included"] == "yes"})
            problems += _contrast_problems(contrast, row)
            yield contrast


def _contrast_problems(contrast: TrialContrast, row: Row) -> Iterator[Problem]:
    place, what = contrast.place, f"{contrast.endpoint} of {contrast.trial}"
    if not (contrast.trial and contrast.treatment and contrast.comparator):
        yield Problem(row["trial"].place, "a row names its trial, treatment and comparator", remedy="Fill all three.")
    elif contrast.treatment == contrast.comparator:
        rule = f"{what} compares {contrast.treatment} with itself"
        yield Problem(row["treatment"].place, rule, remedy="Name the other arm as the comparator.")
    if contrast.hazard_ratio <= 0:
        yield Problem(place, f"the hazard ratio of {what} is above 0", contrast.hazard_ratio, "Write the ratio itself.")
    low, high = contrast.low, contrast.high
    if (low is None) != (high is None):
        yield Problem(place, f"{what} has one limit of its interval", remedy="Fill both limits, or neither.")
    elif low is not None and high is not None and not 0 < low < contrast.hazard_ratio < high:
        found = f"{low:g} to {high:g}"
        yield Problem(place, f"the interval of {what} holds {contrast.hazard_ratio:g}", found, "Mend the limits.")
    if low is None and contrast.p_value is None and contrast.events is None:
        rule = f"nothing says how sure the hazard ratio of {what} is"
        yield Problem(place, rule, remedy="Fill the interval, the P value or the number of events.")
    if contrast.p_value is not None and not 0 < contrast.p_value < 1:
        yield Problem(place, f"the P value of {what} lies between 0 and 1", contrast.p_value, "Write 0.04, not 4 %.")
    if contrast.events is not None and contrast.events <= 0:
        yield Problem(place, f"the events of {what} are above 0", contrast.events, "Write the number of both arms.")


def _correlations(rows: tuple[Row, ...], parameters: Collection[str], problems: list[Problem]) -> Iterator[Correlation]:
    """The rows of the Correlations sheet: two different ids of the workbook and a number between −1 and 1."""
    seen: dict[frozenset[str], str] = {}
    for row in rows:
        first, second = row["first"].text(), row["second"].text()
        for key, identifier in (("first", first), ("second", second)):
            if identifier not in parameters:
                rule = "a correlation names parameters of this workbook"
                problems.append(Problem(row[key].place, rule, identifier, "Copy the id from its row."))
        numbers = {"correlation": f"the correlation of {first} and {second}"}
        found = _evidence(Sheet.CORRELATIONS, row, "correlation", numbers, numbers, problems)
        if found is None:
            continue
        cell, pair, value = row["correlation"], frozenset((first, second)), found.pop("correlation")
        if not -1 <= value <= 1:
            problems.append(Problem(cell.place, "a correlation lies between −1 and 1", value, "Mend it."))
        elif first == second:
            problems.append(Problem(cell.place, f"{first} is paired with itself", remedy="Name another parameter."))
        elif pair in seen:
            rule = f"{first} and {second} are already paired at {seen[pair]}"
            problems.append(Problem(cell.place, rule, remedy="Keep one of the two rows."))
        else:
            seen[pair] = cell.address
            _check_status(row, problems)
            yield Correlation(value=value, **found)


# --------------------------------------------------------------------------------------------------- scenarios


def scenarios(rows: tuple[Row, ...], problems: list[Problem]) -> Iterator[ScenarioChange]:
    """Rows of scenarios whose ids the model knows; an empty value empties the parameter.

    >>> row = {"scenario": "Older", "id": "cohort.age", "value": 63}
    >>> [change] = scenarios(({key: RawCell(value, "") for key, value in row.items()},), [])
    >>> change.scenario, change.id, change.value
    ('Older', 'cohort.age', 63.0)
    """
    for row in rows:
        identifier = row["id"].text()
        found = match(identifier)
        if found is None:
            rule = "the scenario names an unknown id" if identifier else "the scenario's row has no id"
            told = identifier or None
            remedy = suggestion(identifier) if identifier else "Write the id that it changes, or clear the row."
            problems.append(Problem(row["id"].place, rule, told, remedy))
            continue
        cell, scenario = row["value"], row["scenario"].text()
        what = f"{identifier} in scenario {scenario}"
        value = (cell.text() or None) if found[0].is_text else number(cell, what, problems)
        if found[0] is STRATEGY_INCLUDED:
            value = {"include": "yes", "exclude": "no"}.get(str(value), value)
        weight = number(row.get("weight", EMPTY), f"the weight of scenario {scenario}", problems)
        yield ScenarioChange(scenario, identifier, value, row.get("reason", EMPTY).text(), cell.address, weight)


# ------------------------------------------------------------------------- reference cases and checklists


def _reference_cases(rows: tuple[Row, ...], problems: list[Problem]) -> Iterator[Reference]:
    """The rows of the sheet Reference case; without any, what the program knows."""
    if not rows:
        yield from DEFAULTS
    seen: dict[tuple[str, str], str] = {}
    for row in rows:
        found = fields_of(Sheet.REFERENCE_CASE, row, {}, problems)
        agency, item = found["agency"].lower(), found["item"].lower()
        told = Reference(**{**found, "agency": agency, "item": item}, place=row["value"].place)
        wrong = list(_problems(told, row, seen))
        problems += wrong
        seen.setdefault((agency, item), told.cell)
        if not wrong:
            yield told


def _problems(told: Reference, row: Row, seen: Mapping[tuple[str, str], str]) -> Iterator[Problem]:
    for header, value, known in (("agency", told.agency, Agency), ("item", told.item, ReferenceItem)):
        if value not in tuple(known):
            rule = f'"{header}" is not one of those known'
            yield Problem(row[header].place, rule, value, choose(value, tuple(known)))
    if (told.agency, told.item) in seen:
        rule = f"{told.item} of {told.agency} is already given at {seen[told.agency, told.item]}"
        yield Problem(row["item"].place, rule, remedy="Keep one of the two rows.")
    if told.status and told.status not in tuple(Status):
        rule = "the status is not one of the evidence statuses"
        yield Problem(row["status"].place, rule, told.status, choose(told.status, tuple(Status)))
    yield from unreadable(row["value"], f"{told.item} of {told.agency}")
    yield from _not_numbers(told)


def _not_numbers(told: Reference) -> Iterator[Problem]:
    """Rates are proportions a year, thresholds positive amounts."""
    if not told.value or (told.item not in RATES and told.item != ReferenceItem.THRESHOLDS):
        return
    try:
        numbers = (told.number,) if told.item in RATES else told.amounts
    except ValueError:
        numbers = ()
    if told.item in RATES and not (numbers and 0.0 <= numbers[0] <= 1.0):
        yield Problem(told.place, "a discount rate lies between 0 and 1", told.value, "Write 0.035 for 3.5 % a year.")
    if told.item == ReferenceItem.THRESHOLDS and not (numbers and min(numbers) > 0.0):
        remedy = "Write amounts above 0 with semicolons between, such as 25000; 35000."
        yield Problem(told.place, "thresholds are amounts per QALY", told.value, remedy)


def _analyst_words(rows: tuple[Row, ...], problems: list[Problem]) -> dict[str, str]:
    """What the analyst wrote for items of the checklists, by item; empty rows are left out."""
    known = tuple(identifier for identifier, _ in standards.items())
    found: dict[str, str] = {}
    for row in rows:
        cell = row["item"]
        if cell.text() not in known:
            rule = "this is no item of CHEERS 2022 or AdViSHE"
            problems.append(Problem(cell.place, rule, cell.text() or None, choose(cell.text(), known)))
        elif cell.text() in found:
            problems.append(Problem(cell.place, f"{cell.text()} is there twice", remedy="Keep one of the two rows."))
        else:
            found[cell.text()] = row["text"].text()
    return {item: text for item, text in found.items() if text}
