"""Evidence synthesis: what a network of trials says together about every pair of treatments, and whether it agrees.

Contrasts (log ratios) y with covariance S, one column of X for each treatment but the reference:

    d = (X'V⁻¹X)⁻¹X'V⁻¹y, covariance (X'V⁻¹X)⁻¹, V = S + τ²B,

by generalised least squares. B is 1 on the diagonal and ½ between contrasts of one trial; τ² is 0 under fixed effects.
Sources: Lu and Ades 2006 (J Am Stat Assoc 101:447); Higgins and Whitehead 1996 (Stat Med 15:2733) for B;
Bucher, Guyatt, Griffith, Walter 1997 (J Clin Epidemiol 50:683), which a chain of trials reduces to.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations, permutations
from typing import NamedTuple

import numpy as np
from scipy import special

from markov.survival.effects import Effect
from markov.terms import Array


class NetworkError(ValueError):
    """The contrasts make no network that can be synthesised; the message says why and what to do."""


class SynthesisModel(StrEnum):
    """Whether the trials of a comparison share one effect, or have effects that vary around a mean."""

    FIXED = "fixed_effect"
    RANDOM = "random_effects"


@dataclass(frozen=True)
class Contrast:
    """What one trial says about two treatments: the ratio of `treatment` over `comparator`.

    A trial of several arms gives a contrast for each arm but one, all against that one, and with each the variance
    of the common comparator's log hazard, about 1/events there: `shared_variance`.  `source` names the evidence row.
    """

    trial: str
    treatment: str
    comparator: str
    effect: Effect
    shared_variance: float | None = None
    source: str = ""

    @property
    def pair(self) -> frozenset[str]:
        """Both treatments, in no order."""
        return frozenset((self.treatment, self.comparator))


@dataclass(frozen=True)
class Heterogeneity:
    """How much trials of the same comparison differ: Cochran's Q, degrees of freedom, P value, I² and τ².

    `tau_squared` is None, and P value and I² with it, where no comparison has a second source of evidence.
    """

    q: float
    df: int
    p_value: float | None
    i_squared: float | None
    tau_squared: float | None


@dataclass(frozen=True, eq=False)
class Synthesis:
    """A network synthesised: log ratios (treatments − 1,) of all but the first of `treatments`, the reference, over it.

    `covariance` (treatments − 1, treatments − 1) is of these means; `model` is what was asked for.
    """

    contrasts: tuple[Contrast, ...]
    treatments: tuple[str, ...]
    model: SynthesisModel
    estimates: Array
    covariance: Array
    heterogeneity: Heterogeneity

    @property
    def tau_squared(self) -> float:
        """Variance between trials that was used: 0 under fixed effects, and where it cannot be estimated."""
        return (self.heterogeneity.tau_squared or 0.0) if self.model is SynthesisModel.RANDOM else 0.0

    @property
    def fell_back(self) -> bool:
        """Whether random effects were asked for but τ² cannot be estimated: the result is the fixed effect's."""
        return self.model is SynthesisModel.RANDOM and self.heterogeneity.tau_squared is None

    @property
    def predictive_covariance(self) -> Array:
        """Covariance of the effects in a new trial of all treatments: τ² more on the diagonal, τ²/2 more beside it."""
        return self.covariance + 0.5 * self.tau_squared * (np.eye(self.estimates.size) + 1.0)


@dataclass(frozen=True)
class Comparison:
    """One pair of treatments: mean effect, effect in a new trial, and the trials that compare them directly.

    `predicted` has the spread of a new trial's effect, √(se² + τ²), for random draws as a log-normal; the interval of
    Student's t is wider, and None under fixed effects and where degrees of freedom are lacking.
    """

    treatment: str
    comparator: str
    effect: Effect
    predicted: Effect
    predictive_interval: tuple[float, float] | None
    trials: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """A comparison's direct and indirect evidence apart: `difference` is the ratio of the two, with its P value."""

    treatment: str
    comparator: str
    direct: Effect
    indirect: Effect
    difference: Effect


