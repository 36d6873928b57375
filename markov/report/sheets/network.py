"""The report of a network: its picture, every trial in a forest plot, every pair of treatments, and what disagrees."""

from markov.analysis.evidence.networks import MODEL_NAMES, NetworkOfEndpoint, comment_of
from markov.analysis.evidence.synthesis import Comparison, ForestRow, forest, inconsistency, layout, league_table
from markov.inputs.parameters import Inputs
from markov.report.page import Chart, Page, Series, Table, Text
from markov.report.sheets.charts import GREY, colour
from markov.report.sheets.tables import ENDPOINT_LABELS, by_column

TRIAL, POOLED = "#5B6B7F", "#2F6DB5"


def network_pages(inputs: Inputs, found: tuple[NetworkOfEndpoint, ...]) -> list[Page]:
    """A page for each endpoint.

    >>> from markov.analysis.evidence.networks import networks
    >>> from markov.inputs.workbook import read_inputs
    >>> from markov.inputs.writing.template import shipped
    >>> inputs = read_inputs(shipped("post_transplant_uk"))
    >>> [page.name for page in network_pages(inputs, networks(inputs))]
    ['Network PFS', 'Network OS']
    """
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
    title = f"Network of trials: {ENDPOINT_LABELS[network.endpoint].lower()}"
    subtitle = "Hazard ratios of trials, synthesised by generalised least squares; below 1 favours the first named."
    return Page(_name(network), title, subtitle, blocks, widths=(34.0, 26.0, *(12.0,) * 5, 18.0, 20.0, 46.0))


def _label(inputs: Inputs, treatment: str) -> str:
    return inputs.labels.get(treatment, treatment.replace("_", " ").capitalize())


def _lead(inputs: Inputs, network: NetworkOfEndpoint) -> str:
    reference = _label(inputs, network.used.treatments[0]).lower()
    told = "; ".join(
        f"{_label(inputs, c.treatment)} {c.effect.ratio:.2f} ({c.effect.low:.2f} to {c.effect.high:.2f})"
        for c in network.comparisons()
    )
    words = f"Hazard ratio against {reference}, {MODEL_NAMES[network.used.model]}: {told}."
    heterogeneity = network.used.heterogeneity
    if heterogeneity.i_squared is not None:
        words += f" I² {heterogeneity.i_squared:.0%}, tau² {heterogeneity.tau_squared:.3f}."
    if network.used.fell_back:
        words += " Too few trials to tell how much they differ: the ratios are those of a fixed effect."
    return words


def _against(inputs: Inputs, treatment: str, comparator: str) -> str:
    return f"{_label(inputs, treatment)} against {_label(inputs, comparator).lower()}"


def _pooled_table(inputs: Inputs, network: NetworkOfEndpoint) -> Table:
    used, other = network.used, network.other
    found = [(synthesis, c) for synthesis in (used, other) for c in network.comparisons(synthesis)]
    scenario = "the other model, as a scenario"
    note = (
        "Limits of a new trial hold the spread of trials and are what random draws use; the predictive interval "
        "by Student's t (Higgins, Thompson, Spiegelhalter 2009) is wide where trials are few."
    )
    columns = by_column(
        found,
        ("Treatment", "strong", lambda pair: _label(inputs, pair[1].treatment)),
        ("Model", "text", lambda pair: MODEL_NAMES[pair[0].model]),
        (["Hazard ratio", "Low", "High"], "number", lambda pair: _effect(pair[1])),
        (["Low, new trial", "High, new trial"], "number", lambda p: (p[1].predicted.low, p[1].predicted.high)),
        ("Evidence", "text", lambda pair: ", ".join(pair[1].trials) or "indirect only"),
        ("Predictive interval", "text", lambda pair: _interval(pair[1])),
        ("How it came about", "text", lambda p: comment_of(network, p[1]) if p[0] is used else scenario),
    )
    return Table("Pooled hazard ratios", *columns, "pooled", (note,), bold=frozenset(range(len(network.comparisons()))))


def _effect(found: Comparison | ForestRow) -> tuple[float, float, float]:
    return found.effect.ratio, found.effect.low, found.effect.high


def _interval(comparison: Comparison) -> str:
    interval = comparison.predictive_interval
    return f"{interval[0]:.2f} to {interval[1]:.2f}" if interval else "none"


def _forest_label(inputs: Inputs, line: ForestRow) -> str:
    return line.label if line.weight is not None else f"Pooled: {_label(inputs, line.treatment)}"


def _forest_table(inputs: Inputs, network: NetworkOfEndpoint) -> Table:
    lines = forest(network.used)
    columns = by_column(
        enumerate(lines),
        ("Trial", "strong", lambda each: _forest_label(inputs, each[1])),
        ("Comparison", "text", lambda each: _against(inputs, each[1].treatment, each[1].comparator)),
        (["Hazard ratio", "Low", "High"], "number", lambda each: _effect(each[1])),
        ("Weight", "percent", lambda each: each[1].weight),
        ("Line", "integer", lambda each: len(lines) - each[0]),
        ("Evidence row", "text", lambda each: each[1].source),
        ("Down", "number", lambda each: each[1].effect.ratio - each[1].effect.low),
        ("Up", "number", lambda each: each[1].effect.high - each[1].effect.ratio),
    )
    return Table("Forest", *columns, "forest", bold=frozenset(i for i, line in enumerate(lines) if line.weight is None))


