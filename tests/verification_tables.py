"""Writes docs/verification_results.md: python tests/verification_tables.py, some minutes on two processors.

Runs the whole bank on every shipped workbook, and once more for every planted bug, on one of them.
"""

import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from planted_bugs import BUGS

from markov.analysis.bank.bench import DRAWS, Bench
from markov.analysis.bank.run import BANK, count, verify_workbook
from markov.inputs.template import shipped, worked_names
from markov.inputs.workbook import read_inputs
from markov.terms import Verdict

PAGE = Path(__file__).parents[1] / "docs" / "verification_results.md"
BUGGY, BUGGY_DRAWS = "calgb_100104", 100
SCENARIOS = ("TV-70", "TV-78")  # they run every scenario: what they would see, others see in the base case
HEAD = f"""# Results of the verification bank

Made by `python tests/verification_tables.py`; do not edit. What the bank is: [verification.md](verification.md).

{len(BANK)} tests, {sum(test.cheap for test in BANK)} of them in every report; {len(BUGS)} planted bugs.
"""


def main() -> None:
    """Run everything and write the page."""
    began = time.perf_counter()
    lines = [HEAD, *_workbooks(), *_bugs(), *_tests()]
    PAGE.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    print(f"{PAGE}: {time.perf_counter() - began:.0f} seconds")


def _workbooks() -> Iterator[str]:
    yield f"## Shipped workbooks\n\nWith {DRAWS} random draws and the workbook's own seed.\n"
    yield f"| workbook | {' | '.join(Verdict)} |\n|---|{'---|' * len(Verdict)}"
    noticed = []
    for name in worked_names():
        tested = verify_workbook(Bench(read_inputs(shipped(name))))
        counts = count(tested)
        yield f"| `{name}` | {' | '.join(str(counts[verdict]) for verdict in Verdict)} |"
        noticed += [(name, each) for each in tested if each.check.verdict in (Verdict.WARN, Verdict.FAIL)]
    yield "\nEvery warning, with what was observed:\n\n| workbook | test | observed | reason |\n|---|---|---|---|"
    for name, each in noticed:
        yield f"| `{name}` | {each.test.id} {each.test.title} | {each.check.observed} | {each.check.note} |"


def _bugs() -> Iterator[str]:
    yield "\n## Planted bugs and the tests that see them\n"
    without = " and ".join(SCENARIOS)
    yield f"Each bug planted alone; the bank, but for {without}, run on `{BUGGY}` with {BUGGY_DRAWS} draws.\n"
    yield "| bug | failed tests | which |\n|---|---|---|"
    with multiprocessing.Pool(2) as pool:
        for number, failed in enumerate(pool.imap(_seen_by, range(len(BUGS)))):
            yield f"| {BUGS[number].name} | {len(failed)} | {', '.join(failed)} |"


def _seen_by(number: int) -> list[str]:
    """Ids of the tests that fail with one bug planted."""
    tests = [test for test in BANK if test.id not in SCENARIOS]
    with pytest.MonkeyPatch.context() as patch:
        BUGS[number].plant(patch)
        tested = verify_workbook(Bench(read_inputs(shipped(BUGGY)), draws=BUGGY_DRAWS), tests)
    return [each.test.id for each in tested if each.check.verdict is Verdict.FAIL]


def _tests() -> Iterator[str]:
    yield "\n## Tests\n\nThose of every report are marked.\n"
    yield "| id | theme | what should hold | what is done | in every report |\n|---|---|---|---|---|"
    for test in BANK:
        yield f"| {test.id} | {test.theme} | {test.title} | {test.done} | {'yes' if test.cheap else ''} |"


if __name__ == "__main__":
    main()
