"""Random draws: a value depends on the seed, its own id and its row, on its own distribution, and on nothing else."""

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from markov.analysis.draws import Draws, random_draws, sampled, uniforms
from markov.inputs.definitions.schema import match
from markov.inputs.distributions import inverse
from markov.inputs.evidence import Correlation
from markov.inputs.parameters import Inputs, Parameter, with_values
from markov.inputs.rules import between_values
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped, worked_names
from markov.model.evaluate import Rows, evaluate
from markov.model.outcomes import Outcomes
from markov.terms import Array, Distribution
from tests.support.made_inputs import changed, with_row

unhurried = settings(deadline=None, max_examples=100)  # a busy machine is not a failure
MEAN_KEPT = (Distribution.NORMAL, Distribution.BETA, Distribution.GAMMA)


@cache
def read(name: str) -> Inputs:
    return read_inputs(shipped(name))


def row(identifier: str, value: float, se: float, distribution: str = "gamma", group: str = "") -> Parameter:
    found = match(identifier)
    assert found is not None, identifier
    return Parameter(identifier, found[0], value, se=se, distribution=distribution, group=group)


def assert_same(actual: Mapping[str, Array], expected: Mapping[str, Array]) -> None:
    """Bit for bit, and in the same order."""
    assert list(actual) == list(expected)
    assert [key for key in actual if not np.array_equal(actual[key], expected[key])] == []


# The stream ----------------------------------------------------------------------------------------------------------

WORD = 2**64 - 1


def philox(counter: tuple[int, ...], key: tuple[int, ...]) -> list[int]:
    """Philox 4×64-10 from its paper: ten rounds of two products, swapped halves and a rising key."""
    c, k = list(counter), list(key)
    for _ in range(10):
        left, right = c[0] * 0xD2E7470EE14C6C93, c[2] * 0xCA5A826395121157
        c = [right >> 64 ^ c[1] ^ k[0], right & WORD, left >> 64 ^ c[3] ^ k[1], left & WORD]
        k = [k[0] + 0x9E3779B97F4A7C15 & WORD, k[1] + 0xBB67AE8584CAA73B & WORD]
    return c


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0,) * 4, (0,) * 2, "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b"),
        ((WORD,) * 4, (WORD,) * 2, "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0"),
    ],
)
def test_the_loop_that_checks_the_stream_gives_the_known_answers_of_random123(
    counter: tuple[int, ...], key: tuple[int, ...], words: str
) -> None:
    assert [f"{word:016x}" for word in philox(counter, key)] == words.split()


@pytest.mark.parametrize(("seed", "key"), [(20240101, "os.shape.new"), (0, "group spm_off"), (-3, "Überleben")])
def test_the_stream_is_philox_under_the_hash_of_seed_and_key(seed: int, key: str) -> None:
    digest = hashlib.sha256(f"{seed} {key}".encode()).digest()
    words = [
        word
        for counter in range(1, 4)
        for word in philox(
            (counter, 0, 0, 0), (int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:16], "little"))
        )
    ]
    expected = [(2 * (word >> 12) + 1) / 2**53 for word in words]
    assert uniforms(seed, key, 0, 12).tolist() == expected


@unhurried
@given(st.integers(0, 2**40), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_a_part_of_a_stream_is_that_part_of_the_whole(start: int, before: int, length: int, after: int) -> None:
    whole = uniforms(7, "os.shape.new", start, start + before + length + after)
    part = uniforms(7, "os.shape.new", start + before, start + before + length)
    assert part.tolist() == whole[before : before + length].tolist()


def test_uniforms_are_uniform_and_streams_independent() -> None:
    # Kolmogorov and Smirnov at 1 in 10,000 for each of 20 streams; correlations at 4.5 standard errors for all pairs,
    # lagged ones too, so that neither neighbouring ids nor neighbouring seeds give related numbers.
    size = 20_000
    keys = [(seed, f"spm.rate.strategy_{i}") for seed in (1, 2) for i in range(10)]
    streams = np.array([uniforms(seed, key, 0, size) for seed, key in keys])
    assert min(float(stats.kstest(stream, "uniform").pvalue) for stream in streams) > 1e-4
    table = np.corrcoef(np.vstack([streams[:, 1:], streams[:, :-1]]))
    assert np.max(np.abs(table - np.eye(len(table)))) < 4.5 / np.sqrt(size)


def test_uniforms_never_touch_0_or_1_and_mirror_exactly() -> None:
    drawn = uniforms(1, "os.shape.new", 0, 100_000)
    assert 0.0 < drawn.min() < 1e-4
    assert 1.0 - 1e-4 < drawn.max() < 1.0
    assert np.array_equal(1.0 - (1.0 - drawn), drawn)


# Keyed draws ---------------------------------------------------------------------------------------------------------


@unhurried
@given(st.lists(st.integers(0, 60), max_size=6), st.integers(0, 2**31))
def test_any_chunks_put_together_are_the_columns_bit_for_bit(cuts: list[int], seed: int) -> None:
    draws = random_draws(read("myeloma_ix"), 60, seed)
    edges = [0, *sorted(cuts), 60]
    blocks = [draws.block(a, b) for a, b in pairwise(edges)]
    assert_same({key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]}, draws.columns())


