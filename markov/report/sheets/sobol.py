"""The report of a Sobol analysis: which uncertain inputs move the result, alone and together."""

from collections.abc import Iterator, Mapping, Sequence

from markov.analysis.uncertainty.sobol import Sobol
from markov.analysis.uncertainty.sobol_indices import WIDE, Indices, Statement
from markov.inputs.definitions.schema import label_of
from markov.inputs.parameters import Inputs
from markov.report.page import Block, Cell, Chart, Column, Page, Series, Table, Text
from markov.report.words import per_qaly
from markov.terms import Endpoint

SHOWN = 10
PAIRS = 15
FIRST, REST = "#2F6DB5", "#8DB7E2"


def sobol_pages(inputs: Inputs, result: Sobol) -> list[Page]:
    """A page of the leading inputs for each output, and every index in full."""
    return [_leading_page(inputs, result), _all_page(inputs, result)]


def sobol_words(inputs: Inputs, result: Sobol) -> list[str]:
    """What leads in each net benefit, and whether the indices can be relied on."""
    words, told = factor_words(inputs, result), []
    for indices in result.indices:
        if indices.total is not None and indices.output.startswith("net_benefit"):
            first, share = words[indices.factors[indices.ranking[0]]], float(indices.total[indices.ranking[0]])
            told.append(f"{output_words(inputs, indices.output)}: {first} has a part in {share:.0%} of the variance.")
    enough = [said.enough for said in result.statements if said is not None and said.enough]
    if enough:
        told.append(
            f"Not converged for {len(enough)} of {len(result.indices)} outputs at {result.points:,} points: "
            f"{max(enough):,} would be enough."
        )
    return told


def output_words(inputs: Inputs, output: str, margins: dict[str, tuple[str, str]] | None = None) -> str:
    """An output in words, such as `net_benefit.25000.lenalidomide`."""
    kind, *rest = output.split(".")
    if kind == "margin":
        best, second = (inputs.labels[s] for s in (margins or {}).get(output, ("", "")))
        return f"Net benefit of {best.lower()} less {second.lower()} at {per_qaly(float(rest[0]), inputs.currency)}"
    label = inputs.labels[rest[-1]]
    if kind == "net_benefit":
        return f"Incremental net benefit of {label.lower()} at {per_qaly(float(rest[0]), inputs.currency)}"
    names = {"delta_cost": "cost", "delta_qaly": "QALYs", "delta_life_years": "life-years"}
    return f"Difference in {names[kind]}, {label.lower()}"


Words = Mapping[str, str]
"""Factors in words, by name."""


def factor_words(inputs: Inputs, result: Sobol) -> Words:
    """Each factor by the label of its parameter, or of the first of those that move together."""
    return {factor.name: source_words(inputs, factor.parameters or (factor.name,)) for factor in result.factors}


def source_words(inputs: Inputs, parameters: Sequence[str]) -> str:
    """A source of uncertainty by the label of its first parameter, and what moves with it.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> source_words(inputs, ["os.hazard_ratio.lenalidomide", "pfs.time_ratio.lenalidomide"])
    'OS: hazard ratio against its reference, Lenalidomide (and PFS time ratio)'
    >>> source_words(inputs, ["utility.maintenance", "utility.toxicity"])
    'Utility, maintenance (with 1 more)'
    """
    first, *others = parameters
    label = label_of(first, inputs.labels)
    kind, name, *_ = others[0].split(".") if len(others) == 1 else ("", "")
    if kind in tuple(Endpoint):
        return f"{label} (and {kind.upper()} {name.replace('_', ' ')})"
    return label + (f" (with {len(others)} more)" if others else "")


def _told(inputs: Inputs, result: Sobol) -> Iterator[tuple[Indices, Statement | None]]:
    """Outputs to show: a margin over the reference is an incremental net benefit, which stands there already."""
    for indices, told in zip(result.indices, result.statements, strict=True):
        if inputs.reference not in result.margins.get(indices.output, ()):
            yield indices, told


def told_in_words(words: Words, told: Statement) -> str:
    """What is said of convergence, with factors by their labels."""
    text = told.words
    for name in sorted(words, key=len, reverse=True):
        text = text.replace(name, words[name]) if name in (*told.unstable, *told.below_first) else text
    return text


