"""Longer follow-up: closed forms of sample information, the late effect in the model, and what waiting costs."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from markov.analysis.draws import random_draws, uniforms
from markov.analysis.uncertainty.follow_up import (
    FollowUp,
    _estimate_variance,
    _expected_events,
    _survival_at,
    followed_strategies,
    longer_follow_up,
)
from markov.analysis.uncertainty.sample import Sample, draw_sample
from markov.analysis.uncertainty.value_of_information import effective_population, evppi, evsi, normal_evsi
from markov.inputs.given_values import with_values
from markov.inputs.parameters import Inputs, Trusted, Value
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped
from markov.model.evaluate import evaluate
from markov.model.hazards import LATE_EFFECT
from tests.support.normal_gain import against_nothing, expected_gain

RUNS = 4096
X, NOISE, OTHER = stats.norm.ppf(stats.qmc.Sobol(3, seed=2).random(RUNS)).T
LATE = LATE_EFFECT.format(strategy="lenalidomide")


# Sample information -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variance", [3.0, 0.4])
def test_a_linear_expectation_has_the_conjugate_normal_closed_form(variance: float) -> None:
    # Prior N(0, 1), data variance v: the posterior mean has variance 1/(1 + v).
    benefit = against_nothing(0.4 + 2.0 * X + OTHER)
    exact = expected_gain(0.4, 2.0 / math.sqrt(1.0 + variance))
    found, _ = evsi(benefit, X, variance, NOISE)
    assert found.value == pytest.approx(exact, abs=3.0 * found.standard_error)
    assert normal_evsi(benefit, X, variance) == pytest.approx(exact, abs=0.03)


@pytest.mark.parametrize("variance", [2.0, 0.25])
def test_curvature_is_kept_where_the_plug_in_understates_the_value(variance: float) -> None:
    # E[e^X | data] is log-normal with mean e^½ and log-variance ρ² = 1/(1 + v): Black and Scholes' formula.
    strike, sd = 1.7, 1.0 / math.sqrt(1.0 + variance)
    d = (0.5 - math.log(strike)) / sd + sd / 2.0
    exact = float(math.exp(0.5) * stats.norm.cdf(d) - strike * stats.norm.cdf(d - sd))
    found, chosen = evsi(against_nothing(np.exp(X) - strike), X, variance, NOISE)
    assert found.value == pytest.approx(exact, abs=3.0 * found.standard_error)
    assert chosen.sum() == pytest.approx(1.0) and 0.0 < chosen[1] < 1.0
    preposterior = sd * np.random.default_rng(1).normal(size=200_000)  # posterior means, as the data will scatter them
    plug_in = np.maximum(np.exp(preposterior) - strike, 0.0).mean()
    assert plug_in < exact


def test_more_is_learned_from_more_data_up_to_perfect_information() -> None:
    benefit = against_nothing(0.3 + X + OTHER)
    values = [evsi(benefit, X, variance, NOISE)[0].value for variance in (100.0, 4.0, 1.0, 0.1, 1e-6)]
    assert values == sorted(values) and values[0] < 0.02
    assert values[-1] == pytest.approx(evppi(benefit, X[:, None]).value, rel=0.02)


def test_three_strategies_have_the_gain_of_the_best_of_three() -> None:
    benefit = np.stack([np.zeros(RUNS), X + OTHER, 0.5 - X], axis=1)
    t = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000) / math.sqrt(2.0)  # v = 1: posterior means N(0, ½)
    exact = np.maximum(np.maximum(t, 0.5 - t), 0.0).mean() - 0.5
    found, _ = evsi(benefit, X, 1.0, NOISE)
    assert found.value == pytest.approx(exact, abs=3.0 * found.standard_error)
    assert normal_evsi(benefit, X, 1.0) == pytest.approx(exact, abs=0.03)


def test_what_is_certain_teaches_nothing() -> None:
    assert normal_evsi(against_nothing(X), np.full(RUNS, -0.3), 0.5) == 0.0


def test_events_teach_by_the_variance_of_a_log_hazard_ratio() -> None:
    # Schoenfeld 1981: 4/d for arms of equal size; two thirds on treatment: 1/(d·2/3·1/3).
    assert _estimate_variance(120.0, 0.5) == pytest.approx(4.0 / 120.0)
    assert _estimate_variance(120.0, 2.0 / 3.0) == pytest.approx(4.5 / 120.0)
    assert math.isinf(_estimate_variance(0.0, 0.5))


def test_expected_events_are_the_deaths_among_those_randomised() -> None:
    times = np.linspace(0.0, 40.0, 81)
    survival = np.stack([np.exp(-0.05 * times), np.exp(-0.1 * times)])
    found = _expected_events(times, survival, 4.2, [0.0, 2.0], [80.0, 120.0])
    np.testing.assert_allclose(found[0], 0.0, atol=1e-12)
    expected = [n * (math.exp(-h * 4.2) - math.exp(-h * 6.2)) for n, h in ((80.0, 0.05), (120.0, 0.1))]
    assert found[1] == pytest.approx(expected, rel=1e-9)
    with pytest.raises(ValueError, match="beyond the horizon of 40 years"):
        _expected_events(times, survival, 4.0, [37.0], [1.0, 1.0])


# The late effect in the model ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unwaned(calgb: Inputs) -> Inputs:
    return with_values(calgb, {f"os.waning_{end}.lenalidomide": None for end in ("start", "end")})


def test_all_of_the_effect_left_is_no_waning_and_none_of_it_is_none(calgb: Inputs, unwaned: Inputs) -> None:
    found = evaluate(unwaned, Trusted({LATE: np.array([1.0, 0.0, 0.5])})).life_year[:, 1]
    gone_at_once = with_values(calgb, {f"os.waning_{end}.lenalidomide": 91.0 for end in ("start", "end")})
    whole, none = evaluate(unwaned).life_year[0, 1], evaluate(gone_at_once).life_year[0, 1]
    assert found[0] == pytest.approx(whole, rel=1e-12)
    assert found[1] == pytest.approx(none, rel=1e-4)  # waning is read at mid-cycle, the share over the whole cycle
    assert none < found[2] < whole


def test_after_follow_up_the_hazard_ratio_is_the_share_of_its_log(unwaned: Inputs) -> None:
    share, end = 0.4, unwaned.number("follow_up.os")
    trace = evaluate(unwaned, Trusted({LATE: np.array([share])}), trace=True).trace
    assert trace is not None
    hazard = -np.log(_survival_at(trace.boundaries, trace.curves["os"][0], [0.0, end, end + 1.0, end + 3.0]))
    early, late = hazard[1] - hazard[0], hazard[3] - hazard[2]
    ratio = unwaned.number("os.hazard_ratio.lenalidomide")
    assert early[1] / early[0] == pytest.approx(ratio, rel=2e-3)  # the floor of background mortality acts in both arms
    assert late[1] / late[0] == pytest.approx(ratio**share, rel=2e-3)


# The workbook -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def generic(calgb: Inputs) -> Inputs:
    return with_values(calgb, {"settings.price_set": "generic", "decision.patients_per_year": 1000.0})


@pytest.fixture(scope="module")
def sample(generic: Inputs) -> Sample:
    return draw_sample(generic, 600, 1, traced=False)


@pytest.fixture(scope="module")
def waited(generic: Inputs, sample: Sample) -> FollowUp:
    return longer_follow_up(generic, sample, "lenalidomide", [1.0, 3.0, 8.0], seed=1, refits=5)


def test_the_late_effect_is_a_share_of_each_draws_effect(generic: Inputs, sample: Sample, waited: FollowUp) -> None:
    drawn = np.log(random_draws(generic, 600, 1).columns()["os.hazard_ratio.lenalidomide"])
    late = uniforms(1, LATE, 0, 600) * drawn
    assert (waited.mean, waited.sd) == pytest.approx((late.mean(), late.std()), rel=1e-12)
    assert waited.early == pytest.approx(drawn.mean()) and waited.is_share


def test_events_are_those_of_the_trials_patients(generic: Inputs, unwaned: Inputs, waited: FollowUp) -> None:
    trace = evaluate(unwaned, Trusted({LATE: np.array([0.5])}), trace=True).trace
    assert trace is not None
    now, end = generic.number("follow_up.os"), generic.number("follow_up.os") + 3.0
    both = _survival_at(trace.boundaries, trace.curves["os"][0], [now, end])
    expected = [231.0 * (both[0, 1] - both[1, 1]), 229.0 * (both[0, 0] - both[1, 0])]
    wait = waited.at(25_000.0)[1]
    assert wait.events == pytest.approx(expected, rel=1e-9)
    share = 231.0 / 460.0
    assert wait.variance == pytest.approx(1.0 / (sum(expected) * share * (1.0 - share)), rel=1e-9)


def test_net_benefit_of_waiting_adds_up(generic: Inputs, waited: FollowUp) -> None:
    rate = generic.number("settings.discount_rate.costs")
    for wait in waited.waits:
        after = effective_population(1000.0, 10.0, rate, wait.years + 1.0)
        assert wait.value == pytest.approx(wait.information.value * after)
        yearly = sum(100_000.0 / (1.0 + rate) ** t for t in range(int(wait.years)))
        assert wait.study == pytest.approx(100_000.0 + yearly)
        assert wait.losses == 0.0 and wait.reversal == 0.0  # meanwhile patients get what is best now
        assert wait.net_benefit == pytest.approx((wait.value or 0.0) - wait.study)
        assert wait.information.value >= 0.0
    values = [wait.information.value for wait in waited.at(25_000.0)]
    assert values == sorted(values)


def test_what_patients_get_meanwhile_costs_them_where_it_is_not_the_best(generic: Inputs, sample: Sample) -> None:
    changes: dict[str, Value] = {"decision.meanwhile": "funded", "decision.reversal_cost": 5e6}
    found = longer_follow_up(with_values(generic, changes), sample, "lenalidomide", [2.0], seed=1, refits=0)
    rate = generic.number("settings.discount_rate.costs")
    for threshold, mean in zip(found.thresholds, found.expected, strict=True):
        (wait,) = found.at(threshold)
        assert found.meanwhile[found.thresholds.index(threshold)] == "lenalidomide"
        treated = effective_population(1000.0, 10.0, rate) - effective_population(1000.0, 10.0, rate, 3.0)
        assert wait.losses == pytest.approx((mean.max() - mean[1]) * treated)
        given_up = wait.changes if mean.argmax() == 1 else 1.0 - wait.changes
        assert wait.reversal == pytest.approx(given_up * 5e6 / (1.0 + rate) ** 3, rel=0.02)
        assert wait.net_benefit == pytest.approx(
            (wait.value or 0.0) - wait.study - (wait.losses or 0.0) - wait.reversal
        )
    other = longer_follow_up(
        with_values(generic, {"decision.meanwhile": "not_funded"}), sample, "lenalidomide", [2.0], refits=0
    )
    assert set(other.meanwhile) == {"no_maintenance"}


def test_under_a_rate_after_progression_the_late_effect_is_modelled() -> None:
    inputs = read_inputs(shipped("gem2005mas65"))
    drawn = draw_sample(inputs, 60, 1, traced=False)
    found = longer_follow_up(inputs, drawn, "bortezomib_thalidomide", [2.0], seed=1, refits=0)
    assert not found.is_share
    assert drawn.rows is not None
    trace = evaluate(inputs, drawn.rows.block(0, 60), trace=True).trace
    assert trace is not None
    end = inputs.number("follow_up.os")
    hazard = -np.log(_survival_at(trace.boundaries, trace.curves["os"], [end, end + 2.0]))
    gained = hazard[1] - hazard[0]
    late = np.log(gained[:, 1] / gained[:, 0])
    assert (found.mean, found.sd) == pytest.approx((late.mean(), late.std()), rel=1e-9)
    np.testing.assert_allclose(found.expected[0], drawn.net_benefit(found.thresholds[0]).mean(axis=0), rtol=1e-9)


def test_without_the_trials_size_it_is_said_what_to_fill(calgb: Inputs) -> None:
    gone: dict[str, Value] = {f"follow_up.randomised.{s}": None for s in calgb.compared}
    strategies, note = followed_strategies(with_values(calgb, gone))
    assert strategies == ()
    assert note.startswith("Longer follow-up is not valued: fill follow_up.randomised.lenalidomide")
    followed: dict[str, Value] = {f"follow_up.at_risk.{s}": 100.0 for s in calgb.compared}
    known = with_values(calgb, gone | followed)
    assert followed_strategies(known) == (("lenalidomide",), "")


def test_a_mixture_has_no_draws_to_learn_from(calgb: Inputs, sample: Sample) -> None:
    with pytest.raises(ValueError, match="not a mixture"):
        longer_follow_up(calgb, replace(sample, rows=None), "lenalidomide")
