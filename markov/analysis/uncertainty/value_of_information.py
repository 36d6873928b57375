"""Value of information: what it would be worth to know more before deciding.

Perfect information about everything (EVPI) is worth what the best choice is expected to lose; about some parameters
(EVPPI) what could be gained by choosing anew once they are known. Both are per person and in money, at a threshold;
for a population they are multiplied by those whom the decision concerns, from the day the answer is there.

EVPPI comes from one probabilistic sample: net benefit is regressed on the parameters, and the fitted values are what
would be expected of each strategy if they were known; about an estimate that a study would give (EVSI) on simulated
estimates. Every value has a standard error, and the upward bias that a noisy regression causes is shown beside it, not
taken off.

Source: Raiffa, Schlaifer 1961, Applied Statistical Decision Theory; Strong, Oakley, Brennan 2014, Med Decis Making
34:311; Strong, Oakley, Brennan, Breeze 2015, Med Decis Making 35:570; Rothery, Strong, Koffijberg and others 2020,
Value Health 23:277.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from markov.analysis.frames import frame, scalars
from markov.analysis.sources_of_uncertainty import sources_of_uncertainty
from markov.analysis.uncertainty.acceptability import decision
from markov.analysis.uncertainty.active import active_sources
from markov.analysis.uncertainty.regression import Regression, regress
from markov.analysis.uncertainty.sample import Sample
from markov.inputs.parameters import Inputs
from markov.terms import Array

if TYPE_CHECKING:
    from pandas import DataFrame

REFITS = 50
QUANTILES = 20_000
"""Points of a standard normal over which the closed form of EVSI takes its mean."""

EVIDENCE: Mapping[str, tuple[str, ...]] = {
    "Progression-free survival": ("pfs.",),
    "Overall survival and death after progression": ("os.", "pps.", "post_progression.", "calibration."),
    "Treatment and stops for toxicity": ("treatment.", "toxicity.", "dose."),
    "Second malignancies": ("spm.",),
    "Adverse events": ("adverse_event.",),
    "Utilities": ("utility.", "adverse_event.disutility.", "spm.disutility."),
    "Costs": ("cost.", "price.", "subsequent.", "adverse_event.cost."),
    "Population": ("cohort.", "mortality."),
}
"""Parameters that one study could inform together, by the beginning of their ids; the longest beginning counts."""


@dataclass(frozen=True)
class InformationValue:
    """What information is worth per person, in money, with its standard error.

    `upward_bias` is what refits of the regression exceed the value by on average: 0 where nothing was fitted.
    """

    value: float
    standard_error: float
    upward_bias: float = 0.0
    method: str = ""
    explained: tuple[float, ...] = ()


@dataclass(frozen=True)
class PartialValue:
    """Value of knowing a group of parameters at one threshold."""

    group: str
    parameters: tuple[str, ...]
    threshold: float
    information: InformationValue


@dataclass(frozen=True)
class ValueOfInformation:
    """Values per person: EVPI by threshold, EVPPI of each source of uncertainty alone and of what a study informs."""

    thresholds: tuple[float, ...]
    perfect: tuple[InformationValue, ...]
    single: tuple[PartialValue, ...]
    grouped: tuple[PartialValue, ...]

    @property
    def breaches(self) -> tuple[PartialValue, ...]:
        """Values above the EVPI by more than three standard errors: the regression is not to be trusted there."""
        limits = dict(zip(self.thresholds, self.perfect, strict=True))
        return tuple(
            part
            for part in (*self.single, *self.grouped)
            if part.information.value - limits[part.threshold].value
            > 3.0 * math.hypot(part.information.standard_error, limits[part.threshold].standard_error) + 1e-9
        )

    def ranking(self, threshold: float) -> tuple[PartialValue, ...]:
        """Single sources of uncertainty by falling value at a threshold."""
        found = [part for part in self.single if part.threshold == threshold]
        return tuple(sorted(found, key=lambda part: -part.information.value))

    def to_frame(self) -> "DataFrame":
        """A row a value and threshold, per person in money; `kind` is evpi, evppi (one source) or evppi_group.

        >>> perfect = (InformationValue(66.0, 5.0, method="draws"),)
        >>> ValueOfInformation((25_000.0,), perfect, (), ()).to_frame()[["kind", "value"]].values.tolist()
        [['evpi', 66.0]]
        """
        whole = [PartialValue("", (), t, found) for t, found in zip(self.thresholds, self.perfect, strict=True)]
        kinds = {"evpi": whole, "evppi": self.single, "evppi_group": self.grouped}
        return frame({"kind": kind, **scalars(part)} for kind, parts in kinds.items() for part in parts)


def evpi(net_benefit: Array) -> InformationValue:
    """Expected value of perfect information per person, E[max_d NB_d] − max_d E[NB_d].

    `net_benefit` (runs, strategies), draws of equal weight.  Raises ValueError as `acceptability.decision` does.
    Source: Raiffa, Schlaifer 1961.

    >>> evpi(np.array([[0.0, 10.0], [0.0, -4.0]])).value
    2.0
    """
    return _value(net_benefit.max(axis=1) - net_benefit[:, decision(net_benefit).best], "draws")


def evppi(net_benefit: Array, inputs: Array, *, refits: int = REFITS) -> InformationValue:
    """Expected value of partial perfect information, E_φ[max_d E[NB_d | φ]] − max_d E[NB_d], by regression on φ.

    `net_benefit` (runs, strategies), `inputs` φ (runs, parameters). It is never negative.
    Raises ValueError where runs differ or a number is not finite.
    Source: Strong, Oakley, Brennan 2014, Med Decis Making 34:311.

    >>> random = np.random.default_rng(1)
    >>> effect, noise = random.normal(1.0, 1.0, (2, 4000))
    >>> benefit = np.stack([np.zeros(4000), effect + 2.0 * (noise - 1.0)], axis=1)
    >>> abs(evppi(benefit, effect[:, None]).value - 0.0833) < 0.02
    True
    """
    return _from_regression(regress(inputs, _increments(net_benefit), refits=refits))


def evsi(
    net_benefit: Array, effect: Array, variance: float, noise: Array, *, refits: int = REFITS
) -> tuple[InformationValue, Array]:
    """Expected value of sample information from an estimate of an effect, and how often each strategy is then chosen.

    `net_benefit` (runs, strategies), `effect` (runs,), `noise` (runs,) standard normal; the estimate is
    effect + √variance·noise.  Raises ValueError as `regress` does.
    Source: Strong, Oakley, Brennan, Breeze 2015, Med Decis Making 35:570.

    >>> random = np.random.default_rng(1)
    >>> effect, noise = random.normal(size=(2, 20_000))
    >>> value, chosen = evsi(np.stack([np.zeros(20_000), effect], axis=1), effect, 1.0, noise, refits=5)
    >>> abs(value.value - math.sqrt(0.5 / (2 * math.pi))) < 0.02, chosen.round(1).tolist()
    (True, [0.5, 0.5])
    """
    estimate = effect + math.sqrt(variance) * noise
    found = regress(estimate[:, None], _increments(net_benefit), refits=refits)
    best = _with_first(found.fitted).argmax(axis=1)
    return _from_regression(found), np.bincount(best, minlength=net_benefit.shape[1]) / len(best)


def normal_evsi(net_benefit: Array, effect: Array, variance: float) -> float:
    """EVSI for a normal effect and net benefits linear in it: E max_j (m_j + b_j·s·t) − max_j m_j, t standard normal.

    b_j are slopes, s² = v₀²/(v₀ + variance) is the variance of the posterior mean, v₀ that of the effect.
    `net_benefit` (runs, strategies), `effect` (runs,).  Source: Raiffa, Schlaifer 1961; Jalal, Alarid-Escudero 2018.

    >>> x = ndtri((np.arange(2000) + 0.5) / 2000)
    >>> round(normal_evsi(np.stack([0 * x, x], axis=1), x, 1.0), 3)  # √½·φ(0) = 0.2821
    0.282
    """
    before, mean = float(effect.var()), net_benefit.mean(axis=0)
    if np.ptp(effect) == 0.0:
        return 0.0
    slopes = (effect - effect.mean()) @ (net_benefit - mean) / len(effect) / before
    t = ndtri((np.arange(QUANTILES) + 0.5) / QUANTILES)
    highest = (mean + slopes * (before / math.sqrt(before + variance)) * t[:, None]).max(axis=1)
    return float(max(highest.mean() - mean.max(), 0.0))


def _increments(net_benefit: Array) -> Array:
    """Net benefit of the later strategies less that of the first, (runs, strategies − 1).

    Raises ValueError where there is nothing to choose from.
    """
    if net_benefit.shape[1] < 2:
        raise ValueError("information has a value where there is a choice: compare at least two strategies")
    return np.asarray(net_benefit[:, 1:] - net_benefit[:, :1])


def _with_first(gains: Array) -> Array:
    """Increments with the first strategy's, which are 0, (runs, strategies)."""
    return np.concatenate([np.zeros((len(gains), 1)), gains], axis=1)


