"""The base case, its checks and the calibrated rates: no check fails as shipped, and each finds the bug it is for."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from markov.analysis import checks
from markov.analysis.base_case import ALTERNATIVES, BaseCase, TrialComparison, base_case, modelled_figure
from markov.analysis.calibration import excess_rate_for_median
from markov.analysis.checks import Check, verify
from markov.inputs.parameters import Inputs, TrialResult, Value, with_values
from markov.inputs.rules.between_values import scenario_changes
from markov.model.drugs import cost_per_dispensing
from markov.model.evaluate import evaluate
from markov.model.outcomes import Outcomes, Trace
from markov.model.payoffs import Payoffs
from markov.model.stops import solve_stops
from markov.model.transitions import exit_of
from markov.terms import LIVING, Array, PriceSet, State, Verdict
from tests.support.plain_model import Plain

NAMES = ("calgb", "myeloma_ix")


@pytest.fixture(scope="module")
def results(calgb: Inputs, myeloma_ix: Inputs) -> dict[str, BaseCase]:
    """Both shipped workbooks, run once."""
    return {"calgb": base_case(calgb), "myeloma_ix": base_case(myeloma_ix)}


# The base case -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_no_check_fails_on_a_shipped_workbook(name: str, results: Mapping[str, BaseCase]) -> None:
    checks = results[name].checks
    assert [check.id for check in checks if check.verdict is Verdict.FAIL] == []
    assert len({check.id for check in checks}) == len(checks) >= 18


@pytest.mark.parametrize(
    ("name", "scenario"),
    [
        ("calgb", "Common rate after progression"),
        ("calgb", "One move, start of cycle"),
        ("calgb", "Weibull PFS"),
        pytest.param(
            "myeloma_ix",
            "Effect lost on stopping",
        ),
        ("myeloma_ix", "OS shape 2.2"),
        ("myeloma_ix", "Start at age 70"),
    ],
)
def test_no_check_fails_in_a_shipped_scenario(name: str, scenario: str, request: pytest.FixtureRequest) -> None:
    base: Inputs = request.getfixturevalue(name)
    inputs = with_values(base, scenario_changes(base, scenario))
    checks = verify(inputs, evaluate(inputs, trace=True))
    assert [(check.id, check.observed) for check in checks if check.verdict is Verdict.FAIL] == []


@pytest.mark.parametrize("name", NAMES)
def test_ratios_and_net_benefit_are_those_of_the_two_totals(name: str, results: Mapping[str, BaseCase]) -> None:
    result = results[name]
    (control, treated), (qalys_control, qalys_treated) = result.outcomes.cost[0], result.outcomes.qaly[0]
    (pair,) = result.pairwise
    assert pair.delta_cost == pytest.approx(treated - control, rel=1e-12)
    assert pair.delta_qaly == pytest.approx(qalys_treated - qalys_control, rel=1e-12)
    (_, row) = result.incremental
    if row.icer is not None:
        assert row.icer == pytest.approx((treated - control) / (qalys_treated - qalys_control), rel=1e-9)
    for threshold in result.inputs.thresholds:
        expected = threshold * np.array([qalys_control, qalys_treated]) - np.array([control, treated])
        np.testing.assert_allclose(result.outcomes.net_benefit(threshold)[0], expected, rtol=1e-12)
    assert result.labels == [result.inputs.labels[s] for s in result.inputs.compared]


@pytest.mark.parametrize("name", NAMES)
def test_three_readings_of_mortality_after_progression_stand_side_by_side_at_both_prices(
    name: str, results: Mapping[str, BaseCase]
) -> None:
    result = results[name]
    assert [headline.name for headline in result.headlines] == list(ALTERNATIVES)
    assert [headline.is_base for headline in result.headlines] == [False, False, True]
    for headline in result.headlines:
        assert set(headline.outcomes) == set(PriceSet)
        for price, outcomes in headline.outcomes.items():
            changes = {**ALTERNATIVES[headline.name], "settings.price_set": price.value}
            alone = evaluate(with_values(result.inputs, changes))
            np.testing.assert_allclose(outcomes.costs, alone.costs, rtol=1e-12, atol=1e-9)
            np.testing.assert_allclose(outcomes.qalys, alone.qalys, rtol=1e-12, atol=1e-12)
    base = result.headlines[2].outcomes[PriceSet.BRAND]
    np.testing.assert_allclose(base.cost, result.outcomes.cost, rtol=1e-12)


def test_a_reading_without_its_values_gives_the_reason(calgb: Inputs) -> None:
    inputs = with_values(replace(calgb, scenarios=()), {"post_progression.excess_rate.common": None})
    first, second, third = base_case(inputs).headlines
    assert dict(first.outcomes) == {}
    assert first.reason == "post_progression.excess_rate.common has no value"
    assert second.outcomes
    assert third.outcomes


def test_a_price_set_without_a_price_is_left_out(calgb: Inputs) -> None:
    inputs = with_values(replace(calgb, scenarios=()), {"price.lenalidomide_10mg.generic": None})
    assert {price for headline in base_case(inputs).headlines for price in headline.outcomes} == {PriceSet.BRAND}


# Beside the trial ----------------------------------------------------------------------------------------------------


def published(inputs: Inputs, endpoint: str, measure: str, months: float = 0.0, strategy: str = "") -> TrialResult:
    return TrialResult(strategy or inputs.compared[1], endpoint, measure, months, 0.0)


def test_published_figures_stand_beside_the_models_own(results: Mapping[str, BaseCase]) -> None:
    for result in results.values():
        assert [comparison.result for comparison in result.trial] == list(result.inputs.trial_results)
    inputs, outcomes = results["myeloma_ix"].inputs, results["myeloma_ix"].outcomes
    plain = Plain(inputs, "thalidomide")
    assert modelled_figure(inputs, outcomes, published(inputs, "discontinuation", "incidence", 38.0)) == pytest.approx(
        0.52, abs=1e-6
    )
    assert modelled_figure(inputs, outcomes, published(inputs, "time_on_treatment", "median")) == pytest.approx(
        7.0, abs=1e-4
    )
    alive = [1.0 - row["death"] for row in plain.occupancy]
    expected = float(np.interp(3.0, plain.times, alive))
    assert modelled_figure(inputs, outcomes, published(inputs, "os", "survival", 36.0)) == pytest.approx(
        expected, abs=1e-6
    )
    entered = [sum(flow for (_, target), flow in moved.items() if target.startswith("spm_")) for moved in plain.flows]
    cumulative = np.concatenate([[0.0], np.cumsum(entered)])
    assert modelled_figure(inputs, outcomes, published(inputs, "spm", "incidence", 60.0)) == pytest.approx(
        float(np.interp(5.0, plain.times, cumulative)), abs=1e-6
    )
    reference = published(inputs, "os", "median", strategy="no_maintenance")
    assert modelled_figure(inputs, outcomes, reference) == pytest.approx(60.0, abs=1e-3)


def test_the_models_pfs_median_is_that_of_its_curve(results: Mapping[str, BaseCase]) -> None:
    # The comments of the fitted curves of Myeloma IX say 16.2 and 22.0 months; the floor and OS take a little away.
    inputs, outcomes = results["myeloma_ix"].inputs, results["myeloma_ix"].outcomes
    for strategy, told in zip(inputs.compared, (16.2, 22.0), strict=True):
        plain = Plain(inputs, strategy)
        hazard = np.concatenate([[0.0], np.cumsum(np.array(plain.progression) + np.array(plain.background))])
        expected = 12.0 * float(np.interp(np.log(2.0), hazard, plain.times))
        found = modelled_figure(inputs, outcomes, published(inputs, "pfs", "median", strategy=strategy))
        assert found == pytest.approx(expected, abs=5e-3)
        assert found == pytest.approx(told, abs=0.1)


@pytest.mark.parametrize(
    ("low", "high", "within"),
    [
        (None, None, None),
        (0.4, 0.6, True),
        (0.51, 0.6, False),
        (None, 0.5, True),
        (None, 0.49, False),
        (0.5, None, True),
    ],
)
def test_a_modelled_figure_lies_in_the_published_interval_or_not(
    low: float | None, high: float | None, within: bool | None, calgb: Inputs
) -> None:
    result = replace(published(calgb, "os", "survival", 36.0), low=low, high=high)
    assert TrialComparison(result, 0.5).within is within


# Every check finds its bug -------------------------------------------------------------------------------------------

Bug = Callable[[pytest.MonkeyPatch], None]
engine: Callable[..., Outcomes] = evaluate


def put_in_place(patch: pytest.MonkeyPatch, broken: Callable[..., Outcomes]) -> None:
    """Let another engine run the base case and the checks."""
    patch.setattr(f"{__name__}.engine", broken)
    patch.setattr(checks, "evaluate_side_by_side", lambda asked: [broken(*each) for each in asked])


def reads(changes: Callable[[Inputs], dict[str, Value]]) -> Bug:
    """An engine that takes some of its inputs for others."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        def misread(inputs: Inputs, *arguments: Any, **options: Any) -> Outcomes:
            return evaluate(with_values(inputs, changes(inputs)), *arguments, **options)

        put_in_place(patch, misread)

    return plant


