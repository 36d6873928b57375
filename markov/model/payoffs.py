"""Effects and costs of a run: what accumulates cycle by cycle, and what is multiplied at the end.

Costs and utilities are constant rates within a state, so the loop only collects discounted time, arrivals and
dispensings; prices, costs and utilities enter once, after it.
"""

from collections.abc import Callable, Mapping

import numpy as np

from markov.inputs.parameters import Columns
from markov.model.cohort import Batch
from markov.model.discounting import COSTS, EFFECTS, UNDISCOUNTED, Schedules, add_products, cycle_time, fold
from markov.model.discounting import discount_steps as discount_steps
from markov.model.drugs import (
    Regimen,
    administration_cost_per_year,
    cost_per_dispensing,
    dispensing_weights,
    regimens,
)
from markov.model.preparation import Preparation
from markov.model.structure import MAINTENANCE_MODEL
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
        self.at_start = self._at(0)
        self.same_age = ages.shape[1] == 1

    def _at(self, k: int) -> Array:
        return np.asarray((self.mix * self.by_sex[:, k]).sum(axis=0))

    def at_cycle(self, k: int) -> Array:
        """Norm of cycle k, (rows or 1,)."""
        return self._at(k + 1)


class UtilityFactors:
    """What age, or the cap where utilities do not age, leaves of a utility in each cycle.

    Where it is Σ_b c_b(row)·g_b(cycle), `by_cycle` (b, cycles) holds g and `by_row` (b, rows or 1) c, so that time
    weighted by it is a sum with fixed weights. Otherwise `by_cycle` is None and the factor is taken cycle by cycle.
    `drug_by_cycle` is the same for the decrement while on treatment, which ages but is not capped.
    """

    def __init__(self, columns: Columns, norms: PopulationNorms, utilities: Array, cycles: int):
        text = columns.inputs.text
        self.norms, self.utilities = norms, utilities
        self.adjusted = text("settings.age_adjustment") == "on"
        self.by_row = np.ones((1, 1))
        self.drug_by_cycle: Array | None = np.ones((1, cycles))
        if self.adjusted:
            self.by_row = norms.mix / norms.at_start
            self.drug_by_cycle = norms.by_sex[:, 1:, 0] if norms.same_age else None
        capped = not self.adjusted and text("settings.utility_cap") == "on"
        self.by_cycle = None if capped else self.drug_by_cycle

    def weights(self, weights: Array, by_cycle: Array | None) -> Array:
        """Weights (n, cycles, 3) times each part of the factor, (parts × n, cycles, 3)."""
        parts = np.zeros((0, weights.shape[1])) if by_cycle is None else by_cycle
        return np.asarray((weights * parts[:, None, :, None]).reshape(-1, *weights.shape[1:]))

    def total(self, parts: Array) -> Array:
        """Σ_b c_b × the sums taken with those weights, (parts × 2, …, rows) to (2, …, rows)."""
        split = parts.reshape(len(parts) // 2, 2, *parts.shape[1:])
        return np.asarray(sum((c * part for c, part in zip(self.by_row, split, strict=False)), np.zeros(())))

    def of_states(self, k: int) -> Array:
        """Factor of each living state's utility in cycle k, (living or 1, 1, rows or 1)."""
        norm = self.norms.at_cycle(k)
        if self.adjusted:
            return np.asarray(norm / self.norms.at_start)[None, None]
        positive = np.where(self.utilities > 0, self.utilities, 1.0)
        return np.where(self.utilities > 0, np.minimum(positive, norm) / positive, 1.0)

    def of_drug(self, k: int) -> Array:
        """Factor of the decrement while on treatment in cycle k, (rows or 1,)."""
        return np.asarray(self.norms.at_cycle(k) / self.norms.at_start)


class Treatment:
    """Time on drug, and dispensings, of one strategy: sums over cycles of the number on drug.

    With x the occupancy of `maintenance` and s the share on drug at the `begin` and `finish` of a cycle's part in
    the window, each is Σ_k s_begin·(begin @ x) + s_finish·(finish @ x), weights (quantities, cycles, 3).
    """

    def __init__(
        self, block: Preparation, strategy: int, schedules: Schedules, factors: UtilityFactors, own: list[Regimen]
    ):
        self.block, self.strategy, self.schedules, self.factors, self.regimens = (
            block,
            strategy,
            schedules,
            factors,
            own,
        )
        inside = (block.window.inside[:, strategy] / block.length)[:, None]
        time = 0.5 * schedules.weights * inside
        self.quality_weights = time[schedules.of_effects]
        by_time = [time, factors.weights(self.quality_weights, factors.drug_by_cycle)]
        ends = [self._dispensings(regimen) for regimen in own]
        self.begin, self.finish = (np.concatenate([*by_time, *(pair[i] for pair in ends)]) for i in (0, 1))
        self.sums = np.zeros((len(self.begin), block.cohorts[1]))
        self.quality = np.zeros((2, block.cohorts[1]))

    def _dispensings(self, regimen: Regimen) -> tuple[Array, Array]:
        """Weights of a regimen's dispensings, undiscounted and as costs, at the two ends of the part in the window."""
        window, i, boundaries = self.block.window, self.strategy, self.block.hazards.boundaries
        times = regimen.times(float(window.start[i]), float(window.stop[i]), float(boundaries[-1]))
        factors = self.schedules.factors(times)[[UNDISCOUNTED, COSTS]]
        ends = (window.begin[:, i], window.finish[:, i])
        k = np.arange(len(boundaries) - 1)
        place = k % 2 if self.schedules.by_parabola else 0 * k
        found = np.zeros((2, len(factors), len(k), 3))
        for e, number in enumerate(dispensing_weights(times, factors, *ends, boundaries)):
            passed = (ends[e] - boundaries[:-1]) / self.block.length
            found[e][:, k, place] = number * (1.0 - passed)
            found[e][:, k, place + 1] = number * passed
        return found[0], found[1]

    def add(self, first: int, present: Array) -> None:
        """Take in consecutive cycles, by the occupancy of `maintenance` (cycles + 1, rows)."""
        size, by_parabola = len(present) - 1, self.schedules.by_parabola
        span = slice(first, first + size)
        if self.block.drug.simple:  # the share is the same in every cycle that has weights
            part = np.zeros_like(self.sums)
            add_products(part, fold((self.begin + self.finish)[:, span], by_parabola), present)
            self.sums += self.block.starting[self.strategy] * part
        else:
            begin, finish = (end[:, self.strategy] for end in self.block.shares_of_batch)
            at = np.arange(size) - (np.arange(size) % 2 if by_parabola else 0)
            for m in range(3 if by_parabola else 2):
                add_products(self.sums, self.begin[:, span, m], begin * present[at + m])
                add_products(self.sums, self.finish[:, span, m], finish * present[at + m])
        if self.factors.drug_by_cycle is None:
            begin, finish = (end[:, self.strategy] for end in self.block.shares_of_batch)
            for j in range(size):
                time = cycle_time(self.quality_weights[:, first + j], present, j, by_parabola)
                self.quality += time * (begin[j] + finish[j]) * self.factors.of_drug(first + j)

    @property
    def _parts(self) -> tuple[int, int]:
        """Where, among the sums, those weighted by age begin and end."""
        n, by_cycle = len(self.schedules.weights), self.factors.drug_by_cycle
        return n, n + (0 if by_cycle is None else 2 * len(by_cycle))

    @property
    def treated(self) -> Array:
        """Time on drug under each kept schedule, (n, rows)."""
        return self.sums[: self._parts[0]]

    @property
    def treated_quality(self) -> Array:
        """Time on drug weighted by what age leaves of the decrement, undiscounted and as effects, (2, rows)."""
        return self.quality + self.factors.total(self.sums[slice(*self._parts)])

    @property
    def dispensed(self) -> Array:
        """Dispensings, undiscounted and as costs, (regimens, 2, rows)."""
        return self.sums[self._parts[1] :].reshape(len(self.regimens), 2, self.sums.shape[1])


class Payoffs:
    """Collects a run's discounted time, arrivals and dispensings, and turns them into outcomes.

    Nearly all are sums over cycles with weights that do not vary by row: each batch of cycles is a matrix product.
    """

    def __init__(self, block: Preparation):
        columns, inputs, cohorts = block.columns, block.columns.inputs, block.cohorts
        self.columns, self.block = columns, block
        self.strategies = inputs.compared
        boundaries = block.hazards.boundaries
        self.schedules = schedules = Schedules.from_settings(inputs, boundaries)
        self.norms = PopulationNorms(columns, 0.5 * (boundaries[1:] + boundaries[:-1]))
        self.utilities = self._utilities()
        self.factors = UtilityFactors(columns, self.norms, self.utilities, block.hazards.cycles)
        self.quality_weights = schedules.weights[schedules.of_effects]
        by_age = self.factors.weights(self.quality_weights, self.factors.by_cycle)
        self.weights = np.concatenate([schedules.weights, by_age])
        self.time = np.zeros((len(self.weights), len(LIVING), *cohorts))
        self.quality = np.zeros((2, len(LIVING), *cohorts))
        self.arrived = np.zeros((len(schedules.weights), len(State), *cohorts))
        self.starters = np.zeros((3, *cohorts))
        self.beginning = np.zeros(cohorts)
        self.start_factors = schedules.factors(block.window.start)
        self.regimens = regimens(columns)
        has_events = any(i.startswith("adverse_event.proportion.") for i in inputs.parameters)
        treats = np.any(block.starting > 0, axis=1)
        self.watched = [i for i in range(len(self.strategies)) if treats[i] or has_events]
        self.treatments = {
            s: Treatment(block, i, schedules, self.factors, [r for r in self.regimens if r.strategy == s])
            for i, s in enumerate(self.strategies)
            if treats[i]
        }

    def _utilities(self) -> Array:
        """Utility by living state, (living, 1, rows or 1), capped at the norm of the starting age where adjusted."""
        values = [self.columns.number(f"utility.{state}") for state in LIVING]
        utilities = np.stack(np.broadcast_arrays(*values))[:, None, :]
        text = self.columns.inputs.text
        capped = text("settings.age_adjustment") == "on" and text("settings.utility_cap") == "on"
        return np.minimum(utilities, self.norms.at_start) if capped else utilities

    def add(self, batch: Batch) -> None:
        """Take in consecutive cycles, in order."""
        size, by_parabola = len(batch.arrivals), self.schedules.by_parabola
        span = slice(batch.first, batch.first + size)
        living = batch.occupancy[:, :-1]
        add_products(self.time, fold(self.weights[:, span], by_parabola), living)
        # Nobody arrives in the first state.
        add_products(self.arrived[:, 1:], self.schedules.middles[:, span], batch.arrivals[:, 1:])
        if self.factors.by_cycle is None:
            for j in range(size):
                time = cycle_time(self.quality_weights[:, batch.first + j], living, j, by_parabola)
                self.quality += time * self.factors.of_states(batch.first + j)
        self._count_starters(batch)
        for treatment in self.treatments.values():
            treatment.add(batch.first, batch.occupancy[:, _M, treatment.strategy])

    def _count_starters(self, batch: Batch) -> None:
        """Those in `maintenance` when treatment starts; where there is a drug, those of them who start it."""
        window = self.block.window
        k = np.arange(batch.first, batch.first + len(batch.arrivals))
        for i in self.watched:
            begins = np.flatnonzero((window.begin[k, i] == window.start[i]) & (window.inside[k, i] > 0))
            if len(begins):
                j, starting = int(begins[0]), self.block.starting[i]
                before, after = batch.occupancy[j : j + 2, _M, i]
                passed = (window.start[i] - self.block.hazards.boundaries[k[j]]) / self.block.length
                number = before + passed * (after - before)
                self.starters[:, i] = self.start_factors[:, i, None] * number * (starting if starting.any() else 1.0)
                self.beginning[i] = starting * self._present_at_start(k[j], i, before, after)

    def _present_at_start(self, k: int, i: int, before: Array, after: Array) -> Array:
        """Number in `maintenance` when treatment starts within cycle k: until then nobody stops for toxicity.

        The curve of time on treatment begins here; payoffs take `maintenance` as linear between cycle ends.
        """
        window, drug = self.block.window, self.block.drug
        passed = (window.start[i] - self.block.hazards.boundaries[k]) / self.block.length
        keep = np.exp(-(drug.toxicity_rate[i] + drug.other_rate[i]) * window.inside[k, i])
        starting = self.block.starting[i]
        without_stops = 1.0 - starting + starting * (keep + drug.fraction[i] * (1.0 - keep))
        return np.asarray(before * (after / (before * without_stops)) ** passed)

    @property
    def years(self) -> Array:
        """Time in living states, (3 schedules, living, strategies, rows)."""
        return self.time[list(self.schedules.of)]

    @property
    def arrivals(self) -> Array:
        """Arrivals in states, (3 schedules, states, strategies, rows)."""
        return self.arrived[list(self.schedules.of)]

    @property
    def quality_years(self) -> Array:
        """Time in living states by what age or the cap leaves of their utility, (2, living, strategies, rows)."""
        return self.quality + self.factors.total(self.time[len(self.schedules.weights) :])

    @property
    def treated(self) -> Array:
        """Time on drug, (3 schedules, strategies, rows)."""
        found = np.zeros((3, *self.block.cohorts))
        for treatment in self.treatments.values():
            found[:, treatment.strategy] = treatment.treated[list(self.schedules.of)]
        return found

    @property
    def treated_quality(self) -> Array:
        """Time on drug by what age leaves of the decrement, (2, strategies, rows)."""
        found = np.zeros((2, *self.block.cohorts))
        for treatment in self.treatments.values():
            found[:, treatment.strategy] = treatment.treated_quality
        return found

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
        aged = self.quality_years if self.factors.adjusted else self.years[[UNDISCOUNTED, EFFECTS]]
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
        treated, starters = self.treated[[UNDISCOUNTED, COSTS]], self.starters[[UNDISCOUNTED, COSTS]]
        cost = self.columns.number
        state = {i: cost(f"cost.state.{name}") * years[:, i] for i, name in enumerate(LIVING)}
        administration = np.stack(
            np.broadcast_arrays(*(administration_cost_per_year(self.columns, s) for s in self.strategies))
        )
        by_category: Mapping[CostCategory, Array] = {
            CostCategory.DRUG: self._drug_costs(),
            CostCategory.ADMINISTRATION: administration * treated
            + self._by_strategy("cost.treatment_start.") * starters * (self.block.starting > 0),
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
        total = np.zeros((2, *self.block.cohorts))
        for treatment in self.treatments.values():
            for regimen, dispensed in zip(treatment.regimens, treatment.dispensed, strict=True):
                total[:, treatment.strategy] += dispensed * cost_per_dispensing(self.columns, regimen)
        return total
