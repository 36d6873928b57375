"""The sheets CHEERS 2022 and AdViSHE: each item with what this run says of it, or left to the analyst."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markov.analysis.base_case import BaseCase
from markov.analysis.sensitivity.everything import Deterministic
from markov.inputs.definitions.schema import Sheet
from markov.inputs.parameters import Parameter
from markov.inputs.standards import ADVISHE, CHEERS, Item
from markov.report import words
from markov.report.page import Cell, Column, Page, Table, Text
from markov.report.sheets.provenance import CONVENTIONS, program
from markov.report.sheets.scenarios import balance_in_words
from markov.terms import COST_LABELS, LIVING, STATE_LABELS

COMPLETE, BEGUN, OPEN = "complete", "begun; analyst to complete", "analyst to complete"
NOT_APPLICABLE = "not applicable"
LISTED = 4  # sources named before the others are counted


@dataclass(frozen=True)
class Said:
    """What a run says of an item, on which sheet, and whether that is all."""

    text: str = ""
    sheet: str = ""
    status: str = COMPLETE


def standards_pages(result: BaseCase, found: Deterministic | None, sheets: Iterable[str]) -> list[Page]:
    """Both checklists; `sheets` are the names of the report's other sheets, which items may point at."""
    there = frozenset(sheets)
    cheers = {**_asked(result), **_methods(result), **_answered(result, found, there)}
    return [
        _page(
            "CHEERS 2022",
            "Consolidated Health Economic Evaluation Reporting Standards 2022: where each of the 28 items is reported.",
            CHEERS,
            cheers,
            "Items and numbers: Husereau and others, BMC Medicine, 2022. The column on what each asks is a summary: "
            "use the statement and its explanation when you fill the list. Where an item does not apply, write “not "
            "applicable”; where nothing was done, “not reported”.",
            result.inputs.analyst_words,
        ),
        _page(
            "AdViSHE",
            "Assessment of the validation status of health-economic decision models: what was tested, and by whom.",
            ADVISHE,
            _validated(result, there),
            "Items: Vemer and others, PharmacoEconomics, 2016. Only tests of the program and of its traces, and the "
            "comparison with published figures, come from this run; what experts thought, only the analyst can say.",
            result.inputs.analyst_words,
        ),
    ]


def _page(
    name: str, subtitle: str, items: Sequence[Item], said: Mapping[str, Said], note: str, written: Mapping[str, str]
) -> Page:
    empty = Said(status=OPEN)
    kind = name.split()[0]
    rows = tuple(_row(item, said.get(item.number, empty), written.get(f"{kind} {item.number}", "")) for item in items)
    columns = (
        Column("Item", "strong"),
        Column("Part"),
        Column("Title", "strong"),
        Column("What it asks"),
        Column("Sheet", "link"),
        Column("From this run"),
        Column("From the analyst"),
        Column("Status"),
    )
    table = Table(f"{name}, item by item", columns, rows, "items", (note,))
    return Page(
        name, name, subtitle, (Text(_counted(rows), "lead"), table), (7.0, 15.0, 28.0, 42.0, 17.0, 66.0, 36.0, 20.0)
    )


def _row(item: Item, said: Said, written: str) -> tuple[Cell, ...]:
    status = said.status if not written else NOT_APPLICABLE if _says_nothing(written) else COMPLETE
    return (item.number, item.part, item.title, item.asks, said.sheet, said.text, written, status)


def _says_nothing(written: str) -> bool:
    return written.strip().lower().startswith("not applicable")


def _counted(rows: Sequence[tuple[Cell, ...]]) -> str:
    """Items by status, in one sentence."""
    count = {status: sum(row[-1] == status for row in rows) for status in (COMPLETE, BEGUN, OPEN, NOT_APPLICABLE)}
    idle = f", {count[NOT_APPLICABLE]} not applicable" if count[NOT_APPLICABLE] else ""
    return (
        f"{len(rows)} items: {count[COMPLETE]} complete, {count[BEGUN]} begun from this run and to be completed by the "
        f"analyst, {count[OPEN]} left to the analyst{idle}. Write your words on the sheet Reporting standards of the "
        "workbook, and every later report carries them."
    )


