"""The model's curves and payoffs once more, as a textbook would write them: from the workbook's cells and the trace.

Nothing here is shared with the engine but the trace. Units are written out: a year has 12 months and 365.25 days.
Source: Briggs, Claxton, Sculpher 2006, Decision Modelling for Health Economic Evaluation, ch. 2 to 4.
"""

from collections.abc import Callable, Mapping

import numpy as np
from scipy import special

from markov.analysis.bank.bench import Bench
from markov.inputs.parameters import Inputs
from markov.inputs.rules.between_values import products_of
from markov.model.outcomes import Trace
from markov.model.structure import MAINTENANCE_MODEL
from markov.terms import FAMILY_PARAMETERS, Array, CostCategory, Endpoint, Family, State

Curve = Callable[[Array], Array]
YEARS = {"years": 1.0, "months": 1.0 / 12.0, "weeks": 7.0 / 365.25, "days": 1.0 / 365.25}
PER_YEAR = {"per year": 1.0, "per month": 12.0, "per 28 days": 365.25 / 28.0}
PER_MONTH = {"per month": 1.0, "per year": 1.0 / 12.0}
KINDS = (State.SPM_HAEMATOLOGIC, State.SPM_SOLID)


# ------------------------------------------------------------------------------------------------- survival


def _survival(inputs: Inputs, endpoint: Endpoint, strategy: str) -> Curve | None:
    """Survival of a strategy's own curve by months, before waning; None for splines."""
    family = inputs.text(f"{endpoint}.family.{strategy}")
    if family in (Family.HAZARD_RATIO, Family.TIME_RATIO):
        key = f"{endpoint}.reference.{strategy}"
        reference = _survival(inputs, endpoint, inputs.text(key) or inputs.reference)
        ratio = _plain(inputs, f"{endpoint}.{family}.{strategy}")
        if reference is None:
            return None
        if family == Family.HAZARD_RATIO:
            return lambda t: reference(t) ** ratio
        return lambda t: reference(t / ratio)
    if family not in FAMILIES:
        return None
    median = f"{endpoint}.median.{strategy}"
    numbers = {
        name: _curve_number(inputs, f"{endpoint}.{name}.{strategy}") for name in FAMILY_PARAMETERS[Family(family)]
    }
    if not inputs.given(median):
        return FAMILIES[family](numbers)
    return _through(family, numbers, _plain(inputs, median) * YEARS[_unit(inputs, median)] * 12.0)


def _through(family: str, numbers: dict[str, float], median: float) -> Curve:
    """A curve with a median: the family's at unit scale, with time stretched until half are left at the median."""
    if family == Family.GOMPERTZ:
        shape = numbers["shape"]
        numbers["rate"] = np.log(2.0) * shape / np.expm1(shape * median)
        return FAMILIES[family](numbers)
    first = FAMILY_PARAMETERS[Family(family)][0]
    unit = FAMILIES[family]({**numbers, first: 0.0 if first in ("mu", "meanlog") else 1.0})
    low, high = 1e-9, 1e9
    for _ in range(200):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if unit(np.array(middle)) > 0.5 else (low, middle)
    return lambda t: unit(t * low / median)


def _log_time(t: Array, location: float, scale: float) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray((np.log(t) - location) / scale)


def _generalised_gamma(p: Mapping[str, float]) -> Curve:
    q = p["q"]
    if abs(q) < 1e-5:
        return lambda t: 0.5 * special.erfc(_log_time(t, p["mu"], p["sigma"]) / np.sqrt(2.0))

    def curve(t: Array) -> Array:
        x = np.exp(q * _log_time(t, p["mu"], p["sigma"])) / q**2
        below = special.gammainc(q**-2, x)
        return np.asarray(1.0 - below if q > 0 else below)

    return curve


def _generalised_f(p: Mapping[str, float]) -> Curve:
    if p["p"] < 1e-9:
        return _generalised_gamma(p)
    q, big = p["q"], p["p"]
    delta = np.sqrt(q * q + 2.0 * big)
    s1, s2 = 2.0 / (q * q + 2.0 * big + q * delta), 2.0 / (q * q + 2.0 * big - q * delta)
    return lambda t: special.fdtrc(2.0 * s1, 2.0 * s2, np.exp(delta * _log_time(t, p["mu"], p["sigma"])))