def _leading_page(inputs: Inputs, result: Sobol) -> Page:
    blocks: list[Block] = [
        Text(
            f"{len(result.factors)} uncertain inputs, {result.points:,} points, {result.rows:,} runs of the model. "
            "The first-order index is the share of the variance that an input explains alone, the total index what it "
            "has a part in; the difference is interaction.",
            "lead",
        ),
        _convergence_table(inputs, result),
    ]
    words = factor_words(inputs, result)
    if result.idle:
        idle = "; ".join(label_of(identifier, inputs.labels) for identifier in result.idle)
        blocks.append(Text(f"Left out, because they change nothing under these settings: {idle}."))
    for number, (indices, told) in enumerate(_told(inputs, result)):
        title = output_words(inputs, indices.output, dict(result.margins))
        if indices.total is None or told is None:
            blocks.append(Text(f"{title}: {indices.reason}"))
            continue
        text = told_in_words(words, told)
        blocks += [(_chart(words, title, indices, number),), _leading_table(words, title, indices, number, text)]
    subtitle = "Indices over the distributions of the probabilistic analysis; prices, methods and structure are fixed."
    return Page("Sobol", "Which inputs move the result?", subtitle, tuple(blocks), widths=(80.0, *(14.0,) * 6))


def _convergence_table(inputs: Inputs, result: Sobol) -> Table:
    """Whether the indices of each output can be relied on, and how many points would be enough."""
    columns = (
        Column("Output", "strong"),
        Column("Verdict"),
        Column("Widest ± of a total", "number"),
        Column("Sum of first order", "number"),
        Column("Changed rank at half the points", "integer"),
        Column("Points enough", "integer"),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            output_words(inputs, indices.output, dict(result.margins)),
            "converged" if told.is_converged else "not converged",
            told.widest_total,
            told.sum_first,
            len(told.unstable),
            told.enough or result.points,
        )
        for indices, told in _told(inputs, result)
        if told is not None
    )
    note = (
        f"Converged: every total index is known to ± {WIDE:g} (95 %, from {result.resamples:,} resamples), none is "
        "below its first order beyond chance, and the five leading inputs keep their order at half the points. "
        "Half-widths shrink with the root of the points: the last column is the power of two at which the widest would "
        "be narrow enough. Ranks of leading inputs are usually settled long before."
    )
    return Table("Can the indices be relied on?", columns, rows, "convergence", (note,))


def _chart(words: Words, title: str, indices: Indices, number: int) -> Chart:
    assert indices.total is not None
    leading = words[indices.factors[indices.ranking[0]]]
    count, key = min(SHOWN, len(indices.factors)), f"leading_{number}"
    series = (
        Series("Alone (first order)", "Sobol", key, 0, 6, FIRST, last=count - 1),
        Series(
            "With others; the line is the 95 % interval of the total",
            "Sobol",
            key,
            0,
            5,
            REST,
            0,
            count - 1,
            error=(4, 4),
        ),
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
        Column("Alone, 0 at least", "number"),
    )
    rows = tuple((*_row(words, indices, i), _alone(indices, i)) for i in indices.ranking[:SHOWN])
    return Table(title, columns, rows, f"leading_{number}", (told,))


def _row(words: Words, indices: Indices, i: int) -> tuple[Cell, ...]:
    assert indices.first is not None and indices.total is not None
    assert indices.first_half_width is not None and indices.total_half_width is not None
    first, total = float(indices.first[i]), float(indices.total[i])
    widths = float(indices.first_half_width[i]), float(indices.total_half_width[i])
    others = max(total - max(first, 0.0), 0.0)
    return words[indices.factors[i]], first, widths[0], total, widths[1], others


def _alone(indices: Indices, i: int) -> float:
    """What a bar shows of an input alone: never below 0, nor above the total, which chance may bring about."""
    assert indices.first is not None and indices.total is not None
    return float(min(max(indices.first[i], 0.0), indices.total[i]))


def _all_page(inputs: Inputs, result: Sobol) -> Page:
    blocks: list[Table] = []
    words = factor_words(inputs, result)
    for indices, _ in _told(inputs, result):
        if indices.total is None:
            continue
        title = output_words(inputs, indices.output, dict(result.margins))
        blocks.append(_full_table(words, title, indices))
        if indices.second is not None:
            blocks.append(_pair_table(words, title, indices))
    subtitle = "Every index with its 95 % interval from resampling; pairs by falling second-order index."
    return Page("Sobol indices", "All Sobol indices", subtitle, tuple(blocks), widths=(76.0, 62.0, *(14.0,) * 4))


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
