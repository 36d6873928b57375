"""What a batch leaves beside its store: the comparison workbook and the exports."""

from pathlib import Path

from markov.batch.comparison import Comparison, compare
from markov.batch.exports import export
from markov.batch.pages import batch_pages
from markov.batch.store import Store
from markov.report.writers.excel import write_pages

FILE = "batch.xlsx"


def summarise(store: Store, run: int, *, parquet: bool = False) -> tuple[Comparison, Path]:
    """Write the comparison workbook and the exports of a run; returns what they say, and where the workbook is.

    Raises ReportError where a file cannot be written.
    """
    result = compare(store, run)
    export(result, store.folder, parquet=parquet)
    target = write_pages(batch_pages(result), store.folder / FILE, "Scenarios of all workbooks")
    return result, target
