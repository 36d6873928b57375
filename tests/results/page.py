"""The page docs/verification_results.md, from what the logs hold; what they do not hold is said to be missing."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby

from markov.analysis.bank.bench import DRAWS
from markov.analysis.bank.run import BANK
from markov.terms import Verdict
from tests import ROOT

from .log import Log, Piece, present_state
from .parts import BUGGY, BUGGY_DRAWS, SCENARIOS, Part

PAGE = ROOT / "docs" / "verification_results.md"
Pieces = Mapping[str, Piece]

HEAD = """# Results of verification

Made by `python -m tests.results`; do not edit. What is tested and why: [verification.md](verification.md) and
[robustness.md](robustness.md).
"""


def write(parts: tuple[Part, ...], logs: Mapping[str, Log]) -> None:
    """Write the page."""
    found = {part.name: logs[part.name].newest(part.pieces) for part in parts}
    lines = [HEAD, *_summary(parts, found)]
    lines += [*_bank(found["bank"]), *_bugs(found["bugs"]), *_tests()]
    lines += [*_reports(found["reports"]), *_fuzz(found["fuzz"]), *_kills(found["kills"])]
    PAGE.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


# ------------------------------------------------------------------------------------------------- summary


def _summary(parts: tuple[Part, ...], found: Mapping[str, Pieces]) -> Iterator[str]:
    told = {"bank": _bank_told, "bugs": _bugs_told, "reports": _reports_told, "fuzz": _fuzz_told, "kills": _kills_told}
    yield "| part | what was run | what came of it | run on |\n|---|---|---|---|"
    for part in parts:
        pieces = found[part.name]
        missing = len(part.pieces) - len(pieces)
        left = f"; {missing} of {len(part.pieces)} pieces not run" if missing else ""
        what, came = told[part.name](pieces)
        yield f"| `{part.name}` | {what}{left} | {came} | {_states(pieces)} |"
    yield (
        "\nThe state of a program is the first twelve digits of the SHA-256 of its files and of the shipped workbooks. "
        f"This page was written on state `{present_state()}`; what was run on another state says so.\n"
    )


def _states(pieces: Pieces) -> str:
    """States and days on which pieces were run, with how many where there are several."""
    counted = Counter((piece.state, piece.day) for piece in pieces.values())
    several = len(counted) > 1
    return "; ".join(
        f"`{state}`, {day}{f' ({number} pieces)' if several else ''}"
        for (state, day), number in sorted(counted.items())
    )


def _bank_told(pieces: Pieces) -> tuple[str, str]:
    total = _verdicts(pieces)
    came = ", ".join(f"{total[verdict]} {verdict.value}" for verdict in Verdict)
    return f"{len(BANK)} tests on {len(pieces)} workbooks", came


def _verdicts(pieces: Pieces) -> Counter[str]:
    total = Counter[str]()
    for piece in pieces.values():
        total.update(piece.found["counts"])
    return total


def _bugs_told(pieces: Pieces) -> tuple[str, str]:
    caught = sum(bool(piece.found) for piece in pieces.values())
    return f"{len(pieces)} planted bugs", f"{caught} caught, {len(pieces) - caught} not"


def _reports_told(pieces: Pieces) -> tuple[str, str]:
    cells, numbers, differ = (sum(p.found.get(k, 0) for p in pieces.values()) for k in ("cells", "numbers", "differ"))
    equal = sum(p.found.get("bytes equal", False) for p in pieces.values())
    what = f"{len(pieces)} reports written and computed again"
    return what, f"{cells:,} cells compared, {numbers:,} of them numbers: {differ} differ; {equal} files byte-equal"


def _fuzz_counts(pieces: Pieces) -> Counter[str]:
    total = Counter[str]()
    for piece in pieces.values():
        total.update(piece.found["counts"])
    return total


def _fuzz_told(pieces: Pieces) -> tuple[str, str]:
    total = _fuzz_counts(pieces)
    return f"{sum(total.values()):,} mutated workbooks", f"{total['FAILED']} failed"


def _kills_told(pieces: Pieces) -> tuple[str, str]:
    total = Counter[str]()
    for piece in pieces.values():
        total.update(piece.found)
    whole = f"{total['whole'] + total['absent']:,} files looked at: {total['whole']:,} complete, "
    return f"{total['kills']} kills of a writer", f"{whole}{total['absent']:,} not there yet, none half written"


# ---------------------------------------------------------------------------------------------------- parts


def _bank(pieces: Pieces) -> Iterator[str]:
    yield f"## Shipped workbooks\n\n`markov verify` with {DRAWS} random draws and the workbook's own seed.\n"
    yield f"| workbook | {' | '.join(Verdict)} |\n|---|{'---|' * len(Verdict)}"
    for name, piece in pieces.items():
        yield f"| `{name}` | {' | '.join(str(piece.found['counts'][verdict.value]) for verdict in Verdict)} |"
    yield "\nEvery warning, with what was observed:\n\n| workbook | test | observed | reason |\n|---|---|---|---|"
    for name, piece in pieces.items():
        for identifier, title, _, observed, note in piece.found["noticed"]:
            yield f"| `{name}` | {identifier} {title} | {observed} | {note} |"


def _bugs(pieces: Pieces) -> Iterator[str]:
    yield "\n## Planted bugs and the tests that see them\n"
    without = " and ".join(SCENARIOS)
    yield f"Each bug planted alone; the bank, but for {without}, run on `{BUGGY}` with {BUGGY_DRAWS} draws.\n"
    yield "| bug | failed tests | which |\n|---|---|---|"
    for name, piece in pieces.items():
        yield f"| {name} | {len(piece.found)} | {', '.join(piece.found)} |"


def _tests() -> Iterator[str]:
    yield f"\n## Tests\n\n{len(BANK)} tests; the {sum(test.cheap for test in BANK)} of every report are marked.\n"
    yield "| id | theme | what should hold | what is done | in every report |\n|---|---|---|---|---|"
    for test in BANK:
        yield f"| {test.id} | {test.theme} | {test.title} | {test.done} | {'yes' if test.cheap else ''} |"


def _reports(pieces: Pieces) -> Iterator[str]:
    yield "\n## Reports computed again\n"
    yield (
        "Each command was run with its defaults; then `markov verify REPORT --repeat` computed the report again from "
        "the inputs that it carries, compared every cell, and wrote it anew.\n"
    )
    yield "| command | sheets | cells | of them numbers | differ | byte-equal |\n|---|---|---|---|---|---|"
    for command, piece in pieces.items():
        found = piece.found
        if "cells" not in found:
            yield f"| `markov {command}` | – | – | – | not verified: {found.get('told', '')} | – |"
            continue
        numbers = f"{found['sheets']} | {found['cells']:,} | {found['numbers']:,} | {found['differ']}"
        yield f"| `markov {command}` | {numbers} | {'yes' if found['bytes equal'] else 'no'} |"


def _fuzz(pieces: Pieces) -> Iterator[str]:
    yield "\n## Mutated workbooks\n"
    yield "| cases | refused with places | run to sound results | run, equal to the base | failed | run on |"
    yield "|---|---|---|---|---|---|"
    ordered = sorted(pieces.values(), key=lambda piece: (piece.day, piece.state))
    for _, group in groupby(ordered, key=lambda piece: (piece.day, piece.state)):
        some = {piece.name: piece for piece in group}
        total = _fuzz_counts(some)
        counts = [total[k] for k in ("refused", "run", "run, equal to the base", "FAILED")]
        yield f"| {sum(counts):,} | {' | '.join(f'{n:,}' for n in counts)} | {_states(some)} |"
    failures = [failure for piece in pieces.values() for failure in piece.found["failures"]]
    if failures:
        yield "\n| failed case | where | what was raised |\n|---|---|---|"
    for failure in failures:
        yield f"| {failure['case']} | {failure['where']} | {failure['error']} |"


def _kills(pieces: Pieces) -> Iterator[str]:
    yield "\n## Kills\n"
    yield "| piece | complete | not there yet | half written | hidden files left, then removed |\n|---|---|---|---|---|"
    for name, piece in pieces.items():
        counts = (piece.found.get(key, 0) for key in ("whole", "absent", "half", "left behind, then removed"))
        yield f"| {name} | {' | '.join(map(str, counts))} |"
