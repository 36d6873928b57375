"""A table of broken workbooks, each made in code from a good one: what is said, of which cell, and what to do about it.

Each case breaks one thing. The problem must be an error (or, in the second table, a warning), stand once at its cell,
and hold the rule, what was found and the remedy. Most are read as cells in memory; whatever a file may do to a value on
its way is tried with files at the end.
"""

import datetime
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from broken_inputs.editing import NAME, Book, good_book, problems_of, told_at
from openpyxl.chart import BarChart, Reference

from markov.inputs.problems import InputError, Problem
from markov.inputs.template import shipped, worked_names
from markov.inputs.workbook import read_inputs

HR, STOPPED, DEATH = "os.hazard_ratio.lenalidomide", "toxicity.proportion.lenalidomide", "cost.event.death"
NONE, LEN = "no_maintenance", "lenalidomide"
NEEDS = f"{HR} needs a number"


@dataclass(frozen=True)
class Broken:
    """One edit, which gives the place of the problem, and the words that must be said there."""

    edit: Callable[[Book], str]
    words: tuple[str, ...]


def put(key: str, value: object, *words: str, header: str = "value", sheet: str = "", told: str = "") -> Broken:
    """A value in one cell; `told` is the header of the cell that is named, where it is another one."""

    def edit(book: Book) -> str:
        told_place = book.at(key, told or header, sheet)
        book.put(key, value, header, sheet)
        return told_place

    return Broken(edit, words)


def add(sheet: str, identifier: str, value: object, unit: str | None, *words: str) -> Broken:
    """A row that should not be there."""
    return Broken(lambda book: book.add(sheet, identifier, value, unit), words)


# One cell ------------------------------------------------------------------------------------------------------------

NUMBERS: dict[str, Broken] = {
    "a decimal comma": put(HR, "0,57", NEEDS, 'found "0,57"', "Write 0.57", "point"),
    "a comma that may mean two things": put(DEATH, "8,714", "needs a number", 'found "8,714"', "8714 or 8.714"),
    "thousands with commas": put(
        DEATH, "1,008,714.5", 'found "1,008,714.5"', "Write 1008714.5: thousands have no sign"
    ),
    "thousands with blanks": put(DEATH, "8 714", 'found "8 714"', "Write 8714"),
    "thousands with points": put(DEATH, "1.008.714,5", 'found "1.008.714,5"', "Write 1008714.5"),
    "a percentage as text": put(STOPPED, "12 %", "needs a number", 'found "12 %"', "Write 0.12", "percentage"),
    "a percentage of costs": put("settings.discount_rate.costs", "5 %", "needs a number", "Write 0.05"),
    "a percentage with a comma": put(STOPPED, "12,5%", "needs a number", "Write 0.125", "type 12.5%"),
    "a number stored as text": put(HR, "0.61", NEEDS, 'found "0.61"', "stored as text", "type it again"),
    "a typographic minus": put("os.shape.no_maintenance", "−1.3", "needs a number", "stored as text"),
    "a number with its unit": put(DEATH, "GBP 8714", "needs a number", 'found "GBP 8714"', "Write the number alone"),
    "words": put(HR, "about a half", NEEDS, 'found "about a half"', "Write a number, or leave"),
    "a date": put(HR, datetime.datetime(2026, 6, 1), NEEDS, "the date 2026-06-01", "format the cell as a number"),
    "a time": put(HR, datetime.time(14, 30), NEEDS, "the date 14:30", "format the cell as a number"),
    "true": put(HR, True, NEEDS, 'found "True"', "Write a number"),
    "a broken reference": put(HR, "#REF!", NEEDS, 'found "#REF!"', "Mend the formula"),
    "a division by zero": put(HR, "#DIV/0!", NEEDS, 'found "#DIV/0!"', "Mend the formula"),
    "a spill": put(HR, "#SPILL!", NEEDS, 'found "#SPILL!"', "Mend the formula"),
    "a formula never calculated": put(HR, "=1-0.39", NEEDS, "never calculated", "Open the workbook in Excel"),
    "a huge number": put(DEATH, 1e300, "needs a number", 'found "1e+300"', "below 1e+15"),
    "52 for a proportion": put(STOPPED, 52, f"{STOPPED} must be at most 1", 'found "52"', "Write 0.52", "52 %"),
    "520 for a proportion": put(STOPPED, 520, "must be at most 1", 'found "520"', "Mend the value or its unit"),
    "a discount rate of 3.5": put("settings.discount_rate.costs", 3.5, "at most 1", 'found "3.5"', "Write 0.035"),
    "a utility of 72": put("utility.maintenance", 72, "must be at most 1", 'found "72"', "Write 0.72"),
    "a negative cost": put(DEATH, -5.0, f"{DEATH} must be at least 0", 'found "-5"', "Mend the value"),
    "a hazard ratio of 0": put(HR, 0, f"{HR} must be above 0", 'found "0"', "Mend"),
    "a positive decrement": put("adverse_event.disutility.infection", 0.16, "at most 0", 'found "0.16"', "Mend"),
    "a period of 0": put("toxicity.period.lenalidomide", 0, "must be above 0", 'found "0"', "Mend"),
    "packs of nothing": put("product.units_per_pack.lenalidomide_10mg", 0, "must be above 0", 'found "0"', "Mend"),
    "a cycle of 0": put("settings.cycle_days", 0, "settings.cycle_days must be above 0", 'found "0"', "Mend"),
    "a horizon of 0": put("settings.horizon_years", 0, "a horizon of zero has no results", 'found "0"', "Lengthen it"),
    "an age of 120": put("cohort.age", 120, "must be at most 110", 'found "120"', "Mend"),
    "an age beyond the horizon": put("cohort.age", 101, "ends at age 100", 'found "101.0"', "settings.horizon_years"),
    "half a price year": put("settings.price_year", 2021.5, "is a whole number", 'found "2021.5"', "Round it"),
    "half a seed": put("settings.seed", 1.5, "settings.seed is a whole number", 'found "1.5"', "Round it"),
    "an empty number": put("cohort.age", None, "cohort.age has no value", "Fill it"),
    "a base case that is text": put(HR, "0,6", f"base case of {HR}", 'found "0,6"', "Write 0.6", header="base case"),
}