@dataclass(frozen=True)
class Inconsistency:
    """Whether direct and indirect evidence agree: Q between designs with its P value, and each comparison's split.

    Without loops `df` is 0, the P value None and there are no splits.  Q within designs is the rest of Cochran's Q.
    """

    q: float
    df: int
    p_value: float | None
    splits: tuple[Split, ...]


@dataclass(frozen=True)
class ForestRow:
    """A line of a forest plot: a trial with its share of the weight in its comparison, or a synthesis (no weight)."""

    label: str
    treatment: str
    comparator: str
    effect: Effect
    weight: float | None = None
    source: str = ""


@dataclass(frozen=True)
class Node:
    """A treatment in the picture of a network, at x and y on the unit circle, with the trials that hold it."""

    treatment: str
    x: float
    y: float
    trials: int


@dataclass(frozen=True)
class Edge:
    """A comparison in the picture of a network, with the trials that make it."""

    first: str
    second: str
    trials: tuple[str, ...]


def synthesise(
    contrasts: Sequence[Contrast], reference: str, model: SynthesisModel = SynthesisModel.FIXED
) -> Synthesis:
    """Synthesise a network of contrasts by generalised least squares, under fixed or random effects with one τ².

    τ² by moments (DerSimonian and Laird 1986, Control Clin Trials 7:177; for networks Jackson, White, Riley 2012,
    Stat Med 31:3805): τ² = max(0, (Q − df)/tr(PB)), P = S⁻¹ − S⁻¹X(X'S⁻¹X)⁻¹X'S⁻¹.  Where no comparison has a
    second source of evidence τ² cannot be estimated: `fell_back` says so.  Raises NetworkError as `check_network`.

    >>> rows = [Contrast("A", "new", "old", Effect(-0.6, 0.1)), Contrast("B", "new", "old", Effect(-0.4, 0.1))]
    >>> round(float(synthesise(rows, "old").estimates[0]), 12)
    -0.5
    >>> random = synthesise(rows, "old", SynthesisModel.RANDOM)  # Q = 2, df = 1: τ² = (Q − 1)/100
    >>> round(random.tau_squared, 12), random.treatments
    (0.01, ('old', 'new'))
    """
    check_network(contrasts, reference)
    treatments = _treatments(contrasts, reference)
    system = _system(contrasts, treatments)
    heterogeneity = _heterogeneity(system)
    tau_squared = (heterogeneity.tau_squared or 0.0) if model is SynthesisModel.RANDOM else 0.0
    fit = _fit(system.design, system.effects, system.within + tau_squared * system.shared)
    return Synthesis(tuple(contrasts), treatments, model, fit.estimates, fit.covariance, heterogeneity)


def bucher(first: Effect, second: Effect) -> Effect:
    """Indirect comparison along a chain, A over B and B over C to A over C: logs add, and so do variances.

    Source: Bucher, Guyatt, Griffith, Walter 1997, J Clin Epidemiol 50:683.

    >>> chained = bucher(Effect(-0.3, 0.3), Effect(-0.4, 0.4))
    >>> chained.log_ratio, chained.standard_error
    (-0.7, 0.5)
    """
    return Effect(first.log_ratio + second.log_ratio, math.hypot(first.standard_error, second.standard_error))


def compare(synthesis: Synthesis, treatment: str, comparator: str) -> Comparison:
    """What the network says about one pair of treatments, direct and indirect evidence together.

    Predictive interval, under random effects: mean ± t·√(se² + τ²) with Student's t on one degree of freedom less
    than Q has (trials − 2 for two treatments); 0 left gives none.  Raises NetworkError for an unknown treatment.
    Source: Higgins, Thompson, Spiegelhalter 2009 (J R Stat Soc A 172:137).

    >>> rows = [Contrast(str(i), "new", "old", Effect(-0.5, 0.1)) for i in range(3)]
    >>> found = compare(synthesise(rows, "old", SynthesisModel.RANDOM), "old", "new")
    >>> round(found.effect.log_ratio, 12), [round(limit, 3) for limit in found.predictive_interval]  # t on 1: 12.7
    (0.5, [0.792, 3.434])
    """
    for name in (treatment, comparator):
        if name not in synthesis.treatments:
            raise NetworkError(f'"{name}" is not in the network, which holds {", ".join(synthesis.treatments)}.')
    weights = np.array([float((n == treatment) - (n == comparator)) for n in synthesis.treatments[1:]])
    effect = _combination(weights, synthesis.estimates, synthesis.covariance)
    predicted = _combination(weights, synthesis.estimates, synthesis.predictive_covariance)
    limits, df = None, synthesis.heterogeneity.df - 1
    if synthesis.model is SynthesisModel.RANDOM and df > 0:
        reach = float(special.stdtrit(df, 0.975)) * predicted.standard_error
        limits = math.exp(effect.log_ratio - reach), math.exp(effect.log_ratio + reach)
    trials = (trial for trial, arms in _arms(synthesis.contrasts).items() if {treatment, comparator} <= arms)
    return Comparison(treatment, comparator, effect, predicted, limits, tuple(trials))