FAMILIES: Mapping[str, Callable[[Mapping[str, float]], Curve]] = {
    Family.EXPONENTIAL: lambda p: lambda t: np.exp(-p["rate"] * t),
    Family.WEIBULL: lambda p: lambda t: np.exp(-((t / p["scale"]) ** p["shape"])),
    Family.GOMPERTZ: lambda p: lambda t: np.exp(-p["rate"] / p["shape"] * np.expm1(p["shape"] * t)),
    Family.LOG_NORMAL: lambda p: lambda t: 0.5 * special.erfc(_log_time(t, p["meanlog"], p["sdlog"]) / np.sqrt(2.0)),
    Family.LOG_LOGISTIC: lambda p: lambda t: 1.0 / (1.0 + (t / p["scale"]) ** p["shape"]),
    Family.GAMMA: lambda p: lambda t: np.asarray(1.0 - special.gammainc(p["shape"], p["rate"] * t)),
    Family.GENERALISED_GAMMA: _generalised_gamma,
    Family.GENERALISED_F: _generalised_f,
}


def waned(inputs: Inputs, endpoint: Endpoint, strategy: str, edges: Array) -> Array | None:
    """Survival at cycle boundaries (cycles + 1,), waning included, cycle by cycle; None for splines."""
    own, key = _survival(inputs, endpoint, strategy), f"{endpoint}.waning_end.{strategy}"
    if own is None:
        return None
    levels = own(12.0 * edges)
    if not inputs.given(key):
        return np.asarray(levels)
    reference = _survival(inputs, endpoint, inputs.text(f"{endpoint}.reference.{strategy}") or inputs.reference)
    if reference is None:
        return None
    start, end = (_years(inputs, f"{endpoint}.waning_{word}.{strategy}") for word in ("start", "end"))
    alive, compared, left = [1.0], reference(12.0 * edges), 1.0
    for k in range(len(edges) - 1):
        middle = 0.5 * (edges[k] + edges[k + 1])
        effect = 1.0 if middle <= start else 0.0 if middle >= end else (end - middle) / (end - start)
        steps = [float(curve[k + 1] / curve[k]) if curve[k] > 1e-290 else 1.0 for curve in (levels, compared)]
        left *= steps[0] ** effect * steps[1] ** (1.0 - effect)
        alive.append(left)
    return np.array(alive)


# ------------------------------------------------------------------------------------------------- cells and units


def _plain(inputs: Inputs, identifier: str) -> float:
    value = inputs.value(identifier)
    return float(value) if isinstance(value, int | float) else 0.0


def _unit(inputs: Inputs, identifier: str) -> str:
    parameter = inputs.parameters.get(identifier)
    return parameter.unit if parameter else ""


def _years(inputs: Inputs, identifier: str) -> float:
    """A length of time in years."""
    return _plain(inputs, identifier) * YEARS[_unit(inputs, identifier) or "months"]


def _curve_number(inputs: Inputs, identifier: str) -> float:
    """A parameter of a curve whose clock counts months."""
    unit = _unit(inputs, identifier)
    length = YEARS[unit] * 12.0 if unit in YEARS else PER_MONTH.get(unit, 1.0)
    return _plain(inputs, identifier) * length


def money(inputs: Inputs, identifier: str) -> float:
    """An amount once, or a year, in the price year of the report."""
    unit, parameter = _unit(inputs, identifier), inputs.parameters.get(identifier)
    per = next((factor for word, factor in PER_YEAR.items() if unit.endswith(word)), 1.0)
    amount = _plain(inputs, identifier) * per
    if parameter is not None and parameter.price_year is not None and inputs.price_index:
        now, then = int(_plain(inputs, "settings.price_year")), int(parameter.price_year)
        amount *= inputs.price_index[now] / inputs.price_index[then]
    return amount


# --------------------------------------------------------------------------------------------------- payoffs