WORDS: dict[str, Broken] = {
    "an unknown family": put(
        "pfs.family.no_maintenance", "normal", "not one of its choices", '"normal"', "Choose one of"
    ),
    "a family in capitals": put("os.family.no_maintenance", "Weibull", '"Weibull"', "Did you mean weibull?"),
    "an unknown choice": put(
        "settings.correction", "halfcycle", '"halfcycle"', "Did you mean half_cycle? Choose one of"
    ),
    "a formula in a choice": put("pfs.family.lenalidomide", "=A1", "never calculated", "Open the workbook in Excel"),
    "a formula in a text": put("settings.population", "=A1", "needs a text", "never calculated", "Open the workbook"),
    "a broken reference in a text": put("settings.population", "#REF!", 'found "#REF!"', "Mend the formula"),
    "a formula in a unit": put(DEATH, "=A1", '"unit" needs a text', "never calculated", "Open", header="unit"),
    "a formula in an id": put(DEATH, "=A1", '"id" needs a text', "never calculated", "Open", header="id"),
    "a formula in included": put(LEN, "=A1", "never calculated", "Open", header="included", sheet="Strategies"),
    "an error in a distribution": put(DEATH, "#N/A", '"#N/A"', "Mend the formula", header="distribution"),
    "a currency in words": put("settings.currency", "pounds", "three-letter code", '"pounds"', "Write GBP"),
    "a currency that is none": put("settings.currency", "GPB", "ISO 4217", '"GPB"', "Write GBP"),
    "thresholds in words": put(
        "settings.thresholds", "20 to 30", "list of numbers", '"20 to 30"', 'Separate them by ";"'
    ),
    "thresholds with commas between": put("settings.thresholds", "20000,30000", "list of numbers", '";"'),
    "thresholds that fall": put("settings.thresholds", "35000; 25000", "rising numbers", '"35000; 25000"', "in order"),
    "an empty threshold": put("settings.thresholds", "25000;", "list of numbers", '"25000;"', "Separate"),
    "a reference that is not compared": put(
        "settings.reference", "thalidomide", "not an included strategy", '"thalidomide"', "no_maintenance, lenalidomide"
    ),
}

IDS: dict[str, Broken] = {
    "an unknown id": put(
        "pfs.mu.lenalidomide",
        "pfs.muh.lenalidomide",
        "the model knows no such id",
        '"pfs.muh.lenalidomide"',
        "Did you mean pfs.mu.lenalidomide?",
        header="id",
    ),
    "an ill-formed id": put(
        "mortality.smr", "SMR of all", "not a well-formed id", '"SMR of all"', "small", header="id"
    ),
    "an id in capitals": put(
        "cohort.age", "Cohort.Age", "well-formed", '"Cohort.Age"', "mean cohort.age?", header="id"
    ),
    "no id": put("os.shape.no_maintenance", None, "the row has no id", "Write its id", header="id"),
    "an id of no strategy": put(
        HR, "os.hazard_ratio.bort", "belongs to no strategy", "Strategies are no_maintenance, lenalidomide", header="id"
    ),
    "an id that is given already": put(
        "cost.monitoring.lenalidomide", DEATH, f"{DEATH} is already given at Costs!C", "Keep one", header="id"
    ),
    "a strategy's own switch among the parameters": put(
        "mortality.smr",
        "strategy.included.lenalidomide",
        "on the sheet of strategies",
        '"strategy.included.len',
        header="id",
    ),
    "a strategy's id of two words": put(
        LEN, "Lenalidomide 10", "a short word", '"Lenalidomide 10"', "small letters", header="id", sheet="Strategies"
    ),
    "a strategy called common": put(
        LEN, "common", '"common" has a meaning of its own', "Choose another id", header="id", sheet="Strategies"
    ),
    "a strategy that is there twice": Broken(
        lambda book: book.append("Strategies", {"id": LEN, "label": "Again", "included": "yes"}, "id"),
        ("strategy lenalidomide is already given at Strategies!A", "Rename it"),
    ),
    "a strategy that is neither in nor out": put(
        LEN, "maybe", "not one of its choices", '"maybe"', "one of: yes, no", header="included", sheet="Strategies"
    ),
    "a strategy without its rows": Broken(
        lambda book: book.append("Strategies", {"id": "bort", "label": "Bortezomib", "included": "yes"}, "id"),
        ("strategy bort has no rows", "Add its rows: treatment.share_starting.bort", "pfs.family.bort"),
    ),
}

SPREADS: dict[str, Broken] = {
    "a negative standard error": put(
        DEATH, -1.0, "standard error", "below 0", 'found "-1"', "Mend", header="se", told="value"
    ),
    "limits that trade places": put(
        HR, 0.2, "low limit", "above the high", "> 0.2", "Swap", header="high", told="value"
    ),
    "a base case above its limits": put(
        "os.hazard_ratio.lenalidomide",
        0.5,
        "outside its interval",
        "0.61 outside",
        "to 0.5",
        header="high",
        told="value",
    ),
    "a base case below its limits": put(
        HR, 0.7, "outside its interval", "0.61 outside 0.7", header="low", told="value"
    ),
    "a limit in per cent": put(STOPPED, 18, "high limit", "at most 1", '"18"', "0.18", header="high", told="value"),
    "a standard error that is text": put(
        DEATH, "1,5", f"se of {DEATH} needs a number", '"1,5"', "Write 1.5", header="se"
    ),
    "an unknown distribution": put(
        DEATH,
        "lognormal",
        "unknown distribution",
        '"lognormal"',
        "Choose one of: fixed",
        header="distribution",
        told="value",
    ),
    "a distribution with nothing to go on": put(
        DEATH, None, "neither a standard error nor limits", "Give a standard error", header="se", told="value"
    ),
    "a standard deviation for a standard error": put(
        STOPPED, 0.31, "no beta distribution", 'found "0.31"', "not the standard deviation", header="se", told="value"
    ),
    "a uniform without limits": put(
        DEATH,
        "uniform",
        "uniform distribution but not both limits",
        "Give low and high",
        header="distribution",
        told="value",
    ),
    "a choice of method that is sampled": put(
        "settings.cycle_days",
        "normal",
        "a choice of method, never sampled",
        "Choose fixed",
        header="distribution",
        told="value",
    ),
    "an unknown status": put(
        DEATH,
        "checked",
        "not one of the evidence statuses",
        '"checked"',
        "Choose one of: seed",
        header="status",
        told="value",
    ),
    "an unknown unit": put(
        DEATH,
        "EUR per event",
        "unknown unit",
        '"EUR per event"',
        "Write one of: GBP per event",
        header="unit",
        told="value",
    ),
    "no unit": put(HR, None, "unknown unit", 'found ""', "Write one of: ratio", header="unit", told="value"),
    "a price year without an index": put(
        DEATH, 2015, "no year 2015", DEATH, "Add it to Price index", header="price year", told="value"
    ),
    "half a price year of a cost": put(
        DEATH, 2015.5, "is a year from 1990 to 2100", 'found "2015.5"', "Mend it", header="price year", told="value"
    ),
    "a price year in words": put(
        "cost.state.progression", "2015/16", "price year of cost.state.progression", '"2015/16"', header="price year"
    ),
}


