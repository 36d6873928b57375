"""Every benchmark in one command: prints medians and ratios, and with --write keeps them with their picture.

python benchmarks/run.py                  # a few minutes
python benchmarks/run.py --full --write   # up to 1,000,000 rows; writes docs/speed_measured.md and its picture
"""

import argparse
import datetime
import platform
from pathlib import Path

import against_others
import analyses
import engine
import numpy as np
import profiles
import scipy

from markov.report.page import Chart, Column, Series, Table
from markov.report.writers.html_charts import chart_svg

DOCS = Path(__file__).parents[1] / "docs"


def main() -> None:
    """Run all sections; print them, and write them if asked."""
    parser = argparse.ArgumentParser(description="Speed and memory: medians of interleaved rounds, nothing asserted.")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each measurement (5)")
    parser.add_argument("--full", action="store_true", help="up to 1,000,000 rows instead of 100,000")
    parser.add_argument("--write", action="store_true", help="write docs/speed_measured.md and its picture")
    options = parser.parse_args()
    largest = 1_000_000 if options.full else 100_000
    lines = [
        "# Speed, measured",
        "",
        f"Made by `python benchmarks/run.py` on {datetime.date.today()}; do not edit. {_machine()}.",
        "",
    ]
    for section in (
        lambda: against_others.section(options.rounds, largest),
        lambda: engine.section(options.rounds, largest),
        lambda: analyses.section(options.rounds, 10_000),
        lambda: profiles.section(10_000, 256),
    ):
        part = section()
        print("\n".join([*part, ""]), flush=True)
        lines += [*part, ""]
    if options.write:
        (DOCS / "speed_measured.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
        (DOCS / "pictures" / "speed.svg").write_text(picture(lines), encoding="utf-8")


def _machine() -> str:
    from os import cpu_count

    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}"
    return f"{platform.system()} {platform.machine()}, {_processor()}, {cpu_count()} processors, {versions}"


def _processor() -> str:
    """The processor's name, where the system tells it."""
    told = Path("/proc/cpuinfo")
    names = [line for line in told.read_text().splitlines() if line.startswith("model name")] if told.exists() else []
    return names[0].split(":", 1)[1].strip() if names else platform.processor() or "processor not named"


def picture(lines: list[str]) -> str:
    """Time of a draw of the work item by program, on a scale of powers of ten."""
    start = next(i for i, line in enumerate(lines) if line.startswith("| program |")) + 2
    cells = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        cells.append([cell.strip() for cell in line.strip("|").split("|")])
    rows = tuple((name, float(np.log10(float(each.replace(",", ""))))) for name, _, _, each, _ in cells)
    table = Table("Work item", (Column("Program"), Column("log10 of µs a draw")), rows, "item")
    series = (Series("µs a draw, power of ten", "Speed", "item", 0, 1, "#2F6DB5"),)
    title = "One draw of a two-strategy model: each whole number to the right is ten times longer"
    chart = Chart("horizontal", title, "", "Microseconds a draw (power of ten)", series, y_format="0.0", legend=False)
    drawn = chart_svg(chart, {("Speed", "item"): table}, "speed")
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"  # a file of its own needs it


if __name__ == "__main__":
    main()
