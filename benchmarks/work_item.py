"""The common work item: five states, two strategies, 480 months, 25 drawn parameters, so that implementations compare.

On maintenance or under observation (M), stopped for toxicity (T), progressed (P), second malignancy (S), dead. In month
t, from the time t to t + 1, with ΔH₀ = λ·((t + 1)^k − t^k), λ = ln 2/median^k, and b = SMR/12·exp(−4.3 + 0.095·t/12):

    M: stops → T, hazard ratio·ΔH₀ → P, second malignancies → S, b → dead
    T: ratio after stopping·ΔH₀ → P, ratio·second malignancies → S, b → dead
    P: ratio·second malignancies under observation → S, b + excess → dead
    S: b + excess → dead

1 − e^(−ΔH) leave a state with increments ΔH, in proportion to them. Totals weigh the 481 boundaries by ½, 1, …, 1, ½
and discount each by 1.035^(−t/12). The parameters are made for speed; they are no evidence.
"""

import numpy as np
from markov.model.transitions import Exit, Moves, exit_of_origin, in_half_a_cycle

from markov.model.cohort import run_batches
from markov.model.structure import Structure
from markov.terms import Array

MONTHS, PER_YEAR, DISCOUNT = 480, 12.0, 0.035
STRUCTURE = Structure.of("MTPSD", [*("MT", "MP", "MS", "MD"), *("TP", "TS", "TD"), *("PS", "PD"), "SD"])
BATCH = 16  # months whose payoffs are added together
BLOCK = 4096  # draws: what a block needs fits the cache

PARAMETERS = {  # name: mean, coefficient of variation, family
    "shape": (1.15, 0.08, "lognormal"),
    "median": (24.0, 0.10, "lognormal"),
    "ratio": (0.50, 0.12, "lognormal"),
    "ratio_after_stopping": (0.95, 0.10, "lognormal"),
    "stops_observation": (0.02, 0.30, "lognormal"),
    "stops_maintenance": (0.15, 0.20, "lognormal"),
    "malignancies": (0.010, 0.25, "lognormal"),
    "malignancies_ratio": (2.00, 0.25, "lognormal"),
    "malignancies_after_stopping": (0.90, 0.15, "lognormal"),
    "malignancies_after_progression": (1.10, 0.15, "lognormal"),
    "smr": (1.10, 0.05, "lognormal"),
    "excess_progression": (0.20, 0.12, "lognormal"),
    "excess_malignancy": (0.28, 0.20, "lognormal"),
    "utility_observation": (0.80, 0.04, "beta"),
    "utility_maintenance": (0.78, 0.04, "beta"),
    "utility_stopped": (0.74, 0.05, "beta"),
    "utility_progression": (0.62, 0.06, "beta"),
    "utility_malignancy": (0.58, 0.08, "beta"),
    "cost_observation": (60.0, 0.15, "gamma"),
    "cost_maintenance": (4300.0, 0.08, "gamma"),
    "cost_monitoring": (180.0, 0.15, "gamma"),
    "cost_stopped": (240.0, 0.20, "gamma"),
    "cost_progression": (5200.0, 0.15, "gamma"),
    "cost_malignancy": (3800.0, 0.20, "gamma"),
    "cost_progression_ratio": (0.95, 0.05, "lognormal"),
}
NAMES = tuple(PARAMETERS)
OUTCOMES = tuple(f"{what}_{arm}" for arm in ("observation", "maintenance") for what in ("cost", "qaly", "life_years"))


def draws(rows: int, seed: int = 1) -> Array:
    """Random parameters, (rows, 25)."""
    random = np.random.default_rng(seed)
    return np.stack([_drawn(random, *PARAMETERS[name], rows) for name in NAMES], axis=1)


def _drawn(random: np.random.Generator, mean: float, variation: float, family: str, rows: int) -> Array:
    if family == "lognormal":
        variance = np.log1p(variation**2)
        return random.lognormal(np.log(mean) - variance / 2.0, np.sqrt(variance), rows)
    if family == "gamma":
        return random.gamma(variation**-2, mean * variation**2, rows)
    size = mean * (1.0 - mean) / (mean * variation) ** 2 - 1.0
    return random.beta(mean * size, (1.0 - mean) * size, rows)


def columns(values: Array) -> dict[str, Array]:
    """Parameters by name, each (rows,)."""
    return dict(zip(NAMES, np.ascontiguousarray(values.T), strict=True))