def league_table(synthesis: Synthesis) -> tuple[Comparison, ...]:
    """Every ordered pair of treatments, in the order of `treatments`: each against all others in turn.

    >>> rows = [Contrast("A", "new", "old", Effect(-0.5, 0.1))]
    >>> [(pair.treatment, pair.comparator) for pair in league_table(synthesise(rows, "old"))]
    [('old', 'new'), ('new', 'old')]
    """
    return tuple(compare(synthesis, *pair) for pair in permutations(synthesis.treatments, 2))


def inconsistency(synthesis: Synthesis) -> Inconsistency:
    """Direct against indirect evidence: Q between designs, and a split of every comparison that has both.

    Q between designs = Q of the network − Q of a model that gives every design (set of arms) its own effects, both
    under fixed effects.  A split adds to the network's model one term, by which trials of both treatments differ from
    the rest: +½ to one arm and −½ to the other.  With trials of two arms that is node splitting by back-calculation.
    The network's τ² stays as it is.  Sources: Krahn, Binder, König 2013 (BMC Med Res Methodol 13:35); Dias, Welton,
    Caldwell, Ades 2010 (Stat Med 29:932); White 2015 (Stata J 15:951).

    >>> pairs = [("b", "a", -0.2), ("c", "b", -0.3), ("c", "a", -0.8)]
    >>> loop = synthesise([Contrast(x + y, x, y, Effect(d, 0.1)) for x, y, d in pairs], "a")
    >>> split = inconsistency(loop).splits[1]
    >>> split.treatment, [round(e.log_ratio, 12) for e in (split.direct, split.indirect, split.difference)]
    ('c', [-0.8, -0.5, -0.3])
    """
    system = _system(synthesis.contrasts, synthesis.treatments)
    own_columns = [system.design * [[own == arms] for own in system.arms] for arms in dict.fromkeys(system.arms)]
    full = _fit(np.hstack(own_columns), system.effects, system.within)
    q, df = max(synthesis.heterogeneity.q - full.q, 0.0), synthesis.heterogeneity.df - full.df
    splits = (_split(synthesis, system, *pair) for pair in combinations(synthesis.treatments, 2))
    p_value = float(special.chdtrc(df, q)) if df else None
    return Inconsistency(q if df else 0.0, df, p_value, tuple(split for split in splits if split))


def _split(synthesis: Synthesis, system: "_System", comparator: str, treatment: str) -> Split | None:
    """A comparison split; None where direct or indirect evidence is missing."""
    halves = {treatment: 0.5, comparator: -0.5}
    sides = [halves.get(c.treatment, 0.0) - halves.get(c.comparator, 0.0) for c in synthesis.contrasts]
    column = np.array(sides) * [halves.keys() <= arms for arms in system.arms]
    design, covariance = np.column_stack([system.design, column]), system.within + synthesis.tau_squared * system.shared
    fit = _fit(design, system.effects, covariance)
    if fit.df == synthesis.heterogeneity.df:  # the term adds nothing
        return None
    row = np.array([float((n == treatment) - (n == comparator)) for n in (*synthesis.treatments[1:], "")])
    last = np.eye(row.size)[-1]
    direct, indirect, difference = (_combination(w, fit.estimates, fit.covariance) for w in (row + last, row, last))
    return Split(treatment, comparator, direct, indirect, difference)


def _combination(weights: Array, estimates: Array, covariance: Array) -> Effect:
    """A weighted sum of estimates, with its error."""
    return Effect(float(weights @ estimates), math.sqrt(float(weights @ covariance @ weights)))