@unhurried
@given(st.integers(1, 200), st.integers(0, 200))
def test_more_draws_leave_the_first_ones_as_they_were(runs: int, more: int) -> None:
    inputs = read("calgb_100104")
    longer = random_draws(inputs, runs + more, 5).columns()
    assert_same({key: column[:runs] for key, column in longer.items()}, random_draws(inputs, runs, 5).columns())


@pytest.mark.parametrize(
    "new", ["cost.event.progression", "subsequent.cost.next_line", "treatment.other_stop_rate.lenalidomide"]
)
def test_a_new_parameter_leaves_the_others_as_they_were(calgb: Inputs, new: str) -> None:
    before = random_draws(calgb, 100, 5).columns()
    after = dict(random_draws(with_row(calgb, row(new, 3.0, 1.0)), 100, 5).columns())
    assert np.ptp(after.pop(new)) > 0.0
    assert {key: column.tolist() for key, column in after.items()} == {k: c.tolist() for k, c in before.items()}


def test_taking_a_parameter_out_leaves_the_others_as_they_were(calgb: Inputs) -> None:
    before = dict(random_draws(calgb, 100, 5).columns())
    after = random_draws(changed(calgb, "os.shape.no_maintenance", distribution="fixed"), 100, 5).columns()
    before.pop("os.shape.no_maintenance")
    assert_same(after, before)


def test_leaving_a_strategy_out_leaves_the_others_as_they_were(calgb: Inputs) -> None:
    without = random_draws(with_values(calgb, {"strategy.included.lenalidomide": "no"}), 100, 5).columns()
    before = random_draws(calgb, 100, 5).columns()
    assert_same(without, {key: column for key, column in before.items() if not key.endswith(".lenalidomide")})
    assert len(without) < len(before)


def test_another_value_moves_its_own_draws_at_the_same_uniforms(calgb: Inputs) -> None:
    ratio = "os.hazard_ratio.lenalidomide"
    before, after = random_draws(calgb, 100, 5).columns(), random_draws(with_values(calgb, {ratio: 0.9}), 100, 5)
    np.testing.assert_allclose(after.columns()[ratio] / before[ratio], 0.9 / 0.61, rtol=1e-12)
    assert_same({**after.columns(), ratio: before[ratio]}, before)


def test_draws_are_the_inverse_distribution_at_the_uniforms_of_the_id(calgb: Inputs) -> None:
    name = "cost.event.death"
    expected = inverse(calgb.parameters[name])(uniforms(5, name, 0, 50))
    assert random_draws(calgb, 50, 5).columns()[name].tolist() == expected.tolist()


def test_the_seed_of_the_workbook_is_used_unless_another_is_given(calgb: Inputs) -> None:
    seeded = with_values(calgb, {"settings.seed": 77.0})
    assert_same(random_draws(seeded, 20).columns(), random_draws(calgb, 20, 77).columns())
    assert random_draws(calgb, 20).seed == 20240101
    other = random_draws(calgb, 20, 78).columns()
    assert [key for key, column in random_draws(calgb, 20, 77).columns().items() if np.any(column == other[key])] == []


def test_a_seed_of_0_is_a_seed(calgb: Inputs) -> None:
    assert random_draws(calgb, 20, 0).seed == 0


def test_draws_survive_a_journey_to_another_process(calgb: Inputs) -> None:
    draws = random_draws(calgb, 20, 5)
    assert_same(pickle.loads(pickle.dumps(draws)).columns(), draws.columns())


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (3, 2), (0, 11), (11, 11)])
def test_rows_that_are_not_there_are_refused(calgb: Inputs, start: int, stop: int) -> None:
    with pytest.raises(IndexError, match=f"rows {start} to {stop} of 10"):
        random_draws(calgb, 10).block(start, stop)