def _gains(expected: Array) -> Array:
    """By draw, what the strategy of the highest expectation gains over the one that is best on average, (runs,)."""
    return np.asarray(expected.max(axis=1) - expected[:, expected.mean(axis=0).argmax()])


def _from_regression(found: Regression) -> InformationValue:
    """The gain from choosing by the fitted values; its error is that of the draws and that of the fit."""
    plain = _value(_gains(_with_first(found.fitted)), found.method)
    if not len(found.errors):
        return replace(plain, explained=tuple(found.explained.tolist()))
    again = np.concatenate([_mean_gains(block) for block in found.refits()])
    error, bias = math.hypot(plain.standard_error, float(again.std())), float(again.mean()) - plain.value
    return InformationValue(plain.value, error, bias, found.method, tuple(found.explained.tolist()))


def _mean_gains(refits: Array) -> Array:
    """Mean gains of refits (strategies − 1, runs, refits): E[max_d g_d] − max_d E[g_d], (refits,)."""
    highest = np.maximum(refits.max(axis=0), 0.0).mean(axis=0)
    return np.asarray(highest - np.maximum(refits.mean(axis=1).max(axis=0), 0.0))


def _value(gained: Array, method: str) -> InformationValue:
    """A mean over draws, with its standard error."""
    error = float(gained.std(ddof=1)) / math.sqrt(len(gained)) if len(gained) > 1 else math.nan
    return InformationValue(float(gained.mean()), error, method=method)


