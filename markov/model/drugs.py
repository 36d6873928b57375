"""Dosing: when packs are dispensed, what a dispensing costs, and how many vials a dose opens."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

from markov.inputs.parameters import Columns
from markov.inputs.rules.between_values import products_of
from markov.terms import Array


@dataclass(frozen=True)
class Regimen:
    """One product at one dose for one strategy: dispensings `first` to `last` (not included) after the start."""

    strategy: str
    product: str
    interval: float
    first: int
    last: float
    dose_id: str

    def times(self, start: float, stop: float, horizon: float) -> Array:
        """Dispensing times in years: start + n·interval, before the planned stop and the horizon.

        >>> Regimen("s", "p", 0.25, 1, 3, "").times(0.5, 10.0, 40.0).tolist()
        [0.75, 1.0]
        """
        end = min(stop, horizon)
        count = max(int(np.ceil((end - start) / self.interval - 1e-9)), 0)
        return start + np.arange(self.first, min(count, self.last), dtype=int) * self.interval


def regimens(columns: Columns) -> tuple[Regimen, ...]:
    """Every regimen of the compared strategies, an initial dose and the later one apart."""
    return tuple(regimen for strategy in columns.inputs.compared for regimen in _of_strategy(columns, strategy))


def _of_strategy(columns: Columns, strategy: str) -> Iterator[Regimen]:
    inputs = columns.inputs
    for product in products_of(inputs, strategy):
        interval = inputs.number(f"dose.interval.{product}.{strategy}")
        initial = int(inputs.number(f"dose.initial_intervals.{product}.{strategy}"))
        if initial:
            yield Regimen(strategy, product, interval, 0, initial, f"dose.initial_amount.{product}.{strategy}")
        yield Regimen(strategy, product, interval, initial, float("inf"), f"dose.amount.{product}.{strategy}")


def _units_per_dispensing(columns: Columns, regimen: Regimen) -> Array:
    """Tablets, capsules or vials for one interval, (rows,) or (1,).

    Oral units carry over, so that parts count; vials are opened for each administration, in whole numbers over
    the distribution of body surface where waste counts.
    """
    inputs, product = columns.inputs, regimen.product
    dose, strength = columns.number(regimen.dose_id), columns.number(f"product.strength.{product}")
    administrations = columns.number(f"dose.administrations.{product}.{regimen.strategy}")
    parameter = inputs.parameters[regimen.dose_id]
    by_surface = parameter.unit == "mg/m2"
    mean = columns.number("cohort.body_surface_area")
    need = dose * (mean if by_surface else 1.0) / strength
    if inputs.text(f"product.form.{product}") == "vial" and inputs.text("settings.vial_waste") == "on":
        spread = columns.number("cohort.body_surface_area_sd") if by_surface else np.zeros(1)
        need = expected_vials(dose / strength, mean if by_surface else np.ones(1), spread)
    return need * administrations


def expected_vials(vials_per_m2: Array, mean: Array, sd: Array) -> Array:
    """Expected whole vials opened for a dose, Σ_n P(need > n), body surface being normal (mean, sd).

    >>> import numpy as np
    >>> expected_vials(np.array([1.3 / 3.5]), np.array([1.85]), np.array([0.2])).round(4).tolist()  # needs 0.69 vials
    [1.0]
    >>> expected_vials(np.array([1.0]), np.array([1.85]), np.array([0.0])).tolist()
    [2.0]
    """
    most = int(np.max(np.ceil(vials_per_m2 * (mean + 8.0 * sd)))) + 1
    spread, dose = np.where(sd > 0, sd, 1.0), np.where(vials_per_m2 > 0, vials_per_m2, 1.0)
    over_distribution = sum(special.ndtr((mean - n / dose) / spread) for n in range(most))
    vials = np.where(sd > 0, over_distribution, np.ceil(vials_per_m2 * mean - 1e-9))
    return np.where(vials_per_m2 > 0, vials, 0.0)


def cost_per_dispensing(columns: Columns, regimen: Regimen) -> Array:
    """Price of the packs for one interval, after the relative dose intensity (omitted packs)."""
    price = columns.number(f"price.{regimen.product}.{columns.inputs.text('settings.price_set')}")
    per_unit = price / columns.number(f"product.units_per_pack.{regimen.product}")
    intensity = columns.number(f"dose.relative_intensity.{regimen.strategy}")
    return _units_per_dispensing(columns, regimen) * per_unit * intensity


def _visits_per_dispensing(columns: Columns, regimen: Regimen) -> Array:
    """Administration visits in one interval: each infusion or injection, or one hand-out of oral drug."""
    if columns.inputs.text(f"product.form.{regimen.product}") == "vial":
        return columns.number(f"dose.administrations.{regimen.product}.{regimen.strategy}")
    return np.ones(1)


def administration_cost_per_year(columns: Columns, strategy: str) -> Array:
    """Administration cost rate of a strategy's later regimens while on drug, (rows,) or (1,)."""
    total = np.zeros(1)
    for regimen in _of_strategy(columns, strategy):
        route = columns.inputs.text(f"dose.route.{regimen.product}.{strategy}")
        if route and regimen.last == float("inf"):
            visits = _visits_per_dispensing(columns, regimen) / regimen.interval
            total = total + visits * columns.number(f"cost.administration.{route}")
    return total


def dispensing_weights(times: Array, factors: Array, begin: Array, finish: Array, boundaries: Array) -> Array:
    """Weights on the number on drug at the two ends of each cycle's part in the window, (2, schedules, cycles).

    The number on drug between the ends is taken as linear; a dispensing at time t counts v(t) of it. `times` (n,),
    `factors` (schedules, n), `begin` and `finish` (cycles,) in years.

    >>> import numpy as np
    >>> edges = np.array([0.0, 1.0, 2.0])
    >>> dispensing_weights(np.array([0.0, 1.25]), np.ones((1, 2)), edges[:-1], edges[1:], edges)[:, 0].tolist()
    [[1.0, 0.75], [0.0, 0.25]]
    """
    cycles = len(boundaries) - 1
    k = np.clip(np.searchsorted(boundaries, times + 1e-9) - 1, 0, cycles - 1)
    span = np.maximum(finish[k] - begin[k], 1e-300)
    late = np.clip((times - begin[k]) / span, 0.0, 1.0)
    late = np.where(late < 1e-12, 0.0, late)
    weights = np.zeros((2, len(factors), cycles))
    for schedule, v in enumerate(factors):
        np.add.at(weights[0, schedule], k, v * (1.0 - late))
        np.add.at(weights[1, schedule], k, v * late)
    return weights
