"""The guide, taken at its word: its commands run as they stand, and what it says is printed is printed."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pytest

ROOT = Path(__file__).parents[1]
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


def edit(folder: Path, rows: Sequence[Sequence[str]]) -> None:
    """Type a value into the row of an id, or into a new row below the others."""
    for workbook, sheet, identifier, column, value in rows:
        book = openpyxl.load_workbook(folder / workbook)
        page = book[sheet]
        header = next(row for row in page.iter_rows() if row[0].value == "id")
        found = [row[0].row for row in page.iter_rows() if row[0].value == identifier]
        number = found[0] if found else page.max_row + 1
        page.cell(number, 1).value = identifier
        page.cell(number, [cell.value for cell in header].index(column) + 1).value = typed(value)
        book.save(folder / workbook)


def add(folder: Path, rows: Sequence[Sequence[str]]) -> None:
    """Add rows of scenarios below the last one."""
    for workbook, sheet, scenario, identifier, value, reason in rows:
        book = openpyxl.load_workbook(folder / workbook)
        page = book[sheet]
        header = [cell.value for cell in next(row for row in page.iter_rows() if row[0].value == "scenario")]
        number = 1 + max(row[0].row or 0 for row in page.iter_rows() if row[0].value)
        told = {"scenario": scenario, "id": identifier, "value": typed(value), "reason": reason}
        for name, content in told.items():
            page.cell(number, header.index(name) + 1).value = content
        book.save(folder / workbook)


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
    report = openpyxl.load_workbook(tmp_path / "reports" / "my_model.report.xlsx", data_only=True)
    names = {row[0] for row in report["Scenarios"].iter_rows(values_only=True)}
    assert "Dearer monitoring, two-year stop" in names
    assert {p.suffix for p in (tmp_path / "reports").glob("my_model.report.*")} == {".xlsx", ".html"}


def test_the_set_up_is_that_of_the_readme() -> None:
    setup = next(step for step in steps(GUIDE.read_text(encoding="utf-8")) if is_setup(step))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = [line for (line,) in setup.rows]
    assert lines[0] in readme
    assert lines[-1].removeprefix("pip ") in readme


def test_sheets_that_the_guide_names_are_in_the_report(tmp_path: Path) -> None:
    from markov import base_case, read_inputs, write_report
    from markov.inputs.template import shipped

    path = write_report(base_case(read_inputs(shipped("calgb_100104"))), tmp_path / "report.xlsx")
    names = set(openpyxl.load_workbook(path, read_only=True).sheetnames)
    assert {"Summary", "Contents", "Checks", "Inputs used", "Survival", "Incremental", "Provenance"} <= names


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