def scaled(identifier: str, times: float) -> Bug:
    def changes(inputs: Inputs) -> dict[str, Value]:
        value = inputs.value(identifier)
        return {identifier: value * times} if isinstance(value, float) else {}

    return reads(changes)


def method(name: str, wrong: Callable[[Any], Any]) -> Bug:
    """A step of the payoffs that returns something else."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        right = getattr(Payoffs, name)
        patch.setattr(Payoffs, name, lambda self: wrong(right(self)))

    return plant


def returned(wrong: Callable[[Outcomes], Outcomes]) -> Bug:
    """An engine whose outcomes are wrong in one place."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        def broken(*arguments: Any, **options: Any) -> Outcomes:
            return wrong(evaluate(*arguments, **options))

        put_in_place(patch, broken)

    return plant


def traced(wrong: Callable[[Trace], Trace]) -> Bug:
    return returned(lambda outcomes: replace(outcomes, trace=outcomes.trace and wrong(outcomes.trace)))


def edited(values: Array, *where: Any, plus: float) -> Array:
    found = np.array(values)
    found[where] += plus
    return found


def half_move(patch: pytest.MonkeyPatch) -> None:
    """Those who enter a state move on at the pace of a whole cycle."""

    def wrong(*arguments: Any) -> Any:
        right = exit_of(*arguments)
        return right._replace(half_pace=2.0 * right.half_pace)

    for module in ("prepared", "after_progression"):
        patch.setattr(f"markov.model.{module}.exit_of", wrong)


