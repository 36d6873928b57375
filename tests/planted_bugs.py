"""Bugs to plant in the engine: each a change of a code path, as a real slip could make it, and tests that must see it.

None touches an outcome: a function of the package is replaced by one that is wrong, and all that calls it goes on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from markov.analysis.sensitivity.one_way import PROBABILITIES
from markov.analysis.uncertainty.acceptability import Decision
from markov.inputs import distributions
from markov.inputs.correlations import Block
from markov.inputs.parameters import Columns, Inputs, with_values
from markov.model import after_progression, cohort, discounting, hazards, payoffs, stops, treatment
from markov.model.drugs import Regimen
from markov.model.outcomes import SCHEDULES
from markov.model.transitions import either, exit_of
from markov.survival.hazards import CrossingPolicy
from markov.survival.life_table import LifeTable
from markov.terms import Array, Correction, CostCategory, Position, State

Patch = pytest.MonkeyPatch
UNDISCOUNTED, DISCOUNTED = (SCHEDULES.index(name) for name in ("undiscounted", "discounted"))
CATEGORIES = list(CostCategory)
INDEX = {state: i for i, state in enumerate(State)}


@dataclass(frozen=True)
class Bug:
    """A bug: how it is planted, and the tests of the bank that are asked to fail in the quick form."""

    name: str
    plant: Callable[[Patch], None]
    seen_by: tuple[str, ...]


BUGS: list[Bug] = []


def bug(name: str, *seen_by: str) -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    """Add a function that plants a bug to the list."""

    def add(plant: Callable[[Patch], None]) -> Callable[[Patch], None]:
        BUGS.append(Bug(name, plant, seen_by))
        return plant

    return add


def wrap(patch: Patch, owner: Any, name: str, wrong: Callable[..., Any]) -> None:
    """Replace a function or method by `wrong(right, *arguments)`."""
    right = getattr(owner, name)
    patch.setattr(owner, name, lambda *arguments, **options: wrong(right, *arguments, **options))


# ------------------------------------------------------------------------------------------------- survival


@bug("Hazard ratio applied upside down", "TV-03", "FT-04", "FT-05", "FT-14")
def _(patch: Patch) -> None:
    def number(right: Any, self: Any, name: str, strategy: str) -> Array:
        value = right(self, name, strategy)
        return np.asarray(1.0 / value if name == "hazard_ratio" else value)

    wrap(patch, hazards._EndpointCurves, "_number", number)


@bug("Time ratio shortens time", "FT-15")
def _(patch: Patch) -> None:
    def upside_down(right: Any, self: Columns, identifier: str) -> Array:
        value = right(self, identifier)
        return np.asarray(1.0 / value if ".time_ratio." in identifier else value)

    wrap(patch, Columns, "number", upside_down)


@bug("Waning reversed: the effect grows in", "FT-14")
def _(patch: Patch) -> None:
    wrap(patch, hazards, "wane", lambda right, own, reference, weights: right(reference, own, weights))


@bug("Month of 30 days in the clock of curves", "FT-14", "FT-05")
def _(patch: Patch) -> None:
    patch.setattr(hazards, "MONTHS_PER_YEAR", 365.25 / 30.0)


@bug("Curves crossing are left to cross", "TV-04")
def _(patch: Patch) -> None:
    def cap(right: Any, self: Any, pfs: Array, overall: Array, bound: Array) -> Any:
        return pfs, np.zeros(np.broadcast_shapes(pfs.shape, overall.shape), dtype=bool)

    wrap(patch, CrossingPolicy, "cap", cap)


@bug("Life table read from the other sex's column", "FT-06", "FT-07")
def _(patch: Patch) -> None:
    right = LifeTable.from_probabilities
    patch.setattr(LifeTable, "from_probabilities", lambda ages, male, female: right(ages, female, male))


@bug("Age does not advance in the life table", "FT-06")
def _(patch: Patch) -> None:
    def flat(right: Any, self: LifeTable, rates: Array, ages: Array) -> Array:
        first = np.min(ages)
        return np.asarray(right(self, rates, np.asarray(first)) + (ages - first) * rates[int(first - self.ages[0])])

    wrap(patch, LifeTable, "cumulative", flat)


@bug("Background mortality left out after progression", "FT-05", "FT-06")
def _(patch: Patch) -> None:
    def prepare(right: Any, self: Any, first: int, p: Any) -> None:
        right(self, first, p)
        self.deaths = 0.0 * p.background + self.excess
        whole = either(self.taken, p.off.taken)
        p.exits[INDEX[State.PROGRESSION]] = exit_of(self.deaths + p.off.total, whole)

    wrap(patch, after_progression.ExcessRate, "prepare", prepare)


@bug("Standardised mortality ratio ignored", "TV-18", "TV-19")
def _(patch: Patch) -> None:
    def number(right: Any, self: Columns, identifier: str) -> Array:
        return np.ones(1) if identifier == "mortality.smr" else np.asarray(right(self, identifier))

    wrap(patch, Columns, "number", number)


@bug("Deaths after progression miss the overall-survival curve", "FT-18")
def _(patch: Patch) -> None:
    def solve(right: Any, self: Any, *arguments: Any) -> Any:
        d, half = right(self, *arguments)
        return 0.9 * d, half

    wrap(patch, after_progression.DeathsMeetOverallSurvival, "_solve", solve)


# --------------------------------------------------------------------------------------- transitions and events


@bug("Entrants of a cycle move on as if there all along", "TV-26", "FT-01")
def _(patch: Patch) -> None:
    def wrong(right: Any, *arguments: Any) -> Any:
        found = right(*arguments)
        return found._replace(half_pace=2.0 * found.half_pace, stay=found.stay + 1e-3)

    from markov.model import prepared, transitions

    for module in (prepared, after_progression, transitions):
        wrap(patch, module, "exit_of", wrong)


@bug("Flows counted twice on arrival", "FT-19", "FT-20")
def _(patch: Patch) -> None:
    def twice(right: Any, self: Any, batch: Any) -> None:
        right(self, batch)
        discounting.add_products(
            self.arrived[:, 1:],
            self.schedules.middles[:, batch.first : batch.first + len(batch.arrivals)],
            batch.arrivals[:, 1:],
        )

    wrap(patch, payoffs.Payoffs, "add", twice)


@bug("Every second death lost", "TV-26", "TV-08")
def _(patch: Patch) -> None:
    def lose(right: Any, self: Any, moves: Any, inside: Any, following: Any, arrived: Any, flowed: Any) -> None:
        right(self, moves, inside, following, arrived, flowed)
        following[-1] -= 0.5 * arrived[-1]

    wrap(patch, cohort._Advance, "__call__", lose)


@bug("Tunnel entries begin their clock anew every cycle", "TV-27")
def _(patch: Patch) -> None:
    def fill(right: Any, self: Any, k: int, j: int, occupancy: Array, moves: Any) -> None:
        if k > 1:
            self.inside[: k - 1] *= 0.5
        right(self, k, j, occupancy, moves)

    wrap(patch, after_progression.TimeSinceProgression, "fill", fill)


@bug("Proportion who stopped read as 1 − e^(−λt)", "FT-16")
def _(patch: Patch) -> None:
    def rates(right: Any, self: Any, proportion: str, maintenance: Any) -> Any:
        if not self._given(proportion):
            return right(self, proportion, maintenance)
        return -np.log1p(-self._number(proportion)) / self._number("toxicity.period"), np.zeros(1)

    wrap(patch, stops._Solver, "_rates", rates)


@bug("Excess of second malignancies on treatment dropped", "FT-17", "TV-79")
def _(patch: Patch) -> None:
    right = treatment.Malignancies.of
    wrong = classmethod(lambda cls, columns: replace(right(columns), excess=0.0 * right(columns).excess))
    patch.setattr(treatment.Malignancies, "of", wrong)


@bug("Types of second malignancy swapped", "FT-17")
def _(patch: Patch) -> None:
    right = treatment.Malignancies.of
    wrong = classmethod(lambda cls, columns: replace(right(columns), haematologic=1.0 - right(columns).haematologic))
    patch.setattr(treatment.Malignancies, "of", wrong)


@bug("Planned stop ignored", "TV-32")
def _(patch: Patch) -> None:
    right = treatment.Window.of

    def without_stop(cls: Any, columns: Columns, boundaries: Array) -> Any:
        emptied = {f"treatment.planned_stop.{s}": None for s in columns.inputs.compared}
        return right(Columns(with_values(columns.inputs, emptied), columns.block, columns.rows), boundaries)

    patch.setattr(treatment.Window, "of", classmethod(without_stop))


# --------------------------------------------------------------------------------------------------- payoffs


def _costs(patch: Patch, wrong: Callable[[Any, Array], Array]) -> None:
    wrap(patch, payoffs.Payoffs, "costs", lambda right, self: wrong(self, np.array(right(self))))


@bug("One category of cost undiscounted", "TV-46", "FT-20")
def _(patch: Patch) -> None:
    def wrong(self: Any, costs: Array) -> Array:
        i = CATEGORIES.index(CostCategory.MONITORING)
        costs[DISCOUNTED, i] = costs[UNDISCOUNTED, i]
        return costs

    _costs(patch, wrong)


@bug("Subsequent therapy charged before progression", "FT-20")
def _(patch: Patch) -> None:
    def wrong(self: Any, costs: Array) -> Array:
        monthly = self._by_strategy("subsequent.monthly_cost.")
        years = self.years[[0, 1]]
        costs[:, CATEGORIES.index(CostCategory.SUBSEQUENT_THERAPY)] += monthly * (years[:, 0] - years[:, 2])
        return costs

    _costs(patch, wrong)


@bug("End of life charged to everybody", "FT-20")
def _(patch: Patch) -> None:
    def wrong(self: Any, costs: Array) -> Array:
        costs[:, CATEGORIES.index(CostCategory.END_OF_LIFE)] = self.columns.number("cost.event.death")
        return costs

    _costs(patch, wrong)


@bug("Costs of two strategies exchanged", "FT-20", "TV-21")
def _(patch: Patch) -> None:
    _costs(patch, lambda self, costs: costs[:, :, ::-1])


@bug("Half-cycle correction on packs", "TV-50", "FT-20")
def _(patch: Patch) -> None:
    def late(right: Any, self: Regimen, start: float, stop: float, horizon: float) -> Array:
        return np.asarray(right(self, start, stop, horizon) + 0.5 * self.interval)

    wrap(patch, Regimen, "times", late)


@bug("Generic price charged for the brand", "TV-01", "FT-21")
def _(patch: Patch) -> None:
    def wrong(right: Any, columns: Columns, regimen: Regimen) -> Array:
        other = "generic" if columns.inputs.text("settings.price_set") == "brand" else "brand"
        changed = with_values(columns.inputs, {"settings.price_set": other})
        return np.asarray(right(Columns(changed, columns.block, columns.rows), regimen))

    wrap(patch, payoffs, "cost_per_dispensing", wrong)


@bug("Relative dose intensity applied twice", "TV-50", "FT-20")
def _(patch: Patch) -> None:
    def twice(right: Any, columns: Columns, regimen: Regimen) -> Array:
        return np.asarray(right(columns, regimen) * columns.number(f"dose.relative_intensity.{regimen.strategy}"))

    wrap(patch, payoffs, "cost_per_dispensing", twice)


@bug("Packs of 28 units, whatever they hold", "TV-50", "FT-20")
def _(patch: Patch) -> None:
    def whole(right: Any, columns: Columns, regimen: Regimen) -> Array:
        return np.asarray(right(columns, regimen) * columns.number(f"product.units_per_pack.{regimen.product}") / 28.0)

    wrap(patch, payoffs, "cost_per_dispensing", whole)


@bug("Price index applied twice", "TV-25", "FT-20")
def _(patch: Patch) -> None:
    def twice(right: Any, self: Inputs, identifier: str) -> float:
        parameter, factor = self.parameters.get(identifier), float(right(self, identifier))
        if parameter is None or parameter.price_year is None or not self.price_index:
            return factor
        now, then = (self.price_index[int(y)] for y in (self.number("settings.price_year"), parameter.price_year))
        return factor * now / then

    wrap(patch, Inputs, "factor", twice)


@bug("Amounts per 28 days read as per month", "FT-12", "FT-20")
def _(patch: Patch) -> None:
    def wrong(right: Any, self: Inputs, identifier: str) -> float:
        parameter, factor = self.parameters.get(identifier), float(right(self, identifier))
        return factor * 28.0 * 12.0 / 365.25 if parameter and parameter.unit.endswith("28 days") else factor

    wrap(patch, Inputs, "factor", wrong)


@bug("Utilities of two states swapped", "TV-16", "FT-19")
def _(patch: Patch) -> None:
    wrap(patch, payoffs.Payoffs, "_utilities", lambda right, self: right(self)[[2, 1, 0, 3, 4]])


@bug("Age does not advance in the norms of utility", "FT-07", "FT-19")
def _(patch: Patch) -> None:
    right = payoffs.PopulationNorms.__init__
    wrong: Any = lambda self, columns, years: right(self, columns, 0.0 * years)  # noqa: E731
    patch.setattr(payoffs.PopulationNorms, "__init__", wrong)


@bug("Utilities are not capped at the norms", "TV-24", "FT-07")
def _(patch: Patch) -> None:
    def uncapped(right: Any, self: Any) -> Array:
        changed = with_values(self.columns.inputs, {"settings.utility_cap": "off"})
        kept, self.columns = self.columns, Columns(changed, self.columns.block, self.columns.rows)
        found = np.asarray(right(self))
        self.columns = kept
        return found

    wrap(patch, payoffs.Payoffs, "_utilities", uncapped)


@bug("Days of an adverse event taken as months", "FT-19")
def _(patch: Patch) -> None:
    patch.setattr(payoffs, "DAYS_PER_YEAR", 12.0)


# ----------------------------------------------------------------------------------------------- discounting


@bug("Discount exponent with the wrong sign", "TV-37", "TV-46", "TV-48")
def _(patch: Patch) -> None:
    wrap(patch, discounting, "discount_factors", lambda right, *a, **o: 1.0 / right(*a, **o))


@bug("Rates of costs and effects exchanged", "TV-46", "FT-19", "FT-20")
def _(patch: Patch) -> None:
    other: Mapping[str, str] = {"costs": "effects", "effects": "costs"}
    wrap(patch, discounting, "discount_steps", lambda right, inputs, kind: right(inputs, other[kind]))


@bug("Half-cycle correction missing", "TV-45", "TV-44")
def _(patch: Patch) -> None:
    def start(right: Any, correction: Any, boundaries: Array, factors: Array, middles: Array) -> Any:
        return right(Correction.START, boundaries, factors, middles)

    wrap(patch, discounting, "cycle_weights", start)


@bug("Discounting in whole years although exact time is asked for", "TV-46")
def _(patch: Patch) -> None:
    def whole(right: Any, times: Array, steps: Any, method: Any = None) -> Array:
        return np.asarray(right(np.floor(times), steps))

    wrap(patch, discounting, "discount_factors", whole)


# ------------------------------------------------------------------------------------- draws and sensitivity


@bug("A parameter that is not linked: the cell's value in every row", "TV-79", "FT-11")
def _(patch: Patch) -> None:
    def unlinked(right: Any, self: Columns, identifier: str) -> Array:
        if identifier == "utility.progression":
            return np.array([self.inputs.number(identifier)])
        return np.asarray(right(self, identifier))

    wrap(patch, Columns, "number", unlinked)


@bug("Rows mixed up: one column shifted by a row", "FT-11")
def _(patch: Patch) -> None:
    def shifted(right: Any, self: Columns, identifier: str) -> Array:
        values = np.asarray(right(self, identifier))
        return np.roll(values, 1) if identifier == "cost.event.death" else values

    wrap(patch, Columns, "number", shifted)


@bug("Standard error read as a standard deviation of 100 patients", "TV-73")
def _(patch: Patch) -> None:
    wrap(patch, distributions, "_standard_error", lambda right, parameter: right(parameter) / 10.0)


@bug("Beta from the variance in the place of the standard error", "TV-73")
def _(patch: Patch) -> None:
    def wrong(right: Any, mean: float, sd: float) -> Any:
        return right(mean, min(np.sqrt(sd), 0.9 * np.sqrt(mean * (1.0 - mean))))

    wrap(patch, distributions, "_beta", wrong)


@bug("Gamma with twice the standard error", "TV-73")
def _(patch: Patch) -> None:
    wrap(patch, distributions, "_gamma", lambda right, mean, sd: right(mean, min(2.0 * sd, mean)))


@bug("Log-normal with the mean where the median belongs", "TV-73", "TV-07")
def _(patch: Patch) -> None:
    def wrong(right: Any, parameter: Any) -> Any:
        mean, sd = right(parameter)
        return mean + 2.0 * sd * sd, sd

    wrap(patch, distributions, "_log_moments", wrong)


@bug("Correlated parameters drawn alone", "TV-63")
def _(patch: Patch) -> None:
    from markov.analysis import draws

    def alone(right: Any, block: Block, independent: Any) -> dict[str, Array]:
        return dict(zip(block.ids, map(np.asarray, independent), strict=True))

    wrap(patch, draws, "correlated_uniforms", alone)


@bug("Members of a group drawn one by one", "TV-63", "TV-55")
def _(patch: Patch) -> None:
    from markov.analysis import draws
    from markov.analysis.sensitivity import one_way

    for module in (draws, one_way):
        patch.setattr(module, "stream", lambda parameter: parameter.id)


@bug("Seed ignored", "TV-66")
def _(patch: Patch) -> None:
    from markov.analysis import draws

    wrap(patch, draws, "uniforms", lambda right, seed, key, start, stop: right(1, key, start, stop))


@bug("Random numbers of a poor generator", "TV-72")
def _(patch: Patch) -> None:
    from markov.analysis import draws
    from markov.analysis.bank import uncertainty

    def poor(right: Any, seed: int, key: str, start: int, stop: int) -> Array:
        return np.asarray(right(seed, key, start, stop)) ** 1.2

    for module in (draws, uncertainty):
        wrap(patch, module, "uniforms", poor)


@bug("One-way analysis over the interquartile range", "TV-56")
def _(patch: Patch) -> None:
    from markov.analysis.sensitivity import one_way

    patch.setattr(one_way, "PROBABILITIES", np.linspace(0.25, 0.75, len(PROBABILITIES)))


@bug("One-way analysis leaves out what is correlated", "TV-54")
def _(patch: Patch) -> None:
    from markov.analysis.sensitivity import one_way

    wrap(patch, one_way, "sampled", lambda right, inputs: [p for p in right(inputs) if "os." not in p.id])


# ------------------------------------------------------------------------------------------------- decisions


@bug("ICER against the cheapest strategy, not the one before", "TV-43")
def _(patch: Patch) -> None:
    from markov.analysis import incremental as module

    def wrong(right: Any, point: Any, frontier: Any, table: Any) -> Any:
        row = right(point, frontier, table)
        if row.position is not Position.FRONTIER:
            return row
        first = frontier[0]
        delta = (point.cost - first.cost, point.qaly - first.qaly)
        return replace(row, delta_cost=delta[0], delta_qaly=delta[1], icer=delta[0] / delta[1], versus=first.name)

    wrap(patch, module, "_row", wrong)


@bug("Extended dominance missed", "TV-42", "TV-43")
def _(patch: Patch) -> None:
    from markov.analysis import incremental as module

    patch.setattr(module, "_lower_hull", lambda points: list(points))


@bug("Frontier of acceptability as the highest curve", "TV-67")
def _(patch: Patch) -> None:
    patch.setattr(Decision, "frontier", property(lambda self: float(self.probability.max())))


@bug("Value of perfect information as the mean loss", "TV-67")
def _(patch: Patch) -> None:
    patch.setattr(Decision, "evpi", property(lambda self: float(self.loss.mean())))


@bug("Net benefit with the sign of cost turned", "FT-23")
def _(patch: Patch) -> None:
    from markov.analysis.bank import decisions

    def wrong(right: Any, costs: Any, effects: Any, thresholds: Any) -> Any:
        return right(-np.asarray(costs, dtype=float), effects, thresholds)

    wrap(patch, decisions, "net_benefit", wrong)
