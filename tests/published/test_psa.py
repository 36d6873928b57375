"""Decisions under uncertainty: published samples, exact discrete cases and closed forms.

The samples of two packages are under a licence that forbids copying them here: their tests are skipped, with the
reason, where the folder of validation cases is absent. What was computed from them stands in the cases.
"""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from markov.analysis.incremental import IncrementalRow, incremental
from markov.analysis.uncertainty.acceptability import Acceptability, acceptability, decision
from markov.analysis.uncertainty.value_of_information import (
    effective_population,
    evpi,
    evppi,
    evsi,
    normal_evsi,
    population_value,
)
from markov.terms import Array, Position

from .known_answers import Case, assert_agrees, names_of, outside_table, read_case

STATUS = {Position.DOMINATED: "D", Position.EXTENDEDLY_DOMINATED: "ED"}
SAMPLES = ["bcea_vaccine", "dampack_example_psa"]
every_sample = pytest.mark.parametrize("name", SAMPLES)


def sample(case: Case) -> dict[str, Array]:
    """The draws of a case as columns; skips the test where they are absent."""
    return {column: np.array(values, dtype=float) for column, values in outside_table(case["inputs"]["csv"]).items()}


def cost_and_effect(case: Case) -> tuple[Array, Array]:
    columns = sample(case)
    costs, effects = ([columns[name] for name in case["inputs"][f"{what}_columns"]] for what in ("cost", "effect"))
    return np.stack(costs, axis=1), np.stack(effects, axis=1)


def curves(case: Case) -> Acceptability:
    return acceptability(*cost_and_effect(case), case["inputs"]["wtp"])


# Samples ------------------------------------------------------------------------------------------------------------


@every_sample
def test_means_and_quantiles_of_a_published_sample(name: str) -> None:
    case = read_case("psa", name)
    cost, effect = cost_and_effect(case)
    expected = case["expected"]
    assert len(cost) == expected["n"]
    assert_agrees(cost.mean(axis=0), expected["mean_cost"], case)
    assert_agrees(effect.mean(axis=0), expected["mean_effect"], case)
    for values, key in ((cost, "cost"), (effect, "effect")):
        assert_agrees(np.quantile(values, (0.025, 0.5, 0.975), axis=0).T, expected["quantiles_type7"][key], case)


@every_sample
def test_mean_net_benefit_and_the_acceptability_curve_at_each_threshold(name: str) -> None:
    case = read_case("psa", name)
    found, expected = curves(case), case["expected"]["by_wtp"]
    assert_agrees(found.mean, [row["mean_nb"] for row in expected], case)
    assert_agrees(found.probability, [row["prob_best"] for row in expected], case)


@every_sample
def test_the_frontier_follows_the_highest_mean(name: str) -> None:
    case = read_case("psa", name)
    found, expected = curves(case), case["expected"]["by_wtp"]
    assert [case["inputs"]["strategies"][i] for i in found.best] == [row["optimal"] for row in expected]
    assert_agrees(found.frontier, [row["ceaf"] for row in expected], case)


@every_sample
def test_expected_loss_and_what_perfect_information_is_worth(name: str) -> None:
    case = read_case("psa", name)
    found, expected = curves(case), case["expected"]["by_wtp"]
    assert_agrees(found.loss, [row["expected_loss"] for row in expected], case)
    # The case takes the difference of two means: at 141,000 they are 1.5 million, and 3e-14 of that is 1e-12 of it.
    assert_agrees(found.evpi, [row["evpi"] for row in expected], case)
    cost, effect = cost_and_effect(case)
    values = [evpi(row["wtp"] * effect - cost).value for row in expected]
    assert_agrees(values, [row["evpi"] for row in expected], case)


@every_sample
def test_the_incremental_analysis_on_means(name: str) -> None:
    case = read_case("psa", name)
    cost, effect = cost_and_effect(case)
    rows = incremental(case["inputs"]["strategies"], cost.mean(axis=0), effect.mean(axis=0))
    expected = case["expected"]["incremental_on_means"]
    assert {row.strategy: STATUS.get(row.position, "ND") for row in rows} == expected["status"]
    on_frontier = [row for row in rows if STATUS.get(row.position) is None]
    assert [row.strategy for row in on_frontier] == [point["strategies"][0] for point in expected["frontier"]]
    for row, point in zip(on_frontier[1:], expected["frontier"][1:], strict=True):
        assert_agrees(figures(row), [point[key] for key in ("inc_cost", "inc_effect", "icer")], case)


