"""Pages of single workbooks in the comparison: what moves net benefit most, every scenario side by side, totals."""

from collections.abc import Sequence

from markov.batch.comparison import BookResult, Case, Comparison, Line
from markov.batch.plan import BASE_CASE
from markov.excel.style import WARN
from markov.report import words
from markov.report.page import Cell, Chart, Column, Page, Series, Table
from markov.report.sheets.base_charts import colour

SHOWN, SHOWN_OF_LONG = 12, 8
LONG_NAME = 50
"""Characters of a scenario's name above which a chart has room for fewer."""

NO_TINT = ""


def ranked(book: BookResult, strategy: str, t: int) -> list[tuple[str, float]]:
    """Scenarios with the change that they make in a strategy's net benefit at a threshold, the largest first."""
    lines = [(case.scenario, case.of(strategy)) for case in book.scenarios]
    found = [
        (scenario, change)
        for scenario, line in lines
        if line is not None and t < len(line.change) and (change := line.change[t]) is not None
    ]
    return sorted(found, key=lambda pair: -abs(pair[1]))


def best_in_words(case: Case, currency: str) -> str:
    """The best strategy, or each one with the thresholds at which it is best."""
    where: dict[str, list[str]] = {}
    for threshold, strategy in zip(case.thresholds, case.optimal, strict=True):
        where.setdefault(case.label(strategy), []).append(words.money(threshold, currency))
    if len(where) == 1:
        return next(iter(where))
    return "; ".join(f"{label} at {' and '.join(at)}" for label, at in where.items())


# ------------------------------------------------------------------------------------------ the largest changes


def largest_page(result: Comparison) -> Page:
    """Charts of the scenarios that matter most, a workbook below the other, each with the numbers that it draws."""
    found = [(book, _ranked_by_strategy(book)) for book in result.books if book.base is not None]
    told = [(book, moves) for book, moves in found if any(moves)]
    blocks = [block for book, moves in told for block in (_charts(book, moves), _drawn(book, moves))]
    subtitle = f"Up to {SHOWN} scenarios of each workbook, at the first threshold, against the reference."
    name = "What moves net benefit most"
    return Page("Largest changes", name, subtitle, tuple(blocks), (44.0, 16.0) * 6)


def _ranked_by_strategy(book: BookResult) -> list[list[tuple[str, float]]]:
    """For each strategy but the reference: scenarios and changes, as many as are shown."""
    assert book.base is not None
    found = [ranked(book, line.strategy, 0) for line in book.base.lines[1:]]
    long_names = any(len(name) > LONG_NAME for told in found for name, _ in told[:SHOWN])
    return [told[: SHOWN_OF_LONG if long_names else SHOWN] for told in found]


def _charts(book: BookResult, moves: list[list[tuple[str, float]]]) -> tuple[Chart, ...]:
    assert book.base is not None
    at = words.per_qaly(book.base.thresholds[0], book.currency)
    charts = []
    for i, (line, told) in enumerate(zip(book.base.lines[1:], moves, strict=True)):
        if told:
            name, change = told[0]
            moved = words.money(change, book.currency)
            title = f"{book.name}, {line.label}: “{_short(name)}” moves net benefit most, by {moved} at {at}"
            place = (2 * i, 2 * i + 1)
            series = Series(
                "Change in net benefit", "Largest changes", book.name, *place, colour(i + 1), last=len(told)
            )
            unit = f"Change in net benefit over the reference ({book.currency})"
            charts.append(Chart("horizontal", title, "", unit, (series,), y_format="#,##0", legend=False))
    return tuple(charts)


def _short(name: str) -> str:
    return name if len(name) <= LONG_NAME else f"{name[: LONG_NAME - 1].rstrip()}…"


def _drawn(book: BookResult, moves: list[list[tuple[str, float]]]) -> Table:
    """The numbers behind the charts, two columns a strategy."""
    assert book.base is not None
    columns = [
        column
        for line in book.base.lines[1:]
        for column in (
            Column(f"Scenario, by its effect on {line.label.lower()}", "strong"),
            Column(f"Change ({book.currency})", "money"),
        )
    ]
    height = max(map(len, moves))
    zero = (BASE_CASE, 0.0)  # so that every axis has its zero
    filled = [[*told, zero, *[("", None)] * (height - len(told))] for told in moves]
    rows = tuple(tuple(cell for pair in pairs for cell in pair) for pairs in zip(*filled, strict=True))
    return Table(f"{book.name}: the numbers drawn", tuple(columns), rows, book.name, currency=book.currency)


# ------------------------------------------------------------------------------------------------ one workbook


