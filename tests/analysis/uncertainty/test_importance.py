"""What matters, in three senses: ranks side by side, how far they agree, and which inputs are in use at all."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from markov.analysis.sensitivity.one_way import one_way
from markov.analysis.sources_of_uncertainty import sampled, sources_of_uncertainty
from markov.analysis.uncertainty.active import active_sources, idle_parameters
from markov.analysis.uncertainty.given_data import given_data
from markov.analysis.uncertainty.importance import Importance, ImportanceTable, _rank_correlation, importance_tables
from markov.analysis.uncertainty.sample import draw_sample
from markov.analysis.uncertainty.sobol import sobol
from markov.analysis.uncertainty.sobol_indices import Statement
from markov.analysis.uncertainty.value_of_information import value_of_information
from markov.inputs.definitions.schema import match
from markov.inputs.given_values import with_values
from markov.inputs.parameters import Inputs, Parameter
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped, worked_names
from markov.model.evaluate import evaluate
from markov.terms import Array
from tests.support.made_inputs import with_row


def known(values: Array | None) -> Array:
    assert values is not None
    return values


RATES = ("post_progression.excess_rate", "calibration.os_survival", "calibration.os_median")
HAZARD_RATIO = "os.hazard_ratio.thalidomide"


def test_each_source_of_uncertainty_stands_in_three_orders(myeloma_ix: Inputs) -> None:
    inputs = with_values(replace(myeloma_ix, correlations=()), {"settings.thresholds": "80000"})
    inputs = with_values(inputs, {"settings.endpoint_correlation": 0.0})
    drawn = draw_sample(inputs, 600, seed=1, traced=False)
    information = value_of_information(inputs, drawn, {"One": ["cost.event.death"]}, refits=0)
    shares, bars = sobol(inputs, 64, second_order=False, resamples=10), one_way(inputs)
    (table,) = importance_tables(shares, information, bars, drawn)
    assert {row.factor for row in table.rows} == {factor.name for factor in active_sources(inputs)}
    first = table.leading_in_variance
    assert first.factor == HAZARD_RATIO and (first.total_rank, first.swing_rank, first.value_rank) == (1.0, 1.0, 1.0)
    assert first.swing == bars.tornado(80_000.0, "thalidomide")[0].swing
    indices = shares.of("net_benefit.80000.thalidomide")
    assert indices.total is not None and first.total == indices.total[indices.ranking[0]]
    totals, swings = [row.total or 0.0 for row in table.rows], [row.swing or 0.0 for row in table.rows]
    expected = stats.spearmanr(totals, swings).statistic
    assert table.total_and_swing == pytest.approx(float(expected))


def test_a_second_opinion_stands_beside_the_indices(calgb: Inputs) -> None:
    drawn = draw_sample(calgb, 400, seed=1, traced=False)
    shares, information = sobol(calgb, 64, resamples=10), value_of_information(calgb, drawn, refits=0)
    table, _ = importance_tables(shares, information, one_way(calgb), drawn)
    assert table.draws == 400
    pawn = given_data(drawn, calgb.thresholds, "pawn", outputs=[table.output])
    index = dict(zip((one.name for one in pawn.inputs), known(pawn.of(table.output).index).tolist(), strict=True))
    rows = {row.factor: row for row in table.rows}
    assert rows["cohort.proportion_female"].pawn == index["cohort.proportion_female"]
    block = "os.hazard_ratio.lenalidomide + os.median.no_maintenance"
    assert rows[block].pawn == max(index[key] for key in block.split(" + "))
    first = table.leading_in_variance
    assert first.pawn_rank == 1.0 and first.rbd_fast == pytest.approx(first.first, abs=0.15)
    beyond = [row for row in table.rows if row.pawn is not None and row.pawn > table.pawn_noise]
    assert beyond == [row for row in table.rows if row.pawn_rank is not None] and 1 < len(beyond) < len(table.rows)
    told = np.array([(row.total, row.pawn) for row in beyond], dtype=float)
    assert table.total_and_pawn == pytest.approx(float(stats.spearmanr(told).statistic))
    frame = table.to_frame()
    assert frame["pawn"].to_dict() == {name: row.pawn for name, row in rows.items()}
    few = draw_sample(calgb, 60, seed=1, traced=False)
    alone, _ = importance_tables(shares, information, one_way(calgb), few)
    assert (alone.draws, alone.total_and_pawn, alone.rows[0].pawn) == (0, None, None)


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
    assert _rank_correlation(totals, values) == pytest.approx(float(stats.spearmanr(totals, values).statistic))
    assert _rank_correlation([1.0, 2.0], [3.0, 3.0]) is None


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
    # Deaths follow the overall-survival curves: an excess rate after progression is not used.
    key = "post_progression.excess_rate.common"
    found = match(key)
    assert found is not None
    inputs = with_row(calgb, Parameter(key, found[0], 0.2, se=0.05, distribution="gamma"))
    assert idle_parameters(inputs) == (key,)
    assert {s.name for s in sources_of_uncertainty(inputs)} - {s.name for s in active_sources(inputs)} == {key}


def test_inputs_without_effect_are_not_paid_for_in_a_sobol_design(calgb: Inputs) -> None:
    rate = with_values(calgb, {"settings.post_progression": "rate"})
    used, every = active_sources(rate), sources_of_uncertainty(rate)
    assert {f.name for f in used} < {f.name for f in every}
    result = sobol(rate, 4, second_order=False, resamples=10)
    assert result.factors == used or [f.name for f in result.factors] == [f.name for f in used]
    assert set(result.idle) == {f.name for f in every} - {f.name for f in used}


def test_a_calibration_target_counts_where_its_rate_is_used() -> None:
    inputs = read_inputs(shipped("gem2005mas65"))
    assert "calibration.os_survival.common" not in idle_parameters(inputs)
    result = sobol(inputs, 8, second_order=False, resamples=10)
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
