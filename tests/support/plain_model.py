"""The model in plain Python, written from the specification: dictionaries, one cycle at a time.

Nothing of the package computes a value here: units, curves, life table, stops, recursion, discounting and payoffs are
written out again. Curves come from `math` and, for the generalised F, from SciPy's F distribution.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from scipy import stats
from scipy.optimize import brentq

from markov.inputs.parameters import Inputs
from markov.terms import CostCategory, QalyComponent, State

DAYS, MONTHS, PACK_DAYS = 365.25, 12.0, 28.0
M, T, P, H, S, D = (state.value for state in State)
FORWARD = {M: (T, P, H, S, D), T: (P, H, S, D), P: (H, S, D), H: (D,), S: (D,)}
LARGEST = 40.0


# The workbook's numbers, in years ----------------------------------------------------------------------------------


def given(inputs: Inputs, identifier: str) -> bool:
    row = inputs.parameters.get(identifier)
    return row is not None and row.value is not None


def raw(inputs: Inputs, identifier: str, otherwise: float = 0.0) -> float:
    """As typed, whatever the unit; `otherwise` is the default of the design where there is no value."""
    return float(str(inputs.parameters[identifier].value)) if given(inputs, identifier) else otherwise


def chosen(inputs: Inputs, identifier: str, otherwise: str = "") -> str:
    return str(inputs.parameters[identifier].value) if given(inputs, identifier) else otherwise


def per_year(inputs: Inputs, identifier: str) -> float:
    """A rate per month, per year or per 100 patient-years."""
    unit = inputs.parameters[identifier].unit if given(inputs, identifier) else "per year"
    return raw(inputs, identifier) * {"per month": MONTHS, "per year": 1.0, "per 100 patient-years": 0.01}[unit]


def years(inputs: Inputs, identifier: str, otherwise: float = 0.0) -> float:
    """A time in months."""
    assert not given(inputs, identifier) or inputs.parameters[identifier].unit == "months"
    return raw(inputs, identifier) / MONTHS if given(inputs, identifier) else otherwise


def money(inputs: Inputs, identifier: str) -> float:
    """An amount, per year where it is a rate, at the prices of the report's year."""
    if not given(inputs, identifier):
        return 0.0
    row = inputs.parameters[identifier]
    words = row.unit.removeprefix("GBP per ")
    times = {"28 days": DAYS / PACK_DAYS, "month": MONTHS}.get(words, 1.0)
    if row.price_year is not None:
        index = inputs.price_index
        times *= index[round(raw(inputs, "settings.price_year"))] / index[round(row.price_year)]
    return raw(inputs, identifier) * times


# Hazards -----------------------------------------------------------------------------------------------------------


def curve(inputs: Inputs, endpoint: str, strategy: str, months: float) -> float:
    """Cumulative hazard of a strategy's own curve."""
    family = chosen(inputs, f"{endpoint}.family.{strategy}")
    reference = chosen(inputs, f"{endpoint}.reference.{strategy}") or chosen(inputs, "settings.reference")
    if months <= 0.0:
        return 0.0
    if family == "hazard_ratio":
        return raw(inputs, f"{endpoint}.hazard_ratio.{strategy}") * curve(inputs, endpoint, reference, months)
    if family == "time_ratio":
        return curve(inputs, endpoint, reference, months / raw(inputs, f"{endpoint}.time_ratio.{strategy}"))
    number = {name: raw(inputs, f"{endpoint}.{name}.{strategy}") for name in ("median", "rate", "scale", "shape")}
    if family == "exponential":
        return (number["rate"] or math.log(2.0) / number["median"]) * months
    if family == "weibull":
        scale = number["scale"] or number["median"] / math.log(2.0) ** (1.0 / number["shape"])
        return float((months / scale) ** number["shape"])
    if family == "log_logistic":
        return math.log1p((months / (number["scale"] or number["median"])) ** number["shape"])
    if family == "log_normal":
        mean, sd = raw(inputs, f"{endpoint}.meanlog.{strategy}"), raw(inputs, f"{endpoint}.sdlog.{strategy}")
        return -math.log(0.5 * math.erfc((math.log(months) - mean) / sd / math.sqrt(2.0)))
    assert family == "generalised_f", family
    mu, sigma, q, p = (raw(inputs, f"{endpoint}.{name}.{strategy}") for name in ("mu", "sigma", "q", "p"))
    delta = math.sqrt(q * q + 2.0 * p)
    s1, s2 = 2.0 / (delta * delta + q * delta), 2.0 / (delta * delta - q * delta)
    ratio = math.exp(delta * (math.log(months) - mu) / sigma)
    return -float(stats.f.logsf(ratio, 2.0 * s1, 2.0 * s2))