def background() -> Array:
    """Background increments per month at an SMR of 1, (480,)."""
    return np.asarray(np.exp(-4.3 + 0.095 * np.arange(MONTHS) / PER_YEAR) / PER_YEAR)


def weights() -> Array:
    """Trapezium weight × discount factor at the boundaries, (481,)."""
    ends = np.ones(MONTHS + 1)
    ends[[0, -1]] = 0.5
    return np.asarray(ends * (1.0 + DISCOUNT) ** (-np.arange(MONTHS + 1) / PER_YEAR))


def through_recursion(values: Array) -> Array:
    """Totals (rows, 6) by the project's cohort engine, in blocks that fit the cache."""
    blocks = range(0, len(values), BLOCK)
    return np.concatenate([_block(columns(values[start : start + BLOCK])) for start in blocks])


def _block(p: dict[str, Array]) -> Array:
    rule, weight = _Rule(p), weights()
    initial = np.zeros((5, 2, len(p["shape"])))
    initial[0] = 1.0
    spent = weight[0] * initial[:4]
    for part in run_batches(STRUCTURE, initial, MONTHS, rule, half_cycle_exposure=False, batch=BATCH, flows=False):
        ends = part.occupancy[1:, :4]
        spent += np.einsum("t,tsan->san", weight[part.first + 1 : part.first + 1 + len(ends)], ends)
    return totals(p, spent)


class _Rule:
    """Increments of month t, (strategies, rows); what is the same for both strategies is computed once."""

    def __init__(self, p: dict[str, Array]):
        one = np.ones_like(p["shape"])
        self.shape, self.smr = p["shape"], p["smr"]
        self.scale = np.log(2.0) / p["median"] ** p["shape"]
        self.ratios = np.stack([one, p["ratio"]])
        self.after = p["ratio_after_stopping"]
        self.stops = np.stack([p["stops_observation"], p["stops_maintenance"]]) / PER_YEAR
        off = p["malignancies"] / PER_YEAR
        self.malignancies = off * np.stack([one, p["malignancies_ratio"]])
        self.malignancies_after = self.malignancies * p["malignancies_after_stopping"]
        self.malignancies_progressed = off * p["malignancies_after_progression"]
        self.excess = [p[f"excess_{state}"] / PER_YEAR for state in ("progression", "malignancy")]
        self.leaving = self.stops + self.malignancies  # of M, besides progression and death
        self.leaving_progression = self.malignancies_progressed + self.excess[0]
        self.known, self.before = background(), np.zeros_like(one)

    def __call__(self, t: int, occupancy: Array) -> Moves:
        """What moves in month t."""
        del occupancy
        reached = self.scale * (t + 1.0) ** self.shape
        rising, self.before = reached - self.before, reached
        dies = self.smr * self.known[t]
        progresses, progresses_after = self.ratios * rising, self.after * rising
        dies_progressed, dies_malignant = dies + self.excess[0], dies + self.excess[1]
        hazards = [
            *(self.stops, progresses, self.malignancies, dies),
            *(progresses_after, self.malignancies_after, dies),
            *(self.malignancies_progressed, dies_progressed, dies_malignant),
        ]
        leaving = self.leaving + progresses
        leaving += dies
        leaving_after = self.malignancies_after + (progresses_after + dies)
        exits = [_exit(total) for total in (leaving, leaving_after, self.leaving_progression + dies, dies_malignant)]
        return Moves(STRUCTURE, hazards, [*exits, _exit(np.ones(1))])


def _exit(total: Array) -> Exit:
    return exit_of_origin(total, in_half_a_cycle(2.0 * total))


def totals(p: dict[str, Array], spent: Array) -> Array:
    """Cost, QALYs and life-years by strategy, (rows, 6), from weighted months (4 states, 2 strategies, rows)."""
    found = []
    for i, arm in enumerate(("observation", "maintenance")):
        on, stopped, progressed, malignant = spent[:, i]
        ratio = p["cost_progression_ratio"] if i else 1.0
        cost = on * (p[f"cost_{arm}"] + p["cost_monitoring"]) + stopped * p["cost_stopped"]
        cost = cost + progressed * p["cost_progression"] * ratio + malignant * p["cost_malignancy"]
        qaly = on * p[f"utility_{arm}"] + stopped * p["utility_stopped"]
        qaly = qaly + progressed * p["utility_progression"] + malignant * p["utility_malignancy"]
        found += [cost, qaly / PER_YEAR, spent[:, i].sum(axis=0) / PER_YEAR]
    return np.stack(found, axis=1)