def test_no_runs_are_refused(calgb: Inputs) -> None:
    with pytest.raises(ValueError, match="at least one run"):
        random_draws(calgb, 0)


# What is sampled -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", worked_names())
def test_what_has_a_distribution_is_sampled_and_nothing_else(name: str) -> None:
    inputs = read(name)
    left_out = tuple(f".{s.id}" for s in inputs.strategies if s.id not in inputs.compared)
    uncertain = [key for key, p in inputs.parameters.items() if p.distribution not in ("", "fixed")]
    expected = [key for key in uncertain if not key.endswith(left_out or "never")]
    assert [parameter.id for parameter in sampled(inputs)] == expected
    assert list(random_draws(inputs, 3).columns()) == expected


def test_strategies_that_are_not_compared_are_not_sampled(calgb: Inputs) -> None:
    without = sampled(with_values(calgb, {"strategy.included.lenalidomide": "no"}))
    assert [p.id for p in without] == [p.id for p in sampled(calgb) if not p.id.endswith(".lenalidomide")]


@pytest.mark.parametrize(
    ("identifier", "changes"),
    [
        ("cost.event.death", {"distribution": "fixed"}),
        ("cost.event.death", {"value": None}),
        ("cost.event.death", {"value": 0.0}),
        ("cost.event.death", {"se": 0.0}),
        ("settings.discount_rate.costs", {"distribution": "normal", "se": 0.01}),
    ],
)
def test_neither_choices_of_method_nor_certain_values_are_sampled(
    calgb: Inputs, identifier: str, changes: dict[str, object]
) -> None:
    assert identifier not in [p.id for p in sampled(changed(calgb, identifier, **changes))]


# Groups --------------------------------------------------------------------------------------------------------------


def test_members_of_a_group_stand_at_the_same_percentile_in_every_draw(calgb: Inputs) -> None:
    first, second = "cost.event.spm_solid", "adverse_event.disutility.infection"
    joined = changed(changed(calgb, first, group="together"), second, group="together")
    drawn, alone = random_draws(joined, 500, 5).columns(), random_draws(calgb, 500, 5).columns()
    ranks = {key: np.argsort(drawn[key]).tolist() for key in (first, second)}
    assert ranks[first] == ranks[second]
    assert abs(np.corrcoef(alone[first], alone[second])[0, 1]) < 0.2
    u = uniforms(5, "group together", 0, 500)
    assert drawn[second].tolist() == inverse(calgb.parameters[second])(u).tolist()


def test_a_group_keeps_its_draws_when_a_member_leaves(calgb: Inputs) -> None:
    cost = "subsequent.monthly_cost"
    alone = changed(calgb, f"{cost}.lenalidomide", group="")
    kept, left = (random_draws(inputs, 50, 5).columns() for inputs in (calgb, alone))
    assert kept[f"{cost}.no_maintenance"].tolist() == left[f"{cost}.no_maintenance"].tolist()
    assert not np.any(kept[f"{cost}.lenalidomide"] == left[f"{cost}.lenalidomide"])


def test_a_group_with_the_name_of_a_parameter_is_not_that_parameter(calgb: Inputs) -> None:
    named = changed(calgb, "cost.event.spm_solid", group="cost.event.death")
    drawn = random_draws(named, 500, 5).columns()
    assert abs(np.corrcoef(drawn["cost.event.spm_solid"], drawn["cost.event.death"])[0, 1]) < 0.2


ONE_QUANTITY = [
    ("calgb_100104", ["subsequent.monthly_cost.no_maintenance", "subsequent.monthly_cost.lenalidomide"]),
    ("calgb_100104", ["spm.rate_off_treatment.no_maintenance", "spm.rate_off_treatment.lenalidomide"]),
    ("calgb_100104", ["utility.maintenance", "utility.toxicity"]),
    ("calgb_100104", ["utility.progression", "utility.spm_solid"]),
    ("calgb_100104", ["cost.state.maintenance", "cost.state.toxicity"]),
    ("myeloma_ix", ["subsequent.monthly_cost.no_maintenance", "subsequent.monthly_cost.thalidomide"]),
    ("myeloma_ix", ["spm.rate_off_treatment.no_maintenance", "spm.rate_off_treatment.thalidomide"]),
    ("myeloma_ix", ["spm.rate_off_treatment.no_maintenance", "spm.rate.thalidomide"]),
    ("myeloma_ix", ["spm.share_haematologic.no_maintenance", "spm.share_haematologic.thalidomide"]),
]