# ------------------------------------------------------------------------------------------------ for a workbook


def value_of_information(
    inputs: Inputs,
    sample: Sample,
    groups: Mapping[str, Sequence[str]] | None = None,
    thresholds: Sequence[float] | None = None,
    *,
    refits: int = REFITS,
) -> ValueOfInformation:
    """EVPI, and EVPPI of every source of uncertainty alone and of groups, from a sample of a workbook's draws.

    `groups` are parameter ids by name; without them, what one study could inform (`_evidence_groups`). Sources are
    those of the Sobol analysis: a group that moves together, or is correlated, counts as one.
    Raises ValueError for a sample without its draws, or an id that was not drawn.

    >>> from markov.analysis.uncertainty.sample import draw_sample
    >>> sample = draw_sample(calgb, 60, seed=1, traced=False)
    >>> found = value_of_information(calgb, sample, {"Utilities": ["utility.progression"]}, [25000.0], refits=5)
    >>> found.perfect[0].value, found.grouped[0].information.value
    (0.0, 0.0)
    """
    if sample.rows is None:
        raise ValueError("the value of information needs the draws of the sample: run one model, not a mixture")
    drawn = sample.rows.block(0, sample.runs)
    asked = tuple(inputs.thresholds if thresholds is None else thresholds)
    named = {name: tuple(keys) for name, keys in (groups or _evidence_groups(inputs)).items()}
    unknown = [key for keys in named.values() for key in keys if key not in drawn]
    if unknown:
        raise ValueError(f"not drawn, so that nothing can be learned about it: {', '.join(unknown)}")
    alone = {factor.name: factor.parameters for factor in active_sources(inputs)}
    return ValueOfInformation(
        asked,
        tuple(evpi(sample.net_benefit(threshold)) for threshold in asked),
        tuple(_partial(sample, drawn, alone, asked, refits)),
        tuple(_partial(sample, drawn, named, asked, refits)),
    )