def stay(patch: pytest.MonkeyPatch) -> None:
    """One in a thousand of those who leave also stays."""

    def wrong(*arguments: Any) -> Any:
        right = exit_of(*arguments)
        return right._replace(stay=right.stay + 1e-3)

    for module in ("prepared", "after_progression"):
        patch.setattr(f"markov.model.{module}.exit_of", wrong)


def stop_rate(patch: pytest.MonkeyPatch) -> None:
    def wrong(*arguments: Any) -> Any:
        stops = solve_stops(*arguments)
        return replace(stops, toxicity_rate=1.05 * stops.toxicity_rate, other_rate=1.1 * stops.other_rate)

    patch.setattr("markov.model.preparation.solve_stops", wrong)


def pack_fee(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("markov.model.payoffs.cost_per_dispensing", lambda *a: cost_per_dispensing(*a) + 25.0)


def spill(patch: pytest.MonkeyPatch) -> None:
    """Drug cost is also counted as monitoring."""
    right = Payoffs.costs
    patch.setattr(Payoffs, "costs", lambda self: right(self) + np.eye(8)[2][:, None, None] * right(self)[:, :1])


def swapped(outcomes: Outcomes) -> Outcomes:
    """Costs of one strategy under the name of the other."""
    return replace(outcomes, costs=outcomes.costs[:, ::-1])


def named_pays_more(outcomes: Outcomes) -> Outcomes:
    return replace(
        outcomes, costs=edited(outcomes.costs, slice(None), outcomes.strategies.index("thalidomide"), plus=1.0)
    )


def by_cycle(patch: pytest.MonkeyPatch) -> None:
    """A cost that is charged by the cycle and not by time."""

    def wrong(inputs: Inputs, *arguments: Any, **options: Any) -> Outcomes:
        outcomes = evaluate(inputs, *arguments, **options)
        return replace(outcomes, costs=outcomes.costs * 28.0 / inputs.number("settings.cycle_days"))

    put_in_place(patch, wrong)


def of_rates(inputs: Inputs) -> dict[str, Value]:
    """The rate of one year later: 1 % too much."""
    return {
        f"settings.discount_rate.{k}": inputs.number(f"settings.discount_rate.{k}") + 0.01 for k in ("costs", "effects")
    }


def checked(inputs: Inputs) -> tuple[Check, ...]:
    """Checks of the outcomes of whatever stands for the engine in the checks."""
    return verify(inputs, engine(inputs, trace=True))


LATE = slice(-5, None)
BUGS: dict[str, tuple[str, Bug]] = {
    "somebody is lost": (
        "occupancy.sum",
        traced(lambda t: replace(t, occupancy=edited(t.occupancy, 0, 0, LATE, 2, plus=-1e-9))),
    ),
    "less than nobody": (
        "occupancy.positive",
        traced(lambda t: replace(t, occupancy=edited(t.occupancy, 0, 0, 0, 1, plus=-1e-9))),
    ),
    "somebody rises": (
        "death.never_falls",
        traced(lambda t: replace(t, occupancy=edited(t.occupancy, 0, 0, LATE, -1, plus=-1e-2))),
    ),
    "entrants move on at the wrong pace": ("flows.balance", half_move),
    "some leave and stay": ("occupancy.sum", stay),
    "a flow is counted twice": (
        "flows.balance",
        traced(lambda t: replace(t, flows=edited(t.flows, 0, 0, 40, 3, plus=1e-6))),
    ),
    "a cohort that outlives everyone": (
        "survival.population",
        traced(lambda t: replace(t, curves={**t.curves, "os": edited(t.curves["os"], plus=2e-2)})),
    ),
    "PFS of another curve": ("pfs.floored", scaled("pfs.mu.no_maintenance", 1.02)),
    "OS of another curve": ("os.anchor", scaled("os.median.no_maintenance", 1.05)),
    "life-years of another quadrature": ("life_years.area", method("life_years", lambda years: years * (1.0 + 1e-6))),
    "QALYs that leave out a part": ("qalys.parts", method("qalys", lambda q: (q[0], q[1][:, :-1]))),
    "a utility": ("qalys.unit_utilities", scaled("utility.progression", 0.99)),
    "a decrement": ("qalys.unit_utilities", reads(lambda _: {"spm.disutility.solid": -0.1})),
    "a discount rate": ("discounting.none", reads(of_rates)),
    "the price of a pack with a fee": ("price.linear", pack_fee),
    "a price that others pay": ("price.linear", spill),
    "swapped strategies": ("arms.equal", returned(swapped)),
    "a strategy that pays for its name": ("arms.swapped", returned(named_pays_more)),
    "a cost by the cycle": ("cycle.halved", by_cycle),
    "stop rates": ("toxicity.proportion.thalidomide", stop_rate),
    "stop rates and the median": ("treatment.median.thalidomide", stop_rate),
}


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_makes_its_check_fail(
    name: str, results: Mapping[str, BaseCase], monkeypatch: pytest.MonkeyPatch
) -> None:
    identifier, plant = BUGS[name]
    before = {check.id: check.verdict for check in results["myeloma_ix"].checks}
    assert before[identifier] is Verdict.PASS
    plant(monkeypatch)
    after = {check.id: check.verdict for check in checked(results["myeloma_ix"].inputs)}
    warns = {"os.anchor", "cycle.halved", "treatment.median.thalidomide"}
    assert after[identifier] is (Verdict.WARN if identifier in warns else Verdict.FAIL), after


def test_a_wrong_discount_factor_makes_a_check_fail(
    results: Mapping[str, BaseCase], monkeypatch: pytest.MonkeyPatch
) -> None:
    # 1 % too much wherever there is a rate at all; at a rate of 0, which is what is checked, all is well.
    reads(lambda inputs: of_rates(inputs) if inputs.number("settings.discount_rate.costs") else {})(monkeypatch)
    checks = checked(results["myeloma_ix"].inputs)
    assert [check.id for check in checks if check.verdict is Verdict.FAIL]


@pytest.mark.parametrize(("proportion", "verdict"), [(0.9, Verdict.PASS), (0.99, Verdict.FAIL)])
def test_a_proportion_of_stops_that_eight_steps_do_not_reach_fails_its_check(
    proportion: float, verdict: Verdict, calgb: Inputs
) -> None:
    # Median PFS of 2.7 months: 99 % stop for toxicity only if they do so at more than 150 a year.
    changes: dict[str, Value] = {"toxicity.proportion.lenalidomide": proportion, "pfs.mu.lenalidomide": 1.0}
    checks = {check.id: check for check in checked(with_values(calgb, changes))}
    assert checks["toxicity.proportion.lenalidomide"].verdict is verdict


def test_a_short_horizon_is_a_warning_that_says_how_many_are_alive(calgb: Inputs) -> None:
    inputs = with_values(calgb, {"settings.horizon_years": 10.0})
    outcomes = evaluate(inputs, trace=True)
    check = next(c for c in verify(inputs, outcomes) if c.id == "horizon.alive")
    assert outcomes.trace is not None
    alive = 1.0 - outcomes.trace.occupancy[0, :, -1, list(State).index(State.DEATH)].min()
    assert check.verdict is Verdict.WARN
    assert f"{alive:.2%}" in check.observed
    assert "rounded up to 10.04" in check.note


# Calibration ---------------------------------------------------------------------------------------------------------

RECORDED = [
    ("calgb", "no_maintenance", 84.1),
    ("calgb", "lenalidomide", 113.8),
    ("myeloma_ix", "no_maintenance", 60.0),
    ("myeloma_ix", "thalidomide", 60.0 / 1.1 ** (1.0 / 1.2)),  # the hazard ratio on a Weibull curve of shape 1.2
]


@pytest.mark.parametrize(("name", "strategy", "median"), RECORDED)
def test_the_recorded_excess_rates_are_those_that_meet_the_medians(
    name: str, strategy: str, median: float, request: pytest.FixtureRequest
) -> None:
    inputs: Inputs = request.getfixturevalue(name)
    recorded = inputs.value(f"post_progression.excess_rate.{strategy}")
    assert excess_rate_for_median(inputs, strategy, median) == pytest.approx(recorded, abs=1e-5)
    if strategy == inputs.reference:
        assert inputs.value("post_progression.excess_rate.common") == recorded


@pytest.mark.parametrize(("name", "strategy", "median"), RECORDED)
def test_the_model_has_the_median_it_was_calibrated_to(
    name: str, strategy: str, median: float, request: pytest.FixtureRequest
) -> None:
    inputs: Inputs = request.getfixturevalue(name)
    changes: dict[str, Value] = {"settings.post_progression": "rate", "settings.post_progression_rate": "by_strategy"}
    outcomes = evaluate(with_values(inputs, changes))
    found = 12.0 * outcomes.curves["os"].median[0, inputs.compared.index(strategy)]
    assert found == pytest.approx(median, abs=0.05)


def test_a_rate_in_another_unit_is_calibrated_in_months(calgb: Inputs) -> None:
    row = calgb.parameters["post_progression.excess_rate.no_maintenance"]
    by_year = replace(row, unit="per year", value=0.1)
    inputs = replace(calgb, parameters={**calgb.parameters, row.id: by_year})
    assert excess_rate_for_median(inputs, "no_maintenance", 84.1) == pytest.approx(
        excess_rate_for_median(calgb, "no_maintenance", 84.1), rel=1e-6
    )


@pytest.mark.parametrize("median", [12.0, 400.0])
def test_a_median_out_of_reach_is_refused_with_what_is_reachable(median: float, calgb: Inputs) -> None:
    changes: dict[str, Value] = {"settings.post_progression": "rate", "settings.post_progression_rate": "by_strategy"}
    reach = []
    for rate in (0.5, 0.0):
        changes["post_progression.excess_rate.no_maintenance"] = rate
        outcomes = evaluate(with_values(calgb, changes))
        reach.append(f"{12.0 * outcomes.curves['os'].median[0, 0]:.1f}")
    with pytest.raises(ValueError, match="out of reach") as caught:
        excess_rate_for_median(calgb, "no_maintenance", median)
    assert str(caught.value).startswith("OS: median to calibrate to, No maintenance: ")
    assert f"{median:g} months is out of reach" in str(caught.value)
    assert str(caught.value).endswith(f"give {reach[0]} to {reach[1]} months")


def test_life_years_by_state_are_listed_for_every_living_state(results: Mapping[str, BaseCase]) -> None:
    assert results["calgb"].outcomes.life_years.shape == (1, 2, 2, len(LIVING))
