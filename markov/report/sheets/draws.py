"""All draws of a probabilistic analysis: on a sheet while they are few, else in a file beside the report.

A file is CSV, compressed (gzip), or Parquet where pyarrow is installed. `export` writes three plain CSV files that the
R packages BCEA and voi and the web page SAVI read: parameters, costs and effects, a row a draw, in the same order.
"""

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from markov.analysis.uncertainty.sample import Sample
from markov.inputs.parameters import Inputs
from markov.report.files import write_whole
from markov.report.page import Column, Look, Page, Table, Text
from markov.terms import Array

ON_SHEET = 1000
"""Draws that a sheet holds; more go to a file beside the report."""

KINDS = {"csv": ".draws.csv.gz", "parquet": ".draws.parquet"}

EXPORT_NOTE = """Draws of a probabilistic analysis: a row a draw, in the same order in all three files.
parameters.csv: sampled inputs by id, in the unit of their cell. costs.csv, effects.csv: discounted costs ({currency})
and QALYs per patient by strategy, the reference ({reference}) first.

SAVI (savi.shef.ac.uk): upload parameters.csv, costs.csv and effects.csv as they are.

R, package BCEA:
  effects <- as.matrix(read.csv("effects.csv")); costs <- as.matrix(read.csv("costs.csv"))
  m <- BCEA::bcea(effects, costs, ref = {last}, interventions = colnames(effects), Kmax = {highest})

R, package voi:
  outputs <- list(e = read.csv("effects.csv"), c = read.csv("costs.csv"), k = c({thresholds}))
  inputs <- read.csv("parameters.csv")
  voi::evppi(outputs, inputs, pars = names(inputs)[1])
"""


def columns_of_draws(sample: Sample) -> dict[str, Array]:
    """Columns of all draws by name: the draw's number, sampled inputs by id, then outcomes by strategy.

    Draws of several scenarios together have the number of their scenario in place of inputs.
    """
    found: dict[str, Array] = {} if sample.rows is None else dict(sample.rows.block(0, sample.runs))
    if sample.rows is None:
        found["scenario"] = np.asarray(sample.stratum, dtype=float) + 1.0
    for name, values in (("cost", sample.cost), ("qaly", sample.qaly), ("life_years", sample.life_years)):
        found |= {f"{name}.{strategy}": values[:, i] for i, strategy in enumerate(sample.strategies)}
    if sample.severity_weight is not None:
        found["severity_weight"] = sample.severity_weight
    return found


def draws_page(sample: Sample, file: Path | None = None) -> Page:
    """The sheet of draws, or where they are: `file` stands beside the report."""
    columns = columns_of_draws(sample)
    told = "Sampled inputs by id, in the unit of their cell; discounted costs, QALYs and life-years by strategy."
    if sample.runs > ON_SHEET:
        where = f"in the file {file.name} beside this report" if file else "not kept: run again with a file for them"
        words = f"{sample.runs:,} draws are more than the {ON_SHEET:,} that this sheet holds. They are {where}."
        listed = tuple((i + 1, name) for i, name in enumerate(columns))
        table = Table("Columns of the file", (Column("Column", "integer"), Column("Name")), listed, "columns")
        return Page("Draws", "All draws", told, (Text(words, "lead"), table), (12.0, 60.0))
    rows = tuple(
        (i + 1, *(float(value) for value in row))
        for i, row in enumerate(zip(*(column.tolist() for column in columns.values()), strict=True))
    )
    looks: Mapping[str, Look] = {"cost": "money", "qaly": "qaly", "life_years": "qaly"}
    heads = (
        Column("Draw", "integer"),
        *(
            Column(name, looks.get(name.partition(".")[0], "exact") if name in _outcomes(sample) else "exact")
            for name in columns
        ),
    )
    table = Table("Draws", heads, rows, "draws", long=True)
    return Page("Draws", "All draws", told, (table,), (8.0, *(17.0,) * len(columns)))


def _outcomes(sample: Sample) -> set[str]:
    return {f"{name}.{s}" for name in ("cost", "qaly", "life_years") for s in sample.strategies}


def write_draws(sample: Sample, path: Path) -> Path:
    """Write all draws to a file, compressed CSV or Parquet by its name; the same draws give the same bytes.

    Raises ReportError where it cannot be written, and ImportError for Parquet without pyarrow.
    """
    columns = {"draw": [*range(1, sample.runs + 1)]} | {k: v.tolist() for k, v in columns_of_draws(sample).items()}
    if path.suffix == ".parquet":
        import pyarrow
        from pyarrow import parquet

        return write_whole(path, lambda file: parquet.write_table(pyarrow.table(columns), str(file)))
    text = csv_text(list(columns), list(columns.values()))
    return write_whole(path, lambda file: file.write_bytes(gzip.compress(text.encode("utf-8"), 6, mtime=0)))


def export(inputs: Inputs, sample: Sample, folder: Path) -> tuple[Path, ...]:
    """Write parameters, costs and effects as BCEA, voi and SAVI read them, and a note on how to load them.

    Raises ValueError for a sample without its inputs, and ReportError where the folder cannot be written.
    """
    if sample.rows is None:
        raise ValueError("draws of several scenarios have no common inputs: export one model")
    drawn = sample.rows.block(0, sample.runs)
    names = list(sample.strategies)
    files = {
        "parameters.csv": csv_text(list(drawn), [column.tolist() for column in drawn.values()]),
        "costs.csv": csv_text(names, sample.cost.T.tolist()),
        "effects.csv": csv_text(names, sample.qaly.T.tolist()),
        "README.txt": EXPORT_NOTE.format(
            currency=inputs.currency,
            reference=names[0],
            last=len(names),
            highest=f"{2 * max(inputs.thresholds):.0f}",
            thresholds=", ".join(f"{t:.0f}" for t in inputs.thresholds),
        ),
    }
    return tuple(_write(folder / name, text) for name, text in files.items())


def csv_text(names: Sequence[str], columns: Sequence[Sequence[float]]) -> str:
    """Columns as CSV with a header, every number at full precision.

    >>> csv_text(["a", "b"], [[1, 0.1], [2.5, 1e-9]])
    'a,b\\n1,2.5\\n0.1,1e-09\\n'
    """
    lines = (",".join(map(repr, row)) for row in zip(*columns, strict=True))
    return "\n".join([",".join(names), *lines]) + "\n"


def _write(path: Path, text: str) -> Path:
    return write_whole(path, lambda file: file.write_text(text, encoding="utf-8"))
