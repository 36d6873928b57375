"""The results of a run as flat tables for other programs: CSV, and Parquet where pyarrow is installed."""

import csv
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from markov.batches.comparison import BookResult, Case, Comparison, Line
from markov.batches.store import COST_COLUMNS
from markov.excel.files import ReportError, write_whole

Cell = str | float | int | bool | None
Row = dict[str, Cell]
FILES = ("results", "net_benefit", "failures")
NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?([eE][-+]?\d+)?")


Columns = dict[str, type]
"""Columns with the type of what stands in them."""

CASE: Columns = {"workbook": str, "scenario": str}
RESULT: Columns = {
    **CASE,
    **dict.fromkeys(("strategy", "label", "currency"), str),
    **dict.fromkeys(("cost", "qaly", "life_years", "life_years_undiscounted"), float),
    "versus": str,
    **dict.fromkeys(("delta_cost", "delta_qaly", "icer"), float),
    "in_words": str,
    "draws": int,
    **dict.fromkeys(("mean_cost", "mean_qaly", *COST_COLUMNS), float),
    "report": str,
}
BENEFIT: Columns = {
    **CASE,
    "threshold": float,
    "strategy": str,
    **dict.fromkeys(("net_benefit", "gain_over_reference", "change_from_base"), float),
    "optimal": bool,
    "decision_changed": bool,
    "probability_cost_effective": float,
}
FAILURE: Columns = {**CASE, **dict.fromkeys(("analyses", "place", "rule", "found", "remedy", "message"), str)}


def export(comparison: Comparison, folder: Path, *, parquet: bool = False) -> list[Path]:
    """Write results.csv, net_benefit.csv and failures.csv, and the same as Parquet if asked; returns the files.

    CSV files are opened in spreadsheets: a text that would be a formula there begins with an apostrophe in them.

    Raises ReportError where a file cannot be written, or Parquet is asked for without pyarrow.

    >>> import tempfile
    >>> from markov.batches.store import Counts, RunRecord
    >>> nothing = Comparison(RunRecord(1, *[""] * 8), Counts(0, 0, 0))
    >>> [file.name for file in export(nothing, Path(tempfile.mkdtemp()))]
    ['results.csv', 'net_benefit.csv', 'failures.csv']
    """
    if parquet:
        require_parquet()
    lines = [(book, case, line) for book in comparison.books for case in book.cases for line in case.lines]
    tables = (
        (RESULT, [_result(*each) for each in lines]),
        (BENEFIT, [row for each in lines for row in _benefits(*each)]),
        (FAILURE, [{**asdict(failure), "analyses": ", ".join(failure.analyses)} for failure in comparison.failures]),
    )
    written = []
    for name, (columns, rows) in zip(FILES, tables, strict=True):
        written.append(write_whole(folder / f"{name}.csv", partial(_write_csv, columns=columns, rows=rows)))
        if parquet:
            target = folder / f"{name}.parquet"
            written.append(write_whole(target, partial(_write_parquet, columns=columns, rows=rows)))
    return written


def require_parquet() -> None:
    """Raise ReportError where Parquet cannot be written.

    >>> require_parquet()  # with pyarrow installed
    """
    try:
        import pyarrow  # noqa: F401 - only whether it is there
    except ModuleNotFoundError as error:
        raise ReportError("--parquet needs the package pyarrow: pip install 'markov-myeloma[parquet]'") from error


def _result(book: BookResult, case: Case, line: Line) -> Row:
    """A workbook, a scenario and a strategy."""
    return {
        "workbook": book.name,
        "scenario": case.scenario,
        "strategy": line.strategy,
        "label": line.label,
        "currency": book.currency,
        "versus": line.versus,
        "in_words": line.ratio,
        "draws": case.draws,
        "report": case.report or None,
        **line.figures,
    }


def _benefits(book: BookResult, case: Case, line: Line) -> Iterator[Row]:
    """A workbook, a scenario, a threshold and a strategy."""
    for t, threshold in enumerate(case.thresholds):
        yield {
            "workbook": book.name,
            "scenario": case.scenario,
            "strategy": line.strategy,
            "threshold": threshold,
            "optimal": case.optimal[t] == line.strategy,
            "decision_changed": case.changed[t],
            **line.by_threshold(t),
        }


def _write_csv(place: Path, columns: Columns, rows: Sequence[Row]) -> None:
    with place.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _as_text(value) for key, value in row.items()} for row in rows)


def _as_text(value: Cell) -> Cell:
    """A text that a spreadsheet would take for a formula, with an apostrophe before it; all else as it is.

    A text begins a formula with one of = + - @, wide forms included, or with one of these after blanks; a number in
    words such as -10 is none.
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