def _forest_chart(inputs: Inputs, network: NetworkOfEndpoint) -> Chart:
    lines, page = forest(network.used), _name(network)
    named = [(_forest_label(inputs, line), POOLED if line.weight is None else TRIAL) for line in lines]
    series = tuple(
        Series(name, page, "forest", 2, 6, painted, first=i, last=i, markers=True, error=(8, 9), names=0)
        for i, (name, painted) in enumerate(named)
    )
    title, limit = f"{ENDPOINT_LABELS[network.endpoint]}: hazard ratios with 95 % intervals", len(lines) + 1.0
    return Chart(
        "points", title, "Hazard ratio", "", series, None, limit, "0.00", x_log=True, y_hidden=True, legend=False
    )


def _league_table(inputs: Inputs, network: NetworkOfEndpoint) -> Table:
    columns = by_column(
        league_table(network.used),
        ("Treatment", "strong", lambda c: _label(inputs, c.treatment)),
        ("Against", "text", lambda c: _label(inputs, c.comparator)),
        (["Hazard ratio", "Low", "High"], "number", _effect),
        ("Evidence", "text", lambda c: "direct" if c.trials else "indirect"),
    )
    return Table("Every pair of treatments", *columns, "league")


def _rows_table(inputs: Inputs, network: NetworkOfEndpoint) -> Table:
    columns = by_column(
        (*network.rows, *network.excluded),
        ("Trial", "strong", lambda row: row.trial + ("" if row.included else " (excluded)")),
        ("Comparison", "text", lambda row: _against(inputs, row.treatment, row.comparator)),
        (["Hazard ratio", "Low", "High"], "number", lambda row: (row.hazard_ratio, row.low, row.high)),
        ("P value", "number", lambda row: row.p_value),
        ("Events", "integer", lambda row: row.events),
        (["Status", "Evidence row"], "text", lambda row: (row.status, row.page)),
        ("Source and comment", "text", lambda row: ". ".join(told for told in (row.source, row.comment) if told)),
    )
    return Table("Rows of the workbook", *columns, "rows", network.doubts, weak=7)


def _disagreement(inputs: Inputs, network: NetworkOfEndpoint) -> list[Text | Table]:
    """Inconsistency, where there are loops."""
    heterogeneity, found = network.used.heterogeneity, inconsistency(network.used)
    words = f"Cochran's Q {heterogeneity.q:.2f} on {heterogeneity.df} degrees of freedom"
    words += f", P {heterogeneity.p_value:.3f}. " if heterogeneity.p_value is not None else ". "
    if not found.splits:
        return [Text(words + "The network has no loop: direct and indirect evidence cannot disagree, nor be compared.")]
    words += f"Between designs Q {found.q:.2f} on {found.df}, P {found.p_value:.3f}."
    columns = by_column(
        found.splits,
        ("Treatment", "strong", lambda split: _label(inputs, split.treatment)),
        ("Against", "text", lambda split: _label(inputs, split.comparator)),
        (["Direct", "Indirect"], "number", lambda split: (split.direct.ratio, split.indirect.ratio)),
        ("Ratio of the two", "number", lambda split: split.difference.ratio),
        ("P value", "number", lambda split: split.difference.p_value),
    )
    table = Table("Direct against indirect evidence", *columns, "splits")
    return [Text(words), table]


def _drawing_tables(inputs: Inputs, network: NetworkOfEndpoint) -> tuple[Table, Table]:
    nodes, edges = layout([*network.used.contrasts], network.used.treatments[0])
    at = {node.treatment: (node.x, node.y) for node in nodes}
    ends = [(edge, at[name]) for edge in edges for name in (edge.first, edge.second)]
    places = by_column(
        nodes,
        ("Treatment", "strong", lambda node: _label(inputs, node.treatment)),
        ("Trials", "text", lambda node: str(node.trials)),
        (["Across", "Up"], "number", lambda node: (node.x, node.y)),
    )
    lines = by_column(
        ends,
        ("Comparison", "strong", lambda end: f"{_label(inputs, end[0].first)} and {_label(inputs, end[0].second)}"),
        ("Trials", "text", lambda end: ", ".join(end[0].trials)),
        (["Across", "Up"], "number", lambda end: end[1]),
    )
    title = "Places of the treatments in the picture"
    return Table(title, *places, "nodes"), Table("Lines of the picture", *lines, "edges")


def _picture(inputs: Inputs, network: NetworkOfEndpoint) -> Chart:
    """Treatments on a circle, a line for each comparison, thicker the more trials make it."""
    nodes, edges = layout([*network.used.contrasts], network.used.treatments[0])
    page, names = _name(network), [_label(inputs, node.treatment) for node in nodes]
    lines = (
        Series(f"{len(e.trials)} trials", page, "edges", 2, 3, GREY, first=2 * i, last=2 * i + 1, width=len(e.trials))
        for i, e in enumerate(edges)
    )
    points = (
        Series(name, page, "nodes", 2, 3, colour(i), first=i, last=i, markers=True, names=0)
        for i, name in enumerate(names)
    )
    trials = {trial for edge in edges for trial in edge.trials}
    title = f"{len(nodes)} treatments, {len(trials)} trials; a line is as thick as it has trials"
    series = (*lines, *points)
    return Chart("points", title, "", "", series, x_hidden=True, y_hidden=True, legend=False, margin=1.5)