def waned_increments(inputs: Inputs, endpoint: str, strategy: str, times: list[float]) -> list[float]:
    """ΔH = w·ΔH_own + (1 − w)·ΔH_ref, w at mid-cycle."""
    reference = chosen(inputs, f"{endpoint}.reference.{strategy}") or chosen(inputs, "settings.reference")
    own, other = (
        [b - a for a, b in pairwise(curve(inputs, endpoint, s, MONTHS * t) for t in times)]
        for s in (strategy, reference)
    )
    if not given(inputs, f"{endpoint}.waning_end.{strategy}"):
        return own
    first, last = (years(inputs, f"{endpoint}.waning_{end}.{strategy}") for end in ("start", "end"))
    found = []
    for k, (a, b) in enumerate(zip(own, other, strict=True)):
        middle = 0.5 * (times[k] + times[k + 1])
        w = 1.0 if middle <= first else 0.0 if middle >= last else (last - middle) / (last - first)
        found.append(w * a + (1.0 - w) * b)
    return found


def background_increments(inputs: Inputs, times: list[float]) -> list[float]:
    """Sexes mixed by survivors, year of age by year of age."""
    age, female = raw(inputs, "cohort.age"), raw(inputs, "cohort.proportion_female")
    table = inputs.life_table
    quotients = {round(a): (m, f) for a, m, f in zip(table.ages, table.male, table.female, strict=True)}

    def survival(sex: int, t: float) -> float:
        hazard, now = 0.0, age
        while now < age + t:
            following = min(math.floor(now) + 1.0, age + t)
            q = quotients[min(math.floor(now), max(quotients))][sex]
            hazard += -math.log(1.0 - q) * (following - now)
            now = following
        return math.exp(-hazard)

    logs = [-math.log(female * survival(1, t) + (1.0 - female) * survival(0, t)) for t in times]
    return [raw(inputs, "mortality.smr", 1.0) * (b - a) for a, b in pairwise(logs)]


def capped(pfs: list[float], overall: list[float], policy: str) -> list[float]:
    """PFS increments that never let PFS rise above OS, under the declared policy."""
    found: list[float] = []
    own = bound = 0.0
    for h, limit in zip(pfs, overall, strict=True):
        bound += limit
        if own + h < bound - 1e-12:
            h = max(h, limit) if policy == "cap_hazard" else bound - own
        own += h
        found.append(h)
    return found


# One strategy, cycle by cycle --------------------------------------------------------------------------------------


def phi(x: float) -> float:
    return -math.expm1(-x) / x if x > 0.0 else 1.0


@dataclass
class Treated:
    """On treatment in one cycle: the toxicity increment, the shares on drug at both ends of the part in the window."""

    toxicity: float = 0.0
    begin: float = 0.0
    finish: float = 0.0
    length: float = 0.0
    exposed: float = 0.0

    @property
    def mean(self) -> float:
        return 0.5 * (self.begin + self.finish)


