"""Survival curves in cells: the family and parameters that each strategy uses, and its hazard in each cycle.

Parameterisation as in `markov.survival.families`. A curve built on a reference strategy's takes that one's family and
parameters, with a factor on the hazard or on time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from markov.inputs.rules.between_values import reference_of
from markov.report.live.formulas import (
    Operand,
    Term,
    absolute,
    all_of,
    any_of,
    beta_median,
    choose,
    exp,
    gamma_median,
    given,
    is_one_of,
    larger,
    ln,
    same,
    smaller,
    sqrt,
    term,
    where,
)
from markov.report.live.grid import Listing
from markov.report.live.inputs_sheet import LiveInputs, endpoints, families, may_lean
from markov.report.live.tables_sheet import Tables
from markov.terms import SPLINES, Endpoint, Family

LABELS = {Endpoint.PFS: "PFS", Endpoint.OS: "OS", Endpoint.POST_PROGRESSION: "Survival from progression"}
WITH_SHAPE = (Family.WEIBULL, Family.GOMPERTZ, Family.LOG_LOGISTIC, Family.GAMMA)
WITH_SIGMA = (Family.GENERALISED_GAMMA, Family.GENERALISED_F)
CLOSED = (Family.EXPONENTIAL, Family.WEIBULL)

Typed = Callable[[str], Term | None]
"""The cell of a curve's parameter, or None where the sheet has none."""
Cell = Callable[[str, str, Operand], Term]
"""Adds a named cell."""
Used = Callable[[str, str, Operand, Term | None], Term]
"""Adds a named cell: the curve's own, or the reference's under a ratio."""


@dataclass(frozen=True)
class Curve:
    """Named cells of one strategy's curve for one endpoint.

    `first` is the parameter that the median may replace, `second` a shape or spread; `q` and what follows belong to
    the generalised families; `gammas` and `knots` (ln months) to splines.
    """

    family: Term
    hazard_factor: Term
    time_factor: Term
    first: Term
    second: Term
    q: Term
    gamma_shape: Term
    f: Mapping[str, Term]
    gammas: tuple[Term, ...]
    knots: tuple[Term, ...]
    kinds: Mapping[str, Term]


