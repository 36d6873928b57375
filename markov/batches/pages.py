"""The comparison workbook of a batch as pages: what was run, what changes the decision, every scenario, failures."""

from collections.abc import Iterator, Mapping, Sequence

from markov.analysis.sensitivity.scenarios import NO_CHANGE
from markov.batches.comparison import BookResult, Case, Comparison, Line
from markov.batches.plan import BASE_CASE
from markov.batches.store import FILE
from markov.excel.style import WARN
from markov.report import words
from markov.report.page import Cell, Chart, Column, Look, Page, Series, Table, Text, in_currency
from markov.report.sheets.charts import colour

NAMED = 6
SHEET_NAME = 31 - len(" totals")
NO_TINT = ""
Read = tuple[BookResult, Case]
"""A workbook that could be read, and its base case."""

SHOWN, SHOWN_OF_LONG = 12, 8
LONG_NAME = 50
"""Characters of a scenario's name above which a chart has room for fewer."""


def batch_pages(result: Comparison) -> list[Page]:
    """Every page, the summary first; each workbook has a page of differences and one of totals.

    >>> from markov.batches.store import Counts, RunRecord
    >>> [page.name for page in batch_pages(Comparison(RunRecord(1, *[""] * 8), Counts(0, 0, 0)))]
    ['Summary', 'Decision', 'Scenario inputs', 'Failures', 'Provenance']
    """
    read = [(book, book.base) for book in result.books if book.base is not None]
    names = dict(zip((book.name for book, _ in read), _sheet_names([book.name for book, _ in read]), strict=True))
    books = [
        in_currency(page(book, base, names[book.name]), book.currency)
        for book, base in read
        for page in (_differences_page, _totals_page)
    ]
    grid = (_apart_page(result),) if result.conflicts else ()
    largest = (_largest_page(read),) if any(book.scenarios for book, _ in read) else ()
    answers = (_summary(result, names), _decisions(read), *largest)
    return [*answers, *books, _changes(result), *grid, _failures(result), _about(result)]


def _sheet_names(names: Sequence[str]) -> list[str]:
    """Names as Excel allows them for sheets, each another, with room for a word behind.

    >>> _sheet_names(["post_transplant_uk", "post_transplant_united_kingdom_1", "post_transplant_united_kingdom_2"])
    ['post_transplant_uk', 'post_transplant_united_k', 'post_transplant_united 2']
    """
    found: list[str] = []
    for name in names:
        plain = "".join(c for c in name if c not in "'[]:*?/\\")[:SHEET_NAME].strip() or "workbook"
        number = 2
        while plain.lower() in (other.lower() for other in found):
            plain = f"{plain[: SHEET_NAME - 2].rstrip('0123456789 ')} {number}"
            number += 1
        found.append(plain)
    return found


# --------------------------------------------------------------------------------------------------- summary


def _summary(result: Comparison, names: Mapping[str, str]) -> Page:
    blocks = (
        Text(" ".join(in_words(result)), "lead"),
        _books_table(result, names),
        _balance_table(result),
        Text(
            "Each scenario runs from a clean base case. “Best” is the strategy with the highest net benefit; "
            "probabilities are shares of random draws. Differences are against each workbook's reference strategy."
        ),
    )
    subtitle = f"Run {result.run.run}, started {result.run.started} UTC. The command stands on the sheet Provenance."
    widths = (24.0, 46.0, 13.0, 13.0, 13.0, 40.0, 18.0, 18.0, 18.0)
    return Page("Summary", "Scenarios of all workbooks", subtitle, blocks, widths)