@dataclass
class Plain:
    """Everything about one strategy, computed in the order of the specification."""

    inputs: Inputs
    strategy: str
    occupancy: list[dict[str, float]] = field(default_factory=list)
    flows: list[dict[tuple[str, str], float]] = field(default_factory=list)
    clipped: int = 0

    def __post_init__(self) -> None:
        inputs, s = self.inputs, self.strategy
        self.delta = raw(inputs, "settings.cycle_days", 28.0) / DAYS
        horizon = raw(inputs, "settings.horizon_years", 100.0 - raw(inputs, "cohort.age"))
        self.cycles = math.ceil(horizon / self.delta - 1e-9)
        if chosen(inputs, "settings.correction") == "simpson":
            self.cycles += self.cycles % 2
        self.times = [k * self.delta for k in range(self.cycles + 1)]
        self.background = background_increments(inputs, self.times)
        self.anchored = chosen(inputs, "settings.post_progression") == "overall_survival"
        self.overall = self.floored("os", s) if self.anchored else []
        self.progression = self.progression_of(s)
        self.comparator = self.progression_of(chosen(inputs, "settings.reference"))
        self.half = chosen(inputs, "settings.within_cycle") == "half_cycle_exposure"
        self.start = years(inputs, f"treatment.start.{s}")
        self.stop = years(inputs, f"treatment.planned_stop.{s}", math.inf)
        self.starting = raw(inputs, f"treatment.share_starting.{s}")
        self.spm_off = per_year(inputs, f"spm.rate_off_treatment.{s}")
        self.spm_on = per_year(inputs, f"spm.rate.{s}")
        self.haematologic = raw(inputs, f"spm.share_haematologic.{s}")
        self.excess = {
            state: per_year(inputs, f"spm.excess_death.{kind}") * self.delta
            for state, kind in ((H, "haematologic"), (S, "solid"))
        }
        self.toxicity_rate, self.other_rate = self.solve_stops()
        self.treated = self.walk(self.toxicity_rate, self.other_rate)
        self.on_maintenance, self.after_stopping = self.split(self.treated)
        self.run()
        self.read_payoffs()

    def floored(self, endpoint: str, strategy: str) -> list[float]:
        told = waned_increments(self.inputs, endpoint, strategy, self.times)
        return [max(h, b) for h, b in zip(told, self.background, strict=True)]

    def progression_of(self, strategy: str) -> list[float]:
        """max(ΔH_PFS − ΔB, 0), the curve capped at OS where that is the anchor."""
        found = self.floored("pfs", strategy)
        if self.anchored:
            policy = chosen(self.inputs, "settings.crossing", "cap_hazard")
            found = capped(found, self.floored("os", strategy), policy)
        return [h - b for h, b in zip(found, self.background, strict=True)]

    # Stops ---------------------------------------------------------------------------------------------------------

    def walk(self, toxicity: float, other: float, end: float = math.inf) -> list[Treated]:
        """s_(k+1) = on/(on + off), the toxicity increment −ln(on + off), in the cycles that begin before `end`."""
        found, share, lag = [], 0.0, years(self.inputs, f"spm.lag.{self.strategy}")
        for left, right in pairwise(self.times):
            if left >= end:
                break
            begin, finish = max(left, self.start), min(right, self.stop)
            if finish <= begin:
                found.append(Treated())
                continue
            if left <= self.start < right:
                share = self.starting
            total, length = toxicity + other, finish - begin
            on = share * math.exp(-total * length)
            off = 1.0 - share
            if total > 0.0:
                off += share * other / total * (1.0 - math.exp(-total * length))
            exposed = max(finish - max(begin, self.start + lag), 0.0)
            found.append(Treated(-math.log(on + off), share, on / (on + off), length, exposed))
            share = on / (on + off)
        return found

    def split(self, treated: list[Treated]) -> tuple[list[float], list[float]]:
        """h_M and h_T that keep the intention-to-treat curve, M and T predicted half a cycle ahead."""
        ratio = raw(self.inputs, f"toxicity.progression_ratio.{self.strategy}", 1.0)
        lost = chosen(self.inputs, f"toxicity.after_stopping.{self.strategy}") == "effect_lost"
        comparator = self.comparator
        self.negative = 0
        if ratio == 1.0 and not lost:
            return self.progression, self.progression
        x, on, after = {M: 1.0, T: 0.0, P: 0.0, D: 0.0}, [], []
        for k, h in enumerate(self.progression[: len(treated)]):
            present = x[M] * math.exp(-0.5 * treated[k].toxicity)
            stopped = x[T] + x[M] - present
            if lost:
                told = (h * (x[M] + x[T]) - comparator[k] * stopped) / present
                self.negative += told < 0.0
                on.append(max(told, 0.0))
                after.append(comparator[k])
            else:
                on.append(h * (x[M] + x[T]) / (present + ratio * stopped))
                after.append(ratio * on[k])
            die = self.background[k]
            x, _ = self.cycle(x, {M: {T: treated[k].toxicity, P: on[k], D: die}, T: {P: after[k], D: die}})
        return on, after

    def exits(self, treated: list[Treated]) -> list[float]:
        """Exits from maintenance other than toxicity, by cycle."""
        on, _ = self.split(treated)
        return [
            self.background[k] + on[k] + self.spm_off * self.delta + (self.spm_on - self.spm_off) * t.mean * t.exposed
            for k, t in enumerate(treated)
        ]

    def incidence(self, toxicity: float, other: float, period: float) -> float:
        """Share of starters who have stopped for toxicity by the end of the period."""
        present, reached, started = 1.0, 0.0, 0.0
        treated = self.walk(toxicity, other, self.start + period)
        for k, (part, exits) in enumerate(zip(treated, self.exits(treated), strict=True)):
            left, right = self.times[k], self.times[k + 1]
            if right <= self.start:
                continue
            if started == 0.0:
                started = self.starting * math.exp(-exits * max(self.start - left, 0.0) / self.delta)
            fraction = min((self.start + period - left) / self.delta, 1.0)
            reached += present * part.toxicity * fraction * phi((exits + part.toxicity) * fraction)
            present *= math.exp(-exits - part.toxicity)
        return reached / started

    def on_drug_after(self, toxicity: float, other: float, time: float) -> float:
        """Share of starters still on drug some time after the start."""
        left_alone = (toxicity + other) * time
        for k, exits in enumerate(self.exits(self.walk(toxicity, other, self.start + time))):
            inside = min(self.times[k + 1], self.start + time) - max(self.times[k], self.start)
            left_alone += exits * max(inside, 0.0) / self.delta
        return math.exp(-left_alone)

    def other_stops(self, toxicity: float) -> float:
        """Given, or such that half of the starters are off drug at the reported median."""
        name = f"treatment.median_duration.{self.strategy}"
        if not given(self.inputs, name):
            return per_year(self.inputs, f"treatment.other_stop_rate.{self.strategy}")
        median = years(self.inputs, name)
        if self.on_drug_after(toxicity, 0.0, median) <= 0.5:
            return 0.0
        return float(brentq(lambda other: self.on_drug_after(toxicity, other, median) - 0.5, 0.0, 50.0, xtol=1e-14))

    def solve_stops(self) -> tuple[float, float]:
        if self.starting == 0.0:
            return 0.0, 0.0
        s = self.strategy
        if not given(self.inputs, f"toxicity.proportion.{s}"):
            toxicity = per_year(self.inputs, f"toxicity.rate.{s}")
            return toxicity, self.other_stops(toxicity)
        target, period = raw(self.inputs, f"toxicity.proportion.{s}"), years(self.inputs, f"toxicity.period.{s}")
        if target == 0.0:
            return 0.0, self.other_stops(0.0)
        gap: Callable[[float], float] = lambda rate: self.incidence(rate, self.other_stops(rate), period) - target  # noqa: E731
        toxicity = float(brentq(gap, 0.0, 5.0, xtol=1e-14))
        return toxicity, self.other_stops(toxicity)

    # Recursion -----------------------------------------------------------------------------------------------------

    def increments(self, k: int, death_after_progression: float) -> dict[str, dict[str, float]]:
        """Cumulative-hazard increments out of every state."""
        treated, background = self.treated[k], self.background[k]
        off = self.spm_off * self.delta
        on = off + (self.spm_on - self.spm_off) * treated.mean * treated.exposed
        h = self.haematologic
        return {
            M: {T: treated.toxicity, P: self.on_maintenance[k], H: on * h, S: on * (1.0 - h), D: background},
            T: {P: self.after_stopping[k], H: off * h, S: off * (1.0 - h), D: background},
            P: {H: off * h, S: off * (1.0 - h), D: death_after_progression},
            H: {D: background + self.excess[H]},
            S: {D: background + self.excess[S]},
        }

    def cycle(
        self, x: Mapping[str, float], increments: Mapping[str, Mapping[str, float]]
    ) -> tuple[dict[str, float], dict[tuple[str, str], float]]:
        """x_(k+1) and the flows f_jk = x_j·c_jk + (Σ x_i·c_ij)·c½_jk of one cycle."""
        moved: dict[tuple[str, str], float] = {}
        entrants = dict.fromkeys(x, 0.0)
        for origin, exits in increments.items():
            leaving = x[origin] * phi(sum(exits.values()))
            for target, h in exits.items():
                moved[origin, target] = leaving * h
                entrants[target] += leaving * h
        if self.half:
            for origin, exits in increments.items():
                leaving = entrants[origin] * 0.5 * phi(0.5 * sum(exits.values()))
                for target, h in exits.items():
                    moved[origin, target] += leaving * h
        following = dict(x)
        for (origin, target), flow in moved.items():
            following[origin] -= flow
            following[target] += flow
        return following, moved

    def death_after_progression(self, k: int, x: Mapping[str, float], target: float) -> float:
        """The increment at which all deaths of the cycle bring the cohort to the OS curve, within its limits."""
        low = self.background[k]
        if not self.anchored:
            common = chosen(self.inputs, "settings.post_progression_rate", "common") == "common"
            whose = "common" if common else self.strategy
            return low + per_year(self.inputs, f"post_progression.excess_rate.{whose}") * self.delta

        def gap(d: float) -> float:
            return 1.0 - self.cycle(x, self.increments(k, d))[0][D] - target

        if gap(low) <= 0.0 or gap(LARGEST) >= 0.0:
            self.clipped += 1
            return low if gap(low) <= 0.0 else LARGEST
        return float(brentq(gap, low, LARGEST, xtol=1e-14))

    def run(self) -> None:
        x = dict.fromkeys((*FORWARD, D), 0.0) | {M: 1.0}
        self.occupancy, hazard = [x], 0.0
        for k in range(self.cycles):
            if self.anchored:
                hazard += self.overall[k]
            x, moved = self.cycle(x, self.increments(k, self.death_after_progression(k, x, math.exp(-hazard))))
            self.occupancy.append(x)
            self.flows.append(moved)

    # Payoffs -------------------------------------------------------------------------------------------------------

    def read_payoffs(self) -> None:
        inputs = self.inputs
        self.correction = chosen(inputs, "settings.correction", "half_cycle")
        self.whole_years = chosen(inputs, "settings.discounting") == "whole_years"
        self.ages = chosen(inputs, "settings.age_adjustment", "on") == "on"
        self.caps = chosen(inputs, "settings.utility_cap", "on") == "on"
        self.rates = {}
        for kind in ("costs", "effects"):
            rate = raw(inputs, f"settings.discount_rate.{kind}", 0.035)
            later = raw(inputs, f"settings.discount_rate_later.{kind}", rate)
            self.rates[kind] = rate, later, raw(inputs, "settings.discount_change_years", math.inf)
        self.columns = {state: [row[state] for row in self.occupancy] for state in (*FORWARD, D)}
        self.middles = [0.5 * (a + b) for a, b in pairwise(self.times)]
        self.norm_at_start = self.norm(0.0)
        self.norms = [self.norm(middle) for middle in self.middles]
        self.utilities = {state: raw(self.inputs, f"utility.{state}") for state in FORWARD}

    def v(self, time: float, schedule: str) -> float:
        """Discount factor, year by year of the schedule."""
        if schedule == "none":
            return 1.0
        rate, later, change = self.rates[schedule]
        if self.whole_years:
            time = math.floor(time + 1e-9)
        return float((1.0 + rate) ** -min(time, change) * (1.0 + later) ** -max(time - change, 0.0))

    def time(self, k: int, state: str, schedule: str) -> float:
        """Discounted time in a state in cycle k, by the correction chosen."""
        x = self.columns[state]
        t, correction = self.times, self.correction
        if correction == "half_cycle":
            return self.delta * self.v(self.middles[k], schedule) * 0.5 * (x[k] + x[k + 1])
        if correction == "start":
            return self.delta * self.v(t[k], schedule) * x[k]
        if correction == "end":
            return self.delta * self.v(t[k + 1], schedule) * x[k + 1]
        first = k - k % 2
        y0, y1, y2 = (self.v(t[j], schedule) * x[j] for j in (first, first + 1, first + 2))
        return self.delta / 12.0 * (5.0 * y0 + 8.0 * y1 - y2 if k == first else -y0 + 8.0 * y1 + 5.0 * y2)

    def present_at(self, time: float) -> float:
        """In maintenance at a time: linear between cycle ends."""
        k = min(math.floor(time / self.delta + 1e-9), self.cycles - 1)
        part = time / self.delta - k
        return self.occupancy[k][M] + part * (self.occupancy[k + 1][M] - self.occupancy[k][M])

    def on_drug_at(self, time: float) -> float:
        """On drug at a time: linear between the ends of the cycle's part in the window."""
        k = min(math.floor(time / self.delta + 1e-9), self.cycles - 1)
        begin, finish = max(self.times[k], self.start), min(self.times[k + 1], self.stop)
        ends = self.present_at(begin) * self.treated[k].begin, self.present_at(finish) * self.treated[k].finish
        return ends[0] + (time - begin) / (finish - begin) * (ends[1] - ends[0])

    def starters(self, schedule: str) -> float:
        """Those who start treatment; where a strategy has no drug, everyone."""
        return self.v(self.start, schedule) * self.present_at(self.start) * (self.starting or 1.0)

    def arrivals(self, state: str, schedule: str) -> float:
        origins = [origin for origin, targets in FORWARD.items() if state in targets]
        return sum(
            self.v(middle, schedule) * sum(moved[origin, state] for origin in origins)
            for middle, moved in zip(self.middles, self.flows, strict=True)
        )

    def norm(self, time: float) -> float:
        """Population utility at the cohort's age and sex mix, linear between whole years, flat beyond the table."""
        table, age = self.inputs.population_utility, raw(self.inputs, "cohort.age") + time
        below = min(math.floor(age), round(table.ages[-1]))
        above, part = min(below + 1, round(table.ages[-1])), age - math.floor(age)
        female = raw(self.inputs, "cohort.proportion_female")
        i, j = below - round(table.ages[0]), above - round(table.ages[0])
        by_sex = [values[i] * (1.0 - part) + values[j] * part for values in (table.female, table.male)]
        return float(female * by_sex[0] + (1.0 - female) * by_sex[1])

    def utility(self, k: int, state: str) -> tuple[float, float]:
        """Utility of a state in cycle k, and what age leaves of a decrement."""
        value, norm = self.utilities[state], self.norms[k]
        if self.ages:
            kept = norm / self.norm_at_start
            return (min(value, self.norm_at_start) if self.caps else value) * kept, kept
        return (min(value, norm) if self.caps else value), 1.0

    def events(self, what: str, others: str = "") -> float:
        """Σ over adverse events of the share with each times an amount."""
        total = 0.0
        for identifier in self.inputs.parameters:
            if identifier.startswith("adverse_event.proportion.") and identifier.endswith(f".{self.strategy}"):
                event = identifier.split(".")[2]
                amount = money(self.inputs, f"adverse_event.cost.{event}")
                if what == "qalys":
                    amount = raw(self.inputs, f"adverse_event.disutility.{event}")
                    amount *= raw(self.inputs, f"adverse_event.days.{event}") / DAYS
                total += raw(self.inputs, identifier) * amount
        return total

    def persistent(self) -> float:
        return sum(
            raw(self.inputs, identifier) * raw(self.inputs, f"adverse_event.disutility.{identifier.split('.')[2]}")
            for identifier in self.inputs.parameters
            if identifier.startswith("adverse_event.persistent_share.") and identifier.endswith(f".{self.strategy}")
        )

    def treated_years(self, schedule: str, decrement: bool = False) -> float:
        """Σ time in maintenance · (s_k + s_(k+1))/2 · δ/Δ."""
        total = 0.0
        for k, part in enumerate(self.treated):
            weight = self.utility(k, M)[1] if decrement else 1.0
            total += weight * self.time(k, M, schedule) * part.mean * part.length / self.delta
        return total

    def qalys(self, schedule: str) -> tuple[dict[str, float], dict[QalyComponent, float]]:
        """By living state, and by component."""
        by_state = {
            state: sum(self.time(k, state, schedule) * self.utility(k, state)[0] for k in range(self.cycles))
            for state in FORWARD
        }
        parts = dict.fromkeys(QalyComponent, 0.0) | {QalyComponent.STATE_UTILITY: sum(by_state.values())}
        decrement = raw(self.inputs, f"utility.treatment_decrement.{self.strategy}")
        parts[QalyComponent.TREATMENT_DECREMENT] = decrement * self.treated_years(schedule, decrement=True)
        parts[QalyComponent.ADVERSE_EVENTS] = self.starters(schedule) * self.events("qalys")
        stopped = sum(self.time(k, T, schedule) * self.utility(k, T)[1] for k in range(self.cycles))
        parts[QalyComponent.PERSISTENT_EFFECTS] = self.persistent() * stopped
        by_state[M] += parts[QalyComponent.TREATMENT_DECREMENT] + parts[QalyComponent.ADVERSE_EVENTS]
        by_state[T] += parts[QalyComponent.PERSISTENT_EFFECTS]
        for state, kind in ((H, "haematologic"), (S, "solid")):
            loss = raw(self.inputs, f"spm.disutility.{kind}") * years(self.inputs, f"spm.disutility_duration.{kind}")
            by_state[state] += loss * self.arrivals(state, schedule)
            parts[QalyComponent.SECOND_PRIMARY_MALIGNANCY] += loss * self.arrivals(state, schedule)
        return by_state, parts

    def products(self) -> list[str]:
        return [
            identifier.split(".")[2]
            for identifier in self.inputs.parameters
            if identifier.startswith("dose.amount.") and identifier.endswith(f".{self.strategy}")
        ]

    def drug_cost(self, schedule: str) -> float:
        """Pack n is dispensed at start + n·interval, before the planned stop, to those on drug at that time."""
        total = 0.0
        for product in self.products():
            own = f"{product}.{self.strategy}"
            assert chosen(self.inputs, f"product.form.{product}") == "oral"
            interval = raw(self.inputs, f"dose.interval.{own}", 28.0) / DAYS
            units = raw(self.inputs, f"dose.administrations.{own}") / raw(self.inputs, f"product.strength.{product}")
            price = money(self.inputs, f"price.{product}.{chosen(self.inputs, 'settings.price_set', 'brand')}")
            price *= raw(self.inputs, f"dose.relative_intensity.{self.strategy}", 1.0)
            price /= raw(self.inputs, f"product.units_per_pack.{product}")
            n = 0
            while self.start + n * interval < min(self.stop, self.times[-1]) - 1e-9:
                time = self.start + n * interval
                initial = n < raw(self.inputs, f"dose.initial_intervals.{own}")
                dose = raw(self.inputs, f"dose.{'initial_amount' if initial else 'amount'}.{own}")
                total += self.v(time, schedule) * self.on_drug_at(time) * units * dose * price
                n += 1
        return total

    def administration(self) -> float:
        """Cost per year on drug: one hand-out an interval."""
        total = 0.0
        for product in self.products():
            route = chosen(self.inputs, f"dose.route.{product}.{self.strategy}")
            interval = raw(self.inputs, f"dose.interval.{product}.{self.strategy}", 28.0) / DAYS
            total += money(self.inputs, f"cost.administration.{route}") / interval if route else 0.0
        return total

    def costs(self, schedule: str) -> dict[CostCategory, float]:
        inputs, s = self.inputs, self.strategy
        states = {
            state: money(inputs, f"cost.state.{state}") * sum(self.time(k, state, schedule) for k in range(self.cycles))
            for state in FORWARD
        }
        events = {
            state: money(inputs, f"cost.event.{state}") * self.arrivals(state, schedule) for state in (P, H, S, D)
        }
        courses = sum(
            raw(inputs, identifier) * money(inputs, f"subsequent.cost.{identifier.split('.')[2]}")
            for identifier in inputs.parameters
            if identifier.startswith("subsequent.share.") and identifier.endswith(f".{s}")
        )
        progressed = sum(self.time(k, P, schedule) for k in range(self.cycles))
        starters, treated = self.starters(schedule), self.treated_years(schedule)
        return {
            CostCategory.DRUG: self.drug_cost(schedule) if self.starting else 0.0,
            CostCategory.ADMINISTRATION: self.administration() * treated
            + money(inputs, f"cost.treatment_start.{s}") * starters,
            CostCategory.MONITORING: money(inputs, f"cost.monitoring.{s}") * treated,
            CostCategory.ADVERSE_EVENTS: self.events("cost") * starters,
            CostCategory.DISEASE_MANAGEMENT: states[M] + states[T] + states[P] + events[P],
            CostCategory.SUBSEQUENT_THERAPY: courses * self.arrivals(P, schedule)
            + money(inputs, f"subsequent.monthly_cost.{s}") * progressed,
            CostCategory.SECOND_PRIMARY_MALIGNANCY: states[H] + states[S] + events[H] + events[S],
            CostCategory.END_OF_LIFE: events[D],
        }
