"""The sheet of longer follow-up: what some more years of a trial are worth, for a patient and for the population."""

import math
from collections.abc import Iterator, Sequence

from markov.analysis.uncertainty.follow_up import FollowUp, Wait
from markov.inputs.parameters import Inputs
from markov.report.page import LINE_COLOURS, Block, Cell, Chart, Column, Page, Series, Table, Text
from markov.report.words import money, per_qaly

PAGE = "Follow-up value"
YEARS, DEATHS, PER_PATIENT = 0, 2, 6  # columns that charts draw, of the table for a patient
NET = 6  # of the table for the population


def follow_up_page(inputs: Inputs, found: Sequence[FollowUp], note: str = "") -> Page:
    """For each strategy whose trial could be followed longer: the answer, charts and tables, and what was believed."""
    blocks: list[Block] = []
    for number, one in enumerate(found):
        blocks += [
            Text(" ".join(follow_up_lead(inputs, one)), "lead"),
            *([charts] if (charts := _charts(inputs, one, number)) else []),
            *(table(inputs, one, threshold, number) for threshold in one.thresholds for table in (_table, _population)),
            Text("What is believed before", "section"),
            *(Text(words) for words in _beliefs(inputs, one)),
        ]
    if not found:
        blocks.append(Text(note, "lead"))
    blocks.append(Text(METHOD))
    subtitle = "Value of sample information about the effect on overall survival after the trial's present follow-up."
    return Page(PAGE, "Is it worth waiting for longer follow-up?", subtitle, tuple(blocks), (16.0, *(16.0,) * 10))


METHOD = (
    "In each draw the estimate that longer follow-up would give is simulated around that draw's late effect, with the "
    "variance 1/(d·p·(1 − p)) of d further deaths, p the share randomised to the strategy; net benefit of every "
    "strategy is regressed on it (Strong and others 2015, Med Decis Making 35:570). Only the effect on survival is "
    "learned: the baseline curve would become better known too, so that this is a lower bound. The normal closed form "
    "takes the late effect as normal and net benefits as linear in it: it is a check of size, not a second result."
)


def follow_up_lead(inputs: Inputs, found: FollowUp) -> list[str]:
    """The answer at each threshold in words."""
    return [_answer(inputs, found, threshold) for threshold in found.thresholds]


def _answer(inputs: Inputs, found: FollowUp, threshold: float) -> str:
    waits, label = found.at(threshold), inputs.labels[found.strategy].lower()
    at = f"At {per_qaly(threshold, inputs.currency)}"
    longest, best = waits[-1], found.best(threshold)
    value = money(longest.information.value, inputs.currency)
    words = f"{at} {longest.years:g} more years of follow-up of {label} are worth {value} per patient"
    if longest.information.value < 0.5:
        return f"{at} longer follow-up of {label} is worth nothing: no result would change the decision."
    if longest.net_benefit is None:
        return f"{words}; for the population, fill decision.patients_per_year."
    if best is None:
        return f"{words}, but no wait among those shown pays for its study and for the patients treated meanwhile."
    total = money(best.net_benefit or 0.0, inputs.currency)
    return (
        f"{words}; for the population the best wait is {best.years:g} years, with an expected net benefit of {total}."
    )


def _charts(inputs: Inputs, found: FollowUp, number: int) -> tuple[Chart, ...]:
    """Value by years and by deaths where there is any, and the population's net benefit where it is known."""
    last = found.at(found.thresholds[-1])[-1]
    value, at = (money(amount, inputs.currency) for amount in (last.information.value, last.threshold))
    label, best = inputs.labels[found.strategy], found.best(last.threshold)
    told = "waiting never pays: its expected net benefit is below 0"
    if best is not None:
        told = f"the expected net benefit of waiting is highest after {best.years:g} years"

    def chart(title: str, x: str, unit: str, columns: tuple[int, int], table: str = "waits") -> Chart:
        series = _series(inputs, found, number, *columns, table)
        return Chart("lines", title, x, f"{inputs.currency}{unit}", series, x_format="0", y_format="#,##0")

    years = f"{label}: {last.years:g} more years are worth {value} per patient at {at}"
    deaths = f"The same by further deaths: {sum(last.events):,.0f} in {last.years:g} years"
    total = f"At {at} {told}"
    charts = []
    if any(wait.information.value >= 0.5 for wait in found.waits):
        charts.append(chart(years, "Further years of follow-up", " per patient", (YEARS, PER_PATIENT)))
        charts.append(chart(deaths, "Further deaths, both arms", " per patient", (DEATHS, PER_PATIENT)))
    if last.net_benefit is not None:
        charts.append(chart(total, "Further years of follow-up", ", population", (YEARS, NET), "population"))
    return tuple(charts)


