"""PAWN, delta and RBD-FAST from random draws: known answers, inputs that belong together, and that nothing is run."""

import itertools
import math
import warnings
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from SALib.analyze import pawn as salib_pawn
from scipy import stats

from markov.analysis.uncertainty import given_data as module
from markov.analysis.uncertainty.given_data import IDLE, METHODS, Given, GivenData, _of_one, given_data
from markov.analysis.uncertainty.sample import Sample, draw_sample
from markov.analysis.uncertainty.sobol_indices import Output
from markov.inputs.evidence import Correlation
from markov.inputs.given_values import with_values
from markov.inputs.parameters import Inputs
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped
from markov.terms import Array
from tests.published.known_answers import read_case
from tests.support.made_inputs import changed

NET_BENEFIT = "net_benefit.25000.lenalidomide"
LEADING = "toxicity.proportion.lenalidomide"


@pytest.fixture(scope="module")
def sample(calgb: Inputs) -> Sample:
    """Four hundred draws, run once."""
    return draw_sample(calgb, 400, seed=1, traced=False)


def percentiles(runs: int, inputs: int) -> Array:
    """Random percentiles of some inputs, and of those that nothing uses."""
    return np.random.default_rng(3).random((runs, inputs + IDLE))


def ishigami(u: Array, a: float, b: float) -> Array:
    x1, x2, x3 = (2.0 * u[:, :3].T - 1.0) * math.pi
    return np.asarray(np.sin(x1) + a * np.sin(x2) ** 2 + b * x3**4 * np.sin(x1))


def index_of(given: Given) -> Array:
    assert given.index is not None
    return given.index


def by_name(found: GivenData, output: str) -> dict[str, float]:
    return dict(zip((one.name for one in found.inputs), index_of(found.of(output)).tolist(), strict=True))


# Known answers ------------------------------------------------------------------------------------------------------


def test_pawn_of_ishigami_is_the_published_one() -> None:
    # Pianosi and Wagener 2018, 500 draws, ten slices, a = 2, b = 1: 0.5, 0.16, 0.29, with intervals of about ± 0.06.
    x = percentiles(500, 3)
    found = _of_one("y", Output(ishigami(x, 2.0, 1.0)), x, "pawn", 0, 1)
    np.testing.assert_allclose(index_of(found), [0.5, 0.16, 0.29], atol=0.06)


def test_pawn_is_the_median_of_ten_distances_counted_by_hand() -> None:
    x = percentiles(1000, 3)
    y = ishigami(x, 7.0, 0.1)
    for i, told in enumerate(index_of(_of_one("y", Output(y), x, "pawn", 0, 1))):
        edges, distances = np.quantile(x[:, i], np.linspace(0.0, 1.0, 11)), []
        for low, high in itertools.pairwise(edges):
            part = y[(x[:, i] >= low) & (x[:, i] < high)]
            distances.append(max(abs(float((part <= point).mean() - (y <= point).mean())) for point in y))
        assert told == pytest.approx(float(np.median(distances)), abs=1e-12)


def test_delta_of_ishigami_is_what_salib_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    # SALib's own regression test has 0.210, 0.358, 0.155, to 0.05 and a tenth. Its kernels smooth: integration gives
    # 0.26, 0.42 and 0.21, in the same order.
    monkeypatch.setattr(module, "IDLE", 1)
    x = percentiles(4000, 3)[:, :4]
    found = _of_one("y", Output(ishigami(x, 7.0, 0.1)), x, "delta", 3, 1)
    np.testing.assert_allclose(index_of(found), [0.210, 0.358, 0.155], atol=0.05, rtol=0.1)
    assert found.ranking == (1, 0, 2)


def test_delta_of_a_normal_sum_is_the_area_between_two_normal_densities(monkeypatch: pytest.MonkeyPatch) -> None:
    # y = z₁ + z₂: given z₁ the result is N(z₁, 1), without it N(0, 2). Half the area between them, averaged over z₁.
    monkeypatch.setattr(module, "IDLE", 1)
    x = percentiles(800, 2)[:, :3]
    found = _of_one("y", Output(stats.norm.ppf(x)[:, :2].sum(axis=1)), x, "delta", 3, 1)
    y, middles = np.linspace(-10.0, 10.0, 2001), stats.norm.ppf((np.arange(200) + 0.5) / 200)
    whole = stats.norm.pdf(y, 0.0, math.sqrt(2.0))
    expected = np.mean([0.5 * np.trapezoid(np.abs(whole - stats.norm.pdf(y, m)), y) for m in middles])
    np.testing.assert_allclose(index_of(found), expected, atol=0.05)


def test_rbd_fast_of_ishigami_is_the_exact_first_order() -> None:
    x = percentiles(4000, 3)
    found = _of_one("y", Output(ishigami(x, 7.0, 0.1)), x, "rbd_fast", 10, 1)
    np.testing.assert_allclose(index_of(found), read_case("sobol", "ishigami_7_01")["expected"]["S1"], atol=0.02)
    assert found.half_width is not None and (found.half_width < 0.06).all()


def test_the_noise_of_pawn_is_the_distance_of_a_tenth_from_the_whole() -> None:
    # Kolmogorov's distribution has the median 0.8276. A tenth against all n draws, itself among them, is √(9/n) of it.
    x, runs = percentiles(2000, 40), 2000
    found = _of_one("y", Output(np.random.default_rng(8).normal(size=runs)), x, "pawn", 0, 1)
    assert float(np.median(index_of(found))) == pytest.approx(0.8276 * math.sqrt(9.0 / runs), rel=0.05)
    beyond = int((index_of(found) > found.noise).sum())
    assert beyond <= 8  # of 40 one in twenty is expected; more than 8 has a chance below 1 in 100


