"""Values, sheets and headers that do not go together."""

from collections.abc import Callable

from tests.inputs.rules.broken_inputs.case import DEATH, LEN, Broken, add, put
from tests.inputs.rules.broken_inputs.editing import NAME, Book, good_book
from tests.inputs.rules.broken_inputs.tables import PAIR


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
