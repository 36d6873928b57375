"""The report of a Sobol analysis: which uncertain inputs move the result, alone and together."""

from collections.abc import Mapping

from markov.analysis.sobol import Sobol
from markov.analysis.sobol_indices import Indices
from markov.inputs.parameters import Inputs
from markov.inputs.schema import label_of
from markov.report.pages import Cell, Chart, Column, Page, Series, Table, Text

SHOWN = 15
PAIRS = 15
FIRST, REST = "#2F6DB5", "#8DB7E2"


def sobol_pages(inputs: Inputs, result: Sobol) -> list[Page]:
    """A page of the leading inputs for each output, and every index in full."""
    return [_leading_page(inputs, result), _all_page(inputs, result)]


def output_words(inputs: Inputs, output: str, margins: dict[str, tuple[str, str]] | None = None) -> str:
    """An output in words, such as `net_benefit.25000.lenalidomide`."""
    kind, *rest = output.split(".")
    if kind == "margin":
        best, second = (inputs.labels[s] for s in (margins or {}).get(output, ("", "")))
        return f"Net benefit of {best.lower()} less {second.lower()} at {inputs.currency} {float(rest[0]):,.0f}"
    label = inputs.labels[rest[-1]]
    if kind == "net_benefit":
        return f"Incremental net benefit of {label.lower()} at {inputs.currency} {float(rest[0]):,.0f} per QALY"
    names = {"delta_cost": "cost", "delta_qaly": "QALYs", "delta_life_years": "life-years"}
    return f"Difference in {names[kind]}, {label.lower()}"


Words = Mapping[str, str]
"""Factors in words, by name."""


def factor_words(inputs: Inputs, result: Sobol) -> Words:
    """Each factor by the label of its parameter, or of the first of those that move together."""
    words = {}
    for factor in result.factors:
        first, *others = (label_of(parameter, inputs.labels) for parameter in factor.parameters or (factor.name,))
        words[factor.name] = first + (f" and {len(others)} with it" if others else "")
    return words


def _leading_page(inputs: Inputs, result: Sobol) -> Page:
    blocks: list[Text | Table | tuple[Chart, ...]] = [
        Text(
            f"{len(result.factors)} uncertain inputs, {result.points:,} points, {result.rows:,} runs of the model. "
            "The first-order index is the share of the variance that an input explains alone, the total index what it "
            "has a part in; the difference is interaction.",
            "lead",
        )
    ]
    words = factor_words(inputs, result)
    for number, (indices, told) in enumerate(zip(result.indices, result.statements, strict=True)):
        title = output_words(inputs, indices.output, dict(result.margins))
        if indices.total is None or told is None:
            blocks.append(Text(f"{title}: {indices.reason}"))
            continue
        blocks += [(_chart(words, title, indices, number),), _leading_table(words, title, indices, number, told.words)]
    subtitle = "Indices over the distributions of the probabilistic analysis; prices, methods and structure are fixed."
    return Page("Sobol", "Which inputs move the result?", subtitle, tuple(blocks), widths=(64.0, *(14.0,) * 6))


def _chart(words: Words, title: str, indices: Indices, number: int) -> Chart:
    assert indices.total is not None
    leading = words[indices.factors[indices.ranking[0]]]
    count = min(SHOWN, len(indices.factors))
    series = (
        Series("Alone (first order)", "Sobol", f"leading_{number}", 0, 1, FIRST, last=count - 1),
        Series("With others", "Sobol", f"leading_{number}", 0, 5, REST, last=count - 1),
    )
    share = float(indices.total[indices.ranking[0]])
    finding = f"{title}: {leading} has a part in {share:.0%} of the variance"
    return Chart("horizontal", finding, "", "Share of the variance", series, y_format="0%")


def _leading_table(words: Words, title: str, indices: Indices, number: int, told: str) -> Table:
    columns = (
        Column("Input", "strong"),
        Column("First order", "number"),
        Column("± (95 %)", "number"),
        Column("Total", "number"),
        Column("± (95 %)", "number"),
        Column("With others", "number"),
    )
    rows = tuple(_row(words, indices, i) for i in indices.ranking[:SHOWN])
    return Table(title, columns, rows, f"leading_{number}", (told,))


def _row(words: Words, indices: Indices, i: int) -> tuple[Cell, ...]:
    assert indices.first is not None and indices.total is not None
    assert indices.first_half_width is not None and indices.total_half_width is not None
    first, total = float(indices.first[i]), float(indices.total[i])
    widths = float(indices.first_half_width[i]), float(indices.total_half_width[i])
    others = max(total - max(first, 0.0), 0.0)
    return words[indices.factors[i]], first, widths[0], total, widths[1], others


def _all_page(inputs: Inputs, result: Sobol) -> Page:
    blocks: list[Table] = []
    words = factor_words(inputs, result)
    for indices in result.indices:
        if indices.total is None:
            continue
        title = output_words(inputs, indices.output, dict(result.margins))
        blocks.append(_full_table(words, title, indices))
        if indices.second is not None:
            blocks.append(_pair_table(words, title, indices))
    subtitle = "Every index with its 95 % interval from resampling; pairs by falling second-order index."
    return Page("Sobol indices", "All Sobol indices", subtitle, tuple(blocks), widths=(56.0, 56.0, *(14.0,) * 4))


def _full_table(words: Words, title: str, indices: Indices) -> Table:
    columns = (
        Column("Input", "strong"),
        Column("Id"),
        Column("First order", "share"),
        Column("± (95 %)", "share"),
        Column("Total", "share"),
        Column("± (95 %)", "share"),
    )
    rows: list[tuple[Cell, ...]] = []
    for i in indices.ranking:
        label, *figures, _ = _row(words, indices, i)
        rows.append((label, indices.factors[i], *figures))
    return Table(title, columns, tuple(rows))


def _pair_table(words: Words, title: str, indices: Indices) -> Table:
    assert indices.second is not None and indices.second_half_width is not None
    columns = (
        Column("Input", "strong"),
        Column("And"),
        Column("Second order", "share"),
        Column("± (95 %)", "share"),
    )
    rows = tuple(
        (
            words[indices.factors[i]],
            words[indices.factors[j]],
            float(indices.second[i, j]),
            float(indices.second_half_width[i, j]),
        )
        for i, j in indices.pairs[:PAIRS]
    )
    return Table(f"Pairs that act together: {title}", columns, rows)