def drop(sheet: str, key: str) -> Callable[[Book], str]:
    def edit(book: Book) -> str:
        _, (row, column) = book.find(key, "age", sheet)
        book[sheet].shift_rows(row, -1)
        return book.place(sheet, (row, column))

    return edit


TABLES: dict[str, Broken] = {
    "a probability of death of 1": put(
        "100", 1.0, "at age 100", "below 1", 'found "1"', header="qx_male", sheet="Life table"
    ),
    "deaths in 1,000": put("60", 8.1, "between 0 and 1", '"8.1"', "proportion", header="qx_male", sheet="Life table"),
    "a probability that is text": put(
        "60", "0,01", "qx_male in Life table", '"0,01"', "Write 0.01", header="qx_male", sheet="Life table"
    ),
    "a probability that is missing": put(
        "60", None, "qx_male is empty", "both sexes", header="qx_male", sheet="Life table"
    ),
    "an age in words": put("60", "sixty", "age in Life table", '"sixty"', header="age", sheet="Life table"),
    "half an age": put("60", 60.5, "every whole year", "59 then 60.5", header="age", sheet="Life table"),
    "a gap in the life table": Broken(drop("Life table", "77"), ("every whole year", "76 then 78", "Fill the gap")),
    "a gap in the norms": Broken(drop("Population utility", "77"), ("every whole year", "76 then 78", "Fill the gap")),
    "a norm above 1": put("60", 1.2, "between 0 and 1", 'found "1.2"', header="male", sheet="Population utility"),
    "an index of 0": put("2011", 0, "an index is above 0", 'found "0', "Mend it", header="index", sheet="Price index"),
    "an index that is missing": put("2011", None, "the index of a row is empty", header="index", sheet="Price index"),
    "a year with two indices": Broken(
        lambda book: book.append("Price index", {"year": 2011, "index": 80.0}, "year"),
        ("the year 2011 is there twice", "Keep one of the two rows"),
    ),
    "half a year of the index": put(
        "2011", 2011.5, "a whole year", '"2011.5"', "Mend", header="year", sheet="Price index"
    ),
    "a trial result of no strategy": put(
        LEN, "len", "belongs to no strategy", '"len"', header="strategy", sheet="Trial results", told="value"
    ),
    "a measure that the model has not": put(
        LEN, "hazard", "cannot set this measure", "os median", header="measure", sheet="Trial results", told="value"
    ),
    "a trial result without a value": put(
        LEN, None, "has no value", "Fill or clear the row", header="value", sheet="Trial results"
    ),
    "a share of trial patients in per cent": Broken(
        lambda book: book.append(
            "Trial results", {"strategy": LEN, "endpoint": "os", "measure": "survival", "months": 36, "value": 62}
        ),
        ("the os survival lies between 0 and 1", 'found "62"', "Write 0.62"),
    ),
    "a share of trial patients without its time": Broken(
        lambda book: book.append(
            "Trial results", {"strategy": LEN, "endpoint": "os", "measure": "survival", "value": 0.62}, "months"
        ),
        ("the survival of os has no time", "Write the months"),
    ),
    "a trial result outside its interval": Broken(
        lambda book: book.append(
            "Trial results",
            {"strategy": LEN, "endpoint": "os", "measure": "median", "months": 0, "value": 90, "low": 95, "high": 120},
        ),
        ("the os median is outside its own interval", "90 outside 95 to 120", "Check all three"),
    ),
}

EVIDENCE: dict[str, Broken] = {}
POINT: dict[str, object] = {"strategy": LEN, "endpoint": "os", "quantity": "survival", "months": 12.0, "value": 0.9}
TRIAL: dict[str, object] = {
    "endpoint": "os",
    "trial": "CALGB",
    "treatment": LEN,
    "comparator": NONE,
    "hazard ratio": 0.6,
    "low": 0.5,
    "high": 0.72,
    "included": "yes",
}
CHOICE: dict[str, object] = {
    "strategy": LEN,
    "endpoint": "pfs",
    "family": "weibull",
    "fit": "AIC",
    "rationale": "the hazard falls",
}


def three_correlations(book: Book) -> str:
    book["Correlations"].shift_rows(5, -100)  # the pairs that the shipped workbook has of its own
    median, shape = "os.median.no_maintenance", "os.shape.no_maintenance"
    pairs = ((median, shape, 0.9), (shape, HR, 0.9), (HR, median, -0.9))
    places = [
        book.append("Correlations", {"first": a, "second": b, "correlation": r}, "correlation") for a, b, r in pairs
    ]
    return places[1]


def row(sheet: str, good: dict[str, object], changes: dict[str, object], told: str, *words: str) -> Broken:
    return Broken(lambda book: book.append(sheet, {**good, **changes}, told), words)


def rows(sheet: str, first: dict[str, object], second: dict[str, object], told: str, *words: str) -> Broken:
    def edit(book: Book) -> str:
        book.append(sheet, first, told)
        return book.append(sheet, second, told)

    return Broken(edit, words)


