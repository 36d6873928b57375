"""The verification bank from the command line: what markov verify does with an input workbook."""

import datetime
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from markov.cli.shared import BAD_INPUT, CHECK_FAILED, NOT_WRITTEN, Clock, read, stop, target_of, write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markov.analysis.bank.registry import BankTest

WIDTH = 78


@dataclass(frozen=True)
class Asked:
    """What is asked of the verification bank: changes of the workbook, draws, and which tests."""

    changes: list[str] | None
    draws: int
    seed: int | None
    only: list[str] | None


def run_bank(workbook: Path, asked: Asked, out: Path | None, json_file: str | None) -> None:
    """Run the verification bank on a workbook, write its report, and leave with 1 where a test failed."""
    clock = Clock(False)
    inputs = read(workbook, asked.changes)
    from markov.analysis.bank.bench import Bench
    from markov.analysis.bank.run import verify_workbook
    from markov.inputs.problems import raise_errors
    from markov.model.hazards import crossing_problems
    from markov.report.sheets.provenance import evidence_provenance_page
    from markov.report.sheets.verification import verification_page, verification_words
    from markov.report.writers.excel import write_pages

    raise_errors(crossing_problems(inputs))
    bench, tests = Bench(inputs, draws=asked.draws, seed=asked.seed), _chosen(asked.only or [])
    tested = verify_workbook(bench, tests, _progress(len(tests)))
    if sys.stderr.isatty():
        print(" " * WIDTH, end="\r", file=sys.stderr, flush=True)
    if json_file:
        from markov.report.verification_json import verification_json

        write_text(json_file, verification_json(bench, tested))
    now = datetime.datetime.now(datetime.UTC)
    command = " ".join(["markov verify", workbook.name, *(f"--set {change}" for change in asked.changes or ())])
    pages = [verification_page(bench, tested), evidence_provenance_page(inputs, command, clock.elapsed, now)]
    target = target_of(workbook, out, word="verify")
    if target.resolve() == workbook.resolve():
        stop(NOT_WRITTEN, f"{target} is the input workbook: choose another name with --out.")
    write_pages(pages, target, f"{inputs.title}: verification")
    if json_file != "-":
        print("\n".join(verification_words(tested)))
        print(f"Report: {target}")
    if any(each.check.verdict == "fail" for each in tested):
        stop(CHECK_FAILED, "A test failed: see the Verification sheet before using results of this workbook.")


def _chosen(only: "Sequence[str]") -> "Sequence[BankTest]":
    """The tests asked for; all of them where none is named."""
    from markov.analysis.bank.run import BANK

    unknown = [name for name in only if name.upper() not in {test.id for test in BANK}]
    if unknown:
        stop(BAD_INPUT, f'There is no test "{unknown[0]}": ids run from TV-01 to TV-79 and from FT-01 to FT-23.')
    wanted = {name.upper() for name in only}
    return [test for test in BANK if not wanted or test.id in wanted]


def _progress(total: int) -> "Callable[[int, BankTest], None]":
    """Says on a terminal which test runs; nothing elsewhere."""

    def show(number: int, test: "BankTest") -> None:
        if sys.stderr.isatty():
            line = f"Test {number + 1} of {total}: {test.id} {test.title}"
            print(line[:WIDTH].ljust(WIDTH), end="\r", file=sys.stderr, flush=True)

    return show
