"""The bench of the verification bank: a workbook, its base case, and changed copies that are run once each."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from markov.analysis.accounts import survival_of
from markov.analysis.draws import random_draws
from markov.analysis.sensitivity.one_way import Factor, OneWay, factors, one_way
from markov.analysis.sensitivity.scenarios import Scenarios, scenarios
from markov.analysis.uncertainty.sample import Sample, draw_sample
from markov.inputs.parameters import Columns, Inputs, SexTable, Trusted, Value, changed_inputs
from markov.inputs.rules.between_values import products_of
from markov.model.evaluate import evaluate
from markov.model.hazards import Hazards, build_hazards
from markov.model.outcomes import Outcomes, Trace
from markov.terms import LIVING, MONTHS_PER_YEAR, Array, Crossing, Endpoint, Family

DRAWS = 300
"""Random draws that are run through the model in the tests of probabilistic analysis."""

MANY = 4000
"""Random draws of parameter values alone, which cost no run of the model."""

NOTHING: Mapping[str, Value] = {}
EXACT: Mapping[str, Value] = {"settings.correction": "half_cycle", "settings.within_cycle": "half_cycle_exposure"}
"""Conventions of second order in the cycle, whatever the workbook's own."""

UNEQUAL_RATES: Mapping[str, Value] = {
    "settings.discount_rate.costs": 0.05,
    "settings.discount_rate.effects": 0.02,
    "settings.discount_change_years": None,
    "settings.discounting": "exact_time",
    "settings.correction": "half_cycle",
}
"""Rates that differ, so that costs and effects cannot trade theirs unseen."""

NO_EXCESS_DEATHS: Mapping[str, Value] = {
    "settings.post_progression": "rate",
    "settings.post_progression_rate": "common",
    "post_progression.excess_rate.common": 0.0,
    "spm.excess_death.haematologic": 0.0,
    "spm.excess_death.solid": 0.0,
}
NO_MALIGNANCIES: Mapping[str, Value] = {"spm.proportion": None, "spm.rate": 0.0, "spm.rate_off_treatment": 0.0}
"""For `Bench.each`: by the beginning of each id."""

NO_WANING: Mapping[str, Value] = {"waning_start": None, "waning_end": None}


