"""The fuzzer's command line: run many cases, or one again; with a log it goes on where it was stopped."""

import argparse
import json
import multiprocessing
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from . import oracle

BLOCK = 50


def run_block(task: tuple[int, int, int]) -> dict[str, Any]:
    """Counts of verdicts and all failures of some cases in a row."""
    seed, start, end = task
    counts: Counter[str] = Counter()
    failures: list[dict[str, Any]] = []
    for number in range(start, end):
        try:
            verdict, _ = oracle.judge(seed, number)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            verdict = "FAILED"
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(last.filename).name}:{last.lineno}"
            failures.append({"case": number, "error": f"{type(error).__name__}: {str(error)[:400]}", "where": where})
        counts[verdict] += 1
    return {"seed": seed, "start": start, "end": end, "counts": dict(counts), "failures": failures}


def main() -> None:
    """Run the cases that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=500, help="how many (500)")
    parser.add_argument("--start", type=int, default=0, help="number of the first (0)")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other cases (1)")
    parser.add_argument("--workers", type=int, default=1, help="processes (1)")
    parser.add_argument(
        "--log", type=Path, help="a file of results, one line a block of cases: what it holds is not run again"
    )
    parser.add_argument("--case", type=int, help="run this case alone, and print its mutations and what is said of it")
    chosen = parser.parse_args()
    if chosen.case is not None:
        print(*oracle.told(chosen.seed, chosen.case)[:20], sep="\n")
        print(*oracle.judge(chosen.seed, chosen.case), sep="\n")
        return
    done = (
        [json.loads(line) for line in chosen.log.read_text().splitlines()] if chosen.log and chosen.log.exists() else []
    )
    known = {(block["seed"], block["start"], block["end"]) for block in done}
    end = chosen.start + chosen.cases
    tasks = [(chosen.seed, i, min(i + BLOCK, end)) for i in range(chosen.start, end, BLOCK)]
    began, counts = time.monotonic(), Counter[str]()
    for block in done:
        if (block["seed"], block["start"], block["end"]) in tasks:
            counts.update(block["counts"])
    with multiprocessing.Pool(chosen.workers) as pool:
        for block in pool.imap_unordered(run_block, [task for task in tasks if task not in known]):
            counts.update(block["counts"])
            for failure in block["failures"]:
                print(f"case {failure['case']} {failure['where']}: {failure['error']}", flush=True)
            if chosen.log:
                with chosen.log.open("a") as log:
                    log.write(json.dumps(block) + "\n")
    told = ", ".join(f"{count:,} {verdict}" for verdict, count in sorted(counts.items()))
    print(f"{sum(counts.values()):,} cases, seed {chosen.seed}: {told} ({time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    main()
