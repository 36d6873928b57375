"""Draws the patients of an invented trial and clicks on their curves: python docs/examples/invented_trial.py.

Two arms of 200 patients; time to progression or death is Weibull of shape 1.3 with medians of 24 and 38 months, so the
hazard ratio is (24/38)^1.3 = 0.55; censoring is even between 30 and 66 months. Each curve is clicked every month and
a half with an error of 0.4 % of the axis. Nothing here is a real trial: it shows what `markov fit` gets back.
"""

import csv
from pathlib import Path

import numpy as np

from markov.survival.kaplan_meier import kaplan_meier
from markov.survival.records import Records

SHAPE, PATIENTS, MEDIANS = 1.3, 200, {"no_maintenance": 24.0, "lenalidomide": 38.0}
SOURCE = "Invented trial, for illustration only"


def main() -> None:
    """Write the rows of the sheet Kaplan-Meier beside this file."""
    random = np.random.default_rng(20)
    rows: list[tuple[str, str, str, float, float]] = []
    for strategy, median in MEDIANS.items():
        scale = median / np.log(2.0) ** (1.0 / SHAPE)
        progressed, censored = scale * random.weibull(SHAPE, PATIENTS), random.uniform(30.0, 66.0, PATIENTS)
        times, events = np.minimum(progressed, censored), progressed <= censored
        curve = kaplan_meier(Records(times, events))
        clicks = np.arange(0.0, times.max(), 1.5)
        survival = np.clip(curve.at(clicks) + random.normal(0.0, 0.004, clicks.size) * (clicks > 0), 0.0, 1.0)
        rows += [(strategy, "pfs", "survival", t, round(s, 3)) for t, s in zip(clicks, survival, strict=True)]
        rows += [(strategy, "pfs", "at_risk", t, float((times >= t).sum())) for t in np.arange(0.0, times.max(), 12.0)]
        rows.append((strategy, "pfs", "events", 0.0, float(events.sum())))
    with (Path(__file__).parent / "invented_trial.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["strategy", "endpoint", "quantity", "months", "value", "source", "status"])
        writer.writerows([*row, SOURCE, "assumption"] for row in rows)


if __name__ == "__main__":
    main()