class Bench:
    """A workbook under test. Every changed copy starts from a clean base; equal changes are run once.

    `seed` is the workbook's own unless given; draws are `draws` from it. In a workbook whose curves must not cross none
    do; in changed copies of it curves that cross are capped, as they are by default.
    """

    def __init__(self, inputs: Inputs, base: Outcomes | None = None, *, draws: int = DRAWS, seed: int | None = None):
        strict = inputs.text("settings.crossing") == Crossing.ERROR
        capped = changed_inputs(inputs, {"settings.crossing": Crossing.CAP_HAZARD}) if strict else inputs
        self.workbook, self.inputs = inputs, replace(capped, scenarios=())
        self.draws, self.seed = draws, int(inputs.number("settings.seed")) if seed is None else seed
        self.names = self.inputs.compared
        self._runs: dict[Any, Outcomes] = {} if base is None else {((), True): base}

    # ------------------------------------------------------------------------------------------------- runs

    @property
    def base(self) -> Outcomes:
        """Outcomes of the base case, with its trace."""
        return self.run(trace=True)

    @property
    def trace(self) -> Trace:
        """Occupancy and flows of the base case."""
        return self.trace_of(NOTHING)

    def run(self, changes: Mapping[str, Value] = NOTHING, *, trace: bool = False) -> Outcomes:
        """Outcomes with some values changed, in each cell's own unit."""
        key = (tuple(sorted(changes.items(), key=lambda pair: pair[0])), trace)
        if key not in self._runs:
            self._runs[key] = evaluate(changed_inputs(self.inputs, changes), trace=trace)
        return self._runs[key]

    def trace_of(self, changes: Mapping[str, Value]) -> Trace:
        """Occupancy and flows with some values changed."""
        found = self.run(changes, trace=True).trace
        assert found is not None
        return found

    def rows(self, values: Mapping[str, Array]) -> Outcomes:
        """Outcomes of rows of values, (rows,) by id."""
        return evaluate(self.inputs, Trusted(values))

    @cached_property
    def sample(self) -> Sample:
        """Random draws through the model, each checked."""
        return draw_sample(self.inputs, self.draws, self.seed)

    @cached_property
    def drawn(self) -> Mapping[str, Array]:
        """Many random draws of parameter values, (draws,) by id."""
        return random_draws(self.inputs, MANY, self.seed).columns()

    def hazards(self, changes: Mapping[str, Value] = NOTHING) -> Hazards:
        """Hazard increments with some values changed."""
        return build_hazards(Columns(changed_inputs(self.inputs, changes), {}, 1))

    def told(self, hazards: Hazards, increments: Array) -> Array:
        """Survival that increments of some hazards make, (strategies, cycles + 1)."""
        return survival_of(hazards, increments, len(self.names))

    @cached_property
    def factors(self) -> tuple[Factor, ...]:
        """What one-way analysis varies over the interval of its distribution."""
        return factors(self.inputs)

    @cached_property
    def one_way(self) -> OneWay:
        """One-way analysis."""
        return one_way(self.inputs)

    @cached_property
    def scenarios(self) -> Scenarios:
        """All scenarios of the workbook."""
        return scenarios(self.workbook)

    # --------------------------------------------------------------------------------------------- contents

    @property
    def others(self) -> tuple[str, ...]:
        """The strategies beside the reference."""
        return self.names[1:]

    @cached_property
    def treated(self) -> tuple[str, ...]:
        """Strategies in which somebody starts a drug with a price."""
        inputs = self.inputs
        starts = {s: inputs.number(f"treatment.share_starting.{s}") for s in self.names}
        return tuple(s for s in self.names if starts[s] > 0.0 and products_of(inputs, s))

    @property
    def prices(self) -> tuple[str, ...]:
        """Ids of the prices that are paid."""
        paid = self.inputs.text("settings.price_set")
        products = {p: None for s in self.treated for p in products_of(self.inputs, s)}
        return tuple(f"price.{product}.{paid}" for product in products)

    def ids(self, *beginnings: str) -> tuple[str, ...]:
        """Numbers of the workbook whose id begins so, and the living states' own where they are left to defaults."""
        given = [k for k, p in self.inputs.parameters.items() if isinstance(p.value, int | float)]
        states = [f"{kind}.{state}" for kind in ("utility", "cost.state") for state in LIVING]
        return tuple(k for k in dict.fromkeys([*given, *states]) if k.startswith(beginnings))

    def number(self, identifier: str) -> float:
        """A number in the cell's own unit; 0 where nothing is given."""
        value = self.inputs.value(identifier)
        return float(value) if isinstance(value, int | float) else 0.0

    def times(self, ids: tuple[str, ...], factor: float) -> dict[str, Value]:
        """Some numbers multiplied."""
        return {key: factor * self.number(key) for key in ids}

    def each(self, changes: Mapping[str, Value], strategies: Iterable[str] | None = None) -> dict[str, Value]:
        """Changes to every strategy, or to some, by the beginning of each id."""
        chosen = self.names if strategies is None else strategies
        return {f"{beginning}.{s}": value for s in chosen for beginning, value in changes.items()}

    def on_reference(self, endpoint: Endpoint, kind: Family, ratio: float) -> dict[str, Value]:
        """Changes that put a ratio on the reference's curve in every other strategy, without waning."""
        curve: dict[str, Value] = {"family": kind, kind: ratio, "reference": self.names[0], **NO_WANING}
        return self.each({f"{endpoint}.{name}": value for name, value in curve.items()}, self.others)

    def exponential_os(self, median: float) -> dict[str, Value]:
        """Changes that give every strategy exponential overall survival with a median in months, without waning."""
        curve: dict[str, Value] = {"family": "weibull", "shape": 1.0, **NO_WANING}
        changes = self.each({f"os.{name}": value for name, value in curve.items()})
        return changes | {f"os.median.{s}": self.as_model(f"os.median.{s}", median) for s in self.names}

    def as_model(self, identifier: str, value: float) -> float:
        """A value of the model's own unit (years, per year, the report's money) in the unit of its cell."""
        return value / self.inputs.factor(identifier)

    def index(self, strategy: str) -> int:
        """Place of a strategy."""
        return self.names.index(strategy)

    @property
    def states_cost(self) -> tuple[str, ...]:
        """Ids of everything that costs money."""
        return (*self.prices, *self.ids("cost.", "adverse_event.cost.", "subsequent.cost.", "subsequent.monthly_cost."))

    @property
    def kept_as_observed(self) -> tuple[str, ...]:
        """Stops whose change by cell is another question than by row: the hazard on treatment is then kept."""
        lost = any(self.inputs.text(f"toxicity.after_stopping.{s}") == "effect_lost" for s in self.names)
        split = lost or any(self.inputs.value(f"toxicity.progression_ratio.{s}") != 1.0 for s in self.names)
        return ("toxicity.proportion.",) if split else ("–",)

    @property
    def losses(self) -> tuple[str, ...]:
        """Ids of every decrement of utility."""
        return self.ids("utility.treatment_decrement.", "adverse_event.disutility.", "spm.disutility.")