def in_words(result: Comparison) -> Iterator[str]:
    """What came out, in sentences: how many jobs have results, how many failed, and in how many the choice changes.

    >>> from markov.batches.store import Counts, RunRecord
    >>> next(in_words(Comparison(RunRecord(1, *[""] * 8), Counts(3, 2, 0))))
    '0 workbooks, 0 scenarios: 2 of 3 jobs have results; none failed.'
    """
    counts, read = result.counts, [book for book in result.books if book.base is not None]
    scenarios = [(book, case) for book in read for case in book.scenarios]
    jobs = f"{counts.done:,} of {counts.total:,} jobs have results"
    places = {(failure.workbook, failure.scenario) for failure in result.failures}
    why = f"in {len(places):,} scenarios or workbooks: the sheet Failures says why"
    wrong = f"{counts.failed:,} failed, {why}" if counts.failed else "none failed"
    yield f"{_many(len(read), 'workbook')}, {_many(len(scenarios), 'scenario')}: {jobs}; {wrong}."
    if counts.left:
        yield f"{counts.left:,} are still to be computed: run the same command again."
    changed = sum(any(case.changed) for _, case in scenarios)
    if scenarios:
        of_all = f"{changed:,} of {_many(len(scenarios), 'scenario')}"
        yield f"The best strategy is another than in the base case in {of_all}."
    still = [f"{case.scenario} ({book.name})" for book, case in scenarios if not case.moves]
    if still:
        named = "; ".join(still[:NAMED]) + (" and others" if len(still) > NAMED else "")
        leave = "leaves" if len(still) == 1 else "leave"
        yield f"{_many(len(still), 'scenario')} {leave} costs and QALYs as they are: {named}."
    if result.failed_checks:
        yield f"{_many(len(result.failed_checks), 'check')} failed: see the sheet Failures before using those results."
    blank = [book.name for book in result.books if book.state == "blank"]
    if blank:
        yield f"Left out, because nothing is filled in: {', '.join(blank)}."


