"""The command: runs what the logs do not hold of the present program, and writes the page."""

import argparse
import multiprocessing
import time
from collections.abc import Sequence
from pathlib import Path

from tests import ROOT

from .log import Log, Piece, present_state, today
from .page import PAGE, write
from .parts import Part, parts


def main() -> None:
    """Run the parts that are asked for, then write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.results", description=__doc__)
    parser.add_argument("--part", action="append", help="bank, bugs, reports, kills or fuzz; all unless named")
    parser.add_argument("--only", default="", metavar="TEXT", help="pieces whose name holds this text")
    parser.add_argument("--cases", type=int, default=20_000, help="cases of the fuzzer (20000)")
    parser.add_argument("--kills", type=int, default=300, help="kills of the writer (300)")
    parser.add_argument("--workers", type=int, default=1, help="pieces at the same time (1)")
    parser.add_argument("--keep", action="store_true", help="run only what was never run, on any state of the program")
    parser.add_argument("--page", action="store_true", help="run nothing: write the page from the logs")
    parser.add_argument("--log", type=Path, default=ROOT / "build" / "results", help="folder of the logs")
    chosen = parser.parse_args()
    every = parts(chosen.cases, chosen.kills)
    logs = {part.name: Log(chosen.log / f"{part.name}.jsonl") for part in every}
    if unknown := set(chosen.part or ()) - logs.keys():
        parser.error(f"there is no part {', '.join(unknown)}")
    for part in every:
        if not chosen.page and part.name in (chosen.part or logs):
            known = logs[part.name].newest(part.pieces)
            present = present_state()
            done = {name for name, piece in known.items() if chosen.keep or piece.state == present}
            left = [name for name in part.pieces if name not in done and chosen.only in name]
            run(part, left, logs[part.name], chosen.workers)
    write(every, logs)
    print(f"Written: {PAGE}")


def run(part: Part, names: Sequence[str], log: Log, workers: int) -> None:
    """Run some pieces and add each to the log as it is done."""
    state = present_state()
    with multiprocessing.Pool(workers) as pool:
        for number, (name, seconds, found) in enumerate(pool.imap_unordered(_timed, [(part, name) for name in names])):
            if present_state() != state:
                raise SystemExit(f"The program was changed while {name} was run: it is not counted.")
            log.add(Piece(name, state, today(), round(seconds, 1), found))
            print(f"{part.name} {number + 1} of {len(names)}: {name}, {seconds:.0f} s", flush=True)


def _timed(task: tuple[Part, str]) -> tuple[str, float, object]:
    part, name = task
    began = time.monotonic()
    found = part.do(name)
    return name, time.monotonic() - began, found


if __name__ == "__main__":
    main()
