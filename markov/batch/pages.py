"""The comparison workbook of a batch as pages: what was run, what changes the decision, every scenario, failures."""

from collections.abc import Iterator, Mapping, Sequence

from markov.analysis.sensitivity.scenarios import NO_CHANGE
from markov.batch.comparison import BookResult, Case, Comparison
from markov.batch.store import FILE
from markov.batch.workbook_pages import best_in_words, differences_page, largest_page, ranked, totals_page
from markov.excel.style import WARN
from markov.report.page import Cell, Column, Page, Table, Text, in_currency

NAMED = 6
SHEET_NAME = 31 - len(" totals")
NO_TINT = ""


def batch_pages(result: Comparison) -> list[Page]:
    """Every page, the summary first; each workbook has a page of differences and one of totals."""
    read = [book for book in result.books if book.base is not None]
    names = dict(zip((book.name for book in read), sheet_names([book.name for book in read]), strict=True))
    pairs = [(book, page(book, names[book.name])) for book in read for page in (differences_page, totals_page)]
    books = [in_currency(page, book.currency) for book, page in pairs]
    grid = (_apart_page(result),) if result.conflicts else ()
    largest = (largest_page(result),) if any(book.scenarios for book in read) else ()
    answers = (_summary(result, names), _decisions(result), *largest)
    return [*answers, *books, _changes(result), *grid, _failures(result), _about(result)]


def sheet_names(names: Sequence[str]) -> list[str]:
    """Names as Excel allows them for sheets, each another, with room for a word behind.

    >>> sheet_names(["post_transplant_uk", "post_transplant_united_kingdom_1", "post_transplant_united_kingdom_2"])
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
    """What came out, in sentences: how many jobs have results, how many failed, and in how many the choice changes."""
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
    """A number with its noun.

    >>> _many(1, "scenario"), _many(1200, "scenario")
    ('1 scenario', '1,200 scenarios')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _books_table(result: Comparison, names: Mapping[str, str]) -> Table:
    columns = (
        Column("Workbook", "link"),
        Column("Title"),
        Column("Scenarios with results", "integer"),
        Column("Failed", "integer"),
        Column("Another is best", "integer"),
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
    return (book.title, len(book.scenarios), len(failed), changed, best_in_words(book.base, book.currency))


def _balance_table(result: Comparison) -> Table:
    columns = (
        Column("Workbook", "strong"),
        Column("Strategy"),
        Column("In favour", "integer"),
        Column("Against", "integer"),
        Column("No change", "integer"),
        Column("Largest change in net benefit: scenario"),
        Column("Threshold per QALY", "money"),
        Column("Change", "money"),
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
            found = ranked(book, line.strategy, t)
            signs = [(change > NO_CHANGE) - (change < -NO_CHANGE) for _, change in found]
            name, change = found[0] if found else ("", None)
            counts = (signs.count(1), signs.count(-1), signs.count(0))
            yield (book.name, line.label, *counts, name, threshold, change, book.currency)


# ------------------------------------------------------------------------------------- what changes the decision


def _decisions(result: Comparison) -> Page:
    columns = (
        Column("Workbook", "strong"),
        Column("Scenario", "strong"),
        Column("Threshold per QALY", "money"),
        Column("Best in the base case"),
        Column("Best in the scenario"),
        Column("Net benefit it gains over the base case's best", "money"),
        Column("Probability that it is best", "percent"),
        Column("Reason for the scenario"),
    )
    rows = [row for book in result.books for case in book.scenarios for row in _decision_rows(book, case)]
    some = Table("Scenarios in which another strategy is best", columns, tuple(rows), "decisions", long=True)
    none = Text("No scenario changes the best strategy at any threshold.", "lead")
    subtitle = "A decision that holds in every plausible scenario is robust; these are the ones that it depends on."
    widths = (22.0, 46.0, 14.0, 26.0, 26.0, 18.0, 14.0, 60.0)
    return Page("Decision", "What changes the decision", subtitle, (some if rows else none,), widths)


def _decision_rows(book: BookResult, case: Case) -> Iterator[tuple[Cell, ...]]:
    assert book.base is not None
    for t, changed in enumerate(case.changed):
        if changed:
            best, before = case.of(case.optimal[t]), case.of(book.base.optimal[t])
            assert best is not None
            margin = best.net_benefit[t] - before.net_benefit[t] if before else None
            labels = (book.base.label(book.base.optimal[t]), best.label)
            yield (book.name, case.scenario, case.thresholds[t], *labels, margin, best.probability[t], case.reason)


# ---------------------------------------------------------------------------------------- scenarios and failures


def _changes(result: Comparison) -> Page:
    columns = (
        Column("Workbook", "strong"),
        Column("Scenario", "strong"),
        Column("Base case", "exact"),
        Column("Scenario's value", "exact"),
        Column("Unit"),
        Column("What it changes"),
        Column("Id"),
        Column("Cell"),
        Column("Reason"),
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
    columns = (Column("Workbook", "strong"), Column("Scenario"), Column("Not combined with"), Column("Both set"))
    table = Table("Scenarios that contradict each other", columns, result.conflicts, "conflicts", long=True)
    subtitle = "They give one id different values, so the grid holds each of them, but never both."
    return Page("Not combined", "What the grid leaves out", subtitle, (table,), (24.0, 46.0, 46.0, 44.0))


def _failures(result: Comparison) -> Page:
    columns = (
        Column("Workbook", "strong"),
        Column("Scenario", "strong"),
        Column("Analyses"),
        Column("Where"),
        Column("What is wrong"),
        Column("Found"),
        Column("Remedy"),
    )
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
        columns = (Column("Workbook", "strong"), Column("Scenario", "strong"), Column("Analysis"), Column("Check"))
        title = "Checks that failed: the results are there, but are not to be relied on"
        yield Table(title, columns, result.failed_checks, "checks", spread=True)


def _about(result: Comparison) -> Page:
    rows: tuple[tuple[Cell, ...], ...] = (
        ("Command", result.run.command),
        ("Program", result.program),
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