def figures(row: IncrementalRow) -> list[float]:
    assert row.delta_cost is not None and row.delta_qaly is not None and row.icer is not None
    return [row.delta_cost, row.delta_qaly, row.icer]


def test_the_printed_summary_of_the_vaccine_example() -> None:
    # As BCEA prints it: ICER 20,098, EIB 1.2284, CEAC 0.529 and EVPI 2.4145 at 25,000; the switch is at 20,100.
    case = read_case("psa", "bcea_vaccine")
    cost, effect = cost_and_effect(case)
    published = case["published"]
    found = acceptability(cost, effect, np.arange(0.0, 50_001.0, 100.0).tolist())
    at = found.thresholds.tolist().index(published["wtp"])
    assert round(float(found.mean[at, 1] - found.mean[at, 0]), 4) == published["eib"]
    assert round(float(found.probability[at, 1]), 3) == published["ceac"]
    assert round(float(found.evpi[at]), 4) == published["evpi"]
    assert found.switches == (published["switch_wtp"],)
    _, vaccination = incremental(case["inputs"]["strategies"], cost.mean(axis=0), effect.mean(axis=0))
    assert vaccination.icer is not None and round(vaccination.icer) == published["icer"]


@pytest.mark.parametrize("which", [0, 1])
def test_partial_perfect_information_agrees_with_a_generalised_additive_model(which: int) -> None:
    # The reference is a regression too: 3 % of the value, and 30 where it is near zero, is its stated tolerance.
    case = read_case("psa", "dampack_example_psa")
    columns, (cost, effect) = sample(case), cost_and_effect(case)
    reference = case["expected"]["evppi_gam_reference"][which]
    benefit = reference["wtp"] * effect - cost
    close = {"rtol": case["tolerance"]["evppi_rel"], "atol": 30.0}
    values = [evppi(benefit, columns[name][:, None], refits=0).value for name in reference["single"]]
    np.testing.assert_allclose(values, list(reference["single"].values()), **close)
    pair = np.stack([columns[name] for name in reference["multi"]["pars"]], axis=1)
    np.testing.assert_allclose(evppi(benefit, pair, refits=0).value, reference["multi"]["value"], **close)


# Exact cases --------------------------------------------------------------------------------------------------------


def test_the_most_probable_strategy_need_not_be_the_best_on_average() -> None:
    case = read_case("psa", "ceac_is_not_ceaf")
    found, expected = decision(case["inputs"]["net_benefit_by_draw"]), case["expected"]
    assert_agrees(found.mean, expected["mean_nb"], case)
    assert_agrees(found.probability, expected["prob_best"], case)
    assert case["inputs"]["strategies"][found.best] == expected["optimal"]
    assert_agrees([found.frontier, found.evpi], [expected["ceaf"], expected["evpi"]], case)