KM, NETWORK = "Kaplan-Meier", "Evidence network"
EVIDENCE |= {
    "survival of a curve in per cent": row(KM, POINT, {"value": 90}, "value", "between 0 and 1", '"90"', "Write 0.9"),
    "a point before time zero": row(KM, POINT, {"months": -3.0}, "value", "from time zero", '"-3"', "0 or more"),
    "half a patient at risk": row(
        KM, POINT, {"quantity": "at_risk", "value": 30.5}, "value", "whole number of patients", '"30.5"', "as printed"
    ),
    "a point of no endpoint": row(
        KM, POINT, {"endpoint": "dfs"}, "endpoint", "unknown endpoint", '"dfs"', "one of: pfs"
    ),
    "a point of no strategy": row(
        KM, POINT, {"strategy": "len"}, "strategy", "unknown strategy", '"len"', "one of: no_"
    ),
    "a choice of no family": row("Curve choice", CHOICE, {"family": "best"}, "family", "unknown family", '"best"'),
    "a trial against itself": row(
        NETWORK, TRIAL, {"comparator": LEN}, "treatment", "compares lenalidomide with itself", "Name the other arm"
    ),
    "a trial without an interval": row(
        NETWORK, TRIAL, {"low": None, "high": None}, "hazard ratio", "nothing says how sure", "Fill the interval"
    ),
    "a trial that is there twice": rows(
        NETWORK, TRIAL, {**TRIAL, "hazard ratio": 0.61}, "hazard ratio", "is already at Evidence network!E", '"no"'
    ),
}

PAIR: dict[str, object] = {"first": "os.median.no_maintenance", "second": "os.shape.no_maintenance", "correlation": 0.5}
CORRELATIONS: dict[str, Broken] = {
    "a correlation of an unknown id": row(
        "Correlations", PAIR, {"second": "os.shap.no"}, "second", "names parameters of this workbook", '"os.shap.no"'
    ),
    "a correlation above 1": row(
        "Correlations", PAIR, {"correlation": 1.2}, "correlation", "between −1 and 1", 'found "1.2"', "Mend"
    ),
    "a perfect correlation": row(
        "Correlations", PAIR, {"correlation": 1}, "correlation", "not positive definite", 'found "1"', "nearest matrix"
    ),
    "a pair that is there twice": rows("Correlations", PAIR, PAIR, "correlation", "already paired at", "Keep one"),
    "a parameter paired with itself": row(
        "Correlations", PAIR, {"second": PAIR["first"]}, "correlation", "paired with itself", "Name another"
    ),
    "three correlations that cannot be": Broken(
        three_correlations,
        ("cannot all hold", "not positive definite", 'found "0.9"', "nearest matrix", f"between {HR} and os.shape"),
    ),
}

SCENARIOS: dict[str, Broken] = {
    "a scenario of an unknown id": put(
        "Generic prices",
        "settings.prices",
        "unknown id",
        '"settings.prices"',
        "settings.price",
        header="id",
        sheet="Scenarios",
    ),
    "a scenario of no id": put(
        "Generic prices", None, "the scenario's row has no id", "Write the id", header="id", sheet="Scenarios"
    ),
    "a scenario of no strategy": put(
        "Weibull PFS",
        "pfs.family.len",
        "a strategy that does not exist",
        '"pfs.family.len"',
        "Strategies are no_maintenance",
        header="id",
        sheet="Scenarios",
        told="value",
    ),
    "a scenario with an impossible choice": put(
        "Generic prices",
        "free",
        'scenario "Generic prices": settings.price_set is not',
        '"free"',
        "brand",
        sheet="Scenarios",
    ),
    "a scenario with a decimal comma": put(
        "Horizon 10 years", "10,5", "settings.horizon_years in scenario", '"10,5"', "Write 10.5", sheet="Scenarios"
    ),
    "a scenario without a name": put(
        "Generic prices", None, "has no name", "Name it", header="scenario", sheet="Scenarios", told="value"
    ),
    "a scenario that says it twice": Broken(
        lambda book: book.append(
            "Scenarios", {"scenario": "Generic prices", "id": "settings.price_set", "value": "brand"}
        ),
        ('"Generic prices" changes an id twice', '"settings.price_set"', "the other is at Scenarios!C"),
    ),
    "a scenario that breaks a rule": put(
        "Horizon 10 years", 0, '"Horizon 10 years": a horizon of zero', 'found "0"', "Lengthen", sheet="Scenarios"
    ),
}


# Values that do not go together --------------------------------------------------------------------------------------


def both_median_and_scale(book: Book) -> str:
    book.add("Survival", "os.scale.no_maintenance", 110.0, "months")
    return book.at("os.median.no_maintenance")


def a_circle(book: Book) -> str:
    book.put("os.family.no_maintenance", "hazard_ratio")
    book.add("Survival", "os.hazard_ratio.no_maintenance", 1.2, "ratio")
    book.add("Survival", "os.reference.no_maintenance", LEN)
    for end in ("start", "end"):
        book.put(f"os.waning_{end}.lenalidomide", None)
    return book.at("os.reference.lenalidomide")


def own_reference(book: Book) -> str:
    for end in ("start", "end"):
        book.put(f"os.waning_{end}.lenalidomide", None)
    return book.put("os.reference.lenalidomide", LEN)


def stops_before_it_starts(book: Book) -> str:
    book.add("Events", "treatment.start.lenalidomide", 12.0, "months")
    return book.add("Events", "treatment.planned_stop.lenalidomide", 6.0, "months")


def courses(book: Book, share: float, *, monthly: bool = False, cost: bool = True) -> str:
    if not monthly:
        book.put("subsequent.monthly_cost.lenalidomide", 0.0)
    if cost:
        book.add("Subsequent therapy", "subsequent.cost.next", 30000.0, "GBP per course")
    return book.add("Subsequent therapy", "subsequent.share.next.lenalidomide", share, "proportion")


def too_many_courses(book: Book) -> str:
    first = courses(book, 0.7)
    book.add("Subsequent therapy", "subsequent.cost.other", 20000.0, "GBP per course")
    book.add("Subsequent therapy", "subsequent.share.other.lenalidomide", 0.6, "proportion")
    return first


def courses_and_months(book: Book) -> str:
    courses(book, 0.5, monthly=True)
    return book.at("subsequent.monthly_cost.lenalidomide")