def _begun(text: str, sheet: str = "") -> Said:
    return Said(text, sheet, BEGUN)


def _told(text: str, sheet: str = "") -> Said:
    """Complete where the workbook says it; else left to the analyst."""
    return Said(text, sheet) if text else Said(status=OPEN)


# ------------------------------------------------------------------------------------------------ CHEERS 2022


def _asked(result: BaseCase) -> dict[str, Said]:
    """The question: title to outcomes."""
    inputs = result.inputs
    population = inputs.text("settings.population")
    female = inputs.number("cohort.proportion_female")
    age = f"Age {inputs.number('cohort.age'):g} at time zero, {female:.0%} women."
    compared = (s for s in inputs.strategies if s.id in inputs.compared)
    alternatives = [f"{s.label}: {s.description}" if s.description else f"{s.label}." for s in compared]
    trace = result.outcomes.trace
    assert trace is not None
    years = f"{trace.boundaries[-1]:.1f} years in {len(trace.boundaries) - 1} cycles"
    rates = [f"{inputs.number(f'settings.discount_rate.{kind}'):.1%}" for kind in ("costs", "effects")]
    at = " and ".join(words.money(threshold, inputs.currency) for threshold in inputs.thresholds)
    return {
        "1": _told(inputs.title, "Summary"),
        "2": _begun(f"{inputs.text('settings.question')} {' '.join(words.answer(result))}".strip(), "Summary"),
        "5": _begun(f"{population}. {age}" if population else age, "Summary"),
        "6": _begun(inputs.text("settings.jurisdiction"), "Summary"),
        "7": _told(" ".join(alternatives), "Results"),
        "8": _told(inputs.text("settings.perspective"), "Summary"),
        "9": Said(
            f"{years} of {inputs.number('settings.cycle_days'):g} days, from age {inputs.number('cohort.age'):g}."
        ),
        "10": Said(f"Costs {rates[0]}, effects {rates[1]} a year.", "Provenance"),
        "11": _begun(f"Life-years, QALYs, costs, ratios, and net benefit at {at} per QALY.", "Results"),
    }


def _methods(result: BaseCase) -> dict[str, Said]:
    """Measurement, valuation, model and analytics."""
    inputs = result.inputs
    given = [p for p in inputs.parameters.values() if p.value is not None]
    sets = dict.fromkeys(p.value_set for p in given if p.value_set)
    costs = (Sheet.DRUGS, Sheet.COSTS, Sheet.SUBSEQUENT)
    year = f"{inputs.number('settings.price_year'):.0f}"
    older = sum(p.price_year not in (None, float(year)) for p in given)
    states = ", ".join(STATE_LABELS[state] for state in LIVING)
    choices = [inputs.text(f"settings.{key}") for key in ("discounting", "correction", "within_cycle")]
    conventions = "; ".join(CONVENTIONS[choice] for choice in choices)
    reading = inputs.text("settings.post_progression").replace("_", " ")
    index = f" {older} older amounts are brought to it by the price index." if older else ""
    return {
        "12": _begun(f"Curves, events and adverse events from: {_sources(given, (Sheet.SURVIVAL, Sheet.EVENTS))}."),
        "13": _begun(f"Values: {', '.join(sets) or 'not named'}. From: {_sources(given, (Sheet.UTILITIES,))}."),
        "14": _begun(f"Categories: {', '.join(COST_LABELS.values()).lower()}. From: {_sources(given, costs)}."),
        "15": Said(f"{inputs.currency}, prices of {year}.{index}", "Provenance"),
        "16": _begun(f"Cohort model of these states: {states}, Death. Program: {program()}.", "Bridge"),
        "17": Said(
            f"{conventions}. Mortality after progression: {reading}. {words.checks_counted(result)}", "Provenance"
        ),
    }


