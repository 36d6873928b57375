"""A table of comma-separated values as rows by header, each cell with its line and column."""

import warnings
from pathlib import Path

from markov.inputs.cells import RawCell, Row
from markov.inputs.definitions.sheets import NUMERIC
from markov.inputs.reading.archive import refusal


def read_table(path: Path) -> tuple[Row, ...]:
    """Rows of a CSV file by header, numbers where their column holds numbers; raises InputError for what is none.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "points.csv"
    >>> _ = file.write_text("strategy,value\\nlenalidomide,0.9\\n")
    >>> read_table(file)[0]["value"]
    RawCell(value=0.9, place='points.csv, value in line 2', formula=False, elsewhere=False)
    """
    import pandas as pd  # takes long to import, and few commands read such a file

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a first row that is too long is cut off with a warning
            table = pd.read_csv(
                path, dtype=str, na_filter=False, skip_blank_lines=False, index_col=False, encoding="utf-8-sig"
            )
    except (OSError, ValueError, Warning) as error:  # whatever pandas says of a damaged file is a ValueError
        words = " ".join(str(error).split()).removeprefix("Error tokenizing data. C error: ").rstrip(".")
        remedy = f"Save it as CSV UTF-8, each line with as many commas as the first ({words})."
        raise refusal(path, "is no table of comma-separated values", remedy) from error
    rows = (
        {
            header: RawCell(_typed(header, text), f"{path.name}, {header} in line {line}")
            for header, text in zip(table.columns, texts, strict=True)
        }
        for line, texts in enumerate(table.itertuples(index=False, name=None), start=2)
    )
    return tuple(row for row in rows if any(not cell.is_empty for cell in row.values()))


def _typed(header: str, text: str) -> object:
    try:
        return float(text) if header in NUMERIC else text or None
    except ValueError:
        return text or None