def a_life_table_for_the_old(book: Book) -> str:
    book["Life table"].shift_rows(5, -70)
    return f"{NAME}, Life table"


def a_life_table_for_the_young(book: Book) -> str:
    book["Life table"].shift_rows(5 + 80, -21)
    return f"{NAME}, Life table"


def an_empty_life_table(book: Book) -> str:
    book["Life table"].shift_rows(5, -200)
    return f"{NAME}, Life table"


def spline(book: Book, knots: str, coefficients: int) -> str:
    book.put("pfs.family.lenalidomide", "spline_odds")
    for j, value in enumerate((-4.0, 1.2, 0.1, 0.1)[:coefficients]):
        book.add("Survival", f"pfs.gamma{j}.lenalidomide", value, "number")
    return book.add("Survival", "pfs.knots.lenalidomide", knots)


def a_shape_below_zero(book: Book, family: str) -> str:
    book.put("os.family.no_maintenance", family)
    book.put("os.shape.no_maintenance", None, "base case")
    return book.put("os.shape.no_maintenance", -0.4)


def an_unknown_route(book: Book) -> str:
    book.put("dose.route.lenalidomide_10mg.lenalidomide", "orall")
    return f"{NAME}, Costs"


def an_initial_dose_of_nothing(book: Book) -> str:
    book.add("Drugs and dosing", "dose.initial_intervals.lenalidomide_10mg.lenalidomide", 2, "count")
    return f"{NAME}, Drugs and dosing"


def a_share_to_calibrate_without_its_time(book: Book) -> str:
    return book.add("Survival", "calibration.os_survival.common", 0.5, "proportion")


def both_targets(book: Book) -> str:
    book.add("Survival", "calibration.os_survival.common", 0.5, "proportion")
    book.add("Survival", "calibration.os_survival_time.common", 84.0, "months")
    return book.add("Survival", "calibration.os_median.common", 80.0, "months")


def value_sets(book: Book) -> str:
    book.put("utility.progression", "EQ-5D, US", "value set")
    return book.at("utility.progression")


def group_against_correlation(book: Book) -> str:
    for key in ("os.median.no_maintenance", "os.shape.no_maintenance"):
        book.put(key, "curve", "group")
    return book.append("Correlations", PAIR, "correlation")


def two_medians(book: Book) -> str:
    book.add("Events", "treatment.median_duration.lenalidomide", 24.0, "months")
    return book.add("Events", "treatment.other_stop_rate.lenalidomide", 0.01, "per month")


TOGETHER: dict[str, Broken] = {
    "median and scale": Broken(both_median_and_scale, ("os.median", "os.scale", "both given", "Clear one")),
    "rate and proportion": add(
        "Events", "toxicity.rate.lenalidomide", 0.01, "per month", "toxicity.rate", "both given", "Clear one"
    ),
    "median duration and a rate": Broken(two_medians, ("other_stop_rate", "median_duration", "both given")),
    "two targets of a calibration": Broken(both_targets, ("calibration.os_median.common", "both given", "Clear one")),
    "a target without its time": Broken(
        a_share_to_calibrate_without_its_time, ("given without calibration.os_survival_time.common", "Fill both")
    ),
    "a circular reference": Broken(a_circle, ("leads back to itself", '"no_maintenance"', "Break the circle")),
    "its own reference": Broken(own_reference, ("leads back to itself", '"lenalidomide"', "Break the circle")),
    "waning to itself": put(
        "os.reference.lenalidomide", LEN, "leads back to itself", '"lenalidomide"', "Break the circle"
    ),
    "a stop before the start": Broken(stops_before_it_starts, ("is before treatment.start", "6.0 before 12.0", "Mend")),
    "waning that ends before it begins": put(
        "os.waning_end.lenalidomide", 60.0, "is before os.waning_start", "60.0 before 84.0", "Mend"
    ),
    "waning without an end": put("os.waning_end.lenalidomide", None, "os.waning_end.lenalidomide has no value", "Fill"),
    "lump and monthly subsequent cost": Broken(courses_and_months, ("as courses and as a cost per month", "Clear one")),
    "shares that sum to more than 1": Broken(
        too_many_courses, ("sum to more than 1", 'found "0.7 + 0.6 = 1.3"', "Lower one")
    ),
    "a course without a cost": Broken(
        lambda b: courses(b, 0.7, cost=False), ("course next has no cost", "Add its row")
    ),
    "two value sets": Broken(value_sets, ("mix value sets", "EQ-5D, UK at Utilities!C", "EQ-5D, US at", "Use one set")),
    "a life table that starts late": Broken(
        a_life_table_for_the_old, ("starts above the cohort's age of 58", 'found "70"', "younger")
    ),
    "a life table that ends early": Broken(
        a_life_table_for_the_young, ("ends before the horizon, which reaches age 100", 'found "79"', "older ages")
    ),
    "an empty life table": Broken(an_empty_life_table, ("Life table has no rows", "Copy the table")),
    "a spline without coefficients": Broken(
        lambda b: spline(b, "3; 12; 40", 2), ("3 knots needs gamma0 to gamma2", "Add the coefficients")
    ),
    "a spline with too many coefficients": Broken(
        lambda b: spline(b, "3; 40", 4), ("2 knots has no gamma2", "Add the knots, or clear")
    ),
    "knots with decimal commas": Broken(
        lambda b: spline(b, "3,5; 40", 2), ("is a list of numbers", '"3,5; 40"', "a point as the decimal sign")
    ),
    "a knot at 0": Broken(
        lambda b: spline(b, "0; 40", 2), ("needs numbers above 0", '"0; 40"', "Move the first knot up")
    ),
    "a shape below 0": Broken(
        lambda b: a_shape_below_zero(b, "weibull"), ("must be above 0 for weibull", 'found "-0.4"', "Mend it")
    ),
    "a gamma curve's shape below 0": Broken(
        lambda b: a_shape_below_zero(b, "gamma"), ("must be above 0 for gamma", 'found "-0.4"', "Mend it")
    ),
    "a log-logistic shape below 0": Broken(
        lambda b: a_shape_below_zero(b, "log_logistic"), ("must be above 0 for log_logistic", 'found "-0.4"', "Mend it")
    ),
    "an initial dose without its amount": Broken(
        an_initial_dose_of_nothing, ("dose.initial_amount", "has no value", "add its row")
    ),
    "a route that nothing is charged for": Broken(
        an_unknown_route, ("cost.administration.orall has no value", "add its row")
    ),
    "a group that a correlation contradicts": Broken(
        group_against_correlation, ("of one group, curve", 'found "0.5"', "Clear the row, or the group")
    ),
}