class Discrete:
    """Every combination of the discrete parameters, as often as its probability says: 160 draws hold them exactly."""

    def __init__(self) -> None:
        self.case = read_case("psa", "discrete_exact_voi")
        parameters = self.case["inputs"]["parameters"]
        self.names = list(parameters)
        self.draws = np.array(list(itertools.product(*map(self.repeated, parameters.values()))))
        price, gain, ratio, share = self.draws.T
        cost = np.stack([np.full(len(price), 10000.0), 10000.0 + price, 10000.0 + price * ratio], axis=1)
        effect = np.stack([np.full(len(price), 2.0), 2.0 + gain, 2.0 + gain * share], axis=1)
        self.benefit = self.case["inputs"]["wtp"] * effect - cost

    @staticmethod
    def repeated(values: list[dict[str, str]]) -> list[float]:
        """Each value as often as its probability, a multiple of 1/20, says; the shortest such list."""
        counts = [round(20 * float(one["prob"])) for one in values]
        common = math.gcd(*counts)
        return [float(one["value"]) for one, count in zip(values, counts, strict=True) for _ in range(count // common)]


def test_discrete_parameters_have_exact_means_curve_and_perfect_information() -> None:
    discrete = Discrete()
    case, expected = discrete.case, discrete.case["expected"]
    assert len(discrete.draws) == 160
    found = decision(discrete.benefit)
    assert_agrees(found.mean, expected["mean_nb"], case)
    assert_agrees(found.probability, expected["prob_best"], case)  # a tie counts for the first, as the case has it
    assert case["inputs"]["strategies"][found.best] == expected["optimal"]
    assert_agrees(evpi(discrete.benefit).value, expected["evpi"], case)


@pytest.mark.parametrize("group", list(read_case("psa", "discrete_exact_voi")["expected"]["evppi"]))
def test_partial_information_on_every_subset_of_discrete_parameters_is_exact(group: str) -> None:
    discrete = Discrete()
    columns = discrete.draws[:, [discrete.names.index(name) for name in group.split("+")]]
    assert_agrees(evppi(discrete.benefit, columns).value, discrete.case["expected"]["evppi"][group], discrete.case)


NORMAL = read_case("psa", "normal_two_strategy_voi")
every_threshold = pytest.mark.parametrize("row", NORMAL["expected"], ids=lambda row: f"wtp {row['wtp']:g}")
RUNS = 2**14


def normal_draws() -> tuple[Array, Array]:
    """Differences in effect and cost, from a scrambled Sobol sequence: its errors are below those of random draws."""
    inputs = NORMAL["inputs"]
    scores = stats.norm.ppf(stats.qmc.Sobol(2, seed=1).random(RUNS))
    (effect, cost) = (inputs[f"{what}_difference"] for what in ("effect", "cost"))
    return (
        float(effect["mean"]) + float(effect["sd"]) * scores[:, 0],
        float(cost["mean"]) + float(cost["sd"]) * scores[:, 1],
    )


def normal_benefit(threshold: float) -> Array:
    effect, cost = normal_draws()
    return np.stack([np.zeros(RUNS), threshold * effect - cost], axis=1)


@every_threshold
def test_normal_net_benefit_has_the_closed_form_of_perfect_information(row: Case) -> None:
    benefit = normal_benefit(row["wtp"])
    found = evpi(benefit)
    assert abs(found.value - row["evpi"]) < 3.0 * found.standard_error
    assert decision(benefit).probability[1] == pytest.approx(
        row["prob_cost_effective"], abs=3.0 * 0.5 / math.sqrt(RUNS)
    )
    assert benefit[:, 1].mean() == pytest.approx(row["mean_inb"], abs=3.0 * row["sd_inb"] / math.sqrt(RUNS))


@every_threshold
def test_normal_net_benefit_has_the_closed_form_of_partial_information(row: Case) -> None:
    benefit = normal_benefit(row["wtp"])
    effect, cost = normal_draws()
    for column, key in ((effect, "evppi_effect"), (cost, "evppi_cost")):
        found = evppi(benefit, column[:, None])
        assert abs(found.value - row[key]) < 3.0 * found.standard_error
        assert found.standard_error < 0.02


@every_threshold
def test_normal_net_benefit_has_the_closed_form_of_sample_information(row: Case) -> None:
    study = NORMAL["inputs"]["study"]
    effect, _ = normal_draws()
    benefit, noise = normal_benefit(row["wtp"]), np.random.default_rng(11).normal(size=len(effect))
    for n in study["n"]:
        variance = float(study["observation_sd"]) ** 2 / n
        expected = row["evsi_effect"][str(n)]
        found, _ = evsi(benefit, effect, variance, noise)
        assert abs(found.value - expected) < 3.0 * found.standard_error + found.upward_bias
        assert found.standard_error < 0.02
        assert normal_evsi(benefit, effect, variance) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("name", names_of("psa", "population"))
def test_the_population_is_that_of_each_year_discounted_from_its_start(name: str) -> None:
    case = read_case("psa", name)
    inputs, expected = case["inputs"], case["expected"]
    people = (inputs["annual_incidence"], inputs["years"], inputs["discount"])
    assert_agrees(effective_population(*people), expected["effective_population"], case)
    assert_agrees(population_value(inputs["evpi_per_person"], *people), expected["population_evpi"], case)
