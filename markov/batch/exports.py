"""The results of a run as flat tables for other programs: CSV, and Parquet where pyarrow is installed."""

import csv
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from markov.batch.comparison import BookResult, Case, Comparison, Line
from markov.batch.tables import COST_COLUMNS
from markov.report.files import ReportError, write_whole

Cell = str | float | int | bool | None
Row = dict[str, Cell]
FILES = ("results", "net_benefit", "failures")
NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?([eE][-+]?\d+)?")


def export(comparison: Comparison, folder: Path, *, parquet: bool = False) -> list[Path]:
    """Write results.csv, net_benefit.csv and failures.csv, and the same as Parquet if asked; returns the files.

    CSV files are opened in spreadsheets: a text that would be a formula there begins with an apostrophe in them.

    Raises ReportError where a file cannot be written, or Parquet is asked for without pyarrow.
    """
    if parquet:
        require_parquet()
    tables = (results(comparison), net_benefits(comparison), failures(comparison))
    written = []
    for name, (columns, rows) in zip(FILES, tables, strict=True):
        written.append(write_whole(folder / f"{name}.csv", partial(_write_csv, columns=columns, rows=rows)))
        if parquet:
            target = folder / f"{name}.parquet"
            written.append(write_whole(target, partial(_write_parquet, columns=columns, rows=rows)))
    return written


def require_parquet() -> None:
    """Raise ReportError where Parquet cannot be written."""
    try:
        import pyarrow  # noqa: F401 - only whether it is there
    except ModuleNotFoundError as error:
        raise ReportError("--parquet needs the package pyarrow: pip install 'markov-myeloma[parquet]'") from error


Columns = dict[str, type]
"""Columns with the type of what stands in them."""

CASE: Columns = {"workbook": str, "scenario": str}
RESULT: Columns = {
    **CASE,
    "strategy": str,
    "label": str,
    "currency": str,
    "cost": float,
    "qaly": float,
    "life_years": float,
    "life_years_undiscounted": float,
    "versus": str,
    "delta_cost": float,
    "delta_qaly": float,
    "icer": float,
    "in_words": str,
    "draws": int,
    "mean_cost": float,
    "mean_qaly": float,
    **dict.fromkeys(COST_COLUMNS, float),
    "report": str,
}
BENEFIT: Columns = {
    **CASE,
    "threshold": float,
    "strategy": str,
    "net_benefit": float,
    "gain_over_reference": float,
    "change_from_base": float,
    "optimal": bool,
    "decision_changed": bool,
    "probability_cost_effective": float,
}
FAILURE: Columns = {**CASE, **dict.fromkeys(("analyses", "place", "rule", "found", "remedy", "message"), str)}


def results(comparison: Comparison) -> tuple[Columns, list[Row]]:
    """One row for each workbook, scenario and strategy."""
    return RESULT, [_result(*each) for each in _lines(comparison)]


def net_benefits(comparison: Comparison) -> tuple[Columns, list[Row]]:
    """One row for each workbook, scenario, threshold and strategy."""
    rows = [row for book, case, line in _lines(comparison) for row in _benefits(book, case, line)]
    return BENEFIT, rows


def failures(comparison: Comparison) -> tuple[Columns, list[Row]]:
    """One row for each problem of a workbook or scenario that failed."""
    rows: list[Row] = [
        {
            "workbook": failure.workbook,
            "scenario": failure.scenario,
            "analyses": ", ".join(failure.analyses),
            "place": failure.place,
            "rule": failure.rule,
            "found": failure.found,
            "remedy": failure.remedy,
            "message": failure.message,
        }
        for failure in comparison.failures
    ]
    return FAILURE, rows


def _lines(comparison: Comparison) -> Iterator[tuple[BookResult, Case, Line]]:
    for book in comparison.books:
        for case in book.cases:
            yield from ((book, case, line) for line in case.lines)


def _result(book: BookResult, case: Case, line: Line) -> Row:
    against = line.against
    return {
        "workbook": book.name,
        "scenario": case.scenario,
        "strategy": line.strategy,
        "label": line.label,
        "currency": book.currency,
        "cost": line.cost,
        "qaly": line.qaly,
        "life_years": line.life_years,
        "life_years_undiscounted": line.life_years_undiscounted,
        "versus": against.versus if against else None,
        "delta_cost": against.delta_cost if against else None,
        "delta_qaly": against.delta_qaly if against else None,
        "icer": against.icer if against else None,
        "in_words": line.ratio,
        "draws": case.draws,
        "mean_cost": line.mean_cost,
        "mean_qaly": line.mean_qaly,
        **dict(zip(COST_COLUMNS, line.costs, strict=True)),
        "report": case.report or None,
    }


def _benefits(book: BookResult, case: Case, line: Line) -> Iterator[Row]:
    for t, threshold in enumerate(case.thresholds):
        yield {
            "workbook": book.name,
            "scenario": case.scenario,
            "threshold": threshold,
            "strategy": line.strategy,
            "net_benefit": line.net_benefit[t],
            "gain_over_reference": line.gain[t],
            "change_from_base": line.change[t],
            "optimal": case.optimal[t] == line.strategy,
            "decision_changed": case.changed[t],
            "probability_cost_effective": line.probability[t],
        }


def _write_csv(place: Path, columns: Columns, rows: Sequence[Row]) -> None:
    with place.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: as_text(value) for key, value in row.items()} for row in rows)


def as_text(value: Cell) -> Cell:
    """A text that a spreadsheet would take for a formula, with an apostrophe before it; all else as it is.

    A text begins a formula with one of = + - @, wide forms included, or with one of these after blanks; a number in
    words such as -10 is none.

    >>> [as_text(text) for text in ("=1+1", "@SUM(A1)", "-10 % price", "-10", "Base case")]
    ["'=1+1", "'@SUM(A1)", "'-10 % price", '-10', 'Base case']
    """
    if not isinstance(value, str) or NUMBER.fullmatch(value):
        return value
    first = unicodedata.normalize("NFKC", value.lstrip()[:1])
    return f"'{value}" if first and first in "=+-@" else value


def _write_parquet(place: Path, columns: Columns, rows: Sequence[Row]) -> None:
    import pyarrow
    import pyarrow.parquet

    types = {str: pyarrow.string(), float: pyarrow.float64(), int: pyarrow.int64(), bool: pyarrow.bool_()}
    schema = pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows), schema=schema), place)
