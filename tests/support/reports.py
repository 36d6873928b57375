"""Reports in tests: their sheets, and the cells of one, read without building the whole file."""

from pathlib import Path

import openpyxl


def sheet_names(path: Path) -> list[str]:
    """Names of the sheets in their order."""
    book = openpyxl.load_workbook(path, read_only=True)
    book.close()
    return book.sheetnames


def cells(path: Path, sheet: str) -> list[list[object]]:
    """Values of a sheet, row by row from its first cell; of formulas those that are stored."""
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    found: list[list[object]] = [list(row) for row in book[sheet].iter_rows(values_only=True)]
    book.close()
    return found