def forest(synthesis: Synthesis) -> tuple[ForestRow, ...]:
    """Rows of a forest plot, comparison by comparison: its trials, as they are given, then the network's estimate.

    A trial's weight is its share of Σ 1/(se² + τ²) over the trials of its comparison.  Pairs without a trial
    between them have no rows; `league_table` has them.

    >>> rows = [Contrast("A", "new", "old", Effect(-0.6, 0.1)), Contrast("B", "new", "old", Effect(-0.4, 0.2))]
    >>> [(row.label, row.weight and round(row.weight, 2)) for row in forest(synthesise(rows, "old"))]
    [('A', 0.8), ('B', 0.2), ('fixed_effect', None)]
    """
    rows = []
    for pair in dict.fromkeys(contrast.pair for contrast in synthesis.contrasts):
        own = [contrast for contrast in synthesis.contrasts if contrast.pair == pair]
        arms = own[0].treatment, own[0].comparator
        weights = [1.0 / (contrast.effect.variance + synthesis.tau_squared) for contrast in own]
        for contrast, weight in zip(own, weights, strict=True):
            effect = contrast.effect if contrast.treatment == arms[0] else contrast.effect.reversed
            rows.append(ForestRow(contrast.trial, *arms, effect, weight / sum(weights), contrast.source))
        pooled = compare(synthesis, *arms).effect
        label = SynthesisModel.FIXED if synthesis.fell_back else synthesis.model
        rows.append(ForestRow(label.value, *arms, pooled))
    return tuple(rows)


def layout(contrasts: Sequence[Contrast], reference: str) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    """The network as a picture: treatments evenly on a circle, clockwise from the reference on top, and their edges.

    A trial of several arms counts on every edge between them.  Raises NetworkError as `synthesise` does.

    >>> nodes, edges = layout([Contrast("A", "new", "old", Effect(-0.6, 0.1))], "old")
    >>> [(node.treatment, round(node.y, 12)) for node in nodes], edges[0].trials
    ([('old', 1.0), ('new', -1.0)], ('A',))
    """
    check_network(contrasts, reference)
    treatments, arms = _treatments(contrasts, reference), _arms(contrasts)
    turn = 2.0 * math.pi / len(treatments)
    held_by = [sum(name in members for members in arms.values()) for name in treatments]
    nodes = (Node(n, math.sin(turn * i), math.cos(turn * i), held_by[i]) for i, n in enumerate(treatments))
    pairs = combinations(treatments, 2)
    held = {pair: tuple(trial for trial, members in arms.items() if set(pair) <= members) for pair in pairs}
    return tuple(nodes), tuple(Edge(*pair, trials) for pair, trials in held.items() if trials)


def check_network(contrasts: Sequence[Contrast], reference: str) -> None:
    """Raise NetworkError, in words, for no contrasts, one given twice, a standard error of 0, a trial of several arms
    whose contrasts lack what joins them, an unknown reference, and a network in parts.

    >>> apart = [Contrast("A", "b", "a", Effect(0.1, 0.2)), Contrast("B", "d", "c", Effect(0.1, 0.2))]
    >>> check_network(apart, "a")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    markov...NetworkError: No trial links {a, b} with {c, d}: add one, or synthesise each part alone.
    """
    if not contrasts:
        raise NetworkError("A synthesis needs at least one contrast.")
    for contrast in contrasts:
        where = f"{contrast.trial}, {contrast.treatment} over {contrast.comparator}"
        if contrast.treatment == contrast.comparator:
            raise NetworkError(f"{where}: a treatment cannot be compared with itself.")
        if not contrast.effect.standard_error > 0:
            raise NetworkError(f"{where}: the standard error needs a number above 0, found 0.")
    for trial in dict.fromkeys(contrast.trial for contrast in contrasts):
        _check_trial(trial, [contrast for contrast in contrasts if contrast.trial == trial])
    parts: list[frozenset[str]] = []
    for contrast in contrasts:
        met = [part for part in parts if part & contrast.pair]
        parts = [part for part in parts if part not in met] + [contrast.pair.union(*met)]
    treatments = sorted(frozenset[str]().union(*parts))
    if reference not in treatments:
        raise NetworkError(f'The reference "{reference}" is in no contrast; these are: {", ".join(treatments)}.')
    if len(parts) > 1:
        named = " with ".join(f"{{{', '.join(sorted(part))}}}" for part in sorted(parts, key=min))
        raise NetworkError(f"No trial links {named}: add one, or synthesise each part alone.")


