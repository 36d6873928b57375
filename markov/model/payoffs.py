"""Effects and costs of a run: what is counted cycle by cycle, and what is multiplied at the end.

Costs and utilities are constant rates within a state, so that a run only counts discounted time, arrivals and
dispensings; prices, costs and utilities enter once, after it.
"""

from collections.abc import Callable, Mapping

import numpy as np

from markov.inputs.parameters import Columns
from markov.model.counting import Sums, Weights
from markov.model.discounting import COSTS, EFFECTS, UNDISCOUNTED, Schedules
from markov.model.drugs import (
    administration_cost_per_year,
    cost_per_dispensing,
    dispensing_weights,
    regimens,
)
from markov.model.structure import MAINTENANCE_MODEL
from markov.model.treatment import Window
from markov.terms import DAYS_PER_YEAR, LIVING, Array, CostCategory, QalyComponent, State

INDEX = MAINTENANCE_MODEL.index
_M, _T, _P = INDEX[State.MAINTENANCE], INDEX[State.TOXICITY], INDEX[State.PROGRESSION]
_H, _S, _D = INDEX[State.SPM_HAEMATOLOGIC], INDEX[State.SPM_SOLID], INDEX[State.DEATH]


class PopulationNorms:
    """Mean utility of the general population at the cohort's age and sex mix, through time.

    The mix is linear in the share of women: unless age varies by row, the norms by sex are the same for every row.
    """

    def __init__(self, columns: Columns, years: Array):
        table = columns.inputs.population_utility
        age, female = columns.number("cohort.age"), columns.number("cohort.proportion_female")
        ages = age + np.concatenate([[0.0], years])[:, None]
        self.by_sex = np.stack([np.interp(ages, table.ages, values) for values in (table.female, table.male)])
        self.mix = np.stack([female, 1.0 - female])
        mixed = (self.mix[:, None] * self.by_sex).sum(axis=0)
        self.at_start, self.by_cycle = np.asarray(mixed[0]), np.asarray(mixed[1:].T)  # (rows or 1, [cycles])


