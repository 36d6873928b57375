"""What can be wrong in one cell: numbers, words, ids, and how uncertain a value is said to be."""

import datetime

from tests.inputs.rules.broken_inputs.case import DEATH, HR, LEN, NEEDS, STOPPED, Broken, put

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
    "a period of 0": put("toxicity.period.lenalidomide", 0, "must be at least 0.001", 'found "0"', "Mend"),
    "packs of nothing": put(
        "product.units_per_pack.lenalidomide_10mg", 0, "must be at least 0.001", 'found "0"', "Mend"
    ),
    "a cycle of 0": put("settings.cycle_days", 0, "settings.cycle_days must be at least 1", 'found "0"', "Mend"),
    "a cycle of a moment": put("settings.cycle_days", 1e-9, "must be at least 1", 'found "1e-09"', "Mend"),
    "everybody stops for toxicity": put(STOPPED, 1, "must be below 1", 'found "1"', "Write"),
    "a horizon of 0": put("settings.horizon_years", 0, "a horizon of zero has no results", 'found "0"', "Lengthen it"),
    "an age of 120": put("cohort.age", 120, "must be at most 110", 'found "120"', "Mend"),
    "an age beyond the horizon": put("cohort.age", 101, "ends at age 100", 'found "101"', "settings.horizon_years"),
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
