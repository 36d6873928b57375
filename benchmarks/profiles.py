"""Where the time goes: a probabilistic analysis, a Sobol analysis and a report, by the file whose code ran.

Time inside NumPy counts for the line that called it, since ufuncs do not show in a profile. One process, so that all of
the work is seen.
"""

import cProfile
import pstats
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from engine import FLAGSHIP, TRIAL
from measuring import figures, table

from markov import base_case, read_inputs
from markov.analysis.sensitivity.everything import deterministic
from markov.analysis.uncertainty.sample import draw_sample
from markov.analysis.uncertainty.sobol import sobol_analysis
from markov.inputs.writing.template import shipped
from markov.report.reports import write_report

SHOWN = 6


def section(draws: int, points: int) -> list[str]:
    """Shares of the time of the three jobs by file; Markdown lines."""
    flagship, trial = read_inputs(shipped(FLAGSHIP)), read_inputs(shipped(TRIAL))
    base = base_case(trial)
    found = deterministic(trial, base)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "report.xlsx"
        jobs: dict[str, Callable[[], object]] = {
            f"Probabilistic analysis of the flagship, {draws:,} draws": lambda: draw_sample(
                flagship, draws, traced=False, workers=1
            ),
            f"Sobol analysis of the trial, {points} points": lambda: sobol_analysis(trial, points, workers=1),
            "Report of the trial with the live model": lambda: write_report(
                base, target, deterministic=found, live=True
            ),
        }
        lines = ["## Where the time goes", ""]
        for name, job in jobs.items():
            lines += [f"### {name}", "", *table(["file", "share of the time"], shares(job)), ""]
    return lines


def shares(job: Callable[[], object]) -> list[list[str]]:
    """The files with the largest shares, after one run that does not count."""
    job()
    profile = cProfile.Profile()
    profile.runcall(job)
    spent: Counter[str] = Counter()
    for (file, _, name), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        spent[_place(file, name)] += own
    total = sum(spent.values())
    return [[f"`{place}`", f"{figures(100.0 * own / total)} %"] for place, own in spent.most_common(SHOWN)]


def _place(file: str, name: str) -> str:
    """The file within this project or its package; functions built into Python by name."""
    parts = Path(file).parts
    for root in ("markov", "site-packages"):
        if root in parts:
            where = len(parts) - 1 - parts[::-1].index(root)
            return "/".join(parts[where + (root != "markov") :])
    plain = re.sub(r" at 0x[0-9a-f]+|[<>]", "", name)
    return plain if file in ("~", "") or file.startswith("<") else Path(file).name


if __name__ == "__main__":
    print("\n".join(section(draws=2_000, points=64)))