# Sheets and headers --------------------------------------------------------------------------------------------------


def without_sheet(sheet: str, to: str = "") -> Callable[[Book], str]:
    def edit(book: Book) -> str:
        page = book.pages.pop(sheet)
        if to:
            book.pages[to] = page
        return NAME

    return edit


def merged(book: Book) -> str:
    _, (row, column) = book.find(DEATH)
    book["Costs"].merged.append((row, column, row + 1, column))
    return book.at(DEATH)


def second_column(book: Book) -> str:
    page = book["Survival"]
    position = (page.header_row, max(page.columns.values()) + 2)
    page.cells[position] = "Value"
    return book.place("Survival", position)


def version(value: object) -> Broken:
    def edit(book: Book) -> str:
        book["Cover"].cells[3, 2] = value
        return f"{NAME}, Cover!B3" if value is not None else f"{NAME}, Cover"

    return Broken(edit, ("this program reads schema versions 1 and 2", 'Write 2 beside "Schema version"'))


def no_header(book: Book) -> str:
    book["Costs"].shift_rows(book["Costs"].header_row, -1)
    return f"{NAME}, Costs"


SHEETS: dict[str, Broken] = {
    "a missing sheet": Broken(
        without_sheet("Survival"), ('sheet "Survival" is missing', "Copy it from a blank workbook")
    ),
    "a missing table": Broken(without_sheet("Life table"), ('sheet "Life table" is missing', "Copy it")),
    "a missing cover": Broken(without_sheet("Cover"), ('sheet "Cover" is missing', "Copy it")),
    "a renamed sheet": Broken(without_sheet("Costs", "Cost"), ('sheet "Costs" is missing', 'Rename "Cost"')),
    "a sheet that is there twice": Broken(
        lambda book: (book.pages.update({"COSTS": good_book()["Costs"]}), NAME)[1],
        ('sheet "Costs" is there twice', 'found "Costs" and "COSTS"', "Rename or delete one"),
    ),
    "a missing column": Broken(
        lambda book: (book.rename_header("Life table", "qx_female", None), f"{NAME}, Life table")[1],
        ('column "qx_female" is missing', "Copy the header row"),
    ),
    "a misspelt column": Broken(
        lambda book: book.rename_header("Costs", "distribution", "distribtion"),
        ('column "distribution" is missing', 'found "distribtion"', 'Write "distribution"'),
    ),
    "a column that is there twice": Broken(second_column, ('column "value" is there twice', "Rename or delete one")),
    "no header row": Broken(no_header, ("has the headers id, value, unit", "Copy the header row")),
    "merged cells": Broken(merged, ("cells of the table are merged", 'found "C', "Unmerge them")),
    "schema version 0": version(0),
    "a later schema": version(3),
    "a schema version in words": version("1.0"),
    "no schema version": version(None),
}

ERRORS = NUMBERS | WORDS | IDS | SPREADS | TABLES | EVIDENCE | CORRELATIONS | SCENARIOS | TOGETHER | SHEETS


def test_the_table_is_long_enough() -> None:
    assert len(ERRORS) >= 60
    parts = (NUMBERS, WORDS, IDS, SPREADS, TABLES, EVIDENCE, CORRELATIONS, SCENARIOS, TOGETHER, SHEETS)
    assert len(ERRORS) == sum(map(len, parts)), "two cases of one name"


@lru_cache
def told_of(name: str) -> tuple[str, tuple[Problem, ...]]:
    """The place that a case breaks, and everything that is said of the workbook."""
    book = good_book()
    place = ERRORS[name].edit(book)
    return place, problems_of(book)


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_broken_is_told_once_at_its_cell_with_rule_finding_and_remedy(name: str) -> None:
    case, (place, found) = ERRORS[name], told_of(name)
    there = list(told_at(found, place))
    assert len(there) == 1, f"at {place}: {there}\nof {[str(p) for p in found if not p.warning]}"
    for word in case.words:
        assert word in there[0], f"{word!r} is not in {there[0]!r}"
    assert there[0].startswith(f"{place}: ")
    assert there[0].endswith((".", "?"))


@pytest.mark.parametrize("name", ERRORS)
def test_one_thing_that_is_broken_does_not_drown_in_its_consequences(name: str) -> None:
    told = [str(problem) for problem in told_of(name)[1] if not problem.warning]
    assert len(told) <= MOST.get(name, 4), told


MOST = {
    "a currency that is none": 1,
    "a currency in words": 1,
    "a strategy's id of two words": 80,  # every row of it, each to be mended if the new name stays
    "a strategy called common": 80,
    "half a price year": 1,
    "a missing sheet": 45,  # scenarios and trial results that need it
    "a formula in included": 8,
    "a strategy that is neither in nor out": 12,
}


def test_the_shipped_workbooks_have_no_problem_at_all() -> None:
    for name in worked_names():
        assert not [problem for problem in problems_of(good_book(name)) if not problem.warning]


def test_all_problems_are_told_at_once_whether_of_cells_or_between_them() -> None:
    book = good_book()
    names: tuple[str, ...] = (
        "a decimal comma",
        "52 for a proportion",
        "an unknown choice",
        "an unknown unit",
        "an unknown id",
    )
    names += ("median and scale", "lump and monthly subsequent cost", "two value sets", "a gap in the life table")
    names += ("a perfect correlation", "a scenario of an unknown id", "a trial against itself", "a misspelt column")
    # An edit may take a cell away that another one needs: places are noted as they are told.
    places = [ERRORS[name].edit(book) for name in names]
    found = problems_of(book)
    for name, place in zip(names, places, strict=True):
        assert list(told_at(found, place)), name
    assert str(InputError(found)).count("\n") == len(found) - 1, "a line for each"


