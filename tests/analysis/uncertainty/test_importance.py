"""What matters, in three senses: ranks side by side, how far they agree, and which inputs are in use at all."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from markov.analysis.draws import sampled
from markov.analysis.sensitivity.one_way import one_way
from markov.analysis.uncertainty.active import idle_parameters, in_use
from markov.analysis.uncertainty.importance import Importance, ImportanceTable, importance_tables, rank_correlation
from markov.analysis.uncertainty.sample import draw_sample
from markov.analysis.uncertainty.sobol import active_factors, sobol_analysis, uncertain_factors
from markov.analysis.uncertainty.sobol_indices import Statement
from markov.analysis.uncertainty.value_of_information import value_of_information
from markov.inputs.parameters import Inputs, with_values
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped, worked_names
from markov.model.evaluate import evaluate

RATES = ("post_progression.excess_rate", "calibration.os_survival", "calibration.os_median")
HAZARD_RATIO = "os.hazard_ratio.thalidomide"


def test_each_source_of_uncertainty_stands_in_three_orders(myeloma_ix: Inputs) -> None:
    inputs = with_values(replace(myeloma_ix, correlations=()), {"settings.thresholds": "80000"})
    inputs = with_values(inputs, {"settings.endpoint_correlation": 0.0})
    drawn = draw_sample(inputs, 600, seed=1, traced=False)
    information = value_of_information(inputs, drawn, {"One": ["cost.event.death"]}, refits=0)
    shares, bars = sobol_analysis(inputs, 64, second_order=False, resamples=10), one_way(inputs)
    (table,) = importance_tables(shares, information, bars)
    assert {row.factor for row in table.rows} == {factor.name for factor in active_factors(inputs)}
    first = table.leading_in_variance
    assert first.factor == HAZARD_RATIO and (first.total_rank, first.swing_rank, first.value_rank) == (1.0, 1.0, 1.0)
    assert first.swing == bars.tornado(80_000.0, "thalidomide")[0].swing
    indices = shares.of("net_benefit.80000.thalidomide")
    assert indices.total is not None and first.total == indices.total[indices.ranking[0]]
    totals, swings = [row.total or 0.0 for row in table.rows], [row.swing or 0.0 for row in table.rows]
    expected = stats.spearmanr(totals, swings).statistic
    assert table.total_and_swing == pytest.approx(float(expected))


def test_where_nothing_is_worth_knowing_there_is_no_order_by_value() -> None:
    rows = (
        Importance("a", (), 5.0, 0.9, 0.9, 0.0, 0.0, 1.0, 1.0),
        Importance("b", (), 1.0, 0.1, 0.1, 0.2, 0.0, 2.0, 2.0),
    )
    table = ImportanceTable(1.0, "x", rows, None, 1.0, None)
    assert table.leading_in_value is None and table.disagreements == () and table.worthless == 2
    far = Importance("c", (), 1.0, 0.0, 0.0, 90.0, 1.0, 14.0, 12.0, 1.0)
    assert ImportanceTable(1.0, "x", (*rows, far), None, 1.0, None).disagreements == (far,)


def test_agreement_is_the_correlation_of_ranks() -> None:
    totals, values = [0.5, 0.3, 0.1, 0.05, 0.0], [10.0, 40.0, 5.0, 0.0, 0.0]
    assert rank_correlation(totals, values) == pytest.approx(float(stats.spearmanr(totals, values).statistic))
    assert rank_correlation([1.0, 2.0], [3.0, 3.0]) is None


@pytest.mark.parametrize("name", worked_names())
def test_each_active_input_changed_alone_changes_an_output(name: str) -> None:
    inputs = read_inputs(shipped(name))
    idle = idle_parameters(inputs)
    anchored = inputs.text("settings.post_progression") == "overall_survival"
    common = inputs.text("settings.post_progression_rate") == "common"
    allowed = [  # what the settings of the base case leave aside
        *(("post_progression.", "calibration.") if anchored else ("os.", "pps.")),
        *(f"{key}.{s}" for key in RATES for s in inputs.compared if common and not anchored),
        *(["cost.administration.injection"] if "bortezomib" not in "".join(inputs.compared) else []),
    ]
    assert [key for key in idle if not key.startswith(tuple(allowed))] == []
    base = evaluate(inputs)
    for parameter in sampled(inputs)[:3]:
        if parameter.id not in idle:
            moved = evaluate(inputs, {parameter.id: np.array([float(parameter.value or 0.0) * 0.9])})
            assert not (np.array_equal(moved.cost, base.cost) and np.array_equal(moved.qaly, base.qaly)), parameter.id


def test_an_input_that_nothing_uses_is_found(calgb: Inputs) -> None:
    values = {
        "idle": {"post_progression.registry_rate": np.array([0.01, 0.02])},
        "used": {"cohort.age": np.array([50.0, 60.0])},
    }
    assert in_use(calgb, values) == {"idle": False, "used": True}


def test_inputs_without_effect_are_not_paid_for_in_a_sobol_design(calgb: Inputs) -> None:
    rate = with_values(calgb, {"settings.post_progression": "rate"})
    used, every = active_factors(rate), uncertain_factors(rate)
    assert {f.name for f in used} < {f.name for f in every}
    result = sobol_analysis(rate, 4, second_order=False, resamples=10)
    assert result.factors == used or [f.name for f in result.factors] == [f.name for f in used]
    assert set(result.idle) == {f.name for f in every} - {f.name for f in used}


def test_a_calibration_target_counts_where_its_rate_is_used() -> None:
    inputs = read_inputs(shipped("gem2005mas65"))
    assert "calibration.os_survival.common" not in idle_parameters(inputs)
    result = sobol_analysis(inputs, 8, second_order=False, resamples=10)
    target = next(i for i, f in enumerate(result.factors) if "calibration.os_survival.common" in f.parameters)
    total = result.of("delta_life_years.bortezomib_thalidomide").total
    assert total is not None and total[target] > 1e-4


def test_an_analysis_that_did_not_converge_says_how_many_points_would() -> None:
    told = Statement(0.9, 0.07, (), (), 1024)  # (0.07/0.05)² = 1.96 times as many
    assert not told.is_converged and told.enough == 2048
    assert told.words.endswith("Not converged at 1,024 points: about 2,048 would be enough.")
    assert Statement(0.9, 0.04, (), ("a",), 1024).enough == 2048
    assert Statement(0.9, 0.16, (), (), 1024).enough == 16384
    assert Statement(0.9, 0.04, (), (), 1024).enough is None
