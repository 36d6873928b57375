"""Value of information: closed forms, and theorems that no regression may break."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from markov.analysis.draws import sampled
from markov.analysis.uncertainty.regression import distinct, regress
from markov.analysis.uncertainty.sample import Sample, draw_sample
from markov.analysis.uncertainty.value_of_information import (
    effective_population,
    evidence_groups,
    evpi,
    evppi,
    population_value,
    value_of_information,
)
from markov.inputs.evidence import Correlation
from markov.inputs.parameters import Inputs
from markov.terms import Array
from tests.support.normal_gain import against_nothing, expected_gain

RUNS = 4096
SCORES = stats.norm.ppf(stats.qmc.Sobol(4, seed=2).random(RUNS))
X, Y, Z, NOISE = SCORES.T


# Partial perfect information ----------------------------------------------------------------------------------------


def test_information_about_everything_is_perfect_information() -> None:
    benefit = against_nothing(0.3 + X + 0.5 * Y * Y - 0.5 + 0.2 * X * Y)
    found = evppi(benefit, SCORES[:, :2])
    assert found.value == pytest.approx(evpi(benefit).value, rel=0.01)
    assert found.explained[0] > 0.999


def test_a_product_is_worth_knowing_only_as_a_whole() -> None:
    # E[XY | X] = 0; E|XY|/2 = (2/π)/2 = 1/π.
    benefit = against_nothing(X * Y)
    for one in (X, Y):
        found = evppi(benefit, one[:, None])
        assert found.value < 3.0 * found.standard_error + 0.02
    both = evppi(benefit, SCORES[:, :2])
    assert both.value == pytest.approx(1.0 / math.pi, abs=3.0 * both.standard_error)


def test_among_many_parameters_products_are_still_seen() -> None:
    more = np.random.default_rng(5).normal(size=(RUNS, 6))
    benefit = against_nothing(X * Y + 0.3 * Z)
    found = evppi(benefit, np.concatenate([SCORES[:, :3], more], axis=1))
    assert found.value == pytest.approx(evpi(benefit).value, rel=0.03)


def test_three_strategies_have_the_gain_of_the_best_of_three() -> None:
    # Known X: expectations 0, X and 0.5 − X. The exact gain by quadrature on a grid of normal scores.
    benefit = np.stack([np.zeros(RUNS), X + Y, 0.5 - X + Z], axis=1)
    grid = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    exact = np.maximum(np.maximum(grid, 0.5 - grid), 0.0).mean() - 0.5
    found = evppi(benefit, X[:, None])
    assert found.value == pytest.approx(exact, abs=3.0 * found.standard_error)


@pytest.mark.parametrize("seed", range(5))
def test_partial_information_is_worth_nothing_below_zero_and_at_most_all_of_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    x = random.normal(size=(600, 3))
    benefit = against_nothing(random.normal() + x @ random.normal(size=3) + random.normal(size=600))
    values = [evppi(benefit, x[:, columns]) for columns in ([0], [0, 1], [0, 1, 2])]
    limit = evpi(benefit)
    assert values[0].value >= 0.0
    for less, more in zip(values, [*values[1:], limit], strict=True):  # a subset is worth no more
        assert less.value <= more.value + 3.0 * math.hypot(less.standard_error, more.standard_error)


def test_a_parameter_without_effect_is_worth_nothing_beyond_the_bias_shown() -> None:
    benefit = against_nothing(0.02 + NOISE)
    found = evppi(benefit, X[:, None])
    assert found.value < 3.0 * found.standard_error + found.upward_bias


def test_what_another_parameter_determines_adds_nothing() -> None:
    benefit = against_nothing(0.3 + X + NOISE)
    alone = evppi(benefit, X[:, None]).value
    doubled = np.stack([X, np.exp(X), -X, np.full(RUNS, 3.0)], axis=1)
    assert evppi(benefit, doubled).value == alone
    assert distinct(doubled) == [0]
    assert evppi(benefit, np.full((RUNS, 1), 3.0)).value == 0.0


def test_a_skewed_parameter_is_worth_what_its_scores_are() -> None:
    # E[NB | X] = e^X − 1.7: E max(0, ·) is Black and Scholes' formula with ln(e^½/1.7).
    strike = 1.7
    d = (0.5 - math.log(strike)) + 0.5
    call = math.exp(0.5) * stats.norm.cdf(d) - strike * stats.norm.cdf(d - 1.0)
    exact = float(call) - max(math.exp(0.5) - strike, 0.0)
    benefit = against_nothing(np.exp(X) - strike + NOISE)
    for column in (X, np.exp(X), X**3):
        found = evppi(benefit, column[:, None])
        assert found.value == pytest.approx(exact, abs=3.0 * found.standard_error)


def test_the_standard_error_is_the_spread_over_samples() -> None:
    # INB = 0.5 + X + 2·noise, 500 draws: the spread of 60 estimates is known to 9 %.
    random, values, errors = np.random.default_rng(3), [], []
    for _ in range(60):
        x, noise = random.normal(size=(2, 500))
        found = evppi(against_nothing(0.5 + x + 2.0 * noise), x[:, None])
        values.append(found.value)
        errors.append(found.standard_error)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.35)
    assert np.mean(values) == pytest.approx(expected_gain(0.5, 1.0), abs=4.0 * float(np.std(values)) / math.sqrt(60))


def test_the_standard_error_of_perfect_information_is_that_of_a_mean() -> None:
    benefit = against_nothing(np.random.default_rng(1).normal(0.5, 1.0, 50_000))
    found = evpi(benefit)
    assert found.value == pytest.approx(expected_gain(0.5, 1.0), abs=3.0 * found.standard_error)
    gain = np.maximum(-benefit[:, 1], 0.0)
    assert found.standard_error == pytest.approx(gain.std(ddof=1) / math.sqrt(50_000), rel=1e-9)


def test_equal_strategies_leave_nothing_to_learn() -> None:
    benefit = np.stack([X, X], axis=1)
    assert evpi(benefit).value == 0.0 and evppi(benefit, X[:, None]).value == 0.0


def test_where_there_is_no_choice_information_has_no_value() -> None:
    alone = X[:, None]
    assert evpi(alone).value == 0.0
    with pytest.raises(ValueError, match="at least two strategies"):
        evppi(alone, alone)


@pytest.mark.parametrize("inputs", [np.full((5, 1), math.nan), np.ones((4, 1)), np.ones(5)])
def test_a_regression_needs_finite_inputs_of_the_same_runs(inputs: Array) -> None:
    with pytest.raises(ValueError, match="inputs"):
        regress(inputs, np.ones((5, 1)))


def test_a_smooth_expectation_is_found_under_noise_and_a_straight_line_stays_straight() -> None:
    found = regress(SCORES[:, :1], np.stack([np.sin(2.0 * X) + NOISE, 3.0 * X + NOISE], axis=1), refits=0)
    inner = np.abs(X) < 2.0
    assert np.sqrt(np.mean((found.fitted[inner, 0] - np.sin(2.0 * X[inner])) ** 2)) < 0.08
    assert np.sqrt(np.mean((found.fitted[:, 1] - 3.0 * X) ** 2)) < 0.05
    assert found.degrees[1] < 4.0 < found.degrees[0]


# The population -----------------------------------------------------------------------------------------------------


def test_a_delay_costs_the_patients_of_those_years() -> None:
    assert effective_population(100.0, 5, 0.0) == pytest.approx(500.0)
    assert effective_population(100.0, 5, 0.0, delay=2.0) == pytest.approx(300.0)
    assert effective_population(100.0, 2.5, 0.1, delay=0.5) == pytest.approx(100.0 * (0.5 + 1 / 1.1 + 0.5 / 1.21))
    assert effective_population(100.0, 5, 0.035, delay=7.0) == 0.0
    assert population_value(2.0, 100.0, 5, 0.0, delay=4.0) == pytest.approx(200.0)
    with pytest.raises(ValueError, match="0 or more"):
        effective_population(-1.0, 5, 0.0)


# The workbook -------------------------------------------------------------------------------------------------------


HAZARD_RATIO = "os.hazard_ratio.thalidomide"


@pytest.fixture(scope="module")
def independent(myeloma_ix: Inputs) -> Inputs:
    """Myeloma IX without correlations between parameters."""
    return replace(myeloma_ix, correlations=())


@pytest.fixture(scope="module")
def sample(independent: Inputs) -> Sample:
    return draw_sample(independent, 1500, seed=1, traced=False)


def test_correlated_parameters_are_learned_together(independent: Inputs, sample: Sample) -> None:
    pair = Correlation(HAZARD_RATIO, "os.shape.no_maintenance", 0.4)
    found = value_of_information(
        replace(independent, correlations=(pair,)), sample, {"One": [HAZARD_RATIO]}, [80_000.0], refits=0
    )
    assert (HAZARD_RATIO, "os.shape.no_maintenance") in {part.parameters for part in found.single}


def test_groups_of_evidence_share_out_the_sampled_parameters(calgb: Inputs, myeloma_ix: Inputs) -> None:
    for inputs in (calgb, myeloma_ix):
        groups = evidence_groups(inputs)
        keys = [key for members in groups.values() for key in members]
        assert sorted(keys) == sorted(parameter.id for parameter in sampled(inputs))
        assert "Other" not in groups
    assert "spm.disutility.solid" in groups["Utilities"]
    assert "adverse_event.cost.neuropathy" in groups["Costs"]
    assert "adverse_event.proportion.neuropathy.thalidomide" in groups["Adverse events"]


def test_values_of_a_workbook_obey_the_order_of_information(independent: Inputs, sample: Sample) -> None:
    everything = {"Everything": tuple(parameter.id for parameter in sampled(independent))}
    found = value_of_information(independent, sample, evidence_groups(independent) | everything, [15_000.0, 60_000.0])
    assert found.breaches == ()
    assert all(part.information.value >= 0.0 for part in (*found.single, *found.grouped))
    for threshold, perfect in zip(found.thresholds, found.perfect, strict=True):
        assert perfect.value == pytest.approx(evpi(sample.net_benefit(threshold)).value)
        by_name = {part.group: part.information for part in found.grouped if part.threshold == threshold}
        assert by_name["Everything"].value == pytest.approx(perfect.value, rel=0.15)
        assert found.ranking(threshold)[0].information.value <= perfect.value * 1.05
    assert {part.group for part in found.single} >= {HAZARD_RATIO, "group subsequent_cost"}


def test_what_was_not_drawn_cannot_be_learned(independent: Inputs, sample: Sample) -> None:
    with pytest.raises(ValueError, match=r"not drawn, so that nothing can be learned about it: cohort\.age"):
        value_of_information(independent, sample, {"Age": ["cohort.age"]})
    mixture = Sample(sample.strategies, sample.cost, sample.qaly, sample.life_years, sample.stratum)
    with pytest.raises(ValueError, match="not a mixture"):
        value_of_information(independent, mixture)
