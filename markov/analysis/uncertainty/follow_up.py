"""Longer follow-up of survival: what it is worth to wait for more deaths in a trial before deciding (EVSI, ENBS).

What nobody knows is the effect after the present follow-up, θ_L, a log hazard ratio. Where deaths follow a curve of
overall survival θ_L = φ·θ_E, θ_E the effect so far and φ uniform between two limits of the workbook, in place of
waning; where they follow a rate after progression, θ_L is each draw's modelled log hazard ratio over the window.

y more years bring d(y) = Σ_arms n·(S(t_f) − S(t_f + y))·retention deaths, and an estimate with variance
1/(d·p·(1 − p)), p the share randomised to the strategy: 4/d where arms are equal. In each draw the estimate to come is
θ̂ = θ_L + N(0, variance); net benefit of every strategy is regressed on it, and with the fitted values ĝ_j

    EVSI = E max_j ĝ_j − max_j E NB_j,
    ENBS(y) = EVSI·patients after y and the lag − cost of the study − losses of those treated meanwhile − reversal.

Beside it stands the closed form for a normal θ_L and net benefits linear in it. Net benefit at the expected estimate,
E[NB(E θ̂)], would be too low: the value lies in the spread.

Source: Strong, Oakley, Brennan, Breeze 2015, Med Decis Making 35:570 (regression); Schoenfeld 1981, Biometrika 68:316
(variance); Raiffa, Schlaifer 1961 (closed form); Eckermann, Willan 2008, Value Health 11:522 (delay and reversal).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from markov.analysis.draws import uniforms
from markov.analysis.frames import frame, scalars
from markov.analysis.uncertainty.sample import Done, Sample
from markov.analysis.uncertainty.value_of_information import (
    REFITS,
    InformationValue,
    effective_population,
    evsi,
    normal_evsi,
)
from markov.inputs.parameters import Inputs, Trusted, changed_inputs
from markov.inputs.rules.between_values import reference_of
from markov.model.evaluate import Rows, evaluate
from markov.model.hazards import LATE_EFFECT
from markov.model.outcomes import Outcomes, Trace
from markov.terms import Array, Endpoint, Family, Meanwhile, PostProgression

if TYPE_CHECKING:
    from pandas import DataFrame

YEARS = (1.0, 2.0, 3.0, 5.0, 8.0)


@dataclass(frozen=True)
class Wait:
    """What some years of further follow-up are worth at one threshold, in money.

    `events` are further deaths by arm, the strategy's first; `information` is the EVSI per patient and `closed_form`
    the same if θ_L were normal and net benefits linear in it. `changes` is the probability of another decision.
    Of the population, None where no incidence is given: `value` of the information, `losses` of the patients treated
    meanwhile, and `net_benefit` (ENBS); `study` and `reversal` are costs, discounted.
    """

    years: float
    threshold: float
    events: tuple[float, float]
    variance: float
    information: InformationValue
    closed_form: float
    expected_now: float
    changes: float
    study: float
    reversal: float
    value: float | None
    losses: float | None
    net_benefit: float | None


@dataclass(frozen=True)
class FollowUp:
    """Longer follow-up of one strategy against another: its waits, and what is believed before.

    `early` is the effect so far and `mean`, `sd` those of θ_L over draws (for the longest wait), logs of hazard
    ratios; `expected` (thresholds, strategies) are mean net benefits. `meanwhile` is, by threshold, the strategy that
    patients get while waiting. `is_share` says that θ_L is a share of the early effect.
    """

    strategy: str
    versus: str
    followed: float
    lag: float
    is_share: bool
    share: tuple[float, float]
    early: float
    mean: float
    sd: float
    thresholds: tuple[float, ...]
    expected: Array
    meanwhile: tuple[str, ...]
    waits: tuple[Wait, ...]

    def at(self, threshold: float) -> tuple[Wait, ...]:
        """Waits at one threshold, by years."""
        return tuple(wait for wait in self.waits if wait.threshold == threshold)

    def best(self, threshold: float) -> Wait | None:
        """The wait of the highest expected net benefit of the study; None where none is known or above 0."""
        known = [wait for wait in self.at(threshold) if wait.net_benefit is not None]
        best = max(known, key=lambda wait: wait.net_benefit or 0.0, default=None)
        return best if best is not None and (best.net_benefit or 0.0) > 0.0 else None

    def to_frame(self) -> "DataFrame":
        """A row a threshold and number of years; deaths, EVSI per person, costs, and for the population the ENBS.

        `events` and `events_versus` are further deaths by arm; value, losses and ENBS are missing without an incidence.
        """
        names = {"information_value": "evsi", "net_benefit": "enbs", "changes": "probability_of_change"}
        arms = {"strategy": self.strategy, "versus": self.versus}
        return frame(
            {**arms, **scalars(wait), "events": wait.events[0], "events_versus": wait.events[1]} for wait in self.waits
        ).rename(columns=names)


def _expected_events(
    boundaries: Array, survival: Array, followed: float, years: Sequence[float], patients: Sequence[float]
) -> Array:
    """Further deaths (years, arms): n·(S(t_f) − S(t_f + y)), n the patients at time zero who would be followed.

    `boundaries` (cycles + 1,) in years, `survival` (arms, cycles + 1); log-linear between boundaries.
    Raises ValueError beyond the last boundary.
    """
    times = followed + np.asarray(years, dtype=float)
    if times.max() > boundaries[-1] + 1e-9:
        raise ValueError(f"follow-up to year {times.max():g} goes beyond the horizon of {boundaries[-1]:g} years")
    return np.asarray(
        np.asarray(patients, dtype=float)
        * (_survival_at(boundaries, survival, [followed]) - _survival_at(boundaries, survival, times.tolist()))
    )


def _survival_at(boundaries: Array, survival: Array, times: Sequence[float]) -> Array:
    """Survival (…, cycles + 1) at some times, (times, …), log-linear between boundaries."""
    logs = np.log(np.maximum(survival, 1e-300))
    place = np.clip(np.searchsorted(boundaries, times, side="right") - 1, 0, len(boundaries) - 2)
    part = (np.asarray(times) - boundaries[place]) / (boundaries[place + 1] - boundaries[place])
    return np.exp(np.moveaxis(logs[..., place] + (logs[..., place + 1] - logs[..., place]) * part, -1, 0))


# ------------------------------------------------------------------------------------------------- the workbook


def followed_strategies(inputs: Inputs) -> tuple[tuple[str, ...], str]:
    """Strategies whose longer follow-up can be valued, and in words what is missing where there are none.

    >>> followed_strategies(calgb)
    (('lenalidomide',), '')
    """
    found = tuple(s for s in inputs.compared if s != inputs.reference and not _missing(inputs, s))
    if found or len(inputs.compared) < 2:
        return found, ""
    missing = _missing(inputs, inputs.compared[1])
    return (), f"Longer follow-up is not valued: fill {', '.join(missing)} on the sheet Survival."


def longer_follow_up(
    inputs: Inputs,
    sample: Sample,
    strategy: str,
    years: Sequence[float] = YEARS,
    *,
    seed: int | None = None,
    refits: int = REFITS,
    workers: int | None = None,
    done: Done | None = None,
) -> FollowUp:
    """What further years of follow-up of a strategy's trial are worth, at each threshold of the workbook.

    The draws are those of the sample; where θ_L is a share of the effect they are run again with that share.
    Raises ValueError for a sample without its draws, and for follow-up beyond the horizon.

    >>> from markov.analysis.uncertainty.sample import draw_sample
    >>> found = longer_follow_up(calgb, draw_sample(calgb, 60, 1, traced=False), "lenalidomide", [2.0], refits=5)
    >>> 20 < sum(found.waits[0].events) < 80, found.mean < 0.0, found.is_share
    (True, True, True)
    """
    if sample.rows is None:
        raise ValueError("the value of longer follow-up needs the draws of the sample: run one model, not a mixture")
    seed = int(inputs.number("settings.seed")) if seed is None else seed
    trial = _Trial.of(inputs, strategy, years)
    late = trial.late(sample, seed, workers, done)
    events = trial.events()
    noise = ndtri(uniforms(seed, f"follow_up.data.{strategy}", 0, sample.runs))
    expected = np.stack([late.sample.net_benefit(t).mean(axis=0) for t in inputs.thresholds])
    meanwhile = tuple(_meanwhile(inputs, strategy, mean) for mean in expected)
    waits = tuple(
        _wait(trial, late, threshold, i, both, noise, inputs.compared.index(in_use), refits)
        for threshold, in_use in zip(inputs.thresholds, meanwhile, strict=True)
        for i, both in enumerate(events)
    )
    return FollowUp(
        strategy,
        trial.versus,
        trial.followed,
        trial.lag,
        trial.is_anchored,
        trial.share,
        late.early,
        float(late.effect[:, -1].mean()),
        float(late.effect[:, -1].std()),
        inputs.thresholds,
        expected,
        meanwhile,
        waits,
    )


@dataclass(frozen=True)
class _Late:
    """Draws with their effect after follow-up, (runs, years), and the mean effect so far."""

    sample: Sample
    effect: Array
    early: float


@dataclass(frozen=True)
class _Trial:
    """The trial that would be followed: `changed` are inputs whose effect does not wane but is left as a share."""

    inputs: Inputs
    changed: Inputs
    strategy: str
    versus: str
    followed: float
    years: tuple[float, ...]
    share: tuple[float, float]
    lag: float
    is_anchored: bool

    @classmethod
    def of(cls, inputs: Inputs, strategy: str, years: Sequence[float]) -> "_Trial":
        anchored = inputs.text("settings.post_progression") == PostProgression.OVERALL_SURVIVAL
        low, high = (inputs.number(f"follow_up.effect_left.{end}") for end in ("low", "high"))
        waning = {f"{Endpoint.OS}.waning_{end}.{strategy}": None for end in ("start", "end")}
        return cls(
            inputs,
            changed_inputs(inputs, waning) if anchored else inputs,
            strategy,
            _versus(inputs, strategy),
            inputs.number(f"follow_up.{Endpoint.OS}"),
            tuple(years),
            (min(low, high), max(low, high)),
            inputs.number("follow_up.lag"),
            anchored,
        )

    @property
    def arms(self) -> list[int]:
        """Places of the two arms among the strategies."""
        return [self.inputs.compared.index(s) for s in (self.strategy, self.versus)]

    @property
    def randomised_share(self) -> float:
        """Share randomised to the strategy."""
        first, second = (_patients(self.inputs, s) for s in (self.strategy, self.versus))
        return first / (first + second)

    def events(self) -> Array:
        """Further deaths (years, arms) in the deterministic run, half-way between the limits of the share."""
        rows = Trusted({LATE_EFFECT.format(strategy=self.strategy): np.array([sum(self.share) / 2.0])})
        trace = evaluate(self.changed, rows if self.is_anchored else None, trace=True).trace
        assert trace is not None
        survival = trace.curves["os"][0, self.arms]
        patients = [
            _followed(self.inputs, s, float(now))
            for s, now in zip(
                (self.strategy, self.versus), _survival_at(trace.boundaries, survival, [self.followed])[0], strict=True
            )
        ]
        return _expected_events(trace.boundaries, survival, self.followed, self.years, patients)

    def late(self, sample: Sample, seed: int, workers: int | None, done: Done | None) -> _Late:
        """Draws and their effect after follow-up."""
        assert sample.rows is not None
        ratio = f"{Endpoint.OS}.hazard_ratio.{self.strategy}"
        has_ratio = self.inputs.text(f"{Endpoint.OS}.family.{self.strategy}") == Family.HAZARD_RATIO
        rows: Rows = sample.rows
        if self.is_anchored:
            key = LATE_EFFECT.format(strategy=self.strategy)
            low, high = self.share
            left = low + (high - low) * uniforms(seed, key, 0, sample.runs)
            rows = _With(rows, {key: left})
        run = _Run(self, sample.runs, traced=not (self.is_anchored and has_ratio), done=done)
        evaluate(self.changed, rows, sink=run.take, trace=run.traced, workers=workers, block=run.block)
        found = replace(sample, cost=run.cost, qaly=run.qaly)
        if run.traced:
            return _Late(found, run.effect, float(run.early.mean()))
        drawn = sample.rows.block(0, sample.runs).get(ratio, np.full(sample.runs, self.inputs.value(ratio)))
        early = np.log(np.asarray(drawn, dtype=float))
        return _Late(found, np.repeat((left * early)[:, None], len(self.years), axis=1), float(early.mean()))


class _With:
    """Rows with further columns."""

    def __init__(self, rows: Rows, columns: Mapping[str, Array]):
        self.rows, self.columns = rows, columns

    def __len__(self) -> int:
        return len(self.rows)

    def block(self, start: int, stop: int) -> Mapping[str, Array]:
        return {**self.rows.block(start, stop), **{key: column[start:stop] for key, column in self.columns.items()}}


class _Run:
    """Collects cost and QALYs (runs, strategies) and, from traces, log hazard ratios over windows (runs, years)."""

    def __init__(self, trial: _Trial, runs: int, *, traced: bool, done: Done | None):
        self.trial, self.runs, self.traced, self.done = trial, runs, traced, done
        self.block = 250 if traced else None
        self.cost, self.qaly = (np.empty((runs, len(trial.inputs.compared))) for _ in range(2))
        self.effect, self.early = np.zeros((runs, len(trial.years))), np.zeros(runs)

    def take(self, start: int, outcomes: Outcomes) -> None:
        """The sink of `evaluate`."""
        rows = slice(start, start + outcomes.runs)
        self.cost[rows], self.qaly[rows] = outcomes.cost, outcomes.qaly
        if outcomes.trace is not None and self.traced:
            self.early[rows], self.effect[rows] = self._windows(outcomes.trace)
        if self.done is not None:
            self.done(rows.stop, self.runs)

    def _windows(self, trace: Trace) -> tuple[Array, Array]:
        """ln(H₁/H₀) up to the end of follow-up (runs,) and over each window after it (runs, years)."""
        end = self.trial.followed
        times = [end, *(end + year for year in self.trial.years)]
        hazard = -np.log(
            _survival_at(trace.boundaries, trace.curves["os"][:, self.trial.arms], times)
        )  # (times, runs, 2)
        gained = hazard[1:] - hazard[0]
        early, late = (np.log(np.maximum(h[..., 0], 1e-12) / np.maximum(h[..., 1], 1e-12)) for h in (hazard[0], gained))
        return early, late.T


def _wait(
    trial: _Trial, late: _Late, threshold: float, i: int, both: Array, noise: Array, in_use: int, refits: int
) -> Wait:
    """One number of years at one threshold."""
    inputs, years, effect = trial.inputs, trial.years[i], late.effect[:, i]
    benefit = late.sample.net_benefit(threshold)
    mean = benefit.mean(axis=0)
    variance = _estimate_variance(float(both.sum()), trial.randomised_share)
    if math.isinf(variance):
        information, closed = InformationValue(0.0, 0.0, method="no further deaths"), 0.0
        chosen = np.equal(np.arange(len(mean)), mean.argmax()).astype(float)
    else:
        information, chosen = evsi(benefit, effect, variance, noise, refits=refits)
        closed = normal_evsi(benefit, effect, variance)
    rate, delay = inputs.number("settings.discount_rate.costs"), years + trial.lag
    fixed, yearly = (inputs.number(f"follow_up.cost.{part}") for part in ("fixed", "yearly"))
    study = fixed + effective_population(yearly, years, rate)
    given_up = 0.0 if inputs.compared[in_use] == inputs.reference else 1.0 - float(chosen[in_use])
    reversal = given_up * inputs.number("decision.reversal_cost") / (1.0 + rate) ** delay
    value = losses = total = None
    if inputs.given("decision.patients_per_year"):
        people, horizon = inputs.number("decision.patients_per_year"), inputs.number("decision.years")
        after = effective_population(people, horizon, rate, delay)
        meanwhile = effective_population(people, horizon, rate) - after
        value, losses = information.value * after, float(mean.max() - mean[in_use]) * meanwhile
        total = value - study - losses - reversal
    return Wait(
        years,
        threshold,
        (float(both[0]), float(both[1])),
        variance,
        information,
        closed,
        float(mean.max()),
        1.0 - float(chosen[mean.argmax()]),
        study,
        reversal,
        value,
        losses,
        total,
    )


def _estimate_variance(events: float, share: float) -> float:
    """Variance of a log hazard ratio from further events, 1/(d·p·(1 − p)); 4/d for arms of equal size.

    Source: Schoenfeld 1981, Biometrika 68:316.
    """
    known = events * share * (1.0 - share)
    return 1.0 / known if known > 0.0 else math.inf


def _meanwhile(inputs: Inputs, strategy: str, mean: Array) -> str:
    """What patients get while the answer is awaited, by the workbook's choice."""
    choice, best = Meanwhile(inputs.text("decision.meanwhile")), inputs.compared[int(mean.argmax())]
    if choice is Meanwhile.FUNDED:
        return strategy
    if choice is Meanwhile.NOT_FUNDED:
        others = [s for s in inputs.compared if s != strategy]
        return max(others, key=lambda s: float(mean[inputs.compared.index(s)]))
    return best


