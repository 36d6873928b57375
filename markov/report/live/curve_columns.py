"""Columns of survival curves: the cumulative hazard at the boundaries of cycles, its increments, and waning."""

import numpy as np

from markov.inputs.rules.between_values import reference_of
from markov.report.live.curves import LABELS, Curve, growth, spline_predictor
from markov.report.live.cycles_sheet import Cycles
from markov.report.live.formulas import (
    Operand,
    Term,
    absolute,
    any_of,
    beta_below,
    choose,
    exp,
    gamma_below,
    gamma_density,
    given,
    larger,
    ln,
    normal,
    pick,
    same,
    smaller,
    sum_product,
    term,
    where,
    within,
)
from markov.report.live.grid import Column, Grid
from markov.report.live.inputs_sheet import LiveInputs, can_wane
from markov.report.live.tables_sheet import Tables
from markov.terms import Endpoint, Family


def curve_columns(live: LiveInputs, tables: Tables, cycles: Cycles, grid: Grid, curve: Curve, label: str) -> Column:
    """Cumulative hazard of a curve at the boundaries, in up to four columns."""
    months = cycles.months
    time = months / curve.time_factor
    known = pick(
        curve.kinds["argument"],
        curve.first * time,
        (time / curve.first) ** curve.second,
        curve.second * time,
        (ln(time) - curve.first) / curve.second,
    )
    argument = grid.add(
        f"{label}: argument of the family",
        "rate × t, (t/scale)^shape or (ln t − location)/spread",
        where(same(months, 0), 0, known),
        rows=grid.rows,
    )
    tail = _tail(live, tables, grid, curve, (months, argument), label)
    closed: list[Term] = [
        argument,
        ln(1 + argument),
        _gompertz(live, curve, time, argument),
        -ln(larger(tail, live.method("smallest"))),
    ]
    if curve.gammas:
        closed.append(_spline_hazard(live, grid, curve, time, months, label))
    hazard = curve.hazard_factor * pick(curve.kinds["hazard"], *closed)
    words = "−ln S(t), by the family"
    return grid.add(f"{label}: cumulative hazard", words, where(same(months, 0), 0, hazard), rows=grid.rows)


def _gompertz(live: LiveInputs, curve: Curve, time: Term, argument: Column) -> Term:
    """rate·t·(e^(shape·t) − 1)/(shape·t), held where nobody is left."""
    return smaller(curve.first * time * growth(live, argument), live.method("largest"))


def _tail(
    live: LiveInputs, tables: Tables, grid: Grid, curve: Curve, known: tuple[Column, Column], label: str
) -> Column:
    """Survival of the families that have no closed form, from months and argument; 1 for the others."""
    months, argument = known
    start = same(months, 0)
    shape, kind, rows = curve.gamma_shape, curve.kinds["tail"], grid.rows
    power = pick(curve.kinds["argument"], argument, 0, 0, shape * exp(curve.q * argument))
    x = grid.add(
        f"{label}: argument of the gamma distribution",
        "rate × t, or e^(Q·w)/Q²; 0 for other families and at time zero",
        where(any_of(term(1) < kind, start), 0, power),
        rows=rows,
    )
    steep = grid.add(
        f"{label}: scale of the tail", "x/(x − a + 1)", where(x > shape, x / (x - shape + 1), 1), rows=rows
    )
    nodes, weights = tables.of("method.node"), tables.of("method.weight")
    integral = sum_product(weights, _tail_integrand(nodes, steep, shape, x))
    near = 1 - gamma_below(x, shape)
    upper = where(near > live.method("far_tail"), near, gamma_density(x, shape) * steep * integral)
    gamma_tail = grid.add(
        f"{label}: gamma tail",
        "1 − Γ(a, x), or far out its integral, which does not cancel",
        where(x > 0, where(same(curve.kinds["upper"], 1), upper, gamma_below(x, shape)), 1),
        rows=rows,
    )
    beta: Operand = 1
    if curve.f:
        held = smaller(curve.f["delta"] * argument, live.method("largest_exponent"))
        beta = beta_below(1 / (1 + curve.f["ratio"] * exp(held)), curve.f["s2"], curve.f["s1"])
    survival = pick(kind, gamma_tail, normal(-argument), beta, 1)
    words = "Φ(−z), a gamma's or a beta's tail; 1 for other families"
    return grid.add(f"{label}: survival by its distribution", words, where(start, 1, survival), rows=rows)


def _tail_integrand(nodes: Term, steep: Term, shape: Term, x: Term) -> Term:
    """e^(y(1 − s) + (a − 1)·ln(1 + s·y/x)) at the nodes y, with values (rows, nodes)."""
    rows = [
        Term(t.text, np.asarray(t.value, dtype=float)[..., None] if np.ndim(t.value) else t.value, t.level)
        for t in (steep, x)
    ]
    slope, place = rows
    return exp(nodes * (1 - slope) + (shape - 1) * ln(1 + slope * nodes / place))


def _spline_hazard(live: LiveInputs, grid: Grid, curve: Curve, time: Term, months: Column, label: str) -> Term:
    """e^η, ln(1 + e^η) or −ln Φ(−η)."""
    predictor = grid.add(
        f"{label}: spline",
        "γ0 + γ1·ln t + the cubic terms",
        where(same(months, 0), 0, spline_predictor(ln(time), curve.first, curve.gammas[1:], curve.knots)),
        rows=grid.rows,
    )
    odds = larger(predictor, 0) + ln(1 + exp(0 - absolute(predictor)))
    return choose(
        (same(curve.family, Family.SPLINE_HAZARD), exp(predictor)),
        (same(curve.family, Family.SPLINE_ODDS), odds),
        otherwise=-ln(larger(normal(-predictor), live.method("smallest"))),
    )


def own_increments(grid: Grid, hazard: Column, label: str) -> Column:
    """Change of the cumulative hazard over each cycle, never below 0."""
    return grid.add(
        f"{label}: own increment", "change of the cumulative hazard", larger(hazard.after - hazard, 0), "increment"
    )


def waned(
    live: LiveInputs, grid: Grid, cycles: Cycles, own: Column, reference: Column | None, names: tuple[Endpoint, str]
) -> Column:
    """w·own + (1 − w)·the reference's, w falling from 1 to 0 between two times, at mid-cycle."""
    endpoint, strategy = names
    formula: Term = own
    if reference is not None:
        start, end = (live.of(f"{endpoint}.waning_{when}.{strategy}") for when in ("start", "end"))
        span = larger(end - start, live.method("slack"))
        left = within((end - cycles.midpoint) / span, 0, 1)
        wanes = given(live.typed(f"{endpoint}.waning_end.{strategy}"))
        formula = where(wanes, left * own + (1 - left) * reference, own)
    return grid.add(
        f"{LABELS[endpoint]}: increment as told", "waning to the reference's, where given", formula, "increment"
    )


def reference_for_waning(live: LiveInputs, endpoint: Endpoint, strategy: str) -> str | None:
    """The strategy whose increments an effect wanes to, if it may wane."""
    if not can_wane(live.inputs, endpoint, strategy):
        return None
    return reference_of(live.inputs, endpoint, strategy)
