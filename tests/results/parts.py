"""The parts: names of their pieces, and what is done for each; a finding is what JSON can hold."""

import contextlib
import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from markov.analysis.bank.bench import Bench
from markov.analysis.bank.run import BANK, count, verify_workbook
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped, worked_names
from markov.terms import Verdict
from tests import ROOT, kills
from tests.fuzz.__main__ import BLOCK, run_block
from tests.planted_bugs import BUGS

BUGGY, BUGGY_DRAWS = "calgb_100104", 100
SCENARIOS = ("TV-70", "TV-78")  # they run every scenario: what they would see, others see in the base case
KILLED = 50
ALONE = ("calgb_100104", "post_transplant_uk")
"""Workbooks whose reports of psa, sobol and voi are verified too: of two strategies, and of four."""

COMPARED = re.compile(r"([\d,]+) cells on (\d+) sheets compared, ([\d,]+) of them numbers; (\d+|all)")


@dataclass(frozen=True)
class Part:
    """A part: its name, what its pieces are called, and what is done for one of them."""

    name: str
    pieces: tuple[str, ...]
    do: Callable[[str], Any]


def parts(cases: int, killed: int) -> tuple[Part, ...]:
    """Every part, with so many cases of the fuzzer and kills of the writer."""
    blocks = tuple(f"seed 1, cases {i} to {min(i + BLOCK, cases) - 1}" for i in range(0, cases, BLOCK))
    shots = tuple(f"seed {i + 1}, {min(KILLED, killed - i * KILLED)} kills" for i in range(-(-killed // KILLED)))
    return (
        Part("bank", worked_names(), on_workbook),
        Part("bugs", tuple(bug.name for bug in BUGS), with_bug),
        Part("reports", reports(), verified),
        Part("kills", shots, kill),
        Part("fuzz", blocks, fuzz),
    )


def reports() -> tuple[str, ...]:
    """Commands whose reports are verified."""
    each = [f"run {name} --all" for name in worked_names()]
    return (*each, *(f"{command} {name}" for name in ALONE for command in ("psa", "sobol", "voi")))


def on_workbook(name: str) -> dict[str, Any]:
    """The whole bank on a shipped workbook: counts of verdicts, and all that warns or fails."""
    tested = verify_workbook(Bench(read_inputs(shipped(name))))
    noticed = [
        [each.test.id, each.test.title, each.check.verdict.value, each.check.observed, each.check.note]
        for each in tested
        if each.check.verdict in (Verdict.WARN, Verdict.FAIL)
    ]
    counts = count(tested)
    return {"counts": {verdict.value: counts[verdict] for verdict in Verdict}, "noticed": noticed}


def with_bug(name: str) -> list[str]:
    """Ids of the tests that fail with one bug planted."""
    tests = [test for test in BANK if test.id not in SCENARIOS]
    with pytest.MonkeyPatch.context() as patch:
        next(bug for bug in BUGS if bug.name == name).plant(patch)
        tested = verify_workbook(Bench(read_inputs(shipped(BUGGY)), draws=BUGGY_DRAWS), tests)
    return [each.test.id for each in tested if each.check.verdict is Verdict.FAIL]


def verified(command: str) -> dict[str, Any]:
    """A report written by its command and computed again by markov verify --repeat, each in a process of its own."""
    word, name, *options = command.split()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / f"{name}.{'report' if word == 'run' else word}.xlsx"
        written = _markov(word, str(shipped(name)), *options, "--out", folder)
        found: dict[str, Any] = {"written": written.returncode}
        if not report.exists():
            return found | {"told": written.stderr[-400:]}
        again = _markov("verify", str(report), "--repeat", "--all")
        counted = COMPARED.search(again.stdout)
        found |= {"verify": again.returncode, "bytes equal": "byte-equal to the report" in again.stdout}
        if counted is None:
            return found | {"told": (again.stdout + again.stderr)[-400:]}
        cells, sheets, numbers, differ = (int(g.replace(",", "")) if g != "all" else 0 for g in counted.groups())
        told = [line for line in again.stdout.splitlines() if "!" in line][:5] if differ else []
        return found | {"cells": cells, "sheets": sheets, "numbers": numbers, "differ": differ, "told": told}


def _markov(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "markov", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def kill(name: str) -> dict[str, int]:
    """Some kills of a writer; what was half written raises."""
    seed, killed = map(int, re.findall(r"\d+", name))
    with tempfile.TemporaryDirectory() as folder:
        return dict(kills.kill_many(killed, seed, Path(folder)))


def fuzz(name: str) -> dict[str, Any]:
    """Some cases of the fuzzer."""
    seed, first, last = map(int, re.findall(r"\d+", name))
    with contextlib.redirect_stdout(io.StringIO()):
        block = run_block((seed, first, last + 1))
    return {"counts": block["counts"], "failures": block["failures"]}
