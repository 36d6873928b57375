"""All combinations of the live switches that interact, recalculated in LibreOffice and compared with the engine.

    python -m tests.report.live.combinations                 two workbooks, everything: hours
    python -m tests.report.live.combinations --share 0.1     a random tenth
    python -m tests.report.live.combinations --count         how many there are

Each result is a line of a file of comma-separated values, written as soon as it is known; another start goes on where
the last one ended. Exit code 0: every total is the engine's to 1e-9; 1: one is not.
"""

import argparse
import csv
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from markov import Inputs, read_inputs, with_values
from markov.inputs.writing.template import shipped
from markov.report.live.writer import write_live_workbook

from .recalculation import TOLERANCE, Edits, largest_difference, recalculated, spoil
from .switches import Choice, edits_of, products, switches, whole_product, with_curve_from_progression

WORKBOOKS = ("calgb_100104", "myeloma_ix")
A_START = 40  # workbooks for one start of LibreOffice
SHORT = {"settings.horizon_years": 2.1}  # 28 cycles


def base(name: str) -> Inputs:
    """A shipped workbook of two years, with a curve from progression, and stops counted over one."""
    inputs = with_curve_from_progression(read_inputs(shipped(name)))
    treated = next(s for s in inputs.compared if s != inputs.reference)
    return with_values(inputs, {**SHORT, f"toxicity.period.{treated}": 12.0})


def known(path: Path) -> dict[str, float]:
    """Largest difference of each combination done before."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {line[0]: float(line[1]) for line in csv.reader(file) if len(line) == 3}


def title(name: str, row: Choice) -> str:
    """A combination in the file of results: the workbook, and the number of each switch's alternative."""
    return f"{name} {'-'.join(map(str, row))}"


def batches(rows: Sequence[Choice], size: int) -> Iterator[Sequence[Choice]]:
    """Rows in pieces."""
    yield from (rows[i : i + size] for i in range(0, len(rows), size))


def compare(name: str, rows: Sequence[Choice], options: Mapping[str, Sequence[Edits]]) -> list[tuple[str, float, str]]:
    """Title, largest relative difference and words of some combinations of a workbook."""
    inputs = base(name)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        source = write_live_workbook(inputs, place / "live.xlsx")
        files = [place / f"edit_{n}.xlsx" for n in range(len(rows))]
        for file, row in zip(files, rows, strict=True):
            spoil(source, file, edits_of(options, row))
        found = recalculated(files, place)
        return [
            (title(name, row), *largest_difference(values, with_values(inputs, dict(edits_of(options, row)))))
            for values, row in zip(found, rows, strict=True)
        ]


def run(share: float, path: Path) -> int:
    """Whatever of a share is not done yet; how many are not equal."""
    done = known(path)
    waiting = list[tuple[str, Sequence[Choice]]]()
    asked = 0
    for name in WORKBOOKS:
        rows = list(products(switches(base(name))))
        chosen = random.Random(1).sample(rows, round(share * len(rows)))
        asked += len(chosen)
        left = [row for row in chosen if title(name, row) not in done]
        waiting += [(name, piece) for piece in batches(left, A_START)]
    start, count, left_over = time.monotonic(), 0, sum(len(piece) for _, piece in waiting)
    print(f"{asked} combinations, of which {asked - left_over} are done")
    with path.open("a", encoding="utf-8", newline="") as file:
        for name, piece in waiting:
            lines = compare(name, piece, switches(base(name)))
            csv.writer(file).writerows(lines)
            file.flush()
            done |= {line[0]: line[1] for line in lines}
            count += len(piece)
            minutes = (time.monotonic() - start) / count * (left_over - count) / 60
            worst = max(done.values())
            print(
                f"{count} of {left_over}, largest relative difference {worst:.1e}, {minutes:.0f} min left", flush=True
            )
    wrong = sum(value > TOLERANCE for value in done.values())
    print(f"{len(done)} done, {wrong} not equal; largest relative difference {max(done.values(), default=0.0):.1e}")
    return wrong


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="a random share of the combinations, such as 0.1")
    parser.add_argument("--results", type=Path, default=Path("live_combinations.csv"), help="file of results")
    parser.add_argument("--count", action="store_true", help="count the combinations and stop")
    given = parser.parse_args()
    if given.count:
        for name in WORKBOOKS:
            options = switches(base(name))
            interacting = len(list(products(options)))
            print(f"{name}: {interacting} combinations of switches that interact, of {whole_product(options)} in all")
        return 0
    return 1 if run(given.share, given.results) else 0


if __name__ == "__main__":
    sys.exit(main())