def differences_page(book: BookResult, name: str) -> Page:
    """Every scenario of a workbook against its reference, beside the base case; `name` is that of the sheet."""
    assert book.base is not None
    thresholds = book.base.thresholds
    versus = book.base.lines[0].label.lower()
    subtitle = f"{book.title}. Every scenario against {versus}, discounted, per patient, {book.currency}."
    widths = (44.0, 24.0, 15.0, 12.0, 36.0, *(16.0,) * (2 * len(thresholds)), 36.0)
    return Page(name, f"{book.name}: scenarios side by side", subtitle, (_differences_table(book),), widths)


def _differences_table(book: BookResult) -> Table:
    assert book.base is not None
    thresholds, money = book.base.thresholds, book.currency
    columns = (
        Column("Scenario", "strong"),
        Column("Strategy"),
        Column(f"Difference in cost ({money})", "money"),
        Column("Difference in QALYs", "qaly"),
        Column("Cost-effectiveness ratio"),
        *(Column(f"Net benefit gained at {t:,.0f} ({money})", "money") for t in thresholds),
        *(Column(f"Change from base at {t:,.0f} ({money})", "money") for t in thresholds),
        Column("Best strategy"),
    )
    shown = [(case, line) for case in book.cases for line in case.lines[1:]]
    rows = tuple(_difference_row(book, case, line) for case, line in shown)
    tints = tuple((*(NO_TINT,) * (len(columns) - 1), WARN if any(case.changed) else NO_TINT) for case, _ in shown)
    bold = frozenset(i for i, (case, _) in enumerate(shown) if case is book.base)
    notes = ("Shaded: another strategy is best than in the base case. Ratios keep their meaning in words.",)
    return Table("All scenarios", columns, rows, "all", notes, bold=bold, tints=tints, long=True)


def _difference_row(book: BookResult, case: Case, line: Line) -> tuple[Cell, ...]:
    assert book.base is not None and line.against is not None
    count = len(book.base.thresholds)
    change: tuple[float | None, ...] = (None,) * count if case is book.base else _padded(line.change, count)
    differences = (line.against.delta_cost, line.against.delta_qaly, line.ratio)
    best = best_in_words(case, book.currency) if line is case.lines[1] else ""
    return (case.scenario, line.label, *differences, *_padded(line.gain, count), *change, best)


def _padded(values: Sequence[float | None], count: int) -> tuple[float | None, ...]:
    """As many values as the base case has thresholds: a scenario may set others."""
    return (*values, *(None,) * count)[:count]


def totals_page(book: BookResult, name: str) -> Page:
    """Costs, QALYs and net benefit of every strategy in every scenario; means and probabilities over draws."""
    assert book.base is not None
    thresholds, money = book.base.thresholds, book.currency
    draws = max((case.draws for case in book.cases), default=0)
    drawn = (
        (
            Column(f"Mean cost over draws ({money})", "money"),
            Column("Mean QALYs over draws", "qaly"),
            *(Column(f"Probability best at {t:,.0f}", "percent") for t in thresholds),
        )
        if draws
        else ()
    )
    link = (Column("Report", "link"),) if any(case.report for case in book.cases) else ()
    columns = (
        Column("Scenario", "strong"),
        Column("Strategy"),
        Column(f"Cost ({money})", "money"),
        Column("QALYs", "qaly"),
        Column("Life-years", "qaly"),
        *(Column(f"Net benefit at {t:,.0f} ({money})", "money") for t in thresholds),
        *drawn,
        *link,
    )
    shown = [(case, line) for case in book.cases for line in case.lines]
    rows = tuple(_total_row(case, line, len(thresholds), bool(drawn), bool(link)) for case, line in shown)
    bold = frozenset(i for i, (case, _) in enumerate(shown) if case is book.base)
    notes = (f"Means and probabilities over {draws:,} random draws.",) if draws else ()
    table = Table("Totals of every strategy", columns, rows, "totals", notes, bold=bold, long=True)
    subtitle = "Discounted, per patient. The base case comes first."
    widths = (44.0, 28.0, 14.0, 11.0, 11.0, *(16.0,) * len(thresholds), *(14.0,) * (len(drawn) + len(link)))
    return Page(f"{name} totals", f"{book.name}: totals", subtitle, (table,), widths)


def _total_row(case: Case, line: Line, count: int, drawn: bool, link: bool) -> tuple[Cell, ...]:
    means = (line.mean_cost, line.mean_qaly, *_padded(line.probability, count)) if drawn else ()
    report = (case.report if line is case.lines[0] else None,) if link else ()
    benefit = _padded(line.net_benefit, count)
    return (case.scenario, line.label, line.cost, line.qaly, line.life_years, *benefit, *means, *report)
