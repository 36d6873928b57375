"""The Second malignancies sheet: how many the model has, how many die with one, and what was reported."""

from markov.analysis.base_case import BaseCase
from markov.analysis.interpretation.benefit_risk import Malignancies
from markov.report.page import Block, Chart, Page, Table, Text
from markov.report.sheets.charts import by_strategy
from markov.report.sheets.tables import by_column, joined
from markov.report.sheets.treatment import REPORTED_WIDTHS, reported_table
from markov.terms import MALIGNANCIES, STATE_LABELS, Array, CostCategory


def malignancy_page(result: BaseCase, found: Malignancies) -> Page:
    """Incidence and deaths by year and strategy, with reported figures and the rates behind them.

    >>> from markov.analysis.interpretation.benefit_risk import malignancies
    >>> [table.title for table in malignancy_page(calgb_base, malignancies(calgb_base.outcomes)).blocks[2:]]
    ['Modelled against reported', 'In the model', 'Inputs behind it', 'Year by year']
    """
    last, first = len(found.years) - 1, 1 + len(result.labels)
    tenth, fifth = min(10, last), min(5, last)
    had, dead = (_by_strategy(result, values[tenth]) for values in (found.incidence, found.deaths))
    lead = f"By year {tenth} with a second malignancy: {had}. By then dead, of any cause, after one: {dead}."
    incidence = f"Cumulative incidence; by year {fifth}: {_by_strategy(result, found.incidence[fifth])}"
    deaths = f"Deaths of any cause after a second malignancy; by year {tenth}: {dead}"
    blocks: tuple[Block, ...] = (
        Text(lead, "lead"),
        (_chart(result, incidence, 1), _chart(result, deaths, first)),
        *reported_table(result, ("spm",)),
        _total_table(result, found),
        _rate_table(result),
        _year_table(result, found),
    )
    subtitle = "Second primary malignancies: how many the model has, how many die with one, and what was reported."
    return Page("Second malignancies", "Second malignancies", subtitle, blocks, REPORTED_WIDTHS)


def _by_strategy(result: BaseCase, shares: Array) -> str:
    return ", ".join(f"{label} {share:.1%}" for label, share in zip(result.labels, shares, strict=True))


def _chart(result: BaseCase, title: str, first: int) -> Chart:
    series = tuple(by_strategy(result.labels, "Second malignancies", "years", first))
    return Chart("lines", title, "Years from time zero", "Share of the cohort", series, None, None, "0", "0%")


def _year_table(result: BaseCase, found: Malignancies) -> Table:
    columns, rows = by_column(
        range(len(found.years)),
        ("Year", "integer", lambda k: int(found.years[k])),
        ([f"With a second malignancy: {label}" for label in result.labels], "percent", lambda k: found.incidence[k]),
        ([f"Died after one: {label}" for label in result.labels], "percent", lambda k: found.deaths[k]),
    )
    note = "Cumulative shares of the whole cohort; death and progression compete."
    return Table("Year by year", columns, rows, "years", (note,))


def _total_table(result: BaseCase, found: Malignancies) -> Table:
    outcomes = result.outcomes
    cost = outcomes.part("costs", CostCategory.SECOND_PRIMARY_MALIGNANCY)[0]
    note = (
        "Within the horizon, of the whole cohort, before and after progression. The workbook has no place for reported "
        "deaths with a second malignancy: hold the modelled ones against the trial's publications."
    )
    states = [STATE_LABELS[state] for state in MALIGNANCIES]
    columns = by_column(
        range(len(result.labels)),
        ("Strategy", "strong", lambda i: result.labels[i]),
        ("Ever with a second malignancy", "percent", lambda i: found.ever[i]),
        (states, "percent", lambda i: [outcomes.entered(state)[0, i] for state in MALIGNANCIES]),
        ("Died after one, of any cause", "percent", lambda i: found.ever_deaths[i]),
        ("Share of all deaths", "percent", lambda i: found.share_of_deaths[i]),
        ("Years lived with one", "years", lambda i: found.life_years[i]),
        (f"Cost, discounted ({result.inputs.currency})", "money", lambda i: cost[i]),
    )
    return Table("In the model", *columns, "totals", (note,))


def _rate_table(result: BaseCase) -> Table:
    """The inputs behind it."""
    inputs = result.inputs.parameters.values()
    columns = by_column(
        (p for p in inputs if p.id.startswith("spm.") and p.value is not None),
        ("Input", "strong", lambda p: p.label or p.id),
        (["Id", "Unit"], "text", lambda p: (p.id, p.unit)),
        (["Value", "Low", "High", "Standard error"], "exact", lambda p: (p.value, p.low, p.high, p.se)),
        ("Distribution", "text", lambda p: str(p.distribution).replace("_", "-")),
        ("Status", "text", lambda p: p.status),
        ("Source and comment", "text", lambda p: joined(p.source, p.comment)),
    )
    return Table("Inputs behind it", *columns, "inputs", weak=8)
