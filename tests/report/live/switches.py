"""The switches of the live model: alternatives, sets in which every two meet, and products of those that interact.

Where the cohort is depends on one group of switches, what that is worth on another. Formulas of the second group read
occupancy and shares on drug from the first and hand nothing back. What they share, the treatment window and the share
that starts, stands in both.
"""

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence

from markov import Inputs, with_values

from .recalculation import Edits

COHORT = (
    "after progression",
    "within a cycle",
    "crossing",
    "family",
    "waning",
    "window",
    "stops",
    "after stopping",
)
PAYOFFS = ("correction", "discounting", "utilities", "prices", "within a cycle", "window", "stops")


def switches(inputs: Inputs) -> dict[str, list[Edits]]:
    """Alternatives of each switch; the first is that of the shipped workbooks.

    Times lie within two years, so that a short model meets them all.
    """
    s = next(s for s in inputs.compared if s != inputs.reference)
    family, median = f"pfs.family.{s}", {f"pfs.median.{s}": 30.0}
    return {
        "after progression": [
            {"settings.post_progression": "overall_survival"},
            {"settings.post_progression": "rate", "settings.post_progression_rate": "common"},
            {"settings.post_progression": "rate", "settings.post_progression_rate": "by_strategy"},
            *_by_curve(inputs),
        ],
        "within a cycle": [{"settings.within_cycle": w} for w in ("half_cycle_exposure", "one_move")],
        "correction": [{"settings.correction": c} for c in ("half_cycle", "start", "end", "simpson")],
        "discounting": [
            {"settings.discounting": "exact_time"},
            {"settings.discounting": "whole_years"},
            {
                "settings.discount_change_years": 1.5,
                "settings.discount_rate_later.costs": 0.01,
                "settings.discount_rate_later.effects": 0.02,
            },
        ],
        "crossing": [{"settings.crossing": c} for c in ("cap_hazard", "cap_curve", "error")],
        "utilities": [
            {"settings.age_adjustment": a, "settings.utility_cap": c} for a in ("on", "off") for c in ("on", "off")
        ],
        "prices": [{"settings.price_set": p} for p in ("brand", "generic")],
        "family": [
            {},
            {family: "exponential", **median},
            {family: "weibull", **median, f"pfs.shape.{s}": 1.2},
            {family: "gompertz", **median, f"pfs.shape.{s}": -0.01},
            {family: "log_normal", **median, f"pfs.sdlog.{s}": 1.1},
            {family: "log_logistic", **median, f"pfs.shape.{s}": 1.5},
            {family: "gamma", **median, f"pfs.shape.{s}": 0.8},
            {family: "generalised_gamma", **median, f"pfs.sigma.{s}": 1.0, f"pfs.q.{s}": 0.4},
            {family: "generalised_gamma", **median, f"pfs.sigma.{s}": 1.0, f"pfs.q.{s}": -0.4},
            {family: "hazard_ratio", f"pfs.hazard_ratio.{s}": 0.5},
            {family: "time_ratio", f"pfs.time_ratio.{s}": 1.7},
        ],
        "waning": [{}, {f"pfs.waning_start.{s}": 6.0, f"pfs.waning_end.{s}": 18.0}],
        "window": [{}, {f"treatment.planned_stop.{s}": 16.0}, {f"treatment.start.{s}": 2.5}],
        "stops": [{}, {f"treatment.share_starting.{s}": 0.7}],
        "after stopping": [
            {},
            {f"toxicity.progression_ratio.{s}": 1.4},
            {f"toxicity.after_stopping.{s}": "effect_lost"},
        ],
    }


def _by_curve(inputs: Inputs) -> list[Edits]:
    """What a curve from progression may count, where the base case has one."""
    if inputs.text("settings.post_progression") != "time_since_progression":
        return []
    return [
        {"settings.post_progression": "time_since_progression", "settings.post_progression_mortality": counts}
        for counts in ("all_cause", "excess")
    ]


def pairwise(options: Mapping[str, Sequence[Edits]], seed: int) -> list[Edits]:
    """Combinations in which any two alternatives of two switches meet at least once, found greedily."""
    chance, names = random.Random(seed), list(options)
    pairs = {
        ((a, i), (b, j))
        for a, b in itertools.combinations(names, 2)
        for i in range(len(options[a]))
        for j in range(len(options[b]))
    }
    rows: list[Edits] = []
    while pairs:
        best: tuple[int, dict[str, int]] = (-1, {})
        for _ in range(60):
            (a, i), (b, j) = chance.choice(sorted(pairs))
            row = {name: chance.randrange(len(options[name])) for name in names} | {a: i, b: j}
            met = sum(pair in pairs for pair in itertools.combinations(row.items(), 2))
            best = max(best, (met, row), key=lambda scored: scored[0])
        pairs -= set(itertools.combinations(best[1].items(), 2))
        rows.append({k: v for name, i in best[1].items() for k, v in options[name][i].items()})
    return rows


def with_curve_from_progression(inputs: Inputs) -> Inputs:
    """Deaths after progression by a curve: the base case under which every alternative is a live switch."""
    curve: Edits = {"family": "weibull", "shape": 1.1, "scale": 60.0}
    changes = {f"pps.{name}.{s}": value for name, value in curve.items() for s in inputs.compared}
    return with_values(inputs, {"settings.post_progression": "time_since_progression", **changes})


Choice = tuple[int, ...]


def whole_product(options: Mapping[str, Sequence[Edits]]) -> int:
    """How many combinations all switches have."""
    return math.prod(len(alternatives) for alternatives in options.values())


def products(options: Mapping[str, Sequence[Edits]]) -> Iterator[Choice]:
    """All combinations within each group; the switches outside it take turns at random, so that they vary too."""
    chance = random.Random(7)
    seen: set[Choice] = set()
    for group in (COHORT, PAYOFFS):
        for chosen in itertools.product(*(range(len(options[name])) for name in group)):
            fixed = dict(zip(group, chosen, strict=True))
            row = tuple(fixed.get(name, chance.randrange(len(options[name]))) for name in options)
            if row not in seen:
                seen.add(row)
                yield row


def edits_of(options: Mapping[str, Sequence[Edits]], row: Choice) -> dict[str, float | str]:
    """What a combination changes."""
    return {k: v for i, alternatives in zip(row, options.values(), strict=True) for k, v in alternatives[i].items()}
