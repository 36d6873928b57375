"""Effects and costs of a run: what accumulates cycle by cycle, and what is multiplied at the end.

Costs and utilities are constant rates within a state, so the loop only collects discounted time, arrivals and
dispensings; prices, costs and utilities enter once, after it.
"""

from collections.abc import Callable, Mapping

import numpy as np

from markov.inputs.parameters import Columns, Inputs
from markov.model.cohort import Cycle
from markov.model.discounting import cycle_weights, discount_factors
from markov.model.drugs import (
    Dispensing,
    administration_cost_per_year,
    cost_per_dispensing,
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
        self.held: tuple[Array, Array] = (np.zeros(0), np.zeros(0))
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
        self.dispensings = self._dispensings(steps, method, boundaries)
        self.start_factors = np.stack([discount_factors(window.start, s, method) for s in steps])
        self.utilities = self._utilities()

    def _utilities(self) -> Array:
        """Utility by living state, (living, 1, rows or 1), capped at the norm of the starting age where adjusted."""
        values = [self.columns.number(f"utility.{state}") for state in LIVING]
        utilities = np.stack(np.broadcast_arrays(*values))[:, None, :]
        return np.minimum(utilities, self.norms.at_start) if self.adjusted and self.capped else utilities

    def _dispensings(
        self, steps: list[list[tuple[float, float]]], method: Discounting, boundaries: Array
    ) -> list[tuple[int, Dispensing]]:
        window, found = self.rule.window, []
        for regimen in self.regimens:
            i = self.strategies.index(regimen.strategy)
            times = regimen.times(float(window.start[i]), float(window.stop[i]), float(boundaries[-1]))
            factors = np.stack([discount_factors(times, s, method) for s in steps[:2]])
            found.append((i, Dispensing.of(times, factors, window.begin[:, i], window.finish[:, i], boundaries)))
        return found

    def add(self, cycle: Cycle) -> None:
        """Take in a cycle, in order."""
        k = cycle.index
        occupancy = [cycle.start[:-1], cycle.end[:-1]]
        if not self.by_parabola:
            self._add_time(k, self.rule.treated, occupancy)
        elif k % 2 == 0:
            self.held = (np.array(cycle.start[:-1]), self.rule.treated)
        else:
            start, treated = self.held
            self._add_time(k - 1, treated, [start, *occupancy])
            self._add_time(k, self.rule.treated, [start, *occupancy])
        for schedule in range(3):
            self.arrivals[schedule] += self.middle_factors[schedule, k] * cycle.arrivals
        self._add_dispensings(k, cycle)

    def _add_time(self, k: int, treated: Array, occupancy: list[Array]) -> None:
        """Add the discounted time in each state, and on drug, of cycle k."""
        aged = self.norms.at_cycle[k] / self.norms.at_start if self.adjusted else None
        for schedule in range(3):
            weights = self.weights[schedule, k]
            time = weights[0] * occupancy[0]
            for weight, x in zip(weights[1:], occupancy[1:], strict=False):
                time += weight * x
            self.years[schedule] += time
            on_drug = time[_M] * treated
            self.treated[schedule] += on_drug
            if schedule != COSTS:
                self._add_quality(k, 0 if schedule == UNDISCOUNTED else 1, time, on_drug, aged)

    def _add_quality(self, k: int, kind: int, time: Array, on_drug: Array, aged: Array | None) -> None:
        if aged is not None:
            self.quality_years[kind] += aged * time
            self.treated_quality[kind] += aged * on_drug
            return
        if self.capped:
            share = np.minimum(self.utilities, self.norms.at_cycle[k]) / np.where(self.utilities, self.utilities, 1.0)
            time = time * share
        self.quality_years[kind] += time
        self.treated_quality[kind] += on_drug

    def _add_dispensings(self, k: int, cycle: Cycle) -> None:
        window, (before, after) = self.rule.window, self.rule.drug.shares
        length = self.rule.length
        left = self.rule.hazards.boundaries[k]
        for i in np.flatnonzero(window.inside[k]):
            start, change = cycle.start[_M, i], cycle.end[_M, i] - cycle.start[_M, i]
            present = [start + change * ((t - left) / length) for t in (window.begin[k, i], window.finish[k, i])]
            on_drug = (present[0] * before[i], present[1] * after[i])
            if window.begin[k, i] == window.start[i]:
                self.starters[:, i] = self.start_factors[:, i, None] * on_drug[0]
            for r, (strategy, dispensing) in enumerate(self.dispensings):
                if strategy == i:
                    for schedule in range(2):
                        amount = dispensing.at_begin[schedule, k] * on_drug[0]
                        self.dispensed[r, schedule] += amount + dispensing.at_finish[schedule, k] * on_drug[1]

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
