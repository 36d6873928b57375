"""Columns of survival curves: the cumulative hazard at the boundaries of cycles, its increments, and waning."""

import numpy as np

from markov.report.live.curves import Curve, growth, spline_predictor
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
    larger,
    ln,
    normal,
    pick,
    same,
    smaller,
    sum_product,
    term,
    where,
)
from markov.report.live.grid import Column, Grid
from markov.report.live.inputs_sheet import LiveCells
from markov.terms import Family


class CurveColumns:
    """A curve on a sheet: in up to six columns its cumulative hazard at some months, then its increments."""

    def __init__(self, live: LiveCells, grid: Grid, curve: Curve, months: Column, label: str):
        self.live, self.grid, self.curve, self.months, self.label = live, grid, curve, months, label
        self.start = same(months, 0)
        self.hazard = self._hazard()
        words = "change of the cumulative hazard"
        change = larger(self.hazard.after - self.hazard, 0)
        self.increments = grid.add(f"{label}: own increment", words, change, "increment")

    def _add(self, header: str, words: str, formula: Operand) -> Column:
        return self.grid.add(f"{self.label}: {header}", words, formula, rows=self.grid.rows)

    def _hazard(self) -> Column:
        """Cumulative hazard at the boundaries."""
        curve, time = self.curve, self.months / self.curve.time_factor
        known = pick(
            curve.kinds["argument"],
            curve.first * time,
            (time / curve.first) ** curve.second,
            curve.second * time,
            (ln(time) - curve.first) / curve.second,
        )
        words = "rate × t, (t/scale)^shape or (ln t − location)/spread"
        argument = self._add("argument of the family", words, where(self.start, 0, known))
        tail = self._tail(argument)
        closed = [
            argument,
            ln(1 + argument),
            smaller(curve.first * time * growth(self.live, argument), self.live.method("largest")),  # Gompertz
            -ln(larger(tail, self.live.method("smallest"))),
        ]
        if curve.gammas:
            closed.append(self._spline_hazard(time))
        hazard = curve.hazard_factor * pick(curve.kinds["hazard"], *closed)
        return self._add("cumulative hazard", "−ln S(t), by the family", where(self.start, 0, hazard))

    def _tail(self, argument: Column) -> Column:
        """Survival of the families that have no closed form; 1 for the others."""
        live, curve, start = self.live, self.curve, self.start
        shape, kind = curve.gamma_shape, curve.kinds["tail"]
        power = pick(curve.kinds["argument"], argument, 0, 0, shape * exp(curve.q * argument))
        words = "rate × t, or e^(Q·w)/Q²; 0 for other families and at time zero"
        none = any_of(term(1) < kind, start)
        x = self._add("argument of the gamma distribution", words, where(none, 0, power))
        steep = self._add("scale of the tail", "x/(x − a + 1)", where(x > shape, x / (x - shape + 1), 1))
        nodes, weights = live.tables.of("method.node"), live.tables.of("method.weight")
        integral = sum_product(weights, _tail_integrand(nodes, steep, shape, x))
        near = 1 - gamma_below(x, shape)
        upper = where(near > live.method("far_tail"), near, gamma_density(x, shape) * steep * integral)
        words = "1 − Γ(a, x), or far out its integral, which does not cancel"
        either = where(same(curve.kinds["upper"], 1), upper, gamma_below(x, shape))
        gamma_tail = self._add("gamma tail", words, where(x > 0, either, 1))
        beta: Operand = 1
        if curve.f:
            held = smaller(curve.f["delta"] * argument, live.method("largest_exponent"))
            beta = beta_below(1 / (1 + curve.f["s_ratio"] * exp(held)), curve.f["s2"], curve.f["s1"])
        survival = pick(kind, gamma_tail, normal(-argument), beta, 1)
        words = "Φ(−z), a gamma's or a beta's tail; 1 for other families"
        return self._add("survival by its distribution", words, where(start, 1, survival))

    def _spline_hazard(self, time: Term) -> Term:
        """e^η, ln(1 + e^η) or −ln Φ(−η)."""
        curve = self.curve
        eta = spline_predictor(ln(time), curve.first, curve.gammas[1:], curve.knots)
        predictor = self._add("spline", "γ0 + γ1·ln t + the cubic terms", where(self.start, 0, eta))
        odds = larger(predictor, 0) + ln(1 + exp(0 - absolute(predictor)))
        return choose(
            (same(curve.family, Family.SPLINE_HAZARD), exp(predictor)),
            (same(curve.family, Family.SPLINE_ODDS), odds),
            otherwise=-ln(larger(normal(-predictor), self.live.method("smallest"))),
        )


def _tail_integrand(nodes: Term, steep: Term, shape: Term, x: Term) -> Term:
    """e^(y(1 − s) + (a − 1)·ln(1 + s·y/x)) at the nodes y, with values (rows, nodes)."""
    slope, place = (Term(t.text, np.asarray(t.value)[:, None], t.level) for t in (steep, x))
    return exp(nodes * (1 - slope) + (shape - 1) * ln(1 + slope * nodes / place))