class Ledger:
    """Time in states, entries and time on drug of one strategy, from the trace alone.

    `rate` discounts: (1 + rate)^−t. Time in state is the mean of a cycle's ends, discounted at its middle.
    """

    def __init__(self, bench: Bench, trace: Trace, strategy: str, rate: float):
        self.inputs, self.strategy, self.rate = bench.inputs, strategy, rate
        i = bench.index(strategy)
        self.edges, self.occupancy = trace.boundaries, trace.occupancy[0, i]
        self.flows, self.share = trace.flows[0, i], trace.share_on_drug[0, i]
        self.length = float(self.edges[1])
        self.middles = 0.5 * (self.edges[1:] + self.edges[:-1])
        self.start = _years(self.inputs, f"treatment.start.{strategy}")
        stop = f"treatment.planned_stop.{strategy}"
        self.stop = _years(self.inputs, stop) if self.inputs.given(stop) else np.inf
        self.starts = _plain(self.inputs, f"treatment.share_starting.{strategy}")

    def value(self, time: Array | float) -> Array:
        """What a unit at some time is worth now."""
        return np.asarray((1.0 + self.rate) ** -np.asarray(time, dtype=float))

    def in_state(self, state: State) -> Array:
        """Discounted time in a state, cycle by cycle."""
        x = self.occupancy[:, list(State).index(state)]
        return np.asarray(self.length * 0.5 * (x[1:] + x[:-1]) * self.value(self.middles))

    def entries(self, state: State) -> float:
        """Discounted entries into a state."""
        rows = [row for (_, to), row in MAINTENANCE_MODEL.row.items() if to == state]
        return float((self.flows[:, rows].sum(axis=1) * self.value(self.middles)).sum())

    def on_drug(self, times: Array) -> Array:
        """Share of the cohort on drug at some times inside the window: maintenance times the share in it on drug."""
        inside = (self.edges > self.start + 1e-9) & (self.edges < self.stop - 1e-9)
        at, share = self.edges[inside], self.share[inside]
        last = share[-1] if len(share) else self.starts
        points = np.concatenate([[self.start], at, [min(self.stop, self.edges[-1] + 1.0)]])
        shares = np.interp(times, points, np.concatenate([[self.starts], share, [last]]))
        return np.asarray(shares * np.interp(times, self.edges, self.occupancy[:, 0]))

    def treated(self) -> Array:
        """Discounted time on drug, cycle by cycle: ends of the part of each cycle that lies in the window."""
        begin = np.clip(self.edges[:-1], self.start, self.stop)
        end = np.clip(self.edges[1:], self.start, self.stop)
        number = 0.5 * (self.on_drug(begin) + self.on_drug(np.maximum(end - 1e-9, begin)))
        return np.asarray(number * (end - begin) * self.value(self.middles))

    def starters(self) -> float:
        """Discounted number whose adverse events are counted: those who start, or all where there is no drug."""
        present = float(np.interp(self.start, self.edges, self.occupancy[:, 0]))
        return present * (self.starts or 1.0) * float(self.value(self.start))

    def dispensed(self, product: str) -> float:
        """Discounted packs' worth of a product: what is dispensed at the start of every interval, to those on drug."""
        inputs, s = self.inputs, self.strategy
        interval = _plain(inputs, f"dose.interval.{product}.{s}") / 365.25
        times = np.arange(self.start, min(self.stop, self.edges[-1]) - 1e-9, interval)
        first = int(_plain(inputs, f"dose.initial_intervals.{product}.{s}"))
        later = units(inputs, product, s, f"dose.amount.{product}.{s}")
        early = units(inputs, product, s, f"dose.initial_amount.{product}.{s}") if first else later
        each = np.where(np.arange(len(times)) < first, early, later)
        return float((each * self.on_drug(times) * self.value(times)).sum())


def units(inputs: Inputs, product: str, strategy: str, dose: str) -> float:
    """Tablets or vials of one interval; vials are opened whole, on average over a normal body surface."""
    strength = _plain(inputs, f"product.strength.{product}")
    often, amount = _plain(inputs, f"dose.administrations.{product}.{strategy}"), _plain(inputs, dose)
    by_surface = _unit(inputs, dose) == "mg/m2"
    mean, sd = (_plain(inputs, f"cohort.body_surface_area{word}") for word in ("", "_sd"))
    if inputs.text(f"product.form.{product}") != "vial" or inputs.text("settings.vial_waste") != "on":
        return often * amount * (mean if by_surface else 1.0) / strength
    if not by_surface or sd == 0.0:
        return often * float(np.ceil(amount * (mean if by_surface else 1.0) / strength - 1e-9))
    z = np.linspace(-8.0, 8.0, 160_001)
    density = np.exp(-0.5 * z * z)
    return often * float((np.ceil(amount * (mean + sd * z) / strength) * density).sum() / density.sum())


def costs(bench: Bench, trace: Trace, strategy: str, rate: float) -> dict[CostCategory, float]:
    """Cost of a strategy by category."""
    book, inputs = Ledger(bench, trace, strategy, rate), bench.inputs
    time = {state: float(book.in_state(state).sum()) for state in list(State)[:-1]}
    state = {s: money(inputs, f"cost.state.{s}") * years for s, years in time.items()}
    treated = float(book.treated().sum()) if book.starts else 0.0
    events = sum(
        _plain(inputs, f"adverse_event.proportion.{e}.{strategy}") * money(inputs, f"adverse_event.cost.{e}")
        for e in inputs.names("event")
    )
    courses = sum(
        _plain(inputs, f"subsequent.share.{c}.{strategy}") * money(inputs, f"subsequent.cost.{c}")
        for c in inputs.names("course")
    )
    started = book.starters() * money(inputs, f"cost.treatment_start.{strategy}") if book.starts else 0.0
    once = {s: money(inputs, f"cost.event.{s}") * book.entries(s) for s in (State.PROGRESSION, *KINDS, State.DEATH)}
    monthly = money(inputs, f"subsequent.monthly_cost.{strategy}") * time[State.PROGRESSION]
    return {
        CostCategory.DRUG: _drug(book) if book.starts else 0.0,
        CostCategory.ADMINISTRATION: _administration(inputs, strategy) * treated + started,
        CostCategory.MONITORING: money(inputs, f"cost.monitoring.{strategy}") * treated,
        CostCategory.ADVERSE_EVENTS: events * book.starters(),
        CostCategory.DISEASE_MANAGEMENT: sum(state[s] for s in list(State)[:3]) + once[State.PROGRESSION],
        CostCategory.SUBSEQUENT_THERAPY: courses * book.entries(State.PROGRESSION) + monthly,
        CostCategory.SECOND_PRIMARY_MALIGNANCY: sum(state[s] + once[s] for s in KINDS),
        CostCategory.END_OF_LIFE: once[State.DEATH],
    }