# A workbook ---------------------------------------------------------------------------------------------------------


def test_the_model_is_not_run(calgb: Inputs, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("the model was run")

    monkeypatch.setattr("markov.model.evaluate._run_abreast", refused)
    with pytest.raises(AssertionError, match="was run"):
        draw_sample(calgb, 2, seed=1, traced=False)
    for method in ("pawn", "rbd_fast"):
        found = given_data(sample, calgb.thresholds, method, outputs=[NET_BENEFIT], resamples=2)
        assert found.inputs[found.of(NET_BENEFIT).ranking[0]].name == LEADING


def test_the_table_is_salibs(calgb: Inputs, sample: Sample) -> None:
    found = given_data(sample, calgb.thresholds, "pawn", outputs=[NET_BENEFIT])
    assert sample.rows is not None
    drawn = sample.rows.block(0, 400)
    columns = np.stack([stats.rankdata(drawn[one.parameters[0]]) for one in found.inputs], axis=1)
    names = [one.name for one in found.inputs]
    problem = {"num_vars": len(names), "names": names, "bounds": [[0.0, 401.0]] * len(names)}
    gain = sample.net_benefit(25000.0)
    theirs = salib_pawn.analyze(problem, columns, gain[:, 1] - gain[:, 0]).to_df()
    ours = found.to_df()
    assert list(ours.columns) == list(theirs.columns) and list(ours.index) == list(theirs.index)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    frame = found.to_frame()
    assert frame["index"].tolist() == ours["median"].tolist() and set(frame["output"]) == {NET_BENEFIT}


def test_a_group_is_one_input_and_the_members_of_a_block_stand_one_by_one(calgb: Inputs, sample: Sample) -> None:
    inputs = given_data(sample, calgb.thresholds, "pawn", outputs=[NET_BENEFIT]).inputs
    assert [one.parameters for one in inputs if one.name == "group utility_pf"] == [
        ("utility.maintenance", "utility.toxicity")
    ]
    block = "os.hazard_ratio.lenalidomide + os.median.no_maintenance"
    assert [one.name for one in inputs if one.source == block] == block.split(" + ")


def test_an_input_tells_what_its_correlated_partner_does(calgb: Inputs) -> None:
    small = "cost.event.spm_solid"
    pair = Correlation(LEADING, small, 0.95)
    alone, partner = (
        given_data(draw_sample(inputs, 400, seed=1, traced=False), [25000.0], "pawn", outputs=[NET_BENEFIT])
        for inputs in (calgb, replace(calgb, correlations=(*calgb.correlations, pair)))
    )
    assert by_name(alone, NET_BENEFIT)[small] < 0.2 < 0.3 < by_name(partner, NET_BENEFIT)[small]


def test_a_rate_that_follows_its_target_is_a_result_and_not_an_input() -> None:
    rate = "post_progression.excess_rate.common"
    inputs = changed(read_inputs(shipped("gem2005mas65")), rate, distribution="gamma", se=0.02)
    drawn = draw_sample(inputs, 200, seed=1, traced=False)
    output = f"delta_life_years.{inputs.compared[1]}"
    found = given_data(drawn, inputs.thresholds, "rbd_fast", outputs=[output], resamples=2)
    indices, noise = by_name(found, output), found.of(output).noise
    assert indices[rate] < 3.0 * noise, "drawn, but what is solved for takes its place"
    assert indices["pfs.median.bortezomib_thalidomide"] > 5.0 * noise


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_gives_one_answer_0_included_and_nothing_else_is_disturbed(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE", 1)
    x = percentiles(120, 2)[:, :3]
    y = Output(x[:, 0] + 0.1 * x[:, 1])
    looks = warnings.formatwarning
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    first, again = (_of_one("y", y, x, method, 3, 0) for _ in range(2))
    assert np.random.random() == expected  # noqa: NPY002
    assert warnings.formatwarning is looks
    np.testing.assert_array_equal(index_of(first), index_of(again))
    if first.half_width is not None:
        np.testing.assert_array_equal(first.half_width, again.half_width)
        assert again.half_width is not None and np.isfinite(again.half_width).all()


def test_an_output_that_does_not_vary_has_no_index() -> None:
    x = percentiles(200, 1)
    given = _of_one("y", Output(np.full(200, 7.0)), x, "pawn", 0, 1)
    assert (given.index, given.ranking, given.reason) == (None, (), "y does not vary: it has no indices")
    with pytest.raises(ValueError, match="y does not vary"):
        GivenData("pawn", 200, 1, 0, (), (given,), {}).to_df()


def test_what_cannot_be_asked_is_refused(calgb: Inputs, sample: Sample) -> None:
    few = draw_sample(calgb, 20, seed=1, traced=False)
    alone = with_values(calgb, {"strategy.included.lenalidomide": "no"})
    cases: Mapping[str, Sample] = {
        "PAWN needs 100 draws or more, not 20": few,
        "run one model, not a mixture": replace(sample, rows=None),
        "only one is compared": draw_sample(alone, 100, seed=1, traced=False),
    }
    for words, drawn in cases.items():
        with pytest.raises(ValueError, match=words):
            given_data(drawn, [25000.0], "pawn")
