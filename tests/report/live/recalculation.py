"""Live workbooks in LibreOffice: every stored value spoilt, every formula calculated again, every total compared.

LibreOffice starts once for many workbooks, and writes of each the Live results sheet alone.
"""

import csv
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from html import escape, unescape
from pathlib import Path

import pytest

from markov import Inputs, Outcomes, evaluate, with_values
from markov.report.live.writer import write_live_workbook
from markov.terms import LIVING, CostCategory, QalyComponent, State

needs_libreoffice = [
    pytest.mark.libreoffice,
    pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed"),
]
SPOILT = "1234.5"
TOLERANCE = 1e-9
ALWAYS, NEVER = 0, 1  # LibreOffice's settings for calculating again what it loads
FORMULA = re.compile(r'<c r="([A-Z]+\d+)"( s="\d+")?(?: t="\w+")?>(<f(?: [^>]*)?(?:/>|>[^<]*</f>))<v>[^<]*</v></c>')
SETTING = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" oor:op="fuse">
<value>{}</value></prop></item></oor:items>"""
TEXT = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,{}"  # numbers in full, one sheet
RESULTS, CHECK = "Live results", "Live check"
PLACES = {RESULTS: 3, CHECK: 4}  # in a workbook that holds the live model alone
Edits = Mapping[str, float | str]


# --------------------------------------------------------------------------------------- spoil and edit


def spoil(source: Path, target: Path, edits: Edits) -> None:
    """A copy with wrong stored values beside all formulas, and other values in some input cells."""
    with zipfile.ZipFile(source) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    names, sheets = places(files["xl/workbook.xml"].decode())
    for name in [name for name in files if name.startswith("xl/worksheets/sheet")]:
        text, spoilt = FORMULA.subn(rf'<c r="\1"\2>\3<v>{SPOILT}</v></c>', files[name].decode())
        assert spoilt == text.count("<f>") + text.count("<f "), f"{name}: formulas with their stored values left"
        files[name] = text.encode()
    for identifier, value in edits.items():
        sheet, _, cell = names[identifier].replace("$", "").rpartition("!")
        path = sheets[sheet.strip("'")]
        files[path] = edited(files[path].decode(), cell, value).encode()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def places(book: str) -> tuple[dict[str, str], dict[str, str]]:
    """Cells by defined name, and files by sheet."""
    names = re.findall(r'<definedName[^>]* name="([^"]+)"[^>]*>([^<]+)</definedName>', book)
    sheets = re.findall(r'<sheet name="([^"]+)"', book)
    files = {unescape(name): f"xl/worksheets/sheet{i}.xml" for i, name in enumerate(sheets, start=1)}
    return {name: unescape(text) for name, text in names}, files


def edited(sheet: str, cell: str, value: float | str) -> str:
    """A sheet's XML with another value in a cell."""
    content = f"<is><t>{escape(value)}</t></is>" if isinstance(value, str) else f"<v>{value!r}</v>"
    kind = ' t="inlineStr"' if isinstance(value, str) else ""
    pattern = rf'<c r="{cell}"( s="\d+")?(?: t="\w+")?(?:/>|>.*?</c>)'
    changed, found = re.subn(pattern, rf'<c r="{cell}"\1{kind}>{content}</c>', sheet, count=1)
    assert found == 1, cell
    return changed


# --------------------------------------------------------------------------------------- recalculate


@cache
def _profile(mode: int) -> tempfile.TemporaryDirectory[str]:
    """A user's profile with the setting, for all tests of a process: making one takes longer than a small model."""
    folder = tempfile.TemporaryDirectory(prefix="live_profile_")
    settings = Path(folder.name) / "user" / "registrymodifications.xcu"
    settings.parent.mkdir(parents=True)
    settings.write_text(SETTING.format(mode), encoding="utf-8")
    return folder


def sheets(files: Sequence[Path], folder: Path, sheet: str, *, mode: int = ALWAYS) -> list[list[list[str]]]:
    """One sheet's cells of each workbook, after LibreOffice has opened and, by its setting, calculated it."""
    profile = f"-env:UserInstallation=file://{_profile(mode).name}"
    kind = ["--convert-to", TEXT.format(PLACES[sheet]), "--outdir", str(folder / "done")]
    command = ["soffice", "--headless", profile, *kind, *map(str, files)]
    subprocess.run(command, capture_output=True, check=True, timeout=3000)
    found = []
    for path in (folder / "done" / f"{file.stem}-{sheet}.csv" for file in files):
        with path.open(encoding="utf-8", newline="") as file:
            found.append(list(csv.reader(file)))
    return found


def recalculated(files: Sequence[Path], folder: Path, *, mode: int = ALWAYS) -> list[dict[str, float | str]]:
    """Values of the cells named result.… of each workbook, after LibreOffice has calculated it."""
    read = sheets(files, folder, RESULTS, mode=mode)
    return [_values(rows, _result_cells(file)) for rows, file in zip(read, files, strict=True)]