def _series(inputs: Inputs, found: FollowUp, number: int, x: int, y: int, table: str = "waits") -> tuple[Series, ...]:
    return tuple(
        Series(
            per_qaly(threshold, inputs.currency),
            PAGE,
            _key(number, threshold, table),
            x,
            y,
            LINE_COLOURS[i % len(LINE_COLOURS)],
        )
        for i, threshold in enumerate(found.thresholds)
    )


def _key(number: int, threshold: float, table: str = "waits") -> str:
    return f"{table}_{number}_{threshold:g}"


def _table(inputs: Inputs, found: FollowUp, threshold: float, number: int) -> Table:
    unit = inputs.currency
    columns = (
        Column("Further years", "exact"),
        Column(f"Deaths, {inputs.labels[found.strategy].lower()}", "months"),
        Column("Deaths, both arms", "months"),
        Column("Standard error of the estimate", "qaly"),
        Column(f"Net benefit, deciding now ({unit})", "money"),
        Column(f"Net benefit, deciding after ({unit})", "money"),
        Column(f"Value per patient, EVSI ({unit})", "money"),
        Column("Standard error", "money"),
        Column("Upward bias", "money"),
        Column("Normal closed form", "money"),
        Column("Probability of another decision", "percent"),
    )
    rows = tuple(_row(wait) for wait in found.at(threshold))
    at = money(threshold, unit)
    arms = (inputs.labels[s].lower() for s in (found.strategy, found.versus))
    title = f"For a patient: {' against '.join(arms)} at {at} per QALY"
    notes = (
        "Net benefits are those of the best strategy. The value is by regression; its upward bias is that of a noisy "
        "fit, and is shown, not taken off.",
    )
    return Table(title, columns, rows, _key(number, threshold), notes)


def _row(wait: Wait) -> tuple[Cell, ...]:
    value = wait.information.value
    return (
        wait.years,
        wait.events[0],
        sum(wait.events),
        wait.variance**0.5 if wait.variance < 1e6 else None,
        wait.expected_now,
        wait.expected_now + value,
        value,
        wait.information.standard_error,
        wait.information.upward_bias,
        wait.closed_form,
        wait.changes,
    )


def _population(inputs: Inputs, found: FollowUp, threshold: float, number: int) -> Table:
    unit = inputs.currency
    columns = (
        Column("Further years", "exact"),
        Column("Years to a new decision", "exact"),
        Column(f"Value for those who come after ({unit})", "money"),
        Column(f"Cost of the study ({unit})", "money"),
        Column(f"Losses of those treated meanwhile ({unit})", "money"),
        Column(f"Cost of reversal ({unit})", "money"),
        Column(f"Expected net benefit of the study, ENBS ({unit})", "money"),
    )
    rows = tuple(
        (w.years, w.years + found.lag, w.value, w.study, w.losses, w.reversal, w.net_benefit)
        for w in found.at(threshold)
    )
    in_use = inputs.labels[found.meanwhile[found.thresholds.index(threshold)]].lower()
    people = "decision.patients_per_year"
    known = (
        f"{inputs.number(people):,.0f} patients a year for {inputs.number('decision.years'):g} years"
        if inputs.given(people)
        else f"an unknown number of patients: fill {people} on the sheet Cohort"
    )
    notes = (
        f"For {known}, discounted at the rate of costs. Patients get {in_use} while the answer is awaited "
        "(decision.meanwhile on the sheet Cohort). Costs of the study and of reversal: sheet Costs.",
    )
    title = f"For the population, at {per_qaly(threshold, unit)}"
    return Table(title, columns, rows, _key(number, threshold, "population"), notes)


def _beliefs(inputs: Inputs, found: FollowUp) -> Iterator[str]:
    low, high = found.share
    yield (
        f"Follow-up so far: {found.followed * 12:.1f} months. Hazard ratio of death so far {_ratio(found.early)}, "
        f"after it {_ratio(found.mean)}; standard deviation of the log of the latter {found.sd:.3f}."
    )
    if found.is_share:
        yield (
            f"Of the log hazard ratio so far a share is left afterwards, uniform from {low:g} to {high:g}. This stands "
            "in place of waning, so that net benefits here differ from the base case's."
        )
    else:
        yield (
            "Deaths follow a rate after progression: the late effect is each draw's modelled log hazard ratio over "
            "the further years."
        )
    best = [
        f"{inputs.labels[inputs.compared[int(mean.argmax())]].lower()} at {money(threshold, inputs.currency)}"
        for threshold, mean in zip(found.thresholds, found.expected, strict=True)
    ]
    yield f"Best strategy under these beliefs: {', '.join(best)} per QALY."


def _ratio(log: float) -> str:
    return f"{math.exp(log):.2f}"
