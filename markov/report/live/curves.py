"""Survival curves in cells: the family and parameters that each strategy uses, and its hazard in each cycle.

Parameterisation as in `markov.survival.families`. A curve built on a reference strategy's takes that one's family and
parameters, with a factor on the hazard or on time.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from markov.inputs.rules.between_values import reference_of
from markov.report.live.formulas import (
    FOUR,
    THREE,
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
from markov.report.live.inputs_sheet import LiveCells
from markov.terms import SPLINES, Endpoint, Family

LABELS = {Endpoint.PFS: "PFS", Endpoint.OS: "OS", Endpoint.POST_PROGRESSION: "Survival from progression"}
WITH_SHAPE = (Family.WEIBULL, Family.GOMPERTZ, Family.LOG_LOGISTIC, Family.GAMMA)
WITH_SIGMA = (Family.GENERALISED_GAMMA, Family.GENERALISED_F)
CLOSED = (Family.EXPONENTIAL, Family.WEIBULL)
KINDS = {
    "argument": "Argument of the family: 1 rate × t, 2 a power, 3 shape × t, 4 standardised ln t",
    "tail": "Survival: 1 a gamma's tail, 2 a normal's, 3 a beta's, 4 in closed form",
    "hazard": "Hazard: 1 the argument, 2 ln(1 + it), 3 Gompertz, 4 −ln of a tail, 5 a spline",
    "upper": "1 where the gamma's tail is the upper one",
}
Spline = tuple[tuple[Term, ...], tuple[Term, ...]]
"""Coefficients and knots (ln months)."""


@dataclass(frozen=True)
class Curve:
    """Named cells of one strategy's curve for one endpoint.

    `first` is the parameter that the median may replace, `second` a shape or spread; `q` and what follows belong to
    the generalised families; `gammas` and `knots` (ln months) to splines; `kinds` say which of several formulas the
    family takes.
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

    def cell(self, name: str) -> Term:
        """A cell by its name."""
        found: Term = self.f[name] if name in self.f else getattr(self, name)
        return found


Curves = Mapping[tuple[Endpoint, str], Curve]


def known_curves(live: LiveCells) -> Curves:
    """The curves of every endpoint and strategy, each worked out once, its reference's first.

    >>> from markov.report.live.inputs_sheet import live_cells
    >>> with np.errstate(all="ignore"):
    ...     known_curves(live_cells(calgb))[Endpoint.OS, "lenalidomide"].hazard_factor.text
    'used.os.hazard_factor.lenalidomide'
    """
    known: dict[tuple[Endpoint, str], Curve] = {}

    def curve(endpoint: Endpoint, strategy: str) -> Curve:
        if (endpoint, strategy) not in known:
            leans = live.may_lean(endpoint, strategy)
            base = curve(endpoint, reference_of(live.inputs, endpoint, strategy)) if leans else None
            known[endpoint, strategy] = _CurveCells(live, endpoint, strategy, base).curve()
        return known[endpoint, strategy]

    for endpoint in live.endpoints:
        for strategy in live.inputs.compared:
            curve(endpoint, strategy)
    return known