def _result_cells(file: Path) -> dict[str, str]:
    with zipfile.ZipFile(file) as archive:
        names, parts = places(archive.read("xl/workbook.xml").decode())
    assert list(parts)[PLACES[RESULTS] - 1] == RESULTS
    cells = {name: text.rpartition("!")[2].replace("$", "") for name, text in names.items() if name[:7] == "result."}
    return {name: cell for name, cell in cells.items() if ":" not in cell}


def _values(rows: Sequence[Sequence[str]], cells: Mapping[str, str]) -> dict[str, float | str]:
    found: dict[str, float | str] = {}
    for name, cell in cells.items():
        letters, digits = re.fullmatch(r"([A-Z])(\d+)", cell).groups()  # type: ignore[union-attr]
        text = rows[int(digits) - 1][ord(letters) - ord("A")]
        found[name] = float(text) if re.fullmatch(r"[-+.\deE]+", text) else text
    return found


# --------------------------------------------------------------------------------------- compare


def told(outcomes: Outcomes, inputs: Inputs) -> Iterator[tuple[str, float]]:
    """The engine's totals under the names of the cells."""
    for i, s in enumerate(outcomes.strategies):
        yield f"result.cost.{s}", outcomes.cost[0, i]
        yield f"result.qaly.{s}", outcomes.qaly[0, i]
        yield f"result.life_years.{s}", outcomes.life_year[0, i]
        yield f"result.treated.undiscounted.{s}", outcomes.time_on_treatment[0, i]
        for n, threshold in enumerate(inputs.thresholds, start=1):
            yield f"result.net_benefit_{n}.{s}", outcomes.net_benefit(threshold)[0, i]
        for schedule, costs, effects in ((0, "undiscounted", "undiscounted"), (1, "costs", "effects")):
            for n, category in enumerate(CostCategory):
                yield f"result.cost.{costs}.{category}.{s}", outcomes.costs[0, i, schedule, n]
            for n, state in enumerate(LIVING):
                yield f"result.qaly.{effects}.state.{state}.{s}", outcomes.qalys[0, i, schedule, n]
                yield f"result.years.{effects}.{state}.{s}", outcomes.life_years[0, i, schedule, n]
            for n, component in enumerate(QalyComponent):
                yield f"result.qaly.{effects}.component.{component}.{s}", outcomes.qaly_components[0, i, schedule, n]
        for arrived in (State.PROGRESSION, State.SPM_HAEMATOLOGIC, State.SPM_SOLID, State.DEATH):
            yield f"result.arrivals.undiscounted.{arrived}.{s}", outcomes.entries[0, i, list(State).index(arrived)]


def largest_difference(found: Mapping[str, float | str], changed: Inputs) -> tuple[float, str]:
    """The largest difference of a total from the engine's, relative to it, and the words for it.

    Net benefit is a difference of large numbers: the engine's cost and value of QALYs are what it is relative to.
    """
    outcomes = evaluate(changed)
    scales = {
        f"result.net_benefit_{n}.{s}": abs(outcomes.cost[0, i]) + threshold * abs(outcomes.qaly[0, i])
        for i, s in enumerate(outcomes.strategies)
        for n, threshold in enumerate(changed.thresholds, start=1)
    }
    worst, words = 0.0, ""
    for name, engine in told(outcomes, changed):
        value = found[name]
        apart = float("inf") if isinstance(value, str) else max(abs(value - engine) - 1e-15, 0.0)
        relative = apart / max(scales.get(name, abs(engine)), 1e-300)
        if relative > worst:
            worst, words = relative, f"{name}: {value} instead of {engine}"
    return worst, words


def disagreements(inputs: Inputs, edits: Sequence[Edits], folder: Path) -> list[str]:
    """Write once, edit each way, recalculate all, and compare each with the engine under the same changes."""
    return different([(inputs, edits)], folder)


def different(cases: Sequence[tuple[Inputs, Sequence[Edits]]], folder: Path) -> list[str]:
    """The same for several base cases, in one start of LibreOffice."""
    files, changed = list[Path](), list[tuple[Inputs, Edits]]()
    for n, (inputs, edits) in enumerate(cases):
        source = write_live_workbook(inputs, folder / f"live_{n}.xlsx")
        for changes in edits:
            files.append(folder / f"edit_{len(files)}.xlsx")
            spoil(source, files[-1], changes)
            changed.append((inputs, changes))
    wrong = []
    for found, (inputs, changes) in zip(recalculated(files, folder), changed, strict=True):
        worst, words = largest_difference(found, with_values(inputs, dict(changes)))
        if worst > TOLERANCE:
            wrong.append(f"{inputs.name} {dict(changes)}: {words}")
    return wrong
