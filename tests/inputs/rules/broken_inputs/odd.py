"""What is odd but possible: each case is read, with a warning at its cell."""

from tests.inputs.rules.broken_inputs.case import DEATH, HR, LEN, Broken, add, put, row
from tests.inputs.rules.broken_inputs.editing import NAME, Book
from tests.inputs.rules.broken_inputs.tables import CHOICE, PAIR
from tests.inputs.rules.broken_inputs.together import without_sheet


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