def _partial(
    sample: Sample,
    drawn: Mapping[str, Array],
    groups: Mapping[str, tuple[str, ...]],
    thresholds: Sequence[float],
    refits: int,
) -> Iterable[PartialValue]:
    """EVPPI of each group; one regression serves all thresholds."""
    benefits = [sample.net_benefit(threshold) for threshold in thresholds]
    outputs = np.concatenate([_increments(benefit) for benefit in benefits], axis=1)
    others = len(sample.strategies) - 1
    for name, parameters in groups.items():
        columns = np.stack([drawn[key] for key in parameters], axis=1)
        found = regress(columns, outputs, refits=refits)
        for i, threshold in enumerate(thresholds):
            part = found.only(slice(i * others, (i + 1) * others))
            yield PartialValue(name, parameters, threshold, _from_regression(part))


def _evidence_groups(inputs: Inputs) -> dict[str, tuple[str, ...]]:
    """Sampled parameters by what one study could inform together; groups without any are left out."""
    beginnings = {prefix: name for name, prefixes in EVIDENCE.items() for prefix in prefixes}
    found: dict[str, list[str]] = {name: [] for name in (*EVIDENCE, "Other")}
    for factor in sources_of_uncertainty(inputs):
        for key in factor.parameters:
            fitting = [prefix for prefix in beginnings if key.startswith(prefix)]
            found[beginnings[max(fitting, key=len)] if fitting else "Other"].append(key)
    return {name: tuple(keys) for name, keys in found.items() if keys}


# --------------------------------------------------------------------------------------------- for a population


def effective_population(per_year: float, years: float, discount_rate: float, delay: float = 0.0) -> float:
    """Patients whom a decision concerns, discounted: Σ_t share_t·incidence/(1 + r)^t over t = 0 … ⌈years⌉ − 1.

    `per_year` is incidence, `years` how long the decision stands. Those of the first `delay` years come before the
    answer; share_t is the part of year t between the delay and the end.  Raises ValueError for a negative number.
    Source: Briggs, Claxton, Sculpher 2006, Decision Modelling for Health Economic Evaluation, ch. 6.

    >>> round(effective_population(5820, 10, 0.035), 3), round(effective_population(1000, 3, 0.0, delay=1.5), 1)
    (50096.735, 1500.0)
    """
    if min(per_year, years, delay) < 0.0 or discount_rate <= -1.0:
        raise ValueError("incidence, years and delay must be 0 or more, and the discount rate above −1")
    start = np.arange(math.ceil(years))
    share = np.clip(np.minimum(start + 1.0, years) - np.maximum(start, delay), 0.0, 1.0)
    return float(per_year * (share / (1.0 + discount_rate) ** start).sum())


def population_value(
    per_person: float, per_year: float, years: float, discount_rate: float, delay: float = 0.0
) -> float:
    """Value of information for a population: per person, times those it still can help (`effective_population`).

    >>> round(population_value(1250.0, 5820, 10, 0.035), 2)
    62620919.35
    """
    return per_person * effective_population(per_year, years, discount_rate, delay)
