"""What holds whatever the numbers: random valid inputs under random settings."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from markov.analysis.draws import random_draws
from markov.inputs.parameters import Inputs, Value, with_values
from markov.inputs.rules.between_values import problems, scenario_changes, scenario_names
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped
from markov.model.evaluate import evaluate
from markov.model.outcomes import Outcomes
from markov.model.structure import MAINTENANCE_MODEL
from markov.terms import LIVING, Array, State
from tests.support.plain_model import background_increments
from tests.support.workbooks import contents

unhurried = settings(deadline=None, max_examples=60)  # a busy machine is not a failure
SHIPPED = {name: read_inputs(shipped(name)) for name in ("calgb_100104", "myeloma_ix")}
Changes = dict[str, Value]
Drawn = tuple[str, Changes]
"""A workbook's name and what is changed in it: short enough to be printed when a test fails."""

FAMILIES: dict[str, dict[str, tuple[float, float]]] = {
    "exponential": {},
    "weibull": {"shape": (0.6, 2.2)},
    "log_logistic": {"shape": (0.8, 2.5)},
    "log_normal": {"sdlog": (0.5, 1.8)},
    "gompertz": {"shape": (-0.01, 0.05)},
    "generalised_f": {"sigma": (0.6, 1.4), "q": (-0.4, 0.6), "p": (0.01, 0.6)},
}

NUMBERS: dict[str, tuple[float, float]] = {
    "cohort.age": (40.0, 80.0),
    "cohort.proportion_female": (0.0, 1.0),
    "mortality.smr": (1.0, 2.5),
    "post_progression.excess_rate.common": (0.0, 0.05),
    "post_progression.excess_rate.no_maintenance": (0.0, 0.05),
    "post_progression.excess_rate.DRUG": (0.0, 0.05),
    "treatment.share_starting.DRUG": (0.0, 1.0),
    "treatment.start.DRUG": (0.0, 12.0),
    "toxicity.rate.DRUG": (0.0, 0.05),
    "toxicity.progression_ratio.DRUG": (0.5, 2.0),
    "spm.rate.DRUG": (0.0, 9.0),
    "spm.rate_off_treatment.DRUG": (0.0, 5.0),
    "spm.rate_off_treatment.no_maintenance": (0.0, 5.0),
    "spm.share_haematologic.DRUG": (0.0, 1.0),
    "spm.excess_death.haematologic": (0.0, 1.0),
    "spm.excess_death.solid": (0.0, 0.5),
    "settings.discount_rate.costs": (0.0, 0.08),
    "settings.discount_rate.effects": (0.0, 0.08),
    "utility.treatment_decrement.DRUG": (-0.1, 0.0),
    "cost.event.death": (0.0, 20000.0),
    **{f"utility.{state}": (0.0, 1.0) for state in LIVING},
}

CHOICES: dict[str, tuple[str, ...]] = {
    "settings.post_progression": ("rate", "time_since_progression", "overall_survival"),
    "settings.post_progression_rate": ("common", "by_strategy"),
    "settings.post_progression_mortality": ("all_cause", "excess"),
    "settings.within_cycle": ("half_cycle_exposure", "one_move"),
    "settings.correction": ("half_cycle", "start", "end", "simpson"),
    "settings.crossing": ("cap_hazard", "cap_curve"),
    "settings.discounting": ("exact_time", "whole_years"),
    "settings.age_adjustment": ("on", "off"),
    "settings.utility_cap": ("on", "off"),
    "toxicity.after_stopping.DRUG": ("ratio", "effect_lost"),
}


@st.composite
def curves(draw: st.DrawFn, endpoint: str, strategy: str, medians: tuple[float, float]) -> Changes:
    """A family with its median, whatever stood there before."""
    family = draw(st.sampled_from(sorted(FAMILIES)))
    found: Changes = {f"{endpoint}.{name}.{strategy}": None for name in ("rate", "scale", "mu", "meanlog")}
    found |= {f"{endpoint}.family.{strategy}": family, f"{endpoint}.median.{strategy}": draw(st.floats(*medians))}
    return found | {f"{endpoint}.{name}.{strategy}": draw(st.floats(*span)) for name, span in FAMILIES[family].items()}


@st.composite
def numbers(draw: st.DrawFn, pfs: tuple[float, float] = (8.0, 60.0), os: tuple[float, float] = (25.0, 150.0)) -> Drawn:
    """A workbook's name, and values within their limits for everything that counts."""
    name = draw(st.sampled_from(sorted(SHIPPED)))
    drug = SHIPPED[name].compared[1]
    changes: Changes = {key.replace("DRUG", drug): draw(st.floats(*span)) for key, span in NUMBERS.items()}
    for endpoint, medians in (("pfs", pfs), ("os", os), ("pps", (6.0, 60.0))):
        for strategy in ("no_maintenance", drug):
            changes |= draw(curves(endpoint, strategy, medians))
    changes |= {f"toxicity.proportion.{drug}": None, f"treatment.median_duration.{drug}": None}
    stop = draw(st.none() | st.floats(12.0, 60.0))
    changes |= {f"treatment.planned_stop.{drug}": stop}
    changes[f"treatment.other_stop_rate.{drug}"] = draw(st.sampled_from([0.0, 0.03]))
    return name, changes


