"""Kills a writer of reports at random moments and looks at what it leaves: python -m tests.kills --kills 200 --seed 1.

A child writes two versions of a small report over each other in every format without pause; it is killed (SIGKILL)
after a random time. Each file must then be absent, or byte for byte one of the two complete versions.
"""

import argparse
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from markov.cli.shared import write_text
from markov.excel.files import PART
from markov.inputs.cells import Sheets
from markov.inputs.writing.sources import CoverText
from markov.inputs.writing.template import blank_sheets, write_workbook
from markov.report.page import Column, Page, Table
from markov.report.writers.excel import write_pages
from markov.report.writers.html import write_html
from markov.report.writers.word import write_docx

LONGEST = 1.0  # seconds before a kill: about as long as a round of all formats takes


def _pages(version: int) -> list[Page]:
    rows = tuple((f"row {i}", i + 0.1 * version) for i in range(300))
    table = Table("Numbers", (Column("Name"), Column("Value", "number")), rows, "numbers")
    return [Page("Summary", f"Version {version}", "A report to be killed.", (table,))]


def _blank() -> Sheets:
    return blank_sheets(["no_maintenance", "new_drug"])


def writers(blank: Sheets) -> Mapping[str, Callable[[Path, int], object]]:
    """By file name, what writes a version of it."""
    return {
        "report.xlsx": lambda path, version: write_pages(_pages(version), path, "Killed"),
        "report.html": lambda path, version: write_html(_pages(version), path, "Killed"),
        "report.docx": lambda path, version: write_docx(_pages(version), path, "Killed"),
        "report.json": lambda path, version: write_text(str(path), f'{{"version": [{f"{version}, " * 100_000}0]}}'),
        "new.xlsx": lambda path, version: write_workbook(path, CoverText(f"Version {version}", "Killed."), blank),
    }


def _write_for_ever(folder: Path, order: random.Random, blank: Sheets) -> None:
    files, version = list(writers(blank).items()), 0
    while True:
        order.shuffle(files)
        version = 1 - version
        for name, write in files:
            write(folder / name, version)


def kill_many(kills: int, seed: int, folder: Path) -> Counter[str]:
    """Kill so many writers; counts of what was found. Raises AssertionError for anything half written."""
    blank, chance, found = _blank(), random.Random(seed), Counter[str]()
    whole: dict[str, set[bytes]] = {}
    for name, write in writers(blank).items():
        for version in (0, 1):
            write(folder / "whole" / name, version)
            whole.setdefault(name, set()).add((folder / "whole" / name).read_bytes())
    for number in range(kills):
        place = folder / f"run{number % 20}"  # some folders are met again, with what is there
        child = os.fork()
        if not child:
            try:
                _write_for_ever(place, random.Random(f"{seed}/{number}"), blank)
            finally:
                os._exit(1)
        time.sleep(chance.uniform(0.0, LONGEST))
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL, "the writer failed by itself"
        found += _looked_at(place, whole)
    found["left behind, then removed"] = _swept(folder, blank)
    return found


def _looked_at(place: Path, whole: Mapping[str, set[bytes]]) -> Counter[str]:
    found = Counter(kills=1)
    for name, versions in whole.items():
        path = place / name
        if not path.exists():
            found["absent"] += 1
        else:
            assert path.read_bytes() in versions, f"{path} is half written"
            found["whole"] += 1
    others = {file.name for file in place.iterdir()} - whole.keys() if place.exists() else set()
    assert all(name.startswith(".") and name.endswith(PART) for name in others), others
    return found


def _swept(folder: Path, blank: Sheets) -> int:
    """Write once more where writers were killed some time ago: what they left is gone."""
    left = list(folder.glob(f"run*/.*{PART}"))
    for file in left:
        os.utime(file, (time.time() - 3600.0,) * 2)
    for place in folder.glob("run*"):
        for name, write in writers(blank).items():
            write(place / name, 0)
    assert not list(folder.glob(f"run*/.*{PART}"))
    return len(left)


def main() -> None:
    """Kill as many as are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = kill_many(chosen.kills, chosen.seed, Path(folder))
    print(", ".join(f"{count} {what}" for what, count in found.items()))


if __name__ == "__main__":
    main()