def _many(count: int, noun: str) -> str:
    """A number with its noun: 1 scenario, 1,200 scenarios."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _books_table(result: Comparison, names: Mapping[str, str]) -> Table:
    columns = (
        *(Column("Workbook", "link"), Column("Title")),
        *_columns("integer", "Scenarios with results", "Failed", "Another is best"),
        Column("Best in the base case"),
    )
    rows = tuple(
        (names.get(book.name, book.name), *_book_row(result, book)) for book in result.books if book.state != "blank"
    )
    tints = tuple((NO_TINT,) * 3 + (WARN if row[3] else NO_TINT, NO_TINT, NO_TINT) for row in rows)
    note = "Another is best: scenarios in which the choice differs from the base case at one threshold or more."
    return Table("Workbooks", columns, rows, "books", (note,), tints=tints, spread=True)


def _book_row(result: Comparison, book: BookResult) -> tuple[Cell, ...]:
    failed = {failure.scenario for failure in result.failures if failure.workbook == book.name}
    if book.base is None:
        why = next((f.message for f in result.failures if f.workbook == book.name), "not computed yet")
        return (book.title, 0, len(failed), None, why)
    changed = sum(any(case.changed) for case in book.scenarios)
    return (book.title, len(book.scenarios), len(failed), changed, _best_in_words(book.base, book.currency))


def _balance_table(result: Comparison) -> Table:
    columns = (
        *(Column("Workbook", "strong"), Column("Strategy")),
        *_columns("integer", "In favour", "Against", "No change"),
        Column("Largest change in net benefit: scenario"),
        *_columns("money", "Threshold per QALY", "Change"),
        Column("Currency"),
    )
    rows = tuple(row for book in result.books for row in _balance_rows(book))
    note = "In favour: the strategy's net benefit over the reference's is higher than in the base case."
    return Table("Scenarios for and against each strategy", columns, rows, "balance", (note,))


def _balance_rows(book: BookResult) -> Iterator[tuple[Cell, ...]]:
    if book.base is None or not book.scenarios:
        return
    for line in book.base.lines[1:]:
        for t, threshold in enumerate(book.base.thresholds):
            found = _ranked(book, line.strategy, t)
            signs = [(change > NO_CHANGE) - (change < -NO_CHANGE) for _, change in found]
            name, change = found[0] if found else ("", None)
            counts = (signs.count(1), signs.count(-1), signs.count(0))
            yield (book.name, line.label, *counts, name, threshold, change, book.currency)


# ------------------------------------------------------------------------------------- what changes the decision


def _decisions(read: Sequence[Read]) -> Page:
    columns = (
        *_columns("strong", "Workbook", "Scenario"),
        Column("Threshold per QALY", "money"),
        *_columns("text", "Best in the base case", "Best in the scenario"),
        Column("Net benefit it gains over the base case's best", "money"),
        Column("Probability that it is best", "percent"),
        Column("Reason for the scenario"),
    )
    rows = [row for book, base in read for case in book.scenarios for row in _decision_rows(book, base, case)]
    some = Table("Scenarios in which another strategy is best", columns, tuple(rows), "decisions", long=True)
    none = Text("No scenario changes the best strategy at any threshold.", "lead")
    subtitle = "A decision that holds in every plausible scenario is robust; these are the ones that it depends on."
    widths = (22.0, 46.0, 14.0, 26.0, 26.0, 18.0, 14.0, 60.0)
    return Page("Decision", "What changes the decision", subtitle, (some if rows else none,), widths)


def _decision_rows(book: BookResult, base: Case, case: Case) -> Iterator[tuple[Cell, ...]]:
    for t, changed in enumerate(case.changed):
        if changed:
            best, before = case.of(case.optimal[t]), case.of(base.optimal[t])
            assert best is not None
            margin = best.net_benefit[t] - before.net_benefit[t] if before else None
            labels = (base.label(base.optimal[t]), best.label)
            yield (book.name, case.scenario, case.thresholds[t], *labels, margin, best.probability[t], case.reason)


# ------------------------------------------------------------------------------------------ the largest changes


def _largest_page(read: Sequence[Read]) -> Page:
    """Charts of the scenarios that matter most, a workbook below the other, each with the numbers that it draws."""
    told = [(book, base, moves) for book, base in read if any(moves := _ranked_by_strategy(book, base))]
    blocks = [block for each in told for block in (_charts(*each), _drawn(*each))]
    subtitle = f"Up to {SHOWN} scenarios of each workbook, at the first threshold, against the reference."
    name = "What moves net benefit most"
    return Page("Largest changes", name, subtitle, tuple(blocks), (44.0, 16.0) * 6)


def _ranked_by_strategy(book: BookResult, base: Case) -> list[list[tuple[str, float]]]:
    """For each strategy but the reference: scenarios and changes, as many as are shown."""
    found = [_ranked(book, line.strategy, 0) for line in base.lines[1:]]
    long_names = any(len(name) > LONG_NAME for told in found for name, _ in told[:SHOWN])
    return [told[: SHOWN_OF_LONG if long_names else SHOWN] for told in found]


def _charts(book: BookResult, base: Case, moves: list[list[tuple[str, float]]]) -> tuple[Chart, ...]:
    at = words.per_qaly(base.thresholds[0], book.currency)
    charts = []
    for i, (line, told) in enumerate(zip(base.lines[1:], moves, strict=True)):
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


def _drawn(book: BookResult, base: Case, moves: list[list[tuple[str, float]]]) -> Table:
    """The numbers behind the charts, two columns a strategy."""
    columns = [
        column
        for line in base.lines[1:]
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


def _differences_page(book: BookResult, base: Case, name: str) -> Page:
    """Every scenario of a workbook against its reference, beside the base case; `name` is that of the sheet."""
    thresholds = base.thresholds
    versus = base.lines[0].label.lower()
    subtitle = f"{book.title}. Every scenario against {versus}, discounted, per patient, {book.currency}."
    widths = (44.0, 24.0, 15.0, 12.0, 36.0, *(16.0,) * (2 * len(thresholds)), 36.0)
    return Page(name, f"{book.name}: scenarios side by side", subtitle, (_differences_table(book, base),), widths)


def _differences_table(book: BookResult, base: Case) -> Table:
    thresholds, money = base.thresholds, book.currency
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
    rows = tuple(_difference_row(book, base, case, line) for case, line in shown)
    tints = tuple((*(NO_TINT,) * (len(columns) - 1), WARN if any(case.changed) else NO_TINT) for case, _ in shown)
    bold = frozenset(i for i, (case, _) in enumerate(shown) if case is base)
    notes = ("Shaded: another strategy is best than in the base case. Ratios keep their meaning in words.",)
    return Table("All scenarios", columns, rows, "all", notes, bold=bold, tints=tints, long=True)


def _difference_row(book: BookResult, base: Case, case: Case, line: Line) -> tuple[Cell, ...]:
    count = len(base.thresholds)
    change: tuple[float | None, ...] = (None,) * count if case is base else _padded(line.change, count)
    differences = (line.figures["delta_cost"], line.figures["delta_qaly"], line.ratio)
    best = _best_in_words(case, book.currency) if line is case.lines[1] else ""
    return (case.scenario, line.label, *differences, *_padded(line.gain, count), *change, best)


def _padded(values: Sequence[float | None], count: int) -> tuple[float | None, ...]:
    """As many values as the base case has thresholds: a scenario may set others."""
    return (*values, *(None,) * count)[:count]


def _totals_page(book: BookResult, base: Case, name: str) -> Page:
    """Costs, QALYs and net benefit of every strategy in every scenario; means and probabilities over draws."""
    thresholds, money = base.thresholds, book.currency
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
    bold = frozenset(i for i, (case, _) in enumerate(shown) if case is base)
    notes = (f"Means and probabilities over {draws:,} random draws.",) if draws else ()
    table = Table("Totals of every strategy", columns, rows, "totals", notes, bold=bold, long=True)
    subtitle = "Discounted, per patient. The base case comes first."
    widths = (44.0, 28.0, 14.0, 11.0, 11.0, *(16.0,) * len(thresholds), *(14.0,) * (len(drawn) + len(link)))
    return Page(f"{name} totals", f"{book.name}: totals", subtitle, (table,), widths)


def _total_row(case: Case, line: Line, count: int, drawn: bool, link: bool) -> tuple[Cell, ...]:
    figures = [line.figures[name] for name in ("cost", "qaly", "life_years", *(("mean_cost", "mean_qaly") * drawn))]
    means = (*figures[3:], *_padded(line.probability, count)) if drawn else ()
    report = (case.report if line is case.lines[0] else None,) if link else ()
    benefit = _padded(line.net_benefit, count)
    return (case.scenario, line.label, *figures[:3], *benefit, *means, *report)


# ---------------------------------------------------------------------------------------- scenarios and failures


def _changes(result: Comparison) -> Page:
    columns = (
        *_columns("strong", "Workbook", "Scenario"),
        *_columns("exact", "Base case", "Scenario's value"),
        *_columns("text", "Unit", "What it changes", "Id", "Cell", "Reason"),
    )
    told: set[tuple[str, str]] = set()
    rows = tuple(_change_row(row, told) for row in result.changes)
    table = Table("Values changed", columns, rows, "changes", long=True)
    none = Text("Only base cases were asked for.", "lead")
    subtitle = "The base case's value beside the scenario's. Combinations of a grid change what their parts change."
    widths = (22.0, 40.0, 17.0, 17.0, 18.0, 44.0, 38.0, 18.0, 60.0)
    return Page("Scenario inputs", "What each scenario changes", subtitle, (table if rows else none,), widths)


def _change_row(row: Mapping[str, Cell], told: set[tuple[str, str]]) -> tuple[Cell, ...]:
    """One value; the scenario and its reason stand in the first of its rows."""
    case = (str(row["workbook"]), str(row["scenario"]))
    first = case not in told
    told.add(case)
    values = (_plain(row[name]) for name in ("base_value", "value", "unit", "label", "id", "cell"))
    return (*(case if first else ("", "")), *values, row["reason"] if first else "")


def _plain(value: Cell) -> Cell:
    return (
        "none" if value is None else value.replace("_", " ") if isinstance(value, str) and "." not in value else value
    )


def _apart_page(result: Comparison) -> Page:
    columns = (Column("Workbook", "strong"), *_columns("text", "Scenario", "Not combined with", "Both set"))
    table = Table("Scenarios that contradict each other", columns, result.conflicts, "conflicts", long=True)
    subtitle = "They give one id different values, so the grid holds each of them, but never both."
    return Page("Not combined", "What the grid leaves out", subtitle, (table,), (24.0, 46.0, 46.0, 44.0))


def _failures(result: Comparison) -> Page:
    told = _columns("text", "Analyses", "Where", "What is wrong", "Found", "Remedy")
    columns = (*_columns("strong", "Workbook", "Scenario"), *told)
    rows = tuple(
        (f.workbook, f.scenario or "the workbook itself", ", ".join(f.analyses), f.place, f.rule, f.found, f.remedy)
        for f in result.failures
    )
    table = Table("What could not be run", columns, rows, "failures", long=True)
    found: Text | Table = table if rows else Text("Everything that was asked for could be run.", "lead")
    subtitle = (
        "Each failure stands alone: the other scenarios and workbooks are complete. Mend the cell, and run again."
    )
    widths = (24.0, 40.0, 12.0, 40.0, 60.0, 24.0, 60.0)
    return Page("Failures", "Failures and failed checks", subtitle, (found, *_checks_table(result)), widths)


def _checks_table(result: Comparison) -> Iterator[Table]:
    if result.failed_checks:
        columns = (*_columns("strong", "Workbook", "Scenario"), *_columns("text", "Analysis", "Check"))
        title = "Checks that failed: the results are there, but are not to be relied on"
        yield Table(title, columns, result.failed_checks, "checks", spread=True)


def _about(result: Comparison) -> Page:
    rows: tuple[tuple[Cell, ...], ...] = (
        ("Command", result.run.command),
        ("Program", result.run.program),
        ("Run", f"{result.run.run}, on {result.run.host}"),
        ("Started (UTC)", result.run.started),
        ("Computed by this run", f"{result.computed:,} results in {result.seconds:,.1f} s of computing"),
        ("Jobs", f"{result.counts.total:,}: {result.counts.done:,} done, {result.counts.failed:,} failed"),
        ("Store", f"{FILE} beside this workbook: every result, open to any program that reads SQLite"),
        ("Exports", "results.csv, net_benefit.csv, failures.csv: the numbers of this workbook at full precision"),
        ("Log", "batch.log"),
        *((f"Workbook {book.name}", book.file) for book in result.books),
    )
    table = Table("Provenance", (Column("Fact", "strong"), Column("Value")), rows, "provenance")
    subtitle = "What was run, on what, and by what. Results found in the store were not computed again."
    return Page("Provenance", "Provenance", subtitle, (table,), widths=(34.0, 110.0))


# ------------------------------------------------------------------------------------------------------ shared


def _columns(look: Look, *headers: str) -> tuple[Column, ...]:
    """Columns that look alike."""
    return tuple(Column(header, look) for header in headers)


def _ranked(book: BookResult, strategy: str, t: int) -> list[tuple[str, float]]:
    """Scenarios with the change that they make in a strategy's net benefit at a threshold, the largest first."""
    lines = [(case.scenario, case.of(strategy)) for case in book.scenarios]
    found = [
        (scenario, change)
        for scenario, line in lines
        if line is not None and t < len(line.change) and (change := line.change[t]) is not None
    ]
    return sorted(found, key=lambda pair: -abs(pair[1]))


def _best_in_words(case: Case, currency: str) -> str:
    """The best strategy, or each one with the thresholds at which it is best."""
    where: dict[str, list[str]] = {}
    for threshold, strategy in zip(case.thresholds, case.optimal, strict=True):
        where.setdefault(case.label(strategy), []).append(words.money(threshold, currency))
    if len(where) == 1:
        return next(iter(where))
    return "; ".join(f"{label} at {' and '.join(at)}" for label, at in where.items())
