"""The report on the value of information: is it worth to know more, about what, and to wait for longer follow-up."""

from collections.abc import Sequence

from markov.analysis.follow_up import FollowUp
from markov.analysis.value_of_information import PartialValue, ValueOfInformation, population_value
from markov.inputs.parameters import Inputs
from markov.inputs.schema import label_of
from markov.report.pages import STRATEGY_COLOURS, Cell, Chart, Column, Page, Series, Table, Text

SHOWN = 15


def voi_pages(inputs: Inputs, result: ValueOfInformation, follow_up: Sequence[FollowUp], note: str = "") -> list[Page]:
    """One page: perfect information, information on groups and single inputs, and longer follow-up.

    `note` says why longer follow-up is not valued, where it is not.
    """
    blocks: list[Text | Table | tuple[Chart, ...]] = [
        Text(_lead(inputs, result, follow_up), "lead"),
        (_group_chart(inputs, result), *((_follow_up_chart(inputs, follow_up),) if follow_up else ())),
        _perfect_table(inputs, result),
        _part_table(inputs, result.grouped, "What a study could inform together", "groups", result),
        _part_table(inputs, _leading(result), "Single inputs, by falling value", "single", result),
    ]
    blocks.append(_follow_up_table(inputs, follow_up) if follow_up else Text(note))
    if result.breaches:
        names = ", ".join(dict.fromkeys(part.group for part in result.breaches))
        blocks.append(Text(f"Above the value of perfect information, so not to be trusted: {names}."))
    subtitle = "Per patient, from the draws of the probabilistic analysis; what choosing wrongly is expected to cost."
    widths = (58.0, 15.0, 15.0, 15.0, 15.0, 20.0, 20.0, 40.0)
    return [Page("Value of information", "Is it worth to know more?", subtitle, tuple(blocks), widths)]


def _lead(inputs: Inputs, result: ValueOfInformation, follow_up: Sequence[FollowUp]) -> str:
    threshold = result.thresholds[-1]
    best = max((p for p in result.grouped if p.threshold == threshold), key=lambda p: p.information.value, default=None)
    perfect = result.perfect[-1].value
    words = (
        f"At {inputs.currency} {threshold:,.0f} per QALY, knowing everything is worth {inputs.currency} {perfect:,.0f}"
    )
    words += " per patient"
    if best is not None and best.information.value > 0:
        words += f"; the most from {best.group.lower()}, {inputs.currency} {best.information.value:,.0f}"
    mine = [f for f in follow_up if f.threshold == threshold]
    if mine:
        longest = mine[-1]
        words += f". {longest.years:g} more years of follow-up are worth {inputs.currency} "
        words += f"{longest.information.value:,.0f} per patient"
    return words + "."


def _perfect_table(inputs: Inputs, result: ValueOfInformation) -> Table:
    columns = (
        Column("Perfect information at", "strong"),
        Column(f"Per patient ({inputs.currency})", "money"),
        Column("Standard error", "money"),
        Column(f"Population ({inputs.currency})", "money"),
    )
    rows = tuple(
        (
            f"{inputs.currency} {threshold:,.0f} per QALY",
            value.value,
            value.standard_error,
            population(inputs, value.value),
        )
        for threshold, value in zip(result.thresholds, result.perfect, strict=True)
    )
    note = "An empty population: fill decision.patients_per_year and decision.years on the sheet Cohort."
    given = inputs.given("decision.patients_per_year")
    return Table("Value of perfect information", columns, rows, "perfect", () if given else (note,))


def population(inputs: Inputs, per_patient: float, delay: float = 0.0) -> float | None:
    """Value for all whom the decision concerns, discounted; None where the workbook does not say how many."""
    if not inputs.given("decision.patients_per_year"):
        return None
    people, years = inputs.number("decision.patients_per_year"), inputs.number("decision.years")
    return population_value(per_patient, people, years, inputs.number("settings.discount_rate.costs"), delay)


def _leading(result: ValueOfInformation) -> tuple[PartialValue, ...]:
    names = [part.group for part in result.ranking(result.thresholds[-1])[:SHOWN]]
    by_name = {(part.group, part.threshold): part for part in result.single}
    return tuple(by_name[name, threshold] for name in names for threshold in result.thresholds)


def _part_table(
    inputs: Inputs, parts: Sequence[PartialValue], title: str, key: str, result: ValueOfInformation
) -> Table:
    columns = (
        Column("Known perfectly", "strong"),
        *(
            Column(f"{what} at {threshold:,.0f} ({inputs.currency})", "money")
            for threshold in result.thresholds
            for what in ("Per patient", "Standard error")
        ),
        Column("Inputs", "integer"),
    )
    rows: dict[str, list[Cell]] = {}
    sizes: dict[str, int] = {}
    for part in parts:
        name = label_of(part.group, inputs.labels) if "." in part.group else part.group
        rows.setdefault(name, [name]).extend([part.information.value, part.information.standard_error])
        sizes[name] = len(part.parameters)
    note = "By regression of net benefit on the inputs (Strong, Oakley, Brennan 2014); at 0 no choice would change."
    return Table(title, columns, tuple((*row, sizes[name]) for name, row in rows.items()), key, (note,))


def _group_chart(inputs: Inputs, result: ValueOfInformation) -> Chart:
    series = tuple(
        Series(
            f"{inputs.currency} {threshold:,.0f} per QALY",
            "Value of information",
            "groups",
            0,
            1 + 2 * i,
            STRATEGY_COLOURS[1 + i],
        )
        for i, threshold in enumerate(result.thresholds)
    )
    y_title = f"{inputs.currency} per patient"
    return Chart("columns", "Which evidence would be worth having?", "", y_title, series, y_format="#,##0")


def _follow_up_table(inputs: Inputs, follow_up: Sequence[FollowUp]) -> Table:
    columns = (
        Column("Further follow-up", "strong"),
        Column(f"Threshold ({inputs.currency})", "money"),
        Column("Further deaths, both arms", "months"),
        Column("Uncertainty removed", "percent"),
        Column(f"Per patient ({inputs.currency})", "money"),
        Column("Standard error", "money"),
        Column(f"Population, after the wait ({inputs.currency})", "money"),
        Column("Years", "years"),
    )
    rows = tuple(
        (
            f"{f.years:g} years",
            f.threshold,
            sum(f.events),
            f.learned,
            f.information.value,
            f.information.standard_error,
            f.population,
            f.years,
        )
        for f in sorted(follow_up, key=lambda f: (f.threshold, f.years))
    )
    notes = (
        "Deaths at the modelled rates among patients still followed; they sharpen the hazard ratio of survival only, "
        "so that this is a lower bound. Patients treated while waiting gain nothing from the answer.",
    )
    return Table("What longer follow-up is worth", columns, rows, "follow_up", notes)


def _follow_up_chart(inputs: Inputs, follow_up: Sequence[FollowUp]) -> Chart:
    thresholds = sorted({f.threshold for f in follow_up})
    count = len(follow_up) // len(thresholds)
    series = tuple(
        Series(
            f"{inputs.currency} {threshold:,.0f} per QALY",
            "Value of information",
            "follow_up",
            7,
            4,
            STRATEGY_COLOURS[1 + i],
            i * count,
            (i + 1) * count - 1,
        )
        for i, threshold in enumerate(thresholds)
    )
    y_title = f"{inputs.currency} per patient"
    return Chart("lines", "What is it worth to wait?", "Further years", y_title, series, x_format="0", y_format="#,##0")