def _drug(book: Ledger) -> float:
    inputs, paid = book.inputs, book.inputs.text("settings.price_set")
    intensity = _plain(inputs, f"dose.relative_intensity.{book.strategy}")
    return intensity * sum(
        book.dispensed(p) * money(inputs, f"price.{p}.{paid}") / _plain(inputs, f"product.units_per_pack.{p}")
        for p in products_of(inputs, book.strategy)
    )


def _administration(inputs: Inputs, strategy: str) -> float:
    """Cost of administration in a year on drug."""
    total = 0.0
    for product in products_of(inputs, strategy):
        route = inputs.text(f"dose.route.{product}.{strategy}")
        vial = inputs.text(f"product.form.{product}") == "vial"
        visits = _plain(inputs, f"dose.administrations.{product}.{strategy}") if vial else 1.0
        yearly = visits * 365.25 / _plain(inputs, f"dose.interval.{product}.{strategy}")
        total += yearly * money(inputs, f"cost.administration.{route}") if route else 0.0
    return total


def norms(inputs: Inputs, years: Array) -> Array:
    """Mean utility of the general population, by years from time zero."""
    table, women = inputs.population_utility, _plain(inputs, "cohort.proportion_female")
    ages = _plain(inputs, "cohort.age") + years
    by_sex = (np.interp(ages, table.ages, values) for values in (table.female, table.male))
    return np.asarray(sum(share * values for share, values in zip((women, 1.0 - women), by_sex, strict=True)))


def qalys(bench: Bench, trace: Trace, strategy: str, rate: float) -> dict[State, float]:
    """QALYs of a strategy by living state; losses belong to the state in which they arise."""
    book, inputs = Ledger(bench, trace, strategy, rate), bench.inputs
    norm, at_start = norms(inputs, book.middles), float(norms(inputs, np.zeros(1))[0])
    ages, capped = (inputs.text(f"settings.{key}") == "on" for key in ("age_adjustment", "utility_cap"))
    aged = norm / at_start if ages else np.ones_like(norm)
    found = {}
    for state in list(State)[:-1]:
        utility = np.full_like(norm, _plain(inputs, f"utility.{state}"))
        if capped:
            utility = np.minimum(utility, at_start if ages else norm)
        found[state] = float((book.in_state(state) * utility * aged).sum())
    lasting = at_once = 0.0
    for event in inputs.names("event"):
        decrement = _plain(inputs, f"adverse_event.disutility.{event}")
        share = _plain(inputs, f"adverse_event.proportion.{event}.{strategy}")
        at_once += share * decrement * _plain(inputs, f"adverse_event.days.{event}") / 365.25
        lasting += _plain(inputs, f"adverse_event.persistent_share.{event}.{strategy}") * decrement
    decrement = _plain(inputs, f"utility.treatment_decrement.{strategy}")
    on_drug = float((book.treated() * aged).sum()) if book.starts else 0.0
    found[State.MAINTENANCE] += decrement * on_drug + at_once * book.starters()
    found[State.TOXICITY] += lasting * float((book.in_state(State.TOXICITY) * aged).sum())
    for kind, state in zip(("haematologic", "solid"), KINDS, strict=True):
        length = _years(inputs, f"spm.disutility_duration.{kind}")
        found[state] += _plain(inputs, f"spm.disutility.{kind}") * length * book.entries(state)
    return found


def general_population(inputs: Inputs, edges: Array) -> Array:
    """Survival of the general population of the cohort's age and sex, (times,), counted year of age by year of age."""
    table, age = inputs.life_table, _plain(inputs, "cohort.age")
    women = _plain(inputs, "cohort.proportion_female")
    total = np.zeros_like(edges)
    for q, share in ((table.female, women), (table.male, 1.0 - women)):
        left, at, alive = [1.0], [age], 1.0
        while at[-1] < age + edges[-1]:
            year = int(np.floor(at[-1] + 1e-9))
            yearly = 1.0 - q[min(year - int(table.ages[0]), len(q) - 1)]
            alive *= yearly ** (year + 1 - at[-1])
            at.append(float(year + 1))
            left.append(alive)
        total += share * np.exp(np.interp(age + edges, at, np.log(np.maximum(left, 1e-300))))
    return total
