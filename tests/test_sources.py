"""The readable sources: evidence keeps its status on the way into the workbooks."""

import csv
import re
from pathlib import Path

import pytest

from markov.inputs.template import read_sources, sources_folder, worked_names
from markov.terms import Status

CHECKED = (Status.SEED, Status.READ)
SAID_IN_WORDS = ("product.", "adverse_event.days.", "spm.disutility_duration.", "spm.share_haematologic.")
"""Figures that stand in the words of a register row whose number is another one: a pack's size beside its price."""


def read(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file."""
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


REGISTER = {row["row"]: row for row in read(sources_folder() / "evidence.csv")}


def rows_of(folder: Path) -> list[dict[str, str]]:
    """Rows of values and of trial results in a folder of sources."""
    found = []
    for name in ("parameters.csv", "trial_results.csv"):
        if (folder / name).exists():
            found += read(folder / name)
    return found


FOLDERS = sorted({path.parent for path in sources_folder().glob("*/parameters.csv")})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_value_is_called_read_that_the_register_does_not_call_so(folder: Path) -> None:
    for row in rows_of(folder):
        named = re.findall(r"\b[TE]\d{3}\b", row["page"])
        assert set(named) <= set(REGISTER), row["page"]
        if row["status"] in CHECKED:
            weak = [key for key in named if REGISTER[key]["status"] not in CHECKED]
            assert not weak, (row.get("id") or row.get("endpoint"), weak)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_figure_names_its_source_and_a_known_status(folder: Path) -> None:
    for row in rows_of(folder):
        assert row["status"] in ("", *Status)
        if row["status"]:
            assert row["source"], row


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_single_figure_of_the_register_is_copied_without_a_slip(folder: Path) -> None:
    """A value called seed, read or unverified, with one row of the register, is that row's number."""
    compared = 0
    for row in rows_of(folder):
        named = re.findall(r"\b[TE]\d{3}\b", row["page"])
        elsewhere = row.get("id", "").startswith(SAID_IN_WORDS)
        if len(named) != 1 or elsewhere or row["status"] in ("", Status.DERIVED, Status.ASSUMPTION):
            continue
        told, kept = REGISTER[named[0]]["value"], row["value"]
        try:
            number = float(told)
        except ValueError:
            continue
        compared += 1
        assert float(kept) == pytest.approx(number, rel=1e-9), (row, told)
    assert compared > 5


@pytest.mark.parametrize("name", worked_names())
def test_adverse_events_that_a_trial_does_not_report_are_left_out(name: str) -> None:
    _, sheets = read_sources(sources_folder() / name)
    rows = next(rows for sheet, rows in sheets.rows.items() if sheet == "Adverse events")
    ids = [row["id"].text() for row in rows]
    reported = {i.split(".")[2] for i in ids if i.startswith("adverse_event.proportion.")}
    assert {i.split(".")[2] for i in ids} == reported