@pytest.mark.parametrize(("name", "members"), ONE_QUANTITY)
def test_one_quantity_entered_twice_has_one_value_in_every_draw(name: str, members: list[str]) -> None:
    drawn = random_draws(read(name), 500).columns()
    assert drawn[members[0]].tolist() == drawn[members[1]].tolist()
    assert np.ptp(drawn[members[0]]) > 0.0


def test_the_share_with_persistent_neuropathy_moves_with_the_share_it_was_computed_from() -> None:
    drawn = random_draws(read("myeloma_ix"), 500).columns()
    all_of_them, lasting = (
        f"adverse_event.{kind}.neuropathy.thalidomide" for kind in ("proportion", "persistent_share")
    )
    assert np.argsort(drawn[all_of_them]).tolist() == np.argsort(drawn[lasting]).tolist()


@pytest.mark.parametrize("name", worked_names())
def test_no_two_sampled_parameters_of_one_value_and_error_are_independent_by_oversight(name: str) -> None:
    # Different patients or events may share figures by chance; none does now, so a new pair must be looked at.
    seen: dict[tuple[object, ...], str] = {}
    for p in sampled(read(name)):
        same = seen.setdefault((p.value, p.se, p.low, p.high, p.unit, p.distribution), p.group)
        assert same == p.group, p.id


# The shipped distributions -------------------------------------------------------------------------------------------

SHIPPED = [(name, parameter.id) for name in worked_names() for parameter in sampled(read(name))]
RUNS = 10_000


@cache
def ten_thousand(name: str) -> Mapping[str, Array]:
    return random_draws(read(name), RUNS).columns()


@pytest.mark.parametrize(("name", "identifier"), SHIPPED)
def test_ten_thousand_draws_stay_inside_the_hard_limits_and_vary(name: str, identifier: str) -> None:
    parameter, drawn = read(name).parameters[identifier], ten_thousand(name)[identifier]
    quantity = parameter.definition.quantity
    assert quantity is not None
    assert np.all(drawn > quantity.low if quantity.low_excluded else drawn >= quantity.low)
    assert np.all(drawn <= quantity.high)
    assert len(np.unique(drawn)) > 0.999 * RUNS


@pytest.mark.parametrize(("name", "identifier"), SHIPPED)
def test_the_mean_or_median_of_ten_thousand_draws_is_the_value(name: str, identifier: str) -> None:
    parameter, drawn = read(name).parameters[identifier], ten_thousand(name)[identifier]
    assert isinstance(parameter.value, float)
    error = float(np.std(drawn)) / np.sqrt(RUNS)
    if parameter.distribution in MEAN_KEPT:
        assert abs(float(np.mean(drawn)) - parameter.value) < 4.0 * error
        assert float(np.std(drawn)) == pytest.approx(parameter.se, rel=0.05)
    elif parameter.distribution == Distribution.LOG_NORMAL:  # its value is the median, given with limits
        below = np.count_nonzero(drawn < parameter.value)
        assert abs(below - RUNS / 2) < 4.0 * np.sqrt(RUNS) / 2
    else:  # cut off at 0, which moves the mean away from it: see test_distributions for by how much
        assert parameter.distribution == Distribution.TRUNCATED_NORMAL
        assert -0.2 * float(np.std(drawn)) < float(np.mean(drawn)) - parameter.value < 4.0 * error


# Through the model ---------------------------------------------------------------------------------------------------


def figures(outcomes: Outcomes) -> Array:
    return np.concatenate([outcomes.costs, outcomes.qalys], axis=-1)


def test_fifty_draws_go_through_the_model_whatever_the_blocks(calgb: Inputs) -> None:
    rows: Rows = random_draws(calgb, 50)
    whole = figures(evaluate(calgb, rows))
    assert whole.shape[:2] == (50, 2)
    assert np.all(np.isfinite(whole))
    assert float(np.std(whole[:, 1].sum(axis=(-2, -1)))) > 0.0
    np.testing.assert_allclose(figures(evaluate(calgb, rows, block=7, workers=2)), whole, rtol=1e-12)
    np.testing.assert_allclose(figures(evaluate(calgb, random_draws(calgb, 50).columns())), whole, rtol=1e-12)


