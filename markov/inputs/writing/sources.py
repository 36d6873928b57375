"""The readable text that worked workbooks are built from, `inputs/sources`, as a cover and rows."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from markov.inputs.cells import RawCell, Row, Sheets, row_of
from markov.inputs.definitions.schema import PARAMETER_SHEETS, Sheet, match
from markov.inputs.reading.csv_table import read_table

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
    """Where the shipped sources are: in the installed package, or in the repository's `inputs/sources`.

    >>> (sources_folder() / "calgb_100104" / "workbook.toml").exists()
    True
    """
    package = Path(str(files("markov"))).resolve()
    installed = package / "sources"
    return installed if installed.exists() else package.parent / "inputs" / "sources"


def read_sources(source: Path) -> tuple[CoverText, Sheets]:
    """The cover and tables of a decision problem; its own rows replace those of included folders.

    >>> cover, sheets = read_sources(sources_folder() / "calgb_100104")
    >>> [row["id"].value for row in sheets.rows[Sheet.STRATEGIES]]
    ['no_maintenance', 'lenalidomide']
    """
    about = tomllib.loads((source / "workbook.toml").read_text(encoding="utf-8"))
    folders = [*((source / folder).resolve() for folder in about.get("include", [])), source]
    rows: dict[Sheet, tuple[Row, ...]] = dict.fromkeys(PARAMETER_SHEETS, ())
    by_id: dict[str, Row] = {}
    for folder in folders:
        by_id.update({row["id"].text(): row for row in read_table(folder / "parameters.csv")})
        for sheet, file in TABLE_FILES.items():
            if (folder / file).exists():
                rows[sheet] = read_table(folder / file)
    for identifier, row in _in_use(by_id).items():
        found = match(identifier)
        if found is None:
            raise ValueError(f"{source.name}/parameters.csv: unknown id {identifier}")
        rows[found[0].sheet] = (*rows[found[0].sheet], {**row, "base case": row["value"]})
    place = f"{source.name}/workbook.toml"
    included = ({"included": "yes", **entry} for entry in about["strategies"])
    rows[Sheet.STRATEGIES] = tuple(row_of({**entry, "base case": entry["included"]}, place) for entry in included)
    values = {identifier: row["value"].value for identifier, row in by_id.items()}
    rows[Sheet.SCENARIOS] = tuple(
        {**row, "base case": RawCell(_base_of(row["id"].text(), values), row["id"].place)}
        for row in rows.get(Sheet.SCENARIOS, ())
    )
    cover = CoverText(about["title"], about["purpose"], tuple(about.get("notes", ())))
    return cover, Sheets(source.name, about["title"], rows)


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
