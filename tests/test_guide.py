"""The guide, taken at its word: its commands run as they stand, and what it says is printed is printed."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests import ROOT
from tests.support.reports import cells, sheet_names

GUIDE = ROOT / "docs" / "guide.md"
EDIT, ROW = ["workbook", "sheet", "id", "column", "type"], ["workbook", "sheet", "scenario", "id", "value", "reason"]
ANY = "…"


@dataclass(frozen=True)
class Step:
    """Commands to type, cells to edit or words to be printed, as they stand in the guide from a line on."""

    kind: str
    line: int
    rows: tuple[tuple[str, ...], ...]


def steps(text: str) -> Iterator[Step]:
    """Fenced blocks and tables of edits, in order."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        fence = re.fullmatch(r"```(sh|text)", line)
        if fence:
            end = lines.index("```", start + 1)
            yield Step(fence[1], start + 1, tuple((each,) for each in lines[start + 1 : end]))
        elif _cells(line) in (EDIT, ROW):
            table = lines[start + 2 :]
            end = next(i for i, each in enumerate(table) if not each.startswith("|"))
            yield Step(_cells(line)[2], start + 1, tuple(tuple(_cells(each)) for each in table[:end]))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def typed(text: str) -> str | float:
    """What Excel makes of what is typed: a number where it can, a text after an apostrophe."""
    try:
        return float(text)
    except ValueError:
        return text.removeprefix("'")


def opened(folder: Path, rows: Sequence[Sequence[str]]) -> Iterator[tuple[Any, ...]]:
    """The rows with their workbook open in place of its name; it is saved after the last of them."""
    for workbook, own in groupby(rows, key=itemgetter(0)):
        book = openpyxl.load_workbook(folder / workbook)
        for _, *row in own:
            yield book, *row
        book.save(folder / workbook)


def edit(folder: Path, rows: Sequence[Sequence[str]]) -> None:
    """Type a value into the row of an id, or into a new row below the others."""
    for book, sheet, identifier, column, value in opened(folder, rows):
        page = book[sheet]
        header = next(row for row in page.iter_rows() if row[0].value == "id")
        found = [row[0].row for row in page.iter_rows() if row[0].value == identifier]
        number = found[0] if found else page.max_row + 1
        page.cell(number, 1).value = identifier
        page.cell(number, [cell.value for cell in header].index(column) + 1).value = typed(value)


def add(folder: Path, rows: Sequence[Sequence[str]]) -> None:
    """Add rows of scenarios below the last one."""
    for book, sheet, scenario, identifier, value, reason in opened(folder, rows):
        page = book[sheet]
        header = [cell.value for cell in next(row for row in page.iter_rows() if row[0].value == "scenario")]
        number = 1 + max(row[0].row or 0 for row in page.iter_rows() if row[0].value)
        told = {"scenario": scenario, "id": identifier, "value": typed(value), "reason": reason}
        for name, content in told.items():
            page.cell(number, header.index(name) + 1).value = content


def type_commands(folder: Path, commands: Sequence[Sequence[str]]) -> str:
    scripts = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "PYTHONIOENCODING": "utf-8"}
    printed = []
    for (command,) in commands:
        done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True)
        printed.append(done.stdout + done.stderr)
        assert "Traceback" not in done.stderr, command
    return "".join(printed)


def unsaid(printed: str, told: Sequence[Sequence[str]]) -> list[str]:
    """Lines of the guide that were not printed, in their order; with no … between them, one right after the other."""
    lines, place, free = printed.splitlines(), 0, True
    for i, (line,) in enumerate(told):
        if line == ANY:
            free = True
            continue
        rest = lines[place:] if free or i == 0 else lines[place : place + 1]
        if line not in rest:
            return [line]
        place, free = place + rest.index(line) + 1, False
    return []


def is_setup(step: Step) -> bool:
    return any("pip install" in line for (line,) in step.rows)


def test_the_guide_does_and_prints_what_it_says(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "inputs", tmp_path / "inputs", ignore=shutil.ignore_patterns("sources"))
    printed, done = "", []
    for step in steps(GUIDE.read_text(encoding="utf-8")):
        if step.kind == "sh" and not is_setup(step):
            printed = type_commands(tmp_path, step.rows)
        elif step.kind == "id":
            edit(tmp_path, step.rows)
        elif step.kind == "scenario":
            add(tmp_path, step.rows)
        elif step.kind == "text":
            assert unsaid(printed, step.rows) == [], f"guide.md, line {step.line}; it printed:\n{printed}"
        done.append(step.kind)
    assert done.count("sh") > 8
    assert {"text", "id", "scenario"} <= set(done)
    report = tmp_path / "reports" / "my_model.report.xlsx"
    assert "Dearer monitoring, two-year stop" in {row[0] for row in cells(report, "Scenarios")}
    named = {"Summary", "Contents", "Checks", "Inputs used", "Survival", "Incremental", "Provenance"}
    assert named <= set(sheet_names(report))
    assert {p.suffix for p in (tmp_path / "reports").glob("my_model.report.*")} == {".xlsx", ".html"}


def test_the_set_up_is_that_of_the_readme() -> None:
    setup = next(step for step in steps(GUIDE.read_text(encoding="utf-8")) if is_setup(step))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = [line for (line,) in setup.rows]
    assert lines[0] in readme
    assert lines[-1].removeprefix("pip ") in readme


@pytest.mark.parametrize(
    ("told", "missing"),
    [
        (["a", "b"], []),
        (["a", "c"], ["c"]),
        (["a", ANY, "c"], []),
        ([ANY, "c"], []),
        (["b", ANY, "a"], ["a"]),
        (["d"], ["d"]),
    ],
)
def test_what_was_not_printed_is_found(told: list[str], missing: list[str]) -> None:
    assert unsaid("a\nb\nc\n", [(line,) for line in told]) == missing