def without_spread(row: Parameter) -> Parameter:
    if row.distribution == Distribution.LOG_NORMAL and isinstance(row.value, float):
        return replace(row, low=row.value, high=row.value)
    return replace(row, se=0.0)


def test_without_spread_every_run_is_the_base_case(calgb: Inputs) -> None:
    still = replace(calgb, parameters={key: without_spread(p) for key, p in calgb.parameters.items()})
    assert sampled(still) == ()
    draws = Draws(tuple(p for p in still.parameters.values() if p.is_sampled), 3, seed=5)
    assert [p.id for p in draws.parameters] == [p.id for p in sampled(calgb)]
    runs, base = figures(evaluate(still, draws)), figures(evaluate(calgb))
    np.testing.assert_allclose(runs, np.repeat(base, 3, axis=0), rtol=1e-12)
    unvaried = figures(evaluate(still, random_draws(still, 3)))
    np.testing.assert_allclose(unvaried, np.repeat(base, 3, axis=0), rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "scenario"),
    [(name, scenario) for name in worked_names() for scenario in between_values.scenario_names(read(name))],
)
def test_every_shipped_scenario_can_be_drawn_from(name: str, scenario: str) -> None:
    inputs = with_values(read(name), between_values.scenario_changes(read(name), scenario))
    assert np.all(np.isfinite(list(random_draws(inputs, 20).columns().values())))
    assert np.all(np.isfinite(figures(evaluate(inputs, random_draws(inputs, 3)))))


# Correlation ---------------------------------------------------------------------------------------------------------


def with_correlation(inputs: Inputs, value: float) -> Inputs:
    pair = Correlation("os.median.no_maintenance", "os.hazard_ratio.lenalidomide", value)
    return replace(inputs, correlations=(pair,))


def test_correlated_parameters_have_the_correlation_asked_for_and_their_own_distributions(calgb: Inputs) -> None:
    draws = random_draws(with_correlation(calgb, 0.7), 20_000, seed=9).columns()
    alone = random_draws(replace(calgb, correlations=()), 20_000, seed=9).columns()
    names = ("os.median.no_maintenance", "os.hazard_ratio.lenalidomide")
    assert all(calgb.parameters[name].distribution == "log_normal" for name in names)
    logs = np.log([draws[name] for name in names])
    assert np.corrcoef(logs)[0, 1] == pytest.approx(0.7, abs=0.015)  # four standard errors of 20,000 draws
    for name in names:  # 0.021 is the 0.1 % point of the two-sample distance of 20,000 draws
        assert stats.ks_2samp(draws[name], alone[name]).statistic < 0.021


def test_a_correlation_leaves_every_other_parameter_and_the_first_of_the_pair_as_they_were(calgb: Inputs) -> None:
    draws = random_draws(with_correlation(calgb, 0.7), 50, seed=9).columns()
    alone = random_draws(replace(calgb, correlations=()), 50, seed=9).columns()
    moved = [key for key in alone if not np.array_equal(draws[key], alone[key])]
    assert moved == ["os.median.no_maintenance"], "alphabetically the second"


def test_a_correlation_of_0_changes_nothing_and_chunks_agree(calgb: Inputs) -> None:
    zero = random_draws(with_correlation(calgb, 0.0), 50, seed=9).columns()
    alone = random_draws(replace(calgb, correlations=()), 50, seed=9).columns()
    for key in alone:
        np.testing.assert_allclose(zero[key], alone[key], rtol=1e-12)
    whole = random_draws(with_correlation(calgb, -0.5), 50, seed=9)
    assert_same(whole.block(20, 30), {key: column[20:30] for key, column in whole.columns().items()})


@pytest.mark.parametrize("value", [0.0, 0.5, 0.8])
def test_a_strategys_effects_on_both_endpoints_go_together(value: float) -> None:
    # The flagship has a time ratio for PFS and a hazard ratio for OS: benefit on both means opposite signs.
    inputs = with_values(read("post_transplant_uk"), {"settings.endpoint_correlation": value})
    draws = random_draws(inputs, 20_000, seed=4).columns()
    logs = np.log([draws["pfs.time_ratio.lenalidomide"], draws["os.hazard_ratio.lenalidomide"]])
    assert np.corrcoef(logs)[0, 1] == pytest.approx(-value, abs=0.03)  # four standard errors of 20,000 draws