def _versus(inputs: Inputs, strategy: str) -> str:
    """The other arm of the strategy's trial: whom its curve refers to, else the reference."""
    other = reference_of(inputs, Endpoint.OS, strategy)
    return other if other in inputs.compared and other != strategy else inputs.reference


def _missing(inputs: Inputs, strategy: str) -> list[str]:
    """Ids without which longer follow-up of a strategy cannot be valued."""
    arms = (strategy, _versus(inputs, strategy))
    lacking = [f"follow_up.randomised.{s}" for s in arms if _patients(inputs, s) == 0.0]
    return [*(key for key in (f"follow_up.{Endpoint.OS}",) if not inputs.given(key)), *lacking]


def _patients(inputs: Inputs, strategy: str) -> float:
    """Patients randomised, or still followed where only they are known; 0 where neither is."""
    keys = (f"follow_up.randomised.{strategy}", f"follow_up.at_risk.{strategy}")
    return next((inputs.number(key) for key in keys if inputs.given(key)), 0.0)


def _followed(inputs: Inputs, strategy: str, surviving: float) -> float:
    """Patients at time zero who would still be followed as survivors: those at risk, over modelled survival."""
    key = f"follow_up.at_risk.{strategy}"
    if inputs.given(key):
        return inputs.number(key) / surviving
    return _patients(inputs, strategy) * inputs.number("follow_up.retention")
