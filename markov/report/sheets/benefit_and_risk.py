"""The Benefit and risk sheet: time without symptoms or toxicity, and what is gained for each harm."""

from markov.analysis.interpretation.benefit_risk import BenefitRisk, Periods, QTwist
from markov.excel.style import BAD, GOOD
from markov.inputs.parameters import Inputs
from markov.report.page import PERIOD_COLOURS, Block, Cell, Chart, Column, Page, Series, Table, Text

PERIODS = (
    ("With severe toxicity (TOX)", 1),
    ("Without symptoms or toxicity (TWiST)", 2),
    ("After progression (REL)", 3),
)
EVEN = 0.005  # years: a difference that rounds to 0.00 has no colour


def benefit_risk_page(result: BenefitRisk, inputs: Inputs) -> Page:
    """Periods of life, gains in Q-TWiST over the utilities of two of them, trade-offs, numbers needed to treat."""
    blocks: list[Block] = [
        Text(" ".join(_sentence(row, inputs) for row in result.q_twist), "lead"),
        (_chart(result),),
        _period_table(result),
        *(_grid_table(row, result, inputs) for row in result.q_twist),
        _trade_off_table(result),
        _number_table(result),
    ]
    subtitle = "Undiscounted years per patient, without money: what patients gain, and what they pay for it in harm."
    return Page("Benefit and risk", "Benefit and risk", subtitle, tuple(blocks), (44.0, *(17.0,) * 6, 40.0))


def _sentence(row: QTwist, inputs: Inputs) -> str:
    middle = len(row.grid) // 2
    gain = row.grid[middle][middle]
    words = f"{'gains' if gain >= 0 else 'loses'} {abs(gain):.2f} quality-adjusted years"
    return (
        f"{row.label} {words} without symptoms or toxicity (Q-TWiST) over {inputs.labels[row.versus].lower()} where "
        f"time with toxicity and after progression counts by half, {abs(row.relative[middle][middle]):.0%} of the "
        "latter's life-years."
    )


# ---------------------------------------------------------------------------------------------------- periods


def _period_table(result: BenefitRisk) -> Table:
    columns = (
        Column("Strategy", "strong"),
        *(Column(f"{name} (years)", "years") for name, _ in PERIODS),
        Column("Alive (years)", "years"),
        Column("Mean utility, TOX", "qaly"),
        Column("Mean utility, TWiST", "qaly"),
        Column("Mean utility, REL", "qaly"),
    )
    rows = tuple(_period_row(each) for each in result.periods)
    notes = (
        "TOX: expected time with grade 3 or 4 events before progression, and the time until progression where they "
        "persist. REL includes time with a second malignancy. Mean utilities are the model's own, age and the "
        "decrement on treatment included.",
        "Source: Gelber, Goldhirsch, Cole 1993, Cancer Treat Rev 19:73. Published analyses stop at the follow-up of "
        "the trial; these times run to the model's horizon.",
    )
    return Table("Periods of life", columns, rows, "periods", notes)


def _period_row(each: Periods) -> tuple[Cell, ...]:
    used = [(each.tox, each.u_tox), (each.twist, each.u_twist), (each.rel, each.u_rel)]
    utilities = [utility if years else None for years, utility in used]
    return (each.label, each.tox, each.twist, each.rel, each.life_years, *utilities)


def _chart(result: BenefitRisk) -> Chart:
    told = ", ".join(f"{each.label} {each.twist:.1f}" for each in result.periods)
    series = tuple(
        Series(name, "Benefit and risk", "periods", 0, column, painted)
        for (name, column), painted in zip(PERIODS, PERIOD_COLOURS, strict=True)
    )
    title = f"Years without symptoms or toxicity: {told}"
    return Chart("bars", title, "", "Years per patient, undiscounted", series, y_format="0")


# ----------------------------------------------------------------------------------------------------- Q-TWiST


def _grid_table(row: QTwist, result: BenefitRisk, inputs: Inputs) -> Table:
    columns = (
        Column("Utility of time with toxicity, down; after progression, across", "years"),
        *(Column(f"{utility:g}", "years") for utility in result.utilities),
    )
    rows = tuple((utility, *gains) for utility, gains in zip(result.utilities, row.grid, strict=True))
    tints = tuple(("", *(GOOD if g > EVEN else BAD if g < -EVEN else "" for g in gains)) for gains in row.grid)
    even = [row.break_even(utility) for utility in (0.0, 1.0)]
    told = [
        f"{value:.2f} where toxicity counts {words}"
        for value, words in zip(even, ("nothing", "in full"), strict=True)
        if value is not None and 0.0 <= value <= 1.0
    ]
    notes = [
        f"Difference in years: TOX {row.delta_tox:+.2f}, TWiST {row.delta_twist:+.2f}, REL {row.delta_rel:+.2f}. At "
        f"the model's own utilities the gain is {row.at_model:+.2f} undiscounted QALYs.",
        f"No gain and no loss at a utility after progression of {' and of '.join(told)}."
        if told
        else "Within utilities of 0 to 1 the sign does not depend on the utility after progression at either end.",
        "Q-TWiST = TWiST + u(TOX)·TOX + u(REL)·REL. A gain of 10 % of the reference's life-years is held to be "
        "clinically important (Revicki, Feeny, Hunt, Cole 2006, Qual Life Res 15:411).",
    ]
    title = f"Gain in Q-TWiST (years), {row.label.lower()} over {inputs.labels[row.versus].lower()}"
    return Table(title, columns, rows, f"q_twist_{row.strategy}", tuple(notes), tints=tints)


# -------------------------------------------------------------------------------------------- benefit for harm


def _trade_off_table(result: BenefitRisk) -> Table:
    columns = (
        Column("Strategy", "strong"),
        Column("Harm"),
        Column("Years without progression gained", "years"),
        Column("Additional patients with the harm", "percent"),
        Column("Years gained for each harm", "years"),
        Column("In words"),
    )
    rows = tuple((t.label, t.harm, t.delta_years, t.delta_share, t.ratio, t.words) for t in result.trade_offs)
    return Table("Benefit for harm", columns, rows, "trade_offs", spread=True)


def _number_table(result: BenefitRisk) -> Table:
    columns = (
        Column("Outcome", "strong"),
        Column("Strategy"),
        Column("Share under the reference", "percent"),
        Column("Share under the strategy", "percent"),
        Column("Difference", "percent"),
        Column("Number needed to treat", "months"),
        Column("In words"),
    )
    rows = tuple(
        (n.outcome.capitalize(), n.label, n.reference, n.share, n.difference, n.number, n.words)
        for n in result.numbers_needed
    )
    note = "Source of the measure: Laupacis, Sackett, Roberts 1988, N Engl J Med 318:1728."
    return Table("Numbers needed to treat", columns, rows, "numbers_needed", (note,), spread=True)