@st.composite
def any_kind(draw: st.DrawFn) -> Drawn:
    """Random numbers, cycle, horizon and structural settings."""
    name, changes = draw(numbers())
    drug = SHIPPED[name].compared[1]
    changes |= {key.replace("DRUG", drug): draw(st.sampled_from(options)) for key, options in CHOICES.items()}
    changes["settings.cycle_days"] = draw(st.sampled_from([14.0, 28.0, 30.4375, 45.0]))
    changes["settings.horizon_years"] = draw(st.floats(1.0, 25.0))
    return name, changes


def sound(name: str, changes: Mapping[str, Value]) -> Inputs:
    """The workbook with these values, which are then certain: a distribution belongs to the value it was made for."""
    inputs = with_values(replace(SHIPPED[name], scenarios=()), changes)
    certain = {key: replace(inputs.parameters[key], distribution="fixed") for key in changes}
    inputs = no_what_if(replace(inputs, parameters={**inputs.parameters, **certain}))
    assert [problem for problem in problems(inputs) if not problem.warning] == []
    return inputs


def no_what_if(inputs: Inputs) -> Inputs:
    """A base of its own: the proportion that stopped is not taken for a change of another one's."""
    kept = {key: row for key, row in inputs.parameters.items() if not key.startswith("toxicity.observed_proportion.")}
    return replace(inputs, parameters=kept)


def balance(outcomes: Outcomes) -> float:
    """Largest gap, in any cycle and state, between change of occupancy and entries less exits."""
    assert outcomes.trace is not None
    change, flows = np.diff(outcomes.trace.occupancy, axis=2), outcomes.trace.flows
    worst = 0.0
    for i, state in enumerate(State):
        into = [row for (_, target), row in MAINTENANCE_MODEL.row.items() if target == state]
        out = [row for (origin, _), row in MAINTENANCE_MODEL.row.items() if origin == state]
        net = flows[..., into].sum(axis=-1) - flows[..., out].sum(axis=-1)
        worst = max(worst, float(np.abs(net - change[..., i]).max()))
    return worst


def general_population(inputs: Inputs, times: Array) -> Array:
    alone = with_values(inputs, {"mortality.smr": 1.0})
    hazard = np.concatenate([[0.0], np.cumsum(background_increments(alone, times.tolist()))])
    return np.asarray(np.exp(-hazard))


@unhurried
@given(any_kind())
def test_the_cohort_is_neither_lost_nor_made_nor_raised_from_the_dead(drawn: Drawn) -> None:
    inputs = sound(*drawn)
    outcomes = evaluate(inputs, trace=True)
    assert outcomes.trace is not None
    x = outcomes.trace.occupancy
    assert x.min() >= -1e-15
    np.testing.assert_allclose(x.sum(axis=-1), 1.0, rtol=0, atol=1e-12)
    assert np.diff(x[..., -1], axis=2).min() >= -1e-15
    assert outcomes.trace.flows.min() >= -1e-15
    assert balance(outcomes) <= 1e-12
    years = outcomes.life_years
    assert np.all(outcomes.qalys.sum(axis=-1) <= years.sum(axis=-1) + 1e-12)
    assert np.all(years[:, :, 1] <= years[:, :, 0] + 1e-12), "discounting adds nothing"
    assert outcomes.costs.min() >= -1e-9
    for part in (years, outcomes.qalys, outcomes.costs, outcomes.entries):
        assert np.all(np.isfinite(part))
    components = outcomes.qaly_components.sum(axis=-1)
    np.testing.assert_allclose(components, outcomes.qalys.sum(axis=-1), rtol=1e-9, atol=1e-12)
    assert outcomes.time_on_treatment.min() >= 0.0
    assert np.all(outcomes.time_on_treatment <= years[:, :, 0, 0] + 1e-12)


@unhurried
@given(any_kind())
def test_nobody_outlives_the_general_population_when_the_ratio_is_1_or_more(drawn: Drawn) -> None:
    inputs = sound(*drawn)
    settled = with_values(inputs, {"settings.within_cycle": "half_cycle_exposure"})
    outcomes = evaluate(settled, trace=True)
    assert outcomes.trace is not None
    population = general_population(settled, outcomes.trace.boundaries)
    assert float((outcomes.trace.curves["os"][0] - population).max()) <= 1e-4


PLAUSIBLE: dict[str, tuple[float, float]] = {
    **{f"utility.{state}": (0.4, 0.9) for state in LIVING},
    "settings.discount_rate.costs": (0.0, 0.05),
    "spm.excess_death.haematologic": (0.1, 1.5),
}