def _sources(given: Iterable[Parameter], sheets: Sequence[Sheet]) -> str:
    """The sources behind the values of some sheets, those of most values first."""
    counted: dict[str, int] = {}
    for p in given:
        if p.definition.sheet in sheets and p.source:
            counted[p.source] = counted.get(p.source, 0) + 1
    names = sorted(counted, key=lambda name: -counted[name])
    more = f"; and {len(names) - LISTED} more, on Inputs used" if len(names) > LISTED else ""
    return "; ".join(names[:LISTED]) + more if names else "no source is named"


def _answered(result: BaseCase, found: Deterministic | None, sheets: frozenset[str]) -> dict[str, Said]:
    """Uncertainty, parameters, results and limits."""
    inputs = result.inputs
    sampled = sum(p.is_sampled for p in inputs.parameters.values())
    count = sum(p.value is not None for p in inputs.parameters.values())
    warned = [check.title for check in result.checks if check.verdict != "pass"]
    limits = f"Checks that did not pass: {'; '.join(warned)}. " if warned else ""
    said = {
        "22": Said(f"{count} values, {sampled} of them with a distribution.", "Inputs used"),
        "23": Said(" ".join(words.answer(result)), "Incremental"),
        "26": _begun(f"{limits}{words.assumed(result)}".strip(), "Checks"),
    }
    if found is None:
        return said
    drawn = [name for name in ("Probabilistic", "Sobol", "EVPI and EVPPI") if name in sheets]
    varied = len({bar.factor.name for bar in found.one_way.bars})
    done = f"{len(found.scenarios.scenarios)} scenarios, one-way analysis of {varied} inputs, "
    done += f"{len(found.two_way)} two-way grids, thresholds{''.join(f', {name.lower()}' for name in drawn)}."
    cohort = dict.fromkeys(c.scenario for c in inputs.scenarios if c.id.startswith("cohort."))
    groups = f"Scenarios of other patients: {', '.join(cohort)}." if cohort else "No subgroup is run in this workbook."
    return said | {
        "18": _begun(groups, "Scenarios"),
        "20": Said(done, "Tornado"),
        "24": Said(" ".join(balance_in_words(found.scenarios)), "Scenarios"),
    }


# ---------------------------------------------------------------------------------------------------- AdViSHE


def _validated(result: BaseCase, sheets: frozenset[str]) -> dict[str, Said]:
    """What a run can say of its validation."""
    told = [comparison.within for comparison in result.trial]
    compared = (
        f"{len(told)} published figures beside the model's: {told.count(True)} within their interval, "
        f"{told.count(False)} outside, {told.count(None)} without an interval."
        if told
        else "The workbook names no published figures."
    )
    live = "The live sheets hold the model as formulas: type an extreme value there. " if "Live guide" in sheets else ""
    rationales = sum(bool(choice.rationale) for choice in result.inputs.curve_choices)
    fits = f"{rationales} curves were chosen with a rationale" if rationales else "No choice of a curve is recorded"
    bank = "Verification" if "Verification" in sheets else "Checks"
    return {
        "A2": _begun("The same curves as partitioned survival, beside this model.", "Bridge"),
        "B2": _begun(f"{fits} on the sheet Curve choice of the workbook. Survival has the curves.", "Survival"),
        "C2": _begun(f"{live}{words.checks_counted(result)}", bank),
        "C3": Said(
            "Occupancy of every state in every cycle, one sheet a strategy; it adds up to 1 and flows balance.",
            next((name for name in sorted(sheets) if name.startswith("Trace ")), ""),
        ),
        "C4": Said("The program's tests compare its parts with closed forms, published models and hand calculations."),
        "D2": _begun("Partitioned survival stands beside this structure; other models are to be named.", "Bridge"),
        "D3": _begun("Scenarios run other inputs, one row each.", "Scenarios" if "Scenarios" in sheets else ""),
        "D4": _begun(compared, "Survival"),
    }