class CurveCells:
    """The curves of every endpoint and strategy, each worked out once, its reference's first."""

    def __init__(self, live: LiveInputs, tables: Tables, listing: Listing):
        self.live, self.tables, self.listing, self.inputs = live, tables, listing, live.inputs
        self.known: dict[tuple[Endpoint, str], Curve] = {}
        for endpoint in endpoints(self.inputs):
            for strategy in self.inputs.compared:
                self.of(endpoint, strategy)

    def of(self, endpoint: Endpoint, strategy: str) -> Curve:
        """One curve."""
        if (endpoint, strategy) not in self.known:
            leans = may_lean(self.inputs, endpoint, strategy)
            base = self.of(endpoint, reference_of(self.inputs, endpoint, strategy)) if leans else None
            self.known[endpoint, strategy] = self._curve(endpoint, strategy, base)
        return self.known[endpoint, strategy]

    def _curve(self, endpoint: Endpoint, strategy: str, base: Curve | None) -> Curve:
        self.listing.heading(f"{LABELS[endpoint]} of {self.inputs.labels[strategy]}: family and parameters used")

        def typed(name: str) -> Term | None:
            identifier = f"{endpoint}.{name}.{strategy}"
            return self.live.of(identifier) if self.live.has(identifier) else None

        def cell(name: str, words: str, formula: Operand) -> Term:
            return self.listing.add(f"used.{endpoint}.{name}.{strategy}", words, formula)

        def used(name: str, words: str, own: Operand, borrowed: Term | None) -> Term:
            return cell(name, words, own if base is None or borrowed is None else where(leans, borrowed, own))

        chosen = self.live.typed(f"{endpoint}.family.{strategy}")
        leans = is_one_of(chosen, Family.HAZARD_RATIO, Family.TIME_RATIO)
        family = used(
            "family",
            "Family, the reference's under a ratio",
            self._known(endpoint, chosen, typed),
            base.family if base else None,
        )
        on_hazard, on_time = self._factors(chosen, typed, base)
        hazard = used("hazard_factor", "Factor on the hazard", on_hazard, None)
        time = used("time_factor", "Factor on time", on_time, None)
        second = used(
            "second",
            "Second parameter: a shape or a spread",
            self._second(chosen, typed),
            base.second if base else None,
        )
        q = used("q", "Q of a generalised family", typed("q") or 0, base.q if base else None)
        shape = used(
            "gamma_shape",
            "Shape of the gamma distribution behind the curve: the family's, or 1/Q²",
            choose(
                (same(chosen, Family.GAMMA), second),
                (absolute(q) >= self.live.method("smallest_q"), 1 / q**2),
                otherwise=1,
            ),
            base.gamma_shape if base else None,
        )
        f = self._generalised_f(endpoint, typed, used, q, base)
        gammas, knots = self._spline(endpoint, strategy, base)

        first = self._first(chosen, typed, cell, (second, q, shape), f, (gammas, knots))
        place = used("first", "First parameter, as given or from the median", first, base.first if base else None)
        kinds = self._kinds(f"{endpoint}.{{}}.{strategy}", family, q, bool(gammas))
        return Curve(family, hazard, time, place, second, q, shape, f, gammas, knots, kinds)

    def _factors(self, chosen: Term, typed: Typed, base: Curve | None) -> tuple[Term, Term]:
        """What a ratio makes of the reference's factors on the hazard and on time; 1 for a curve of its own."""
        ratio, time_ratio = typed("hazard_ratio"), typed("time_ratio")
        if base is None or ratio is None or time_ratio is None:
            return term(1), term(1)
        hazard = choose(
            (same(chosen, Family.HAZARD_RATIO), ratio * base.hazard_factor),
            (same(chosen, Family.TIME_RATIO), base.hazard_factor),
            otherwise=1,
        )
        time = choose(
            (same(chosen, Family.TIME_RATIO), time_ratio * base.time_factor),
            (same(chosen, Family.HAZARD_RATIO), base.time_factor),
            otherwise=1,
        )
        return hazard, time

    def _kinds(self, pattern: str, family: Term, q: Term, spline: bool) -> dict[str, Term]:
        """Numbers that say which of several formulas a family takes, so that the columns stay short."""
        three, four, five = (term(1) + 2, term(2) + 2, term(2) + 2 + 1)
        argument = choose(
            (is_one_of(family, Family.EXPONENTIAL, Family.GAMMA), 1),
            (is_one_of(family, Family.WEIBULL, Family.LOG_LOGISTIC), 2),
            (same(family, Family.GOMPERTZ), three),
            otherwise=four,
        )
        curved = all_of(same(family, Family.GENERALISED_GAMMA), absolute(q) >= self.live.method("smallest_q"))
        tail = choose(
            (is_one_of(family, Family.LOG_NORMAL, Family.GENERALISED_GAMMA), where(curved, 1, 2)),
            (same(family, Family.GAMMA), 1),
            (same(family, Family.GENERALISED_F), three),
            otherwise=four,
        )
        hazard = choose(
            (is_one_of(family, *CLOSED), 1),
            (same(family, Family.LOG_LOGISTIC), 2),
            (same(family, Family.GOMPERTZ), three),
            *([(is_one_of(family, *SPLINES), five)] if spline else []),
            otherwise=four,
        )
        words = {
            "argument": (argument, "Argument of the family: 1 rate × t, 2 a power, 3 shape × t, 4 standardised ln t"),
            "tail": (tail, "Survival: 1 a gamma's tail, 2 a normal's, 3 a beta's, 4 in closed form"),
            "hazard": (hazard, "Hazard: 1 the argument, 2 ln(1 + it), 3 Gompertz, 4 −ln of a tail, 5 a spline"),
            "upper": (
                where(any_of(same(family, Family.GAMMA), q > 0), 1, 0),
                "1 where the gamma's tail is the upper one",
            ),
        }
        return {
            name: self.listing.add(f"used.{pattern.format(name)}", text, formula)
            for name, (formula, text) in words.items()
        }

    def _known(self, endpoint: Endpoint, chosen: Term, typed: Typed) -> Term:
        """The family typed; a generalised F without P is a generalised gamma."""
        p = typed("p")
        if Family.GENERALISED_F not in families(self.inputs, endpoint) or p is None:
            return chosen
        bare = all_of(same(chosen, Family.GENERALISED_F), p < self.live.method("smallest_p"))
        return where(bare, Family.GENERALISED_GAMMA, chosen)

    def _second(self, chosen: Term, typed: Typed) -> Term:
        shape, spread, sigma = typed("shape"), typed("sdlog"), typed("sigma")
        assert shape is not None and spread is not None and sigma is not None
        return choose(
            (is_one_of(chosen, *WITH_SHAPE), shape),
            (same(chosen, Family.LOG_NORMAL), spread),
            (is_one_of(chosen, *WITH_SIGMA), sigma),
            otherwise=1,
        )

    def _first(
        self,
        chosen: Term,
        typed: Typed,
        cell: Cell,
        known: tuple[Term, Term, Term],
        f: Mapping[str, Term],
        spline: tuple[tuple[Term, ...], tuple[Term, ...]],
    ) -> Term:
        """The first parameter of the family, or what returns the median exactly."""
        (second, q, shape), (gammas, knots) = known, spline
        median, rate, scale = typed("median"), typed("rate"), typed("scale")
        meanlog, mu = typed("meanlog"), typed("mu")
        assert median and rate and scale and meanlog and mu
        half = ln(2)
        log_quantile = where(absolute(q) < self.live.method("smallest_q"), 0, ln(gamma_median(shape) / shape) / q)
        if f:
            log_quantile = where(all_of(same(chosen, Family.GENERALISED_F), f["used"]), f["median"], log_quantile)
        generalised = is_one_of(chosen, *WITH_SIGMA)
        unit = cell(
            "unit", "Log of the median of a generalised family at mu 0, sigma 1", where(generalised, log_quantile, 0)
        )
        grown = where(all_of(given(median), same(chosen, Family.GOMPERTZ)), self._growth(second * median), 1)
        growth_there = cell("growth", "Gompertz: (e^(shape·m) − 1)/(shape·m) at the median", grown)
        from_median = choose(
            (same(chosen, Family.EXPONENTIAL), half / median),
            (same(chosen, Family.WEIBULL), median / half ** (1 / second)),
            (same(chosen, Family.GOMPERTZ), half / (median * growth_there)),
            (same(chosen, Family.LOG_LOGISTIC), median),
            (same(chosen, Family.GAMMA), gamma_median(second) / median),
            otherwise=ln(median) - second * unit,  # a log-normal's unit is 0
        )
        as_given = choose(
            (is_one_of(chosen, Family.EXPONENTIAL, Family.GOMPERTZ, Family.GAMMA), rate),
            (is_one_of(chosen, Family.WEIBULL, Family.LOG_LOGISTIC), scale),
            (same(chosen, Family.LOG_NORMAL), meanlog),
            otherwise=mu,
        )
        if gammas:
            splines = [(same(chosen, spline), self._spline_place(spline, median, gammas, knots)) for spline in SPLINES]
            is_spline = is_one_of(chosen, *SPLINES)
            by_spline = cell("spline_place", "γ0 that returns the median", choose(*splines, otherwise=0))
            from_median = where(is_spline, by_spline, from_median)
            as_given = where(is_spline, gammas[0], as_given)
        placed = cell("from_median", "First parameter from the median", where(given(median), from_median, 0))
        plain = cell("as_given", "First parameter as given", where(given(median), 0, as_given))
        return where(given(median), placed, plain)

    def _spline_place(self, spline: Family, median: Term, gammas: tuple[Term, ...], knots: tuple[Term, ...]) -> Term:
        at_median = ln(ln(2)) if spline is Family.SPLINE_HAZARD else term(0)
        return at_median - spline_predictor(ln(median), term(0), gammas[1:], knots)

    def _growth(self, x: Term) -> Term:
        return growth(self.live, x)

    def _generalised_f(
        self, endpoint: Endpoint, typed: Typed, used: Used, q: Term, base: Curve | None
    ) -> dict[str, Term]:
        """δ, s1, s2 and the log of the unit median, where the base case has a generalised F."""
        if Family.GENERALISED_F not in families(self.inputs, endpoint):
            return {}
        borrowed: Mapping[str, Term] = base.f if base else {}
        own_p = typed("p")
        assert own_p is not None
        small = self.live.method("smallest_p")
        p = used("p", "P of a generalised F", own_p, borrowed.get("p"))
        floored = larger(p, small)
        delta = used("delta", "δ = √(Q² + 2P)", sqrt(q**2 + 2 * floored), borrowed.get("delta"))
        size = delta + absolute(q)
        near = used("s_near", "2/(δ(δ + |Q|))", 2 / (delta * size), borrowed.get("near"))
        far = used("s_far", "(δ + |Q|)/(P·δ)", size / (floored * delta), borrowed.get("far"))
        s1 = used("s1", "s1: the near one where Q is 0 or above", where(q >= 0, near, far), borrowed.get("s1"))
        s2 = used("s2", "s2: the far one where Q is 0 or above", where(q >= 0, far, near), borrowed.get("s2"))
        half = beta_median(s2, s1)
        ratio = used("s_ratio", "s1/s2", s1 / s2, borrowed.get("ratio"))
        median = used(
            "log_median",
            "Log of the median at mu 0, sigma 1",
            ln((1 / half - 1) / ratio) / delta,
            borrowed.get("median"),
        )
        is_f = used("is_f", "Whether P is large enough for an F", p >= small, borrowed.get("used"))
        return {
            "p": p,
            "delta": delta,
            "ratio": ratio,
            "near": near,
            "far": far,
            "s1": s1,
            "s2": s2,
            "median": median,
            "used": is_f,
        }

    def _spline(
        self, endpoint: Endpoint, strategy: str, base: Curve | None
    ) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
        """Coefficients and knots (ln months) of a spline, the reference's where the curve leans on one."""
        text = self.inputs.text(f"{endpoint}.knots.{strategy}")
        if self.inputs.text(f"{endpoint}.family.{strategy}") not in SPLINES or not text:
            return (base.gammas, base.knots) if base else ((), ())
        logs = np.log([float(knot) for knot in text.split(";")])
        knots = tuple(
            self.listing.constant(f"used.{endpoint}.knot{j}.{strategy}", f"Knot {j + 1}, ln months", float(knot))
            for j, knot in enumerate(logs)
        )
        gammas = tuple(
            self.live.of(f"{endpoint}.gamma{j}.{strategy}")
            if self.live.has(f"{endpoint}.gamma{j}.{strategy}")
            else term(0)
            for j in range(len(knots))
        )
        return gammas, knots


def growth(live: LiveInputs, x: Term) -> Term:
    """(e^x − 1)/x; near 0 its series 1 + x/2·(1 + x/3·(1 + x/4)), which does not cancel."""
    series = 1 + x / 2 * (1 + x / (term(1) + 2) * (1 + x / (term(2) + 2)))
    held = smaller(x, live.method("largest"))
    return where(absolute(x) < live.method("series"), series, (exp(held) - 1) / held)


def spline_predictor(x: Term, gamma0: Term, gammas: tuple[Term, ...], knots: tuple[Term, ...]) -> Term:
    """η = γ0 + γ1·x + Σ γ_j·v_j(x), the natural cubic basis on the knots."""
    first, last = knots[0], knots[-1]
    predictor = gamma0 + gammas[0] * x
    three = term(1) + 2
    for gamma, knot in zip(gammas[1:], knots[1:-1], strict=True):
        weight = (last - knot) / (last - first)
        basis = (
            larger(x - knot, 0) ** three
            - weight * larger(x - first, 0) ** three
            - (1 - weight) * larger(x - last, 0) ** three
        )
        predictor = predictor + gamma * basis
    return predictor