class Payoffs:
    """How a block's cycles count, and what the counts come to once prices, costs and utilities are known."""

    def __init__(self, columns: Columns, window: Window, starting: Array, boundaries: Array):
        self.columns, self.window, self.starting, self.boundaries = columns, window, starting, boundaries
        self.strategies = columns.inputs.compared
        self.cohorts = (len(self.strategies), columns.rows)
        self.schedules = Schedules.from_settings(columns.inputs, boundaries)
        self.norms = PopulationNorms(columns, 0.5 * (boundaries[1:] + boundaries[:-1]))
        self.adjusted = columns.inputs.text("settings.age_adjustment") == "on"
        self.capped = columns.inputs.text("settings.utility_cap") == "on"
        self.utilities = self._utilities()
        self.regimens = {s: [r for r in regimens(columns) if r.strategy == s] for s in self.strategies}
        self.sums = self._room()

    def _room(self) -> Sums:
        """Nothing is counted yet."""
        n, cohorts = len(self.schedules.weights), self.cohorts
        packs = 2 * max(map(len, self.regimens.values()))
        shapes = ((n, len(LIVING)), (2, len(LIVING)), (n, len(State)), (n,), (2,), (packs,), (3,))
        return Sums(*(np.zeros((*shape, *cohorts)) for shape in shapes))

    def weights(self) -> Weights:
        """How cycles count."""
        schedules, window, cycles = self.schedules, self.window, len(self.boundaries) - 1
        of_states, of_decrements = self._quality()
        length = np.diff(self.boundaries)
        k = np.arange(cycles, dtype=np.intp)
        return Weights(
            k - k % 2 if schedules.by_parabola else k,
            schedules.weights if schedules.by_parabola else np.ascontiguousarray(schedules.weights[:, :, :2]),
            schedules.middles,
            schedules.factors(window.start),
            np.array(schedules.of_effects),
            of_states,
            of_decrements,
            window.inside[:, :cycles] / length,
            (window.begin[:, :cycles] - self.boundaries[:-1]) / length,
            (window.finish[:, :cycles] - self.boundaries[:-1]) / length,
            self._packs(),
            np.array(window.first_cycles(cycles)),
        )

    def _quality(self) -> tuple[Array, Array]:
        """What age (or the cap, where utilities do not age) leaves of a utility by cycle, and age of a decrement."""
        norm = self.norms.by_cycle
        if self.adjusted:
            left = np.array(norm / self.norms.at_start[:, None])
            return left[None], left
        whole = np.ones((1, norm.shape[1]))
        if not self.capped:
            return whole[None], whole
        utility = np.swapaxes(self.utilities, 1, 2)  # (living, rows or 1, 1)
        positive = np.where(utility > 0, utility, 1.0)
        return np.ascontiguousarray(np.where(utility > 0, np.minimum(positive, norm) / positive, 1.0)), whole

    def _packs(self) -> Array:
        """Weights of each regimen's dispensings, undiscounted and as costs: (strategies, quantities, 2, cycles)."""
        found = np.zeros((len(self.strategies), len(self.sums.packs), 2, len(self.boundaries) - 1))
        cycles = slice(0, len(self.boundaries) - 1)
        for i, s in enumerate(self.strategies):
            ends = self.window.begin[i, cycles], self.window.finish[i, cycles]
            for j, regimen in enumerate(self.regimens[s]):
                times = regimen.times(
                    float(self.window.start[i]), float(self.window.stop[i]), float(self.boundaries[-1])
                )
                factors = self.schedules.factors(times)[[UNDISCOUNTED, COSTS]]
                found[i, 2 * j : 2 * j + 2] = np.swapaxes(
                    dispensing_weights(times, factors, *ends, self.boundaries), 0, 1
                )
        return found

    def _utilities(self) -> Array:
        """Utility by living state, (living, 1, rows or 1), capped at the norm of the starting age where adjusted."""
        values = [self.columns.number(f"utility.{state}") for state in LIVING]
        utilities = np.stack(np.broadcast_arrays(*values))[:, None, :]
        return np.minimum(utilities, self.norms.at_start) if self.adjusted and self.capped else utilities

    @property
    def years(self) -> Array:
        """Time in living states, (3 schedules, living, strategies, rows)."""
        return self.sums.years[list(self.schedules.of)]

    @property
    def arrivals(self) -> Array:
        """Arrivals in states, (3 schedules, states, strategies, rows)."""
        return self.sums.arrivals[list(self.schedules.of)]

    @property
    def treated(self) -> Array:
        """Time on drug, (3 schedules, strategies, rows)."""
        return self.sums.treated[list(self.schedules.of)]

    # -------------------------------------------------------------------------------------------- results

    def _by_strategy(self, pattern: str) -> Array:
        return self.columns.by_strategy(pattern, self.strategies)

    def life_years(self) -> Array:
        """(2, living, strategies, rows): undiscounted, and discounted as effects."""
        return self.years[[UNDISCOUNTED, EFFECTS]]

    def qalys(self) -> tuple[Array, Array]:
        """QALYs by living state and by component, each (2, …, strategies, rows)."""
        in_states = self.utilities * self.sums.quality_years
        decrement = self._by_strategy("utility.treatment_decrement.") * self.sums.treated_quality
        starters = self.sums.starters[[UNDISCOUNTED, EFFECTS]]
        at_start = starters * self._events(
            lambda e: self._event(e, "disutility") * self._event(e, "days") / DAYS_PER_YEAR
        )
        aged = self.sums.quality_years if self.adjusted else self.years[[UNDISCOUNTED, EFFECTS]]
        persistent = self._persistent() * aged[:, _T]  # a decrement ages like a utility, but no cap applies to it
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
        treated, starters = self.treated[[UNDISCOUNTED, COSTS]], self.sums.starters[[UNDISCOUNTED, COSTS]]
        cost = self.columns.number
        state = {i: cost(f"cost.state.{name}") * years[:, i] for i, name in enumerate(LIVING)}
        administration = np.stack(
            np.broadcast_arrays(*(administration_cost_per_year(self.columns, s) for s in self.strategies))
        )
        by_category: Mapping[CostCategory, Array] = {
            CostCategory.DRUG: self._drug_costs(),
            CostCategory.ADMINISTRATION: administration * treated
            + self._by_strategy("cost.treatment_start.") * starters * (self.starting > 0),
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
        total = np.zeros((2, *self.cohorts))
        for i, s in enumerate(self.strategies):
            for j, regimen in enumerate(self.regimens[s]):
                total[:, i] += self.sums.packs[2 * j : 2 * j + 2, i] * cost_per_dispensing(self.columns, regimen)
        return total
