"""The sheet that sets three senses of importance side by side: one-way swings, Sobol indices, value of information."""

from collections.abc import Iterator, Sequence

from markov.analysis.uncertainty.importance import LEADING, Importance, ImportanceTable
from markov.analysis.uncertainty.sobol import Sobol
from markov.inputs.parameters import Inputs
from markov.report.page import LINE_COLOURS, Block, Cell, Chart, Column, Page, Series, Table, Text
from markov.report.sheets.sobol import output_words, source_words
from markov.report.words import money, per_qaly

PAGE = "Importance"
SHOWN = 10


def importance_page(inputs: Inputs, sobol: Sobol, tables: Sequence[ImportanceTable]) -> Page:
    """For each threshold one table of all uncertain inputs, and in words where the three orders disagree."""
    blocks: list[Block] = [
        Text(" ".join(sentence for table in tables for sentence in importance_lead(inputs, table)), "lead"),
        Text(WHY),
    ]
    for number, table in enumerate(tables):
        blocks += [_charts(inputs, table, number), _table(inputs, sobol, table, number)]
    subtitle = "Which uncertain inputs matter: one at a time, all at once, and for the decision."
    return Page(PAGE, "What matters?", subtitle, tuple(blocks), (80.0, *(14.0,) * 9))


WHY = (
    "The three orders answer different questions. The swing is net benefit between the ends of one input's 95 % "
    "interval, the others at their base values. The total index is the share of the variance in which the input has a "
    "part when all vary. The value of information (EVPPI) is what a patient would gain, on average, if the decision "
    "were made knowing the input: it is 0 where no value of it would change the decision, however much it moves the "
    "number."
)


def importance_lead(inputs: Inputs, table: ImportanceTable) -> Iterator[str]:
    """What leads in variance and in value, whether the orders agree, and which inputs they disagree on."""
    at = f"At {per_qaly(table.threshold, inputs.currency)}"
    first, best = table.leading_in_variance, table.leading_in_value
    share = "" if first.total is None else f" ({first.total:.0%} of the variance)"
    yield f"{at} net benefit moves most with {_quoted(inputs, first)}{share}."
    if best is None:
        yield "No single input is worth knowing: none changes the decision."
    else:
        same = "it too is" if best.factor == first.factor else f"{_quoted(inputs, best)} is"
        yield f"For the decision {same} worth most to know, {money(best.value, inputs.currency)} per patient."
        if table.worthless:
            yield f"Of the {LEADING} inputs that move it most {table.worthless} are worth nothing to know."
    if table.total_and_swing is not None:
        agree = (
            "agree" if table.total_and_swing >= 0.8 else "agree in part" if table.total_and_swing >= 0.5 else "disagree"
        )
        yield f"One-way swings and total indices {agree} (rank correlation {table.total_and_swing:.2f})."
    if best is not None and table.total_and_value is not None:
        yield f"Total indices and value of information have a rank correlation of {table.total_and_value:.2f}."
    if table.disagreements:
        listed = "; ".join(_disagreement(inputs, row) for row in table.disagreements[:LEADING])
        yield f"The orders disagree on: {listed}."


def _disagreement(inputs: Inputs, row: Importance) -> str:
    ranks = (("swing", row.swing_rank), ("variance", row.total_rank), ("value", row.value_rank))
    told = ", ".join(f"rank {rank:g} by {what}" for what, rank in ranks if rank is not None)
    return f"{_quoted(inputs, row)} ({told})"


def _quoted(inputs: Inputs, row: Importance) -> str:
    return f"“{_name(inputs, row)}”"


def _name(inputs: Inputs, row: Importance) -> str:
    return source_words(inputs, row.parameters)


def _charts(inputs: Inputs, table: ImportanceTable, number: int) -> tuple[Chart, ...]:
    count, key = min(SHOWN, len(table.rows)), f"importance_{number}"
    at = money(table.threshold, inputs.currency)
    first, best = table.leading_in_variance, table.leading_in_value
    totals = Series("Total index", PAGE, key, 0, 5, LINE_COLOURS[0], last=count - 1)
    values = Series("Value of information", PAGE, key, 0, 7, LINE_COLOURS[1], last=count - 1)
    moves = Chart(
        "horizontal",
        f"At {at}, {_name(inputs, first)} moves net benefit most",
        "",
        "Share of the variance",
        (totals,),
        y_format="0%",
        legend=False,
    )
    if best is None:
        return (moves,)
    worth = f"At {at}, {_name(inputs, best)} is worth most to know"
    unit = f"{inputs.currency} per patient"
    return moves, Chart("horizontal", worth, "", unit, (values,), y_format="#,##0", legend=False)


def _table(inputs: Inputs, sobol: Sobol, table: ImportanceTable, number: int) -> Table:
    unit = inputs.currency
    columns = (
        Column("Uncertain input", "strong"),
        Column("Rank, one-way swing", "exact"),
        Column(f"Swing ({unit})", "money"),
        Column("First-order index", "number"),
        Column("Rank, total index", "exact"),
        Column("Total index", "number"),
        Column("Rank, value", "exact"),
        Column(f"EVPPI ({unit} per patient)", "money"),
        Column("Standard error", "money"),
    )
    rows = tuple(_row(inputs, row) for row in table.rows)
    title = (
        f"At {per_qaly(table.threshold, unit)}; indices of: {output_words(inputs, table.output, dict(sobol.margins))}"
    )
    pairs = (
        ("total index and EVPPI", table.total_and_value),
        ("total index and swing", table.total_and_swing),
        ("swing and EVPPI", table.swing_and_value),
    )
    told = "; ".join(f"{what} {'no order' if value is None else f'{value:.2f}'}" for what, value in pairs)
    notes = (
        f"Spearman's rank correlation: {told}. The swing is the largest over strategies. Inputs that tie share their "
        "mean rank; a negative index is noise, and is left as it is.",
    )
    return Table(title, columns, rows, f"importance_{number}", notes)


def _row(inputs: Inputs, row: Importance) -> tuple[Cell, ...]:
    return (
        _name(inputs, row),
        row.swing_rank,
        row.swing,
        row.first,
        row.total_rank,
        row.total,
        row.value_rank,
        row.value,
        row.error,
    )
