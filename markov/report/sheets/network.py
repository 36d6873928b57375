"""The report of a network: its picture, every trial in a forest plot, every pair of treatments, and what disagrees."""

from markov.analysis.evidence.networks import MODEL_NAMES, NetworkOfEndpoint, comment_of
from markov.analysis.evidence.synthesis import Comparison, forest, inconsistency, layout, league_table
from markov.inputs.parameters import Inputs
from markov.report.page import STRATEGY_COLOURS, Cell, Chart, Column, Page, Series, Table, Text

TITLES = {"pfs": "Progression-free survival", "os": "Overall survival"}
INK, LINE = "#1F2A37", "#9AA5B1"
TRIAL, POOLED = "#5B6B7F", "#2F6DB5"


def network_pages(inputs: Inputs, found: tuple[NetworkOfEndpoint, ...]) -> list[Page]:
    """A page for each endpoint."""
    return [_page(inputs, network) for network in found]


def _name(network: NetworkOfEndpoint) -> str:
    return f"Network {network.endpoint.upper()}"


def _page(inputs: Inputs, network: NetworkOfEndpoint) -> Page:
    blocks = (
        Text(_lead(inputs, network), "lead"),
        (_picture(inputs, network),),
        (_forest_chart(inputs, network),),
        _pooled_table(inputs, network),
        _forest_table(inputs, network),
        _league_table(inputs, network),
        _rows_table(inputs, network),
        *_disagreement(inputs, network),
        *_drawing_tables(inputs, network),
    )
    title = f"Network of trials: {TITLES[network.endpoint].lower()}"
    subtitle = "Hazard ratios of trials, synthesised by generalised least squares; below 1 favours the first named."
    return Page(_name(network), title, subtitle, blocks, widths=(34.0, 26.0, *(12.0,) * 5, 18.0, 20.0, 46.0))


def _label(inputs: Inputs, treatment: str) -> str:
    return inputs.labels.get(treatment, treatment.replace("_", " ").capitalize())


def _ratio(comparison: Comparison) -> str:
    effect = comparison.effect
    return f"{effect.ratio:.2f} ({effect.low:.2f} to {effect.high:.2f})"


def _lead(inputs: Inputs, network: NetworkOfEndpoint) -> str:
    reference = _label(inputs, network.used.treatments[0]).lower()
    told = "; ".join(f"{_label(inputs, c.treatment)} {_ratio(c)}" for c in network.comparisons())
    words = f"Hazard ratio against {reference}, {MODEL_NAMES[network.used.model]}: {told}."
    heterogeneity = network.used.heterogeneity
    if heterogeneity.i_squared is not None:
        words += f" I² {heterogeneity.i_squared:.0%}, tau² {heterogeneity.tau_squared:.3f}."
    if network.used.fell_back:
        words += " Too few trials to tell how much they differ: the ratios are those of a fixed effect."
    return words


def _pooled_table(inputs: Inputs, network: NetworkOfEndpoint) -> Table:
    columns = (
        Column("Treatment", "strong"),
        Column("Model"),
        Column("Hazard ratio", "number"),
        Column("Low", "number"),
        Column("High", "number"),
        Column("Low, new trial", "number"),
        Column("High, new trial", "number"),
        Column("Evidence"),
        Column("Predictive interval"),
        Column("How it came about"),
    )
    rows: list[tuple[Cell, ...]] = []
    for synthesis in (network.used, network.other):
        for c in network.comparisons(synthesis):
            interval = c.predictive_interval
            rows.append(
                (
                    _label(inputs, c.treatment),
                    MODEL_NAMES[synthesis.model],
                    c.effect.ratio,
                    c.effect.low,
                    c.effect.high,
                    c.predicted.low,
                    c.predicted.high,
                    ", ".join(c.trials) or "indirect only",
                    f"{interval[0]:.2f} to {interval[1]:.2f}" if interval else "none",
                    comment_of(network, c) if synthesis is network.used else "the other model, as a scenario",
                )
            )
    count = len(network.comparisons())
    notes = (
        "Limits of a new trial hold the spread of trials and are what random draws use; the predictive interval "
        "by Student's t (Higgins, Thompson, Spiegelhalter 2009) is wide where trials are few.",
    )
    return Table("Pooled hazard ratios", columns, tuple(rows), "pooled", notes, bold=frozenset(range(count)))


def _forest_table(inputs: Inputs, network: NetworkOfEndpoint) -> Table:
    columns = (
        Column("Trial", "strong"),
        Column("Comparison"),
        Column("Hazard ratio", "number"),
        Column("Low", "number"),
        Column("High", "number"),
        Column("Weight", "percent"),
        Column("Line", "integer"),
        Column("Evidence row"),
        Column("Down", "number"),
        Column("Up", "number"),
    )
    lines = forest(network.used)
    rows = tuple(
        (
            line.label if line.weight is not None else f"Pooled: {_label(inputs, line.treatment)}",
            f"{_label(inputs, line.treatment)} against {_label(inputs, line.comparator).lower()}",
            line.effect.ratio,
            line.effect.low,
            line.effect.high,
            line.weight,
            len(lines) - i,
            line.source,
            line.effect.ratio - line.effect.low,
            line.effect.high - line.effect.ratio,
        )
        for i, line in enumerate(lines)
    )
    bold = frozenset(i for i, line in enumerate(lines) if line.weight is None)
    return Table("Forest", columns, rows, "forest", bold=bold)