@settings(deadline=None, max_examples=20)
@given(
    numbers((12.0, 35.0), (60.0, 150.0)),
    st.fixed_dictionaries({key: st.floats(*span) for key, span in PLAUSIBLE.items()}),
    st.sampled_from(["rate", "overall_survival"]),
)
def test_halving_the_cycle_hardly_moves_the_result_under_default_settings(
    drawn: Drawn, plausible: Changes, alternative: str
) -> None:
    # 150 cycles of 28 days are 300 of 14: the horizon stays. Where PFS is capped at OS, the cap is of first order.
    kept: Changes = {"settings.horizon_years": 150 * 28.0 / 365.25, "settings.post_progression": alternative}
    inputs = sound(drawn[0], {**drawn[1], **plausible, **kept})
    values = []
    for days in (28.0, 14.0):
        outcomes = evaluate(with_values(inputs, {"settings.cycle_days": days}))
        assume(not outcomes.counts["crossing_cycles"].any())
        values.append(outcomes.cost + inputs.thresholds[0] * outcomes.qaly)
    np.testing.assert_allclose(values[1], values[0], rtol=1e-3)


@settings(deadline=None, max_examples=12)
@given(any_kind(), st.integers(1, 2**31))
def test_a_row_of_values_is_a_run_of_its_own_in_blocks_of_any_size(drawn: Drawn, seed: int) -> None:
    inputs = sound(*drawn)
    short = with_values(inputs, {"settings.horizon_years": min(inputs.number("settings.horizon_years"), 6.0)})
    rows = random_draws(short, 7, seed)
    together = evaluate(short, rows)
    for block in (1, 2, 3, 7, 1000):
        apart = evaluate(short, rows, block=block)
        for name in ("costs", "qalys", "life_years", "entries"):
            scale = np.maximum(np.abs(getattr(together, name)).max(), 1.0)
            np.testing.assert_allclose(getattr(apart, name), getattr(together, name), rtol=0, atol=1e-12 * scale)
    values = rows.columns()
    alone = no_what_if(with_values(short, {key: float(column[4]) for key, column in values.items()}))
    np.testing.assert_allclose(evaluate(alone).cost[0], together.cost[4], rtol=1e-10)
    np.testing.assert_allclose(evaluate(alone).qaly[0], together.qaly[4], rtol=1e-10)


@pytest.mark.parametrize("alternative", ["rate", "time_since_progression", "overall_survival"])
def test_neither_workers_nor_blocks_nor_the_sink_change_a_digit_that_matters(alternative: str, calgb: Inputs) -> None:
    pps: Changes = {
        f"pps.{key}.{s}": v for s in calgb.compared for key, v in (("family", "exponential"), ("rate", 0.02))
    }
    changes: Changes = {"settings.post_progression": alternative, "settings.horizon_years": 1.5, **pps}
    inputs = with_values(calgb, changes)
    rows = random_draws(inputs, 2200, seed=7)
    one = evaluate(inputs, rows, workers=1)
    found: dict[int, Array] = {}
    evaluate(inputs, rows, workers=2, block=300, sink=lambda first, part: found.update({first: part.cost}))
    assert sorted(found) == list(range(0, 2200, 300))
    together = np.concatenate([found[first] for first in sorted(found)])
    np.testing.assert_allclose(together, one.cost, rtol=1e-12)
    two = evaluate(inputs, rows, workers=2)
    np.testing.assert_allclose(two.qalys, one.qalys, rtol=0, atol=1e-12)
    assert one.runs == 2200
    assert len(set(one.cost[:, 1].tolist())) > 2100, "rows differ"


@pytest.mark.parametrize("name", SHIPPED)
def test_running_scenarios_leaves_the_base_as_it_was(name: str) -> None:
    inputs = read_inputs(shipped(name))
    before, results = contents(inputs), evaluate(inputs)
    for scenario in scenario_names(inputs):
        changed = with_values(inputs, scenario_changes(inputs, scenario))
        evaluate(with_values(changed, {"settings.horizon_years": 1.0}))
    assert contents(inputs) == before
    again = evaluate(inputs)
    np.testing.assert_array_equal(again.costs, results.costs)
    np.testing.assert_array_equal(again.qalys, results.qalys)


@pytest.mark.parametrize("name", SHIPPED)
def test_equal_runs_are_equal_to_the_last_bit(name: str) -> None:
    inputs = SHIPPED[name]
    first, second = evaluate(inputs, trace=True), evaluate(read_inputs(shipped(name)), trace=True)
    assert first.trace is not None
    assert second.trace is not None
    np.testing.assert_array_equal(first.trace.occupancy, second.trace.occupancy)
    np.testing.assert_array_equal(first.costs, second.costs)


def test_the_general_population_of_these_tests_dies_at_its_own_rate() -> None:
    inputs = with_values(SHIPPED["calgb_100104"], {"cohort.age": 70.0, "cohort.proportion_female": 0.0})
    table = inputs.life_table
    row = table.ages.tolist().index(70.0)
    population = general_population(inputs, np.array([0.0, 1.0, 2.0]))
    assert population[1] == pytest.approx(1.0 - table.male[row])
    assert -math.log(population[2]) == pytest.approx(-math.log1p(-table.male[row]) - math.log1p(-table.male[row + 1]))