class _CurveCells:
    """Works out the cells of one curve; `base` is the curve that it may lean on."""

    def __init__(self, live: LiveCells, endpoint: Endpoint, strategy: str, base: Curve | None):
        self.live, self.own, self.endpoint, self.base = live, live.own(strategy), endpoint, base
        self.chosen = self.own.typed(f"{endpoint}.family")
        self.leans = self._is(Family.HAZARD_RATIO, Family.TIME_RATIO)
        self.has_f = Family.GENERALISED_F in live.families(endpoint)

    def _is(self, *families: Family) -> Term:
        return is_one_of(self.chosen, *families)

    def _given(self, name: str) -> Term:
        return self.own.of(f"{self.endpoint}.{name}")

    def _cell(self, name: str, words: str, formula: Operand) -> Term:
        return self.own.add(f"{self.endpoint}.{name}", words, formula)

    def _used(self, name: str, words: str, formula: Operand) -> Term:
        """A cell of the curve's own, or the base's under a ratio."""
        return self._cell(name, words, where(self.leans, self.base.cell(name), formula) if self.base else formula)

    def curve(self) -> Curve:
        """Every cell, in order."""
        self.live.values.heading(f"{LABELS[self.endpoint]} of {self.own.label}: family and parameters used")
        family = self._used("family", "Family, the reference's under a ratio", self._family())
        on_hazard, on_time = self._factors()
        hazard = self._cell("hazard_factor", "Factor on the hazard", on_hazard)
        time = self._cell("time_factor", "Factor on time", on_time)
        spread = choose(
            (self._is(*WITH_SHAPE), self._given("shape")),
            (self._is(Family.LOG_NORMAL), self._given("sdlog")),
            (self._is(*WITH_SIGMA), self._given("sigma")),
            otherwise=1,
        )
        second = self._used("second", "Second parameter: a shape or a spread", spread)
        q = self._used("q", "Q of a generalised family", self._given("q"))
        by_q = (absolute(q) >= self.live.method("smallest_q"), 1 / q**2)
        shape = self._used(
            "gamma_shape",
            "Shape of the gamma distribution behind the curve: the family's, or 1/Q²",
            choose((self._is(Family.GAMMA), second), by_q, otherwise=1),
        )
        f = self._generalised_f(q) if self.has_f else {}
        spline = self._spline()
        first = self._first((second, q, shape), f, spline)
        place = self._used("first", "First parameter, as given or from the median", first)
        kinds = self._kinds(family, q, bool(spline[0]))
        return Curve(family, hazard, time, place, second, q, shape, f, *spline, kinds)

    def _family(self) -> Term:
        """The family typed; a generalised F without P is a generalised gamma."""
        if not self.has_f:
            return self.chosen
        bare = all_of(self._is(Family.GENERALISED_F), self._given("p") < self.live.method("smallest_p"))
        return where(bare, Family.GENERALISED_GAMMA, self.chosen)

    def _factors(self) -> tuple[Operand, Operand]:
        """What a ratio makes of the reference's factors on the hazard and on time; 1 for a curve of its own."""
        if self.base is None:
            return 1, 1
        by_hazard, by_time = self._is(Family.HAZARD_RATIO), self._is(Family.TIME_RATIO)
        hazard, time = self.base.hazard_factor, self.base.time_factor
        return (
            choose((by_hazard, self._given("hazard_ratio") * hazard), (by_time, hazard), otherwise=1),
            choose((by_time, self._given("time_ratio") * time), (by_hazard, time), otherwise=1),
        )

    def _kinds(self, family: Term, q: Term, spline: bool) -> dict[str, Term]:
        """Numbers that say which of several formulas a family takes, so that the columns stay short."""
        curved = all_of(same(family, Family.GENERALISED_GAMMA), absolute(q) >= self.live.method("smallest_q"))
        kinds = {
            "argument": choose(
                (is_one_of(family, Family.EXPONENTIAL, Family.GAMMA), 1),
                (is_one_of(family, Family.WEIBULL, Family.LOG_LOGISTIC), 2),
                (same(family, Family.GOMPERTZ), THREE),
                otherwise=FOUR,
            ),
            "tail": choose(
                (is_one_of(family, Family.LOG_NORMAL, Family.GENERALISED_GAMMA), where(curved, 1, 2)),
                (same(family, Family.GAMMA), 1),
                (same(family, Family.GENERALISED_F), THREE),
                otherwise=FOUR,
            ),
            "hazard": choose(
                (is_one_of(family, *CLOSED), 1),
                (same(family, Family.LOG_LOGISTIC), 2),
                (same(family, Family.GOMPERTZ), THREE),
                *([(is_one_of(family, *SPLINES), FOUR + 1)] if spline else []),
                otherwise=FOUR,
            ),
            "upper": where(any_of(same(family, Family.GAMMA), q > 0), 1, 0),
        }
        return {name: self._cell(name, KINDS[name], formula) for name, formula in kinds.items()}

    def _first(self, known: tuple[Term, Term, Term], f: Mapping[str, Term], spline: Spline) -> Term:
        """The first parameter of the family, or what returns the median exactly."""
        median = self._given("median")
        from_median = self._from_median(median, known, f)
        as_given = choose(
            (self._is(Family.EXPONENTIAL, Family.GOMPERTZ, Family.GAMMA), self._given("rate")),
            (self._is(Family.WEIBULL, Family.LOG_LOGISTIC), self._given("scale")),
            (self._is(Family.LOG_NORMAL), self._given("meanlog")),
            otherwise=self._given("mu"),
        )
        gammas, knots = spline
        if gammas:
            cases = []
            for family in SPLINES:
                at_median = ln(ln(2)) if family is Family.SPLINE_HAZARD else term(0)
                place = at_median - spline_predictor(ln(median), term(0), gammas[1:], knots)
                cases.append((self._is(family), place))
            by_spline = self._cell("spline_place", "γ0 that returns the median", choose(*cases, otherwise=0))
            from_median = where(self._is(*SPLINES), by_spline, from_median)
            as_given = where(self._is(*SPLINES), gammas[0], as_given)
        placed = self._cell("from_median", "First parameter from the median", where(given(median), from_median, 0))
        plain = self._cell("as_given", "First parameter as given", where(given(median), 0, as_given))
        return where(given(median), placed, plain)

    def _from_median(self, median: Term, known: tuple[Term, Term, Term], f: Mapping[str, Term]) -> Term:
        """The first parameter at which half have had their event by the median; of all families but splines."""
        second, q, shape = known
        half = ln(2)
        unit = where(absolute(q) < self.live.method("smallest_q"), 0, ln(gamma_median(shape) / shape) / q)
        if f:
            unit = where(all_of(self._is(Family.GENERALISED_F), f["is_f"]), f["log_median"], unit)
        words = "Log of the median of a generalised family at mu 0, sigma 1"
        unit = self._cell("unit", words, where(self._is(*WITH_SIGMA), unit, 0))
        is_gompertz = self._is(Family.GOMPERTZ)
        grown = where(all_of(given(median), is_gompertz), growth(self.live, second * median), 1)
        growth_there = self._cell("growth", "Gompertz: (e^(shape·m) − 1)/(shape·m) at the median", grown)
        return choose(
            (self._is(Family.EXPONENTIAL), half / median),
            (self._is(Family.WEIBULL), median / half ** (1 / second)),
            (is_gompertz, half / (median * growth_there)),
            (self._is(Family.LOG_LOGISTIC), median),
            (self._is(Family.GAMMA), gamma_median(second) / median),
            otherwise=ln(median) - second * unit,  # a log-normal's unit is 0
        )

    def _generalised_f(self, q: Term) -> dict[str, Term]:
        """δ, s1, s2 and the log of the unit median."""
        small, used = self.live.method("smallest_p"), self._used
        p = used("p", "P of a generalised F", self._given("p"))
        floored = larger(p, small)
        delta = used("delta", "δ = √(Q² + 2P)", sqrt(q**2 + 2 * floored))
        size = delta + absolute(q)
        near = used("s_near", "2/(δ(δ + |Q|))", 2 / (delta * size))
        far = used("s_far", "(δ + |Q|)/(P·δ)", size / (floored * delta))
        s1 = used("s1", "s1: the near one where Q is 0 or above", where(q >= 0, near, far))
        s2 = used("s2", "s2: the far one where Q is 0 or above", where(q >= 0, far, near))
        ratio = used("s_ratio", "s1/s2", s1 / s2)
        unit = ln((1 / beta_median(s2, s1) - 1) / ratio) / delta
        median = used("log_median", "Log of the median at mu 0, sigma 1", unit)
        is_f = used("is_f", "Whether P is large enough for an F", p >= small)
        known = {"p": p, "delta": delta, "s_near": near, "s_far": far, "s1": s1, "s2": s2}
        return {**known, "s_ratio": ratio, "log_median": median, "is_f": is_f}

    def _spline(self) -> Spline:
        """Coefficients and knots of a spline, the reference's where the curve leans on one."""
        endpoint, strategy, inputs = self.endpoint, self.own.strategy, self.live.inputs
        text = inputs.text(f"{endpoint}.knots.{strategy}")
        if inputs.text(f"{endpoint}.family.{strategy}") not in SPLINES or not text:
            return (self.base.gammas, self.base.knots) if self.base else ((), ())
        logs = np.log([float(knot) for knot in text.split(";")])
        knots = tuple(
            self.live.values.constant(f"used.{endpoint}.knot{j}.{strategy}", f"Knot {j + 1}, ln months", float(knot))
            for j, knot in enumerate(logs)
        )
        ids = (f"{endpoint}.gamma{j}.{strategy}" for j in range(len(knots)))
        return tuple(self.live.of(id) if id in self.live.rows else term(0) for id in ids), knots