# ------------------------------------------------------------------------------------------ worlds of constant rates

RATES: Mapping[str, float] = {"progression": 0.30, "toxicity": 0.15, "excess": 0.25, "background": 0.02}
"""Per year. Strategy number i has (1 + i/4) times the stops and excess deaths, and 0.6^i times the progression."""

RATIO = 0.6


def constant_rates(bench: Bench) -> Bench:
    """The workbook with constant hazards wherever it has hazards: every figure then has a closed form.

    Progression is exponential in the reference and a hazard ratio of 0.6 on the strategy before in the others;
    everybody starts and nobody stops but for toxicity; mortality is the same at every age.

    >>> constant_rates(Bench(calgb)).inputs.value("pfs.hazard_ratio.lenalidomide")
    0.6
    """
    changes: dict[str, Value] = {
        "settings.post_progression": "rate",
        "settings.post_progression_rate": "by_strategy",
        **EXACT,
        "mortality.smr": 1.0,
        "spm.excess_death.haematologic": bench.as_model("spm.excess_death.haematologic", 0.5),
        "spm.excess_death.solid": bench.as_model("spm.excess_death.solid", 0.2),
    }
    for i, strategy in enumerate(bench.names):
        changes |= _exponential(bench, Endpoint.PFS, strategy, RATES["progression"])
        changes |= _constant_events(bench, strategy, 1.0 + 0.25 * i)
    return _with_table(bench, changes, RATES["background"])


def _with_table(bench: Bench, changes: Mapping[str, Value], background: float) -> Bench:
    """A bench with some values changed, and the same mortality at every age."""
    q = np.full(121, -np.expm1(-background))
    table = SexTable(np.arange(121.0), q, q)
    return Bench(replace(changed_inputs(bench.inputs, changes), life_table=table), draws=bench.draws, seed=bench.seed)


def _exponential(bench: Bench, endpoint: Endpoint, strategy: str, per_year: float) -> dict[str, Value]:
    """An exponential curve for the reference, and a hazard ratio on the strategy before for the others."""
    i = bench.index(strategy)
    if i == 0:
        rate = bench.as_model(f"{endpoint}.rate.{strategy}", per_year / MONTHS_PER_YEAR)
        curve: dict[str, Value] = {"family": Family.EXPONENTIAL, "rate": rate}
    else:
        curve = {"family": Family.HAZARD_RATIO, "hazard_ratio": RATIO, "reference": bench.names[i - 1]}
    return {f"{endpoint}.{name}.{strategy}": value for name, value in {**curve, **NO_WANING}.items()}


def exponential_survival(bench: Bench, per_year: float, background: float) -> Bench:
    """The workbook with exponential overall survival that deaths after progression follow.

    >>> exponential_survival(Bench(calgb), 0.25, 1e-4).inputs.text("os.family.no_maintenance")
    'exponential'
    """
    changes: dict[str, Value] = {"settings.post_progression": "overall_survival", **EXACT, "mortality.smr": 1.0}
    changes |= bench.each(NO_MALIGNANCIES)
    for strategy in bench.names:
        changes |= _exponential(bench, Endpoint.OS, strategy, per_year)
    return _with_table(bench, changes, background)


def _constant_events(bench: Bench, strategy: str, more: float) -> dict[str, Value]:
    """Stops, second malignancies and deaths after progression at constant rates."""
    emptied = (
        "toxicity.proportion",
        "toxicity.period",
        "toxicity.observed_proportion",
        "treatment.median_duration",
        "treatment.planned_stop",
        "spm.proportion",
        "spm.period",
    )
    numbers: dict[str, float] = {
        "toxicity.rate": RATES["toxicity"] * more,
        "toxicity.progression_ratio": 1.0,
        "treatment.start": 0.0,
        "treatment.share_starting": 1.0,
        "treatment.other_stop_rate": 0.0,
        "spm.rate": 0.03 * more,
        "spm.rate_off_treatment": 0.01,
        "spm.share_haematologic": 0.3,
        "spm.lag": 0.0,
        "post_progression.excess_rate": RATES["excess"] * more,
    }
    changes: dict[str, Value] = {f"{name}.{strategy}": None for name in emptied}
    changes |= {f"{name}.{strategy}": bench.as_model(f"{name}.{strategy}", x) for name, x in numbers.items()}
    return changes | {f"toxicity.after_stopping.{strategy}": "ratio"}