def _check_trial(trial: str, own: Sequence[Contrast]) -> None:
    """A trial of several arms: each pair once, one comparator, and the variance that joins its contrasts."""
    if len({contrast.pair for contrast in own}) < len(own):
        raise NetworkError(f"{trial} gives the same contrast twice: keep one of its analyses.")
    if len({contrast.comparator for contrast in own}) > 1:
        raise NetworkError(f"{trial} has several arms: give each arm but one against that one, and no other contrast.")
    shared, smallest = own[0].shared_variance or 0.0, min(contrast.effect.variance for contrast in own)
    if len(own) > 1 and not (0 < shared < smallest and {contrast.shared_variance for contrast in own} == {shared}):
        remedy = "1/events of the common arm, or half of what two variances exceed the third contrast's by"
        raise NetworkError(f"{trial} has several arms: they need one shared variance below {smallest:.4g}: {remedy}.")


def _treatments(contrasts: Sequence[Contrast], reference: str) -> tuple[str, ...]:
    """The reference, then the others as they first appear."""
    named = (name for contrast in contrasts for name in (contrast.comparator, contrast.treatment))
    return tuple(dict.fromkeys((reference, *named)))


def _arms(contrasts: Sequence[Contrast]) -> dict[str, frozenset[str]]:
    """Treatments of every trial."""
    return {one.trial: frozenset().union(*(c.pair for c in contrasts if c.trial == one.trial)) for one in contrasts}


class _System(NamedTuple):
    """The network in numbers, a row a contrast: X (+1 treatment, −1 comparator), y, S, B, and the arms of its trial."""

    design: Array
    effects: Array
    within: Array
    shared: Array
    arms: list[frozenset[str]]


def _system(contrasts: Sequence[Contrast], treatments: Sequence[str]) -> _System:
    design = [[float((n == c.treatment) - (n == c.comparator)) for n in treatments[1:]] for c in contrasts]
    together = np.array([[one.trial == other.trial for other in contrasts] for one in contrasts], dtype=float)
    within = together * [[c.shared_variance or 0.0] for c in contrasts]
    np.fill_diagonal(within, [c.effect.variance for c in contrasts])
    effects, arms = np.array([c.effect.log_ratio for c in contrasts]), _arms(contrasts)
    shared = 0.5 * (together + np.eye(len(contrasts)))
    return _System(np.array(design), effects, within, shared, [arms[c.trial] for c in contrasts])


class _Fit(NamedTuple):
    """Generalised least squares: estimates, covariance, the matrix P of the residuals, Q and its degrees of freedom."""

    estimates: Array
    covariance: Array
    residual: Array
    q: float
    df: int


def _fit(design: Array, effects: Array, covariance: Array) -> _Fit:
    weight = np.asarray(np.linalg.inv(covariance), dtype=float)
    information = design.T @ weight @ design
    inverse = np.asarray(np.linalg.pinv(information, hermitian=True), dtype=float)  # of designs: columns may depend
    estimates = inverse @ design.T @ weight @ effects
    left, df = effects - design @ estimates, effects.size - int(np.linalg.matrix_rank(design))
    residual = weight - weight @ design @ inverse @ design.T @ weight
    return _Fit(estimates, inverse, residual, float(left @ weight @ left), df)


def _heterogeneity(system: _System) -> Heterogeneity:
    fit = _fit(system.design, system.effects, system.within)
    if not fit.df:
        return Heterogeneity(0.0, 0, None, None, None)
    excess = max(fit.q - fit.df, 0.0)
    tau_squared = excess / float(np.trace(fit.residual @ system.shared))
    i_squared = excess / fit.q if excess else 0.0
    return Heterogeneity(fit.q, fit.df, float(special.chdtrc(fit.df, fit.q)), i_squared, tau_squared)