def growth(live: LiveCells, x: Term) -> Term:
    """(e^x − 1)/x; near 0 its series 1 + x/2·(1 + x/3·(1 + x/4)), which does not cancel.

    >>> from markov.report.live.inputs_sheet import live_cells
    >>> growth(live_cells(calgb), Term("x", 1.0)).text.split(",", 2)[2]
    '(EXP(MIN(x,method.largest))-1)/MIN(x,method.largest))'
    """
    series = 1 + x / 2 * (1 + x / THREE * (1 + x / FOUR))
    held = smaller(x, live.method("largest"))
    return where(absolute(x) < live.method("series"), series, (exp(held) - 1) / held)


def spline_predictor(x: Term, gamma0: Term, gammas: tuple[Term, ...], knots: tuple[Term, ...]) -> Term:
    """η = γ0 + γ1·x + Σ γ_j·v_j(x), the natural cubic basis on the knots.

    >>> two_knots = (Term("k0", 0.0), Term("k1", 1.0))
    >>> spline_predictor(Term("lnt", 1.5), Term("g0", -2.0), (Term("g1", 1.0),), two_knots).text
    'g0+g1*lnt'
    """
    first, last = knots[0], knots[-1]
    predictor = gamma0 + gammas[0] * x
    for gamma, knot in zip(gammas[1:], knots[1:-1], strict=True):
        weight = (last - knot) / (last - first)
        basis = (
            larger(x - knot, 0) ** THREE
            - weight * larger(x - first, 0) ** THREE
            - (1 - weight) * larger(x - last, 0) ** THREE
        )
        predictor = predictor + gamma * basis
    return predictor
