"""The work item by this project's engine and by other programs, in one run."""

import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import peers
import work_item
from measuring import Timed, figures, interleaved, own_peak, peak_memory, table

DRAWS = {
    "heormodel": 30,
    "PyHEOR": 3,
    "base R, draws as vectors": 1_000,
    "hesim": 200,
    "heemod": 3,
}  # what others take milliseconds for is timed on few draws
SCALING = (1_000, 10_000, 100_000, 1_000_000)
OURS, OURS_ALONE = "this project, 2 threads", "this project, 1 thread"


def section(rounds: int, largest: int) -> list[str]:
    """Times per draw, ratios, and how they grow with the number of draws; Markdown lines."""
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    with tempfile.TemporaryDirectory() as folder:
        others = dict(peers.found(Path(folder)))
        lines = ["## One work item, several programs", "", *_compared(others, rounds, min(100_000, largest))]
        lines += ["", *_scaling(rounds, largest), "", *_memory(largest)]
    missing = [name for name, peer in others.items() if peer is None]
    return [*lines, *([f"Not installed here, and left out: {', '.join(missing)}."] if missing else [])]


def _compared(others: dict[str, peers.Peer | None], rounds: int, draws: int) -> list[str]:
    """Every program on as many draws as it can bear, its totals checked first."""
    values = work_item.draws(draws)
    ours = work_item.through_recursion(values[:50])
    actions: dict[str, tuple[Callable[[], object], int]] = {
        OURS: (partial(work_item.through_recursion, values, 2), draws),
        OURS_ALONE: (partial(work_item.through_recursion, values), draws),
    }
    for name, peer in others.items():
        if peer is not None:
            count = min(DRAWS.get(name, draws), draws)
            gap = float(np.nanmax(np.abs(peer(values[: min(count, 50)]) / ours[: min(count, 50)] - 1.0)))
            assert gap < 1e-10, f"{name} computes something else: {gap:.1e}"
            actions[name] = partial(peer, values[:count]), count
    times = interleaved({name: action for name, (action, _) in actions.items()}, rounds)
    each = {name: times[name].median / count for name, (_, count) in actions.items()}
    rows = [_row(name, times[name], actions[name][1], each[name] / each[OURS]) for name in sorted(each, key=each.get)]
    words = f"Medians of {rounds} interleaved rounds; totals agree to 1e-10 first. The compiled twin runs on 2 threads."
    return [words, "", *table(["program", "draws", "whole run, median (range)", "µs a draw", "× ours"], rows)]


def _row(name: str, timed: Timed, draws: int, ratio: float) -> list[str]:
    return [name, f"{draws:,}", str(timed), figures(timed.median / draws * 1e6), figures(ratio)]


def _scaling(rounds: int, largest: int) -> list[str]:
    sizes = [size for size in SCALING if size <= largest]
    values = {size: work_item.draws(size) for size in sizes}
    times = interleaved({f"{size:,}": partial(work_item.through_recursion, values[size]) for size in sizes}, rounds)
    rows = [
        [name, str(t), figures(t.median / size * 1e6)] for (name, t), size in zip(times.items(), sizes, strict=True)
    ]
    return ["### By number of draws, 1 process", "", *table(["draws", "median (range)", "µs a draw"], rows)]


def _memory(largest: int) -> list[str]:
    """Peak memory of a process of its own that makes draws block by block and keeps only a sum."""
    rows = [[f"{size:,}", peak_memory(__file__, size)] for size in sorted({1_000, 100_000, largest})]
    return ["### Memory", "", *table(["draws through a sink", "peak of the process (MB)"], rows), ""]


def run_into_a_sink(size: int) -> None:
    """Make draws in blocks, run them and keep a sum; print this process's peak memory."""
    total, block = np.zeros(6), work_item.draws(work_item.BLOCK)
    for start in range(0, size, len(block)):
        total += work_item.through_recursion(block[: size - start]).sum(axis=0)
    print(own_peak())


if __name__ == "__main__":
    if sys.argv[1:2] == ["memory"]:
        run_into_a_sink(int(sys.argv[2]))
    else:
        print("\n".join(section(rounds=3, largest=100_000)))
