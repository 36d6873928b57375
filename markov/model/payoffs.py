"""Effects and costs of a run: what accumulates cycle by cycle, and what is multiplied at the end.

Costs and utilities are constant rates within a state, so the loop only collects discounted time, arrivals and
dispensings; prices, costs and utilities enter once, after it.
"""

from collections.abc import Callable, Mapping

import numpy as np

from markov.inputs.parameters import Columns, Inputs
from markov.model.cohort import Batch
from markov.model.discounting import cycle_weights, discount_factors
from markov.model.drugs import (
    administration_cost_per_year,
    cost_per_dispensing,
    dispensing_weights,
    regimens,
)
from markov.model.maintenance import MaintenanceRule
from markov.model.structure import MAINTENANCE_MODEL
from markov.terms import (
    DAYS_PER_YEAR,
    LIVING,
    Array,
    Correction,
    CostCategory,
    Discounting,
    QalyComponent,
    State,
)

INDEX = MAINTENANCE_MODEL.index
_M, _T, _P = INDEX[State.MAINTENANCE], INDEX[State.TOXICITY], INDEX[State.PROGRESSION]
_H, _S, _D = INDEX[State.SPM_HAEMATOLOGIC], INDEX[State.SPM_SOLID], INDEX[State.DEATH]
UNDISCOUNTED, COSTS, EFFECTS = range(3)


def _weighted(weights: Array, values: Array) -> Array:
    """Weighted sums over the first axis, one for each row of weights: (n, m) and (m, …) give (n, …)."""
    return np.asarray((weights @ values.reshape(len(values), -1)).reshape(len(weights), *values.shape[1:]))


class PopulationNorms:
    """Mean utility of the general population at the cohort's age and sex mix, through time."""

    def __init__(self, columns: Columns, years: Array):
        table = columns.inputs.population_utility
        age, female = columns.number("cohort.age"), columns.number("cohort.proportion_female")
        ages = age + np.concatenate([[0.0], years])[:, None]
        by_sex = [np.interp(ages, table.ages, values) for values in (table.female, table.male)]
        norm = female * by_sex[0] + (1.0 - female) * by_sex[1]
        self.at_start, self.at_cycle = norm[0], norm[1:]


def discount_steps(inputs: Inputs, kind: str) -> list[tuple[float, float]]:
    """Discount schedule of costs or effects: (from year, rate)."""
    steps = [(0.0, inputs.number(f"settings.discount_rate.{kind}"))]
    if inputs.given("settings.discount_change_years"):
        change = inputs.number("settings.discount_change_years")
        steps.append((change, inputs.number(f"settings.discount_rate_later.{kind}")))
    return steps