def _forest_chart(inputs: Inputs, network: NetworkOfEndpoint) -> Chart:
    lines, page = forest(network.used), _name(network)
    series = [
        Series(
            line.label if line.weight is not None else f"Pooled: {_label(inputs, line.treatment)}",
            page,
            "forest",
            2,
            6,
            TRIAL if line.weight is not None else POOLED,
            first=i,
            last=i,
            markers=True,
            error=(8, 9),
            names=0,
        )
        for i, line in enumerate(lines)
    ]
    title = f"{TITLES[network.endpoint]}: hazard ratios with 95 % intervals"
    limit = len(lines) + 1.0
    return Chart(
        "points",
        title,
        "Hazard ratio",
        "",
        tuple(series),
        y_limit=limit,
        x_format="0.00",
        x_log=True,
        y_hidden=True,
        legend=False,
    )


def _league_table(inputs: Inputs, network: NetworkOfEndpoint) -> Table:
    columns = (
        Column("Treatment", "strong"),
        Column("Against"),
        Column("Hazard ratio", "number"),
        Column("Low", "number"),
        Column("High", "number"),
        Column("Evidence"),
    )
    rows = tuple(
        (
            _label(inputs, c.treatment),
            _label(inputs, c.comparator),
            c.effect.ratio,
            c.effect.low,
            c.effect.high,
            "direct" if c.trials else "indirect",
        )
        for c in league_table(network.used)
    )
    return Table("Every pair of treatments", columns, rows, "league")


def _rows_table(inputs: Inputs, network: NetworkOfEndpoint) -> Table:
    columns = (
        Column("Trial", "strong"),
        Column("Comparison"),
        Column("Hazard ratio", "number"),
        Column("Low", "number"),
        Column("High", "number"),
        Column("P value", "number"),
        Column("Events", "integer"),
        Column("Status"),
        Column("Evidence row"),
        Column("Source and comment"),
    )
    rows = tuple(
        (
            row.trial + ("" if row.included else " (excluded)"),
            f"{_label(inputs, row.treatment)} against {_label(inputs, row.comparator).lower()}",
            row.hazard_ratio,
            row.low,
            row.high,
            row.p_value,
            row.events,
            row.status,
            row.page,
            ". ".join(words for words in (row.source, row.comment) if words),
        )
        for row in (*network.rows, *network.excluded)
    )
    return Table("Rows of the workbook", columns, rows, "rows", network.doubts, weak=7)


def _disagreement(inputs: Inputs, network: NetworkOfEndpoint) -> list[Text | Table]:
    """Inconsistency, where there are loops."""
    heterogeneity, found = network.used.heterogeneity, inconsistency(network.used)
    words = f"Cochran's Q {heterogeneity.q:.2f} on {heterogeneity.df} degrees of freedom"
    words += f", P {heterogeneity.p_value:.3f}. " if heterogeneity.p_value is not None else ". "
    if not found.splits:
        return [Text(words + "The network has no loop: direct and indirect evidence cannot disagree, nor be compared.")]
    words += f"Between designs Q {found.q:.2f} on {found.df}, P {found.p_value:.3f}."
    columns = (
        Column("Treatment", "strong"),
        Column("Against"),
        Column("Direct", "number"),
        Column("Indirect", "number"),
        Column("Ratio of the two", "number"),
        Column("P value", "number"),
    )
    rows = tuple(
        (
            _label(inputs, s.treatment),
            _label(inputs, s.comparator),
            s.direct.ratio,
            s.indirect.ratio,
            s.difference.ratio,
            s.difference.p_value,
        )
        for s in found.splits
    )
    return [Text(words), Table("Direct against indirect evidence", columns, rows, "splits")]


# ------------------------------------------------------------------------------------------------------- picture


def _drawing_tables(inputs: Inputs, network: NetworkOfEndpoint) -> tuple[Table, Table]:
    nodes, edges = layout([*network.used.contrasts], network.used.treatments[0])
    at = {node.treatment: (node.x, node.y) for node in nodes}
    places = Table(
        "Places of the treatments in the picture",
        (Column("Treatment", "strong"), Column("Trials"), Column("Across", "number"), Column("Up", "number")),
        tuple((_label(inputs, n.treatment), str(n.trials), n.x, n.y) for n in nodes),
        "nodes",
    )
    lines = tuple(
        (f"{_label(inputs, e.first)} and {_label(inputs, e.second)}", ", ".join(e.trials), *at[name])
        for e in edges
        for name in (e.first, e.second)
    )
    columns = (Column("Comparison", "strong"), Column("Trials"), Column("Across", "number"), Column("Up", "number"))
    return places, Table("Lines of the picture", columns, lines, "edges")


def _picture(inputs: Inputs, network: NetworkOfEndpoint) -> Chart:
    """Treatments on a circle, a line for each comparison, thicker the more trials make it."""
    nodes, edges = layout([*network.used.contrasts], network.used.treatments[0])
    page = _name(network)
    series = [
        Series(f"{len(e.trials)} trials", page, "edges", 2, 3, LINE, first=2 * i, last=2 * i + 1, width=len(e.trials))
        for i, e in enumerate(edges)
    ]
    series += [
        Series(
            _label(inputs, node.treatment),
            page,
            "nodes",
            2,
            3,
            STRATEGY_COLOURS[i % len(STRATEGY_COLOURS)],
            first=i,
            last=i,
            markers=True,
            names=0,
        )
        for i, node in enumerate(nodes)
    ]
    trials = {trial for edge in edges for trial in edge.trials}
    title = f"{len(nodes)} treatments, {len(trials)} trials; a line is as thick as it has trials"
    return Chart("points", title, "", "", tuple(series), x_hidden=True, y_hidden=True, legend=False, margin=1.5)