def test_a_long_text_with_line_breaks_is_told_in_one_short_line() -> None:
    book = good_book()
    place = book.put(HR, "about\n\nhalf " * 1000)
    (told,) = told_at(problems_of(book), place)
    assert "\n" not in told
    assert len(told) < 300


# Warnings ------------------------------------------------------------------------------------------------------------


def emptied_source(book: Book) -> str:
    book.put(DEATH, None, "source")
    return book.at(DEATH)


def no_doses(book: Book) -> str:
    for key in [k for k in _ids(book) if k.startswith(("dose.", "product.", "price.", "cost.administration."))]:
        book.remove(key)
    return book.at("treatment.share_starting.lenalidomide")


def _ids(book: Book) -> list[str]:
    page = book["Drugs and dosing"]
    costs = book["Costs"]
    return [
        str(p.cells.get((r, p.columns["id"])))
        for p in (page, costs)
        for r in p.rows()
        if (r, p.columns["id"]) in p.cells
    ]


WARNINGS: dict[str, Broken] = {
    "an unusual age": put("cohort.age", 96, "usually lies between 18 and 95", '"96"', "Check value and unit"),
    "no source": Broken(emptied_source, (f"{DEATH} has no source", "Name author, journal, year")),
    "no status": put(DEATH, None, f"{DEATH} has no evidence status", "Choose one", header="status", told="value"),
    "a changed value outside its limits": put(HR, 0.9, "outside its interval", "0.9 outside", "base case"),
    "an emptied setting": put(
        "settings.discount_rate.costs", None, "is empty, and 0.035 is used instead", "Write 0.035 again"
    ),
    "a standard error without a distribution": put(
        DEATH, "fixed", "a standard error but no distribution", "Choose one", header="distribution", told="value"
    ),
    "limits without a distribution": put(
        HR, None, f"{HR} (Survival!C", "limits but no distribution", header="distribution", told="value"
    ),
    "one limit without a distribution": Broken(
        lambda book: (book.put(HR, None, "distribution"), book.put(HR, None, "high"), book.at(HR))[2],
        ("one limit and no distribution", "Give both limits"),
    ),
    "the deviation between patients of a utility": put(
        "utility.maintenance",
        0.25,
        "that of a figure from 3.2 patients",
        '"0.25"',
        "root of the number",
        header="se",
        told="value",
    ),
    "a standard error as large as a cost": put(
        DEATH, 9000.0, "as large as its value", '"9000"', "Write the standard error", header="se", told="value"
    ),
    "a standard error that its limits deny": put(
        "cost.event.spm_solid", 20000.0, "as large as its value", '"20000"', header="se", told="value"
    ),
    "a group of one": put(
        "spm.rate.lenalidomide", "alone", "only sampled parameter of its group", '"alone"', header="group", told="value"
    ),
    "women who die sooner": Broken(
        lambda book: (
            book.rename_header("Life table", "qx_male", "qx_female "),
            book["Life table"].cells.update({(4, 3): "qx_male"}),
            book.place("Life table", (5, 2)),
        )[2],
        ("women die sooner than men at", "swapped"),
    ),
    "thresholds in thousands": put("settings.thresholds", "25; 35", "usually above 1000", '"25; 35"', "Write 25000"),
    "a product that nobody takes": add(
        "Drugs and dosing",
        "price.lenalidomid_10mg.brand",
        10.0,
        "GBP per pack",
        "is not used",
        '"lenalidomid_10mg"',
        "Check the name",
    ),
    "a ratio that the family has not": add(
        "Survival",
        "os.time_ratio.lenalidomide",
        1.4,
        "ratio",
        "is not used: the family is hazard_ratio",
        "Change os.family",
    ),
    "an adverse event that weighs nothing": add(
        "Adverse events",
        "adverse_event.proportion.rash.lenalidomide",
        0.2,
        "proportion",
        "neither a cost nor a decrement",
        "Add one",
    ),
    "a decrement of no days": Broken(
        lambda book: (book.put("adverse_event.days.infection", 0), book.at("adverse_event.disutility.infection"))[1],
        ("lasts 0 days, and counts for nothing", "Add adverse_event.days.infection"),
    ),
    "a later discount rate that never comes": add(
        "Settings",
        "settings.discount_rate_later.costs",
        0.02,
        "per year",
        "does nothing without settings.discount_change_years",
        "Fill both",
    ),
    "a treatment without a drug": Broken(no_doses, ("is started but doses no product", "Add its doses")),
    "doses that nobody starts": put(
        "treatment.share_starting.lenalidomide", 0, "doses lenalidomide_10mg, but nobody starts it", "clear the doses"
    ),
    "a treatment that stops as it starts": add(
        "Events", "treatment.planned_stop.lenalidomide", 0, "months", "stops the moment it starts", "Move the stop"
    ),
    "a horizon shorter than a cycle": put(
        "settings.horizon_years", 0.01, "shorter than a cycle", '"0.01 years"', "Lengthen it"
    ),
    "a horizon longer than a life": put("settings.horizon_years", 60, "beyond age 110", '"60 years"', "Clear it"),
    "a utility of no value set": put(
        "utility.progression", None, "names no value set", "Name it", header="value set", told="value"
    ),
    "two strategies of one label": put(
        LEN, "No maintenance", "have one label", "Tell them apart", header="label", sheet="Strategies", told="id"
    ),
    "a row on another sheet": Broken(
        lambda book: book.append("Costs", {"id": "spm.lag.lenalidomide", "value": 1.0, "unit": "months"}, "id"),
        ("belongs on Events", 'found "Costs"', "move it there"),
    ),
    "a correlation with a fixed parameter": row(
        "Correlations",
        PAIR,
        {"second": "settings.cycle_days"},
        "correlation",
        "settings.cycle_days is fixed",
        "distribution",
    ),
    "a choice that is no longer used": row("Curve choice", CHOICE, {}, "family", "is weibull, and the workbook uses"),
    "a choice without a reason": row(
        "Curve choice", CHOICE, {"rationale": None}, "rationale", "has no rationale", "Say why"
    ),
    "an optional sheet misspelt": Broken(
        without_sheet("Correlations", "Corelations"),
        ("this sheet is not read", '"Corelations"', 'Rename it "Correlations"'),
    ),
    "a column of words that is missing": Broken(
        lambda book: (book.rename_header("Costs", "comment", None), f"{NAME}, Costs")[1],
        ('column "comment" is missing', "Copy"),
    ),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_what_is_odd_but_possible_is_a_warning_at_its_cell_and_the_workbook_is_read(name: str) -> None:
    case, book = WARNINGS[name], good_book()
    place = case.edit(book)
    warnings = book.read().warnings
    told = [str(problem) for problem in warnings]
    new = [text for text in told if all(word in text for word in case.words)]
    assert len(new) == 1, f"{case.words}\nnot in {told}"
    assert name in ELSEWHERE or new[0].startswith(f"{place}: "), new[0]


ELSEWHERE = (
    "limits without a distribution",  # one line for all of them, at the first
    "an optional sheet misspelt",
)


def test_the_shipped_workbooks_have_only_warnings_that_are_meant() -> None:
    meant = ("limits but no distribution", "one limit and no distribution", "derived, unverified or assumed")
    for name in worked_names():
        told = [str(problem) for problem in problems_of(good_book(name)) if not any(m in problem.rule for m in meant)]
        assert told == [], name


# Files ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "a date",
        "a time",
        "true",
        "a broken reference",
        "a formula never calculated",
        "a formula in a text",
        "a formula in an id",
        "a number stored as text",
        "a huge number",
        "merged cells",
        "a sheet that is there twice",
        "a misspelt column",
        "three correlations that cannot be",
        "a gap in the life table",
    ],
)
def test_a_file_says_the_same_as_its_cells(name: str, tmp_path: Path) -> None:
    book = good_book()
    ERRORS[name].edit(book)
    if name == "a sheet that is there twice":
        book.pages["COSTS "] = book.pages.pop("COSTS")  # Excel itself would refuse the same letters
    path = book.save(tmp_path)
    before = path.read_bytes()
    with pytest.raises(InputError) as caught:
        read_inputs(path)
    assert caught.value.problems == problems_of(book)
    assert path.read_bytes() == before