class Payoffs:
    """Collects a run's discounted time, arrivals and dispensings, and turns them into outcomes."""

    def __init__(self, columns: Columns, rule: MaintenanceRule):
        inputs, hazards, window = columns.inputs, rule.hazards, rule.window
        self.columns, self.rule = columns, rule
        self.strategies = inputs.compared
        boundaries = hazards.boundaries
        middles = 0.5 * (boundaries[1:] + boundaries[:-1])
        method = Discounting(inputs.text("settings.discounting"))
        steps = [[(0.0, 0.0)], discount_steps(inputs, "costs"), discount_steps(inputs, "effects")]
        self.middle_factors = np.stack([discount_factors(middles, s, method) for s in steps])
        correction = Correction(inputs.text("settings.correction"))
        ends = [discount_factors(boundaries, s, method) for s in steps]
        pairs = [cycle_weights(correction, boundaries, e, m) for e, m in zip(ends, self.middle_factors, strict=True)]
        self.weights = np.stack([w for _, w in pairs])
        self.by_parabola = correction is Correction.SIMPSON
        self.norms = PopulationNorms(columns, middles)
        self.adjusted = inputs.text("settings.age_adjustment") == "on"
        self.capped = inputs.text("settings.utility_cap") == "on"
        cohorts = rule.cohorts
        living = len(LIVING)
        self.years = np.zeros((3, living, *cohorts))
        self.quality_years = np.zeros((2, living, *cohorts))
        self.treated = np.zeros((3, *cohorts))
        self.treated_quality = np.zeros((2, *cohorts))
        self.arrivals = np.zeros((3, len(State), *cohorts))
        self.starters = np.zeros((3, *cohorts))
        self.regimens = regimens(columns)
        self.dispensed = np.zeros((len(self.regimens), 2, columns.rows))
        self.at_begin, self.at_finish = self._dispensings(steps, method, boundaries)
        of = [self.strategies.index(regimen.strategy) for regimen in self.regimens]
        self.regimens_of = {i: [r for r, s in enumerate(of) if s == i] for i in range(len(self.strategies))}
        has_events = any(i.startswith("adverse_event.proportion.") for i in inputs.parameters)
        treats = np.any(rule.starting > 0, axis=1)
        self.watched = [i for i in range(len(self.strategies)) if treats[i] or has_events]
        self.start_factors = np.stack([discount_factors(window.start, s, method) for s in steps])
        self.utilities = self._utilities()

    def _utilities(self) -> Array:
        """Utility by living state, (living, 1, rows or 1), capped at the norm of the starting age where adjusted."""
        values = [self.columns.number(f"utility.{state}") for state in LIVING]
        utilities = np.stack(np.broadcast_arrays(*values))[:, None, :]
        return np.minimum(utilities, self.norms.at_start) if self.adjusted and self.capped else utilities

    def _dispensings(
        self, steps: list[list[tuple[float, float]]], method: Discounting, boundaries: Array
    ) -> tuple[Array, Array]:
        """Weights of each regimen's dispensings on the number on drug, (regimens, schedules, cycles), twice."""
        window = self.rule.window
        found = np.zeros((2, len(self.regimens), 2, len(boundaries) - 1))
        for r, regimen in enumerate(self.regimens):
            i = self.strategies.index(regimen.strategy)
            times = regimen.times(float(window.start[i]), float(window.stop[i]), float(boundaries[-1]))
            factors = np.stack([discount_factors(times, s, method) for s in steps[:2]])
            found[:, r] = dispensing_weights(times, factors, window.begin[:, i], window.finish[:, i], boundaries)
        return found[0], found[1]

    def add(self, batch: Batch) -> None:
        """Take in consecutive cycles, in order."""
        size = len(batch.flows)
        cycles = slice(batch.first, batch.first + size)
        shares, living = self.rule.shares, batch.occupancy[:, :-1]
        at_boundaries = self._boundary_weights(batch.first, size)
        self.years += _weighted(at_boundaries, living)
        treated = shares.mean * (self.rule.window.inside[cycles, :, None] / self.rule.length)
        present = self._time_in_maintenance(batch.first, living[:, _M])
        self.treated += (present * treated).sum(axis=1)
        ages = (self.norms.at_cycle[cycles] / self.norms.at_start)[:, None] if self.adjusted else np.ones((size, 1, 1))
        self.treated_quality += (present[[UNDISCOUNTED, EFFECTS]] * (treated * ages)).sum(axis=1)
        self._add_quality(batch.first, ages, living)
        self.arrivals += _weighted(self.middle_factors[:, cycles], batch.arrivals)
        self._add_dispensings(batch)

    def _boundary_weights(self, first: int, size: int, ages: Array | None = None) -> Array:
        """Weights of the occupancy at a batch's boundaries in the time of its cycles, (schedules, boundaries)."""
        weights = np.zeros((len(self.weights), size + 3))
        for j in range(size):
            start = j - (j % 2 if self.by_parabola else 0)
            part = self.weights[:, first + j]
            weights[:, start : start + 3] += part if ages is None else part * ages[j]
        return weights[:, : size + 1]

    def _time_in_maintenance(self, first: int, present: Array) -> Array:
        """Time in `maintenance` by cycle, (schedules, cycles, strategies, rows)."""
        size = len(present) - 1
        weights = self.weights[:, first : first + size, :, None, None]
        j = np.arange(size)
        start = j - j % 2 if self.by_parabola else j
        time = weights[:, :, 0] * present[start] + weights[:, :, 1] * present[start + 1]
        if self.by_parabola:
            time += weights[:, :, 2] * present[start + 2]
        return np.asarray(time)

    def _add_quality(self, first: int, ages: Array, living: Array) -> None:
        """Time in each state, weighted by what age (or the cap, where utilities do not age) leaves of its utility."""
        size = len(ages)
        effects = [UNDISCOUNTED, EFFECTS]
        if self.adjusted and ages.shape[-1] == 1:
            weights = self._boundary_weights(first, size, ages[:, 0, 0])[effects]
            self.quality_years += _weighted(weights, living)
            return
        for j in range(0, size, 2 if self.by_parabola else 1):
            span = range(j, min(j + 2, size)) if self.by_parabola else (j,)
            for cycle in span:
                w = self.weights[effects, first + cycle, :, None, None, None]
                time = sum(w[:, m] * living[j + m] for m in range(min(3, size + 1 - j)))
                self.quality_years += time * (ages[cycle] if self.adjusted else self._cap(first + cycle))

    def _cap(self, k: int) -> Array:
        """Share of each state's utility that the population norm of cycle k leaves, where utilities do not age."""
        if not self.capped:
            return np.ones(1)
        positive = np.where(self.utilities > 0, self.utilities, 1.0)
        return np.where(self.utilities > 0, np.minimum(positive, self.norms.at_cycle[k]) / positive, 1.0)

    def _add_dispensings(self, batch: Batch) -> None:
        """Count dispensings and starters by the number on drug at the ends of each cycle's part in the window."""
        window, shares = self.rule.window, self.rule.shares
        size = len(batch.flows)
        k = np.arange(batch.first, batch.first + size)
        present = batch.occupancy[:, _M]
        for i in self.watched:
            ends = []
            for time, share in ((window.begin[k, i], shares.begin), (window.finish[k, i], shares.finish)):
                passed = ((time - self.rule.hazards.boundaries[k]) / self.rule.length)[:, None]
                number = present[:-1, i] + passed * (present[1:, i] - present[:-1, i])
                ends.append((number, number * share[:, i]))
            begins = np.flatnonzero((window.begin[k, i] == window.start[i]) & (window.inside[k, i] > 0))
            if len(begins):
                number, on_drug = ends[0]
                drug = self.rule.starting[i].any()
                self.starters[:, i] = self.start_factors[:, i, None] * (on_drug if drug else number)[begins[0]]
            for r in self.regimens_of[i]:
                for (_, on_drug), weights in zip(ends, (self.at_begin, self.at_finish), strict=True):
                    self.dispensed[r] += weights[r][:, k] @ on_drug

    # -------------------------------------------------------------------------------------------- results

    def _by_strategy(self, pattern: str) -> Array:
        return self.columns.by_strategy(pattern, self.strategies)

    def life_years(self) -> Array:
        """(2, living, strategies, rows): undiscounted, and discounted as effects."""
        return self.years[[UNDISCOUNTED, EFFECTS]]

    def qalys(self) -> tuple[Array, Array]:
        """QALYs by living state and by component, each (2, …, strategies, rows)."""
        in_states = self.utilities * self.quality_years
        decrement = self._by_strategy("utility.treatment_decrement.") * self.treated_quality
        starters = self.starters[[UNDISCOUNTED, EFFECTS]]
        at_start = starters * self._events(
            lambda e: self._event(e, "disutility") * self._event(e, "days") / DAYS_PER_YEAR
        )
        persistent = self._persistent() * self.quality_years[:, _T]
        arrivals = self.arrivals[[UNDISCOUNTED, EFFECTS]]
        kinds = ((_H, "haematologic"), (_S, "solid"))
        malignancies = {
            i: self.columns.number(f"spm.disutility.{kind}")
            * self.columns.number(f"spm.disutility_duration.{kind}")
            * arrivals[:, i]
            for i, kind in kinds
        }
        components = np.stack(
            [in_states.sum(axis=1), decrement, at_start, persistent, malignancies[_H] + malignancies[_S]], axis=1
        )
        by_state = np.array(in_states)
        by_state[:, _M] += decrement + at_start
        by_state[:, _T] += persistent
        for i, loss in malignancies.items():
            by_state[:, i] += loss
        assert components.shape[1] == len(QalyComponent)
        return by_state, components

    def _event(self, event: str, what: str) -> Array:
        return self.columns.number(f"adverse_event.{what}.{event}")

    def _events(self, amount: Callable[[str], Array]) -> Array:
        """Σ over adverse events of the share with each times an amount, (strategies, rows or 1)."""
        total = np.zeros((len(self.strategies), 1))
        for event in self.columns.inputs.names("event"):
            total = total + self._by_strategy(f"adverse_event.proportion.{event}.") * amount(event)
        return total

    def _persistent(self) -> Array:
        total = np.zeros((len(self.strategies), 1))
        for event in self.columns.inputs.names("event"):
            share = self._by_strategy(f"adverse_event.persistent_share.{event}.")
            total = total + share * self._event(event, "disutility")
        return total

    def costs(self) -> Array:
        """(2, categories, strategies, rows): undiscounted, and discounted as costs."""
        years, arrivals = self.years[[UNDISCOUNTED, COSTS]], self.arrivals[[UNDISCOUNTED, COSTS]]
        treated, starters = self.treated[[UNDISCOUNTED, COSTS]], self.starters[[UNDISCOUNTED, COSTS]]
        cost = self.columns.number
        state = {i: cost(f"cost.state.{name}") * years[:, i] for i, name in enumerate(LIVING)}
        administration = np.stack(
            np.broadcast_arrays(*(administration_cost_per_year(self.columns, s) for s in self.strategies))
        )
        by_category: Mapping[CostCategory, Array] = {
            CostCategory.DRUG: self._drug_costs(),
            CostCategory.ADMINISTRATION: administration * treated
            + self._by_strategy("cost.treatment_start.") * starters,
            CostCategory.MONITORING: self._by_strategy("cost.monitoring.") * treated,
            CostCategory.ADVERSE_EVENTS: self._events(lambda e: self._event(e, "cost")) * starters,
            CostCategory.DISEASE_MANAGEMENT: state[_M]
            + state[_T]
            + state[_P]
            + cost("cost.event.progression") * arrivals[:, _P],
            CostCategory.SUBSEQUENT_THERAPY: self._courses() * arrivals[:, _P]
            + self._by_strategy("subsequent.monthly_cost.") * years[:, _P],
            CostCategory.SECOND_PRIMARY_MALIGNANCY: state[_H]
            + state[_S]
            + cost("cost.event.spm_haematologic") * arrivals[:, _H]
            + cost("cost.event.spm_solid") * arrivals[:, _S],
            CostCategory.END_OF_LIFE: cost("cost.event.death") * arrivals[:, _D],
        }
        shape = treated.shape
        return np.stack([np.broadcast_to(by_category[category], shape) for category in CostCategory], axis=1)

    def _courses(self) -> Array:
        """Cost of subsequent courses per patient who progresses, (strategies, rows or 1)."""
        total = np.zeros((len(self.strategies), 1))
        for course in self.columns.inputs.names("course"):
            if self.columns.given(f"subsequent.cost.{course}"):
                share = self._by_strategy(f"subsequent.share.{course}.")
                total = total + share * self.columns.number(f"subsequent.cost.{course}")
        return total

    def _drug_costs(self) -> Array:
        total = np.zeros((2, *self.rule.cohorts))
        for regimen, dispensed in zip(self.regimens, self.dispensed, strict=True):
            total[:, self.strategies.index(regimen.strategy)] += dispensed * cost_per_dispensing(self.columns, regimen)
        return total
