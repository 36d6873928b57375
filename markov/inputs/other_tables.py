"""The tables beside the parameters, from raw rows to typed values.

Ages, price index, trial results, scenarios, reference cases and the analyst's words for checklists.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from markov.inputs import standards
from markov.inputs.agencies import DEFAULTS, RATES, Reference
from markov.inputs.cells import EMPTY, RawCell, Row, Sheets, number, unreadable
from markov.inputs.definitions.schema import STRATEGY_INCLUDED, Sheet, match
from markov.inputs.parameters import ScenarioChange, SexTable, TrialResult
from markov.inputs.problems import Problem
from markov.inputs.rules.one_value import choose, suggestion
from markov.terms import Agency, ReferenceItem, Status

SEX_COLUMNS = {Sheet.LIFE_TABLE: ("qx_male", "qx_female"), Sheet.POPULATION_UTILITY: ("male", "female")}


# ------------------------------------------------------------------------------------------------------ by age


def sex_table(sheets: Sheets, sheet: Sheet, problems: list[Problem]) -> SexTable:
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


def price_index(rows: tuple[Row, ...], problems: list[Problem]) -> dict[int, float]:
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


# ----------------------------------------------------------------------------------------------- trial results


def trial_results(rows: tuple[Row, ...], problems: list[Problem]) -> Iterator[TrialResult]:
    """Published figures; a proportion needs the time that it holds at."""
    for row in rows:
        what = f"the {row['measure'].text()} of {row['endpoint'].text()}"
        numbers = {
            key: number(row.get(key, EMPTY), f"{key} of {what}", problems) for key in ("months", "value", "low", "high")
        }
        texts = {
            key: row.get(key, EMPTY).text()
            for key in ("strategy", "endpoint", "measure", "source", "page", "status", "comment")
        }
        if row["months"].is_empty and texts["measure"] != "median":
            rule, remedy = f"{what} has no time", "Write the months at which the proportion was read."
            problems.append(Problem(row["months"].place, rule, remedy=remedy))
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


# --------------------------------------------------------------------------------------------------- scenarios


def scenarios(rows: tuple[Row, ...], problems: list[Problem]) -> Iterator[ScenarioChange]:
    """Rows of scenarios whose ids the model knows; an empty value empties the parameter."""
    for row in rows:
        identifier = row["id"].text()
        found = match(identifier)
        if found is None:
            rule = "the scenario names an unknown id" if identifier else "the scenario's row has no id"
            told = identifier or None
            remedy = suggestion(identifier) if identifier else "Write the id that it changes, or clear the row."
            problems.append(Problem(row["id"].place, rule, told, remedy))
            continue
        cell, what = row["value"], f"{identifier} in scenario {row['scenario'].text()}"
        value = (cell.text() or None) if found[0].is_text else number(cell, what, problems)
        if found[0] is STRATEGY_INCLUDED:
            value = {"include": "yes", "exclude": "no"}.get(str(value), value)
        weight = number(row.get("weight", EMPTY), f"the weight of scenario {row['scenario'].text()}", problems)
        reason = row.get("reason", EMPTY).text()
        yield ScenarioChange(row["scenario"].text(), identifier, value, reason, cell.address, weight)


# ------------------------------------------------------------------------- reference cases and checklists


def reference_cases(rows: tuple[Row, ...], problems: list[Problem]) -> Iterator[Reference]:
    """The rows of the sheet Reference case; without any, what the program knows."""
    if not rows:
        yield from DEFAULTS
        return
    seen: dict[tuple[str, str], str] = {}
    for row in rows:
        agency, item, cell = row["agency"].text().lower(), row["item"].text().lower(), row["value"]
        source, status, comment = (row.get(header, EMPTY).text() for header in ("source", "status", "comment"))
        told = Reference(agency, item, cell.text(), source, status, comment, cell.place)
        wrong = list(_problems(told, row, seen))
        problems += wrong
        seen.setdefault((agency, item), cell.address)
        if not wrong:
            yield told


def _problems(told: Reference, row: Row, seen: dict[tuple[str, str], str]) -> Iterator[Problem]:
    for header, value, known in (("agency", told.agency, Agency), ("item", told.item, ReferenceItem)):
        if value not in tuple(known):
            yield Problem(
                row[header].place, f'"{header}" is not one of those known', value, choose(value, tuple(known))
            )
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


def analyst_words(rows: tuple[Row, ...], problems: list[Problem]) -> dict[str, str]:
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