def damaged(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types")


def shortened(path: Path) -> None:
    content = shipped("calgb_100104").read_bytes()
    path.write_bytes(content[: len(content) // 2])


def scrambled(path: Path) -> None:
    content = bytearray(shipped("calgb_100104").read_bytes())
    content[2000:2400] = bytes(400)
    path.write_bytes(content)


def holding(member: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(member, "x")

    return make


FILES: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "missing": (lambda path: None, ("does not exist", "Check the spelling")),
    "a folder": (lambda path: path.mkdir(), ("is a folder", "Name the workbook in it")),
    "empty": (lambda path: path.write_bytes(b""), ("is empty", "Save the workbook again")),
    "encrypted": (
        lambda path: path.write_bytes(bytes.fromhex("D0CF11E0A1B11AE1") + bytes(600)),
        ("is encrypted", "without a password"),
    ),
    "text": (lambda path: path.write_text("id,value\n"), ("is not an Excel workbook", "Save it as .xlsx")),
    "shortened": (shortened, ("is not an Excel workbook", "Save it as .xlsx")),
    "scrambled": (scrambled, ("is damaged and cannot be read", "Open it in Excel and save it again")),
    "damaged": (damaged, ("is damaged and cannot be read", "Open it in Excel and save it again")),
    "an archive": (lambda path: zipfile.ZipFile(path, "w").close(), ("is damaged and cannot be read",)),
    "a binary workbook": (holding("xl/workbook.bin"), ("is a binary workbook (.xlsb)", "Save it as .xlsx")),
    "an OpenDocument": (holding("content.xml"), ("is an OpenDocument file", "Save it as .xlsx")),
    "a Word document": (holding("word/document.xml"), ("is a Word document", "Save it as .xlsx")),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_workbook_is_refused_by_name(name: str, tmp_path: Path) -> None:
    make, words = FILES[name]
    path = tmp_path / NAME
    make(path)
    with pytest.raises(InputError) as caught:
        read_inputs(path)
    assert len(caught.value.problems) == 1
    for word in (NAME, *words):
        assert word in str(caught.value)


def test_a_sheet_of_charts_in_the_place_of_a_table_is_a_missing_sheet(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(shipped("calgb_100104"))
    del book["Costs"]
    chart = BarChart()
    chart.add_data(Reference(book["Utilities"], min_col=3, min_row=5, max_row=8))
    book.create_chartsheet("Costs").add_chart(chart)
    book.save(tmp_path / NAME)
    with pytest.raises(InputError, match='sheet "Costs" is missing'):
        read_inputs(tmp_path / NAME)


def test_a_stray_cell_in_the_last_row_of_a_sheet_does_no_harm(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(shipped("calgb_100104"))
    book["Costs"]["XFD1048576"] = " "
    book["Survival"]["A1048576"].number_format = "0.00"
    book.save(tmp_path / NAME)
    assert len(read_inputs(tmp_path / NAME).parameters) > 100


def test_a_formula_whose_value_is_an_empty_text_is_empty(tmp_path: Path) -> None:
    path, copy = tmp_path / NAME, good_book()
    _, (row, column) = copy.find(DEATH, "comment")
    book = openpyxl.load_workbook(shipped("calgb_100104"))
    book["Costs"].cell(row, column).value = '=IF(1=1,"","x")'
    book.save(path)
    with pytest.raises(InputError, match="never calculated"):
        read_inputs(path)
    _store_empty_result(path)
    assert read_inputs(path).parameters[DEATH].comment == ""


def _store_empty_result(path: Path) -> None:
    """Write what Excel writes beside a formula whose value is an empty text: the type of a text, and no text."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    (name,) = [name for name, content in members.items() if b"<f>IF(1=1" in content]
    before = members[name].index(b"<f>IF(1=1")
    start = members[name].rindex(b"<c ", 0, before)
    members[name] = members[name][:start] + b'<c t="str" ' + members[name][start + 3 :]
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)


def test_reading_leaves_a_matrix_of_ages_as_it_was() -> None:
    assert np.array_equal(good_book().read().life_table.ages, np.arange(101.0))
