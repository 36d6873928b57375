"""What can be wrong in the tables beside the parameters: ages, prices, trials, curves, correlations, scenarios."""

from collections.abc import Callable

from tests.inputs.rules.broken_inputs.case import HR, LEN, NONE, Broken, put, row, rows
from tests.inputs.rules.broken_inputs.editing import Book


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


KM, NETWORK = "Kaplan-Meier", "Evidence network"
EVIDENCE: dict[str, Broken] = {
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
