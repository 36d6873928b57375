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

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from markov.compiling import entry, loop
from markov.model.cohort import cause, either, pace
from markov.terms import Array

MONTHS, PER_YEAR, DISCOUNT = 480, 12.0, 0.035

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


def through_recursion(values: Array, workers: int = 1) -> Array:
    """Totals (rows, 6) by the project's compiled functions of a cycle, each thread with an equal part of the draws."""
    with ThreadPoolExecutor(workers) as pool:
        return np.concatenate(list(pool.map(_block, np.array_split(values, workers))))


def _block(values: Array) -> Array:
    spent = np.zeros((4, 2, len(values)))
    _spend(np.ascontiguousarray(values), background(), weights(), spent)
    return totals(columns(values), spent)


@entry
def _spend(values: Array, known: Array, weight: Array, spent: Array) -> None:
    """Weighted months of every draw and strategy, (4 states, 2 strategies, rows)."""
    for r in range(len(values)):
        for arm in range(2):
            _months(values[r], arm, known, weight, spent[:, arm, r])


@loop
def _months(p: Array, arm: int, known: Array, weight: Array, spent: Array) -> None:
    """One cohort, month by month: who is where at the boundaries, weighted and added up; one move a month."""
    shape, scale = p[0], np.log(2.0) / p[1] ** p[0]
    off = p[6] / PER_YEAR
    own, stops = (p[2], p[5]) if arm else (1.0, p[4])
    new = off * (p[7] if arm else 1.0)
    stopped, malignant = cause(stops / PER_YEAR), cause(new)
    malignant_after, malignant_progressed = cause(new * p[8]), cause(off * p[9])
    excess, excess_malignant = cause(p[11] / PER_YEAR), cause(p[12] / PER_YEAR)
    m, t, g, s, before = 1.0, 0.0, 0.0, 0.0, 0.0
    spent[0] += weight[0]
    for k in range(len(known)):
        reached = scale * (k + 1.0) ** shape
        rising, before = reached - before, reached
        dies, progress, after = cause(p[10] * known[k]), cause(own * rising), cause(p[3] * rising)
        leave_m = pace(either(either(stopped, progress), either(malignant, dies)), 0.0)
        leave_t = pace(either(either(after, malignant_after), dies), 0.0)
        leave_g = pace(either(either(malignant_progressed, excess), dies), 0.0)
        leave_s = pace(either(dies, excess_malignant), 0.0)
        from_m, from_t, from_g = m * leave_m.leave, t * leave_t.leave, g * leave_g.leave
        s = s * leave_s.stay + from_m * malignant.increment + from_t * malignant_after.increment
        s += from_g * malignant_progressed.increment
        g = g * leave_g.stay + from_m * progress.increment + from_t * after.increment
        t = t * leave_t.stay + from_m * stopped.increment
        m *= leave_m.stay
        spent[0] += weight[k + 1] * m
        spent[1] += weight[k + 1] * t
        spent[2] += weight[k + 1] * g
        spent[3] += weight[k + 1] * s


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
