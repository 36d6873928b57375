"""The readable text that worked workbooks are built from, `inputs/sources`, as a cover and rows."""

import csv
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from markov.inputs.cells import RawCell, Row, Sheets
from markov.inputs.definitions.schema import NUMERIC, PARAMETER_SHEETS, Sheet, match

TABLE_FILES = {
    Sheet.LIFE_TABLE: "life_table.csv",
    Sheet.POPULATION_UTILITY: "population_utility.csv",
    Sheet.PRICE_INDEX: "price_index.csv",
    Sheet.TRIAL_RESULTS: "trial_results.csv",
    Sheet.CURVE_POINTS: "curve_points.csv",
    Sheet.CURVE_CHOICE: "curve_choice.csv",
    Sheet.NETWORK: "network.csv",
    Sheet.CORRELATIONS: "correlations.csv",
    Sheet.SCENARIOS: "scenarios.csv",
    Sheet.REFERENCE_CASE: "reference_case.csv",
    Sheet.REPORTING: "reporting_standards.csv",
    Sheet.CHANGE_LOG: "change_log.csv",
}


@dataclass(frozen=True)
class CoverText:
    """What the cover says."""

    title: str
    purpose: str
    notes: tuple[str, ...] = ()


def sources_folder() -> Path:
    """Where the shipped sources are: in the installed package, or in the repository's `inputs/sources`."""
    package = Path(str(files("markov"))).resolve()
    installed = package / "sources"
    return installed if installed.exists() else package.parent / "inputs" / "sources"


def read_sources(source: Path) -> tuple[CoverText, Sheets]:
    """The cover and tables of a decision problem; its own rows replace those of included folders."""
    about = tomllib.loads((source / "workbook.toml").read_text(encoding="utf-8"))
    folders = [*((source / folder).resolve() for folder in about.get("include", [])), source]
    rows: dict[Sheet, tuple[Row, ...]] = dict.fromkeys(PARAMETER_SHEETS, ())
    by_id: dict[str, Row] = {}
    for folder in folders:
        by_id.update({row["id"].text(): row for row in csv_rows(folder / "parameters.csv")})
        for sheet, file in TABLE_FILES.items():
            if (folder / file).exists():
                rows[sheet] = tuple(csv_rows(folder / file))
    for identifier, row in _in_use(by_id).items():
        found = match(identifier)
        if found is None:
            raise ValueError(f"{source.name}/parameters.csv: unknown id {identifier}")
        rows[found[0].sheet] = (*rows[found[0].sheet], {**row, "base case": row["value"]})
    place = f"{source.name}/workbook.toml"
    rows[Sheet.STRATEGIES] = tuple(
        {key: RawCell(value, place) for key, value in _strategy_row(entry).items()} for entry in about["strategies"]
    )
    values = {identifier: row["value"].value for identifier, row in by_id.items()}
    rows[Sheet.SCENARIOS] = tuple(
        {**row, "base case": RawCell(_base_of(row["id"].text(), values), row["id"].place)}
        for row in rows.get(Sheet.SCENARIOS, ())
    )
    cover = CoverText(about["title"], about["purpose"], tuple(about.get("notes", ())))
    return cover, Sheets(source.name, about["title"], rows)


def _strategy_row(entry: Mapping[str, str]) -> dict[str, str]:
    """A strategy's row: included unless the source says no, and the base case as it is."""
    return {"included": "yes", **entry, "base case": entry.get("included", "yes")}


def _in_use(by_id: Mapping[str, Row]) -> dict[str, Row]:
    """Rows without those of shared adverse events that this decision problem does not have."""
    events = {i.split(".")[2] for i in by_id if i.startswith("adverse_event.proportion.")}
    return {i: row for i, row in by_id.items() if not i.startswith("adverse_event.") or i.split(".")[2] in events}


def _base_of(identifier: str, values: Mapping[str, object]) -> object:
    if identifier.startswith("strategy.included."):
        return "include"
    found = match(identifier)
    default = found[0].default if found else None
    return next((v for v in (values.get(identifier), default) if v not in (None, "")), "(not used)")


def csv_rows(path: Path) -> Iterable[Row]:
    """Rows of a CSV file by header, each cell with its file and line; numbers where their column holds numbers."""
    with path.open(encoding="utf-8", newline="") as file:
        for number, line in enumerate(csv.DictReader(file), start=2):
            yield {
                header: RawCell(_typed(header, text), f"{path.parent.name}/{path.name}:{number}")
                for header, text in line.items()
                if header is not None
            }


def _typed(header: str, text: str | None) -> object:
    if not text:
        return None
    if header in NUMERIC:
        try:
            return float(text)
        except ValueError:
            return text
    return text
