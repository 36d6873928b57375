"""Severity: population QALYs against published life expectancy and a plain loop, weights at their cut-offs."""

from dataclasses import replace

import numpy as np
import pytest

from markov.analysis.draws import random_draws
from markov.analysis.interpretation.severity import population, severity, severity_weight, shortfalls
from markov.inputs.parameters import Inputs, SexTable, with_values
from markov.model.evaluate import evaluate
from markov.terms import DAYS_PER_YEAR

# ------------------------------------------------------------------------------------------- the population


def plain_loop(inputs: Inputs, step: float = 0.01) -> tuple[float, float, float]:
    """Life-years, QALYs and discounted QALYs to age 100: both sexes apart, year by year, in steps of a hundredth."""
    age, female = inputs.number("cohort.age"), inputs.number("cohort.proportion_female")
    rate = inputs.number("settings.discount_rate.effects")
    table, norms = inputs.life_table, inputs.population_utility
    sums = np.zeros(3)
    for share, q, utility in ((female, table.female, norms.female), (1 - female, table.male, norms.male)):
        alive, t = 1.0, 0.0
        while age + t < 100.0 - 1e-9:
            row = int(np.floor(age + t + 1e-9)) - int(table.ages[0])
            half = alive * (1.0 - q[row]) ** (step / 2)
            norm = float(np.interp(age + t + step / 2, norms.ages, utility))
            sums += share * half * step * np.array([1.0, norm, norm / (1.0 + rate) ** (t + step / 2)])
            alive, t = alive * (1.0 - q[row]) ** step, t + step
    return float(sums[0]), float(sums[1]), float(sums[2])


def test_a_plain_loop_over_both_sexes_agrees(calgb: Inputs, myeloma_ix: Inputs) -> None:
    for inputs in (calgb, myeloma_ix):
        found, expected = population(inputs), plain_loop(inputs)
        figures = found.life_years[0], found.qalys_undiscounted[0], found.qalys[0]
        # The model's horizon is whole cycles, up to 28 days beyond age 100, which few reach: 2e-4 of the life-years.
        assert figures == pytest.approx(expected, rel=3e-4)


@pytest.mark.parametrize(("female", "years"), [(0.0, 18.5), (1.0, 21.0)])
def test_life_expectancy_at_65_is_the_published_one(female: float, years: float, calgb: Inputs) -> None:
    # Office for National Statistics, National life tables, United Kingdom 2018 to 2020: 18.5 and 21.0 years at 65.
    changes = {"cohort.age": 65.0, "cohort.proportion_female": female, "settings.horizon_years": 45.0}
    assert population(with_values(calgb, dict(changes))).life_years[0] == pytest.approx(years, abs=0.1)


def flat(inputs: Inputs, hazard: float, utility: float) -> Inputs:
    """The same inputs with one death rate and one norm for all ages and both sexes."""
    ages, ones = inputs.life_table.ages, np.ones(len(inputs.life_table.ages))
    deaths = (1.0 - np.exp(-hazard)) * ones
    norms = inputs.population_utility
    same = utility * np.ones(len(norms.ages))
    return replace(
        inputs, life_table=SexTable(ages, deaths, deaths), population_utility=SexTable(norms.ages, same, same)
    )


@pytest.mark.parametrize(
    ("correction", "error"), [("half_cycle", 1e-5), ("simpson", 1e-7), ("start", 5e-3), ("end", 5e-3)]
)
def test_a_constant_hazard_has_its_closed_form_under_every_correction(
    correction: str, error: float, calgb: Inputs
) -> None:
    inputs = with_values(flat(calgb, 0.05, 0.8), {"settings.correction": correction, "settings.horizon_years": 30.0})
    cycles = int(np.ceil(30.0 / (28.0 / DAYS_PER_YEAR)))
    horizon = (cycles + cycles % 2 * (correction == "simpson")) * 28.0 / DAYS_PER_YEAR
    force = 0.05 + np.log(1.035)
    expected = 0.8 * (1.0 - np.exp(-force * horizon)) / force
    assert population(inputs).qalys[0] == pytest.approx(expected, rel=error)


def test_a_standardised_mortality_ratio_is_the_patients_and_not_the_populations(calgb: Inputs) -> None:
    frail = with_values(calgb, {"mortality.smr": 3.0})
    assert population(frail).qalys[0] == population(calgb).qalys[0]
    assert evaluate(frail).qaly[0, 0] < evaluate(calgb).qaly[0, 0]


def test_age_and_sex_mix_may_vary_by_row(calgb: Inputs) -> None:
    columns = {"cohort.age": np.array([50.0, 58.0]), "cohort.proportion_female": np.array([0.2, 0.9])}
    found = population(calgb, {**columns, "utility.progression": np.array([0.1, 0.9])})
    horizon = {"settings.horizon_years": 42.0}  # rows share the horizon of the base case
    for row in range(2):
        own = with_values(calgb, {key: float(column[row]) for key, column in columns.items()} | horizon)
        assert found.qalys[row] == pytest.approx(population(own).qalys[0], rel=1e-12)


# ------------------------------------------------------------------------------------------------- the weights


@pytest.mark.parametrize(
    ("with_disease", "without", "weight"),
    # The ten cases by which NICE's own renal cancer model (2025, licence MIT) tests its severity modifier.
    [
        (0.8, 1.6, 1.0),
        (0.4, 4.1, 1.2),
        (0.6, 4.5, 1.2),
        (0.4, 10.3, 1.7),
        (3.1, 10.5, 1.0),
        (5.4, 11.2, 1.0),
        (3.5, 15.7, 1.2),
        (16.4, 20.5, 1.0),
        (9.0, 23.0, 1.2),
        (0.5, 28.1, 1.7),
    ],
)
def test_weights_are_those_of_nices_own_model(with_disease: float, without: float, weight: float) -> None:
    assert severity_weight(without - with_disease, 1.0 - with_disease / without) == weight


@pytest.mark.parametrize(
    ("absolute", "proportional", "weight"),
    [
        (12.0 - 1e-9, 0.85 - 1e-9, 1.0),
        (12.0, 0.0, 1.2),
        (0.0, 0.85, 1.2),
        (18.0 - 1e-9, 0.95 - 1e-9, 1.2),
        (18.0, 0.0, 1.7),
        (0.0, 0.95, 1.7),
        (12.5, 0.96, 1.7),
        (18.5, 0.90, 1.7),
    ],
)
def test_on_a_cut_off_the_higher_weight_applies_and_the_more_severe_shortfall_counts(
    absolute: float, proportional: float, weight: float
) -> None:
    assert severity_weight(absolute, proportional) == weight


# -------------------------------------------------------------------------------------------------- shortfall


def test_the_shortfall_is_what_current_care_leaves_of_the_populations_qalys(calgb: Inputs) -> None:
    found, outcomes = severity(calgb), evaluate(calgb)
    healthy = plain_loop(calgb)[2]
    assert found.current_care == "no_maintenance"
    assert found.care == pytest.approx(outcomes.qaly[0, 0], rel=1e-12)
    assert found.absolute == pytest.approx(healthy - outcomes.qaly[0, 0], rel=1e-3)
    assert found.proportional == pytest.approx(1.0 - outcomes.qaly[0, 0] / healthy, rel=1e-3)
    assert (found.weight, found.remarks) == (1.0, ())
    other = severity(calgb, outcomes, current_care="lenalidomide")
    assert other.absolute == pytest.approx(found.absolute - np.diff(outcomes.qaly[0])[0], rel=1e-9)
    assert [row.strategy for row in other.rows] == ["no_maintenance"]


def test_a_weight_divides_the_ratio_and_is_shown_beside_it(calgb: Inputs) -> None:
    worse = {f"utility.{state}": 0.05 for state in ("toxicity", "progression", "spm_haematologic", "spm_solid")}
    severe = with_values(calgb, {**worse, "utility.maintenance": 0.4})
    found = severity(severe)
    assert found.by_proportional == 1.2 == found.weight and found.by_absolute == 1.0
    (row,) = found.rows
    assert row.plain.icer is not None and row.weighted.icer is not None
    assert row.weighted.icer == pytest.approx(row.plain.icer / 1.2, rel=1e-12)
    assert row.weighted.delta_cost == row.plain.delta_cost
    for threshold, plain, weighted in zip(severe.thresholds, row.gain, row.weighted_gain, strict=True):
        assert weighted - plain == pytest.approx(0.2 * threshold * row.plain.delta_qaly, rel=1e-9)
    assert row.ratio != row.weighted_ratio and row.weighted_ratio.endswith("per QALY gained")


def test_with_the_populations_health_nothing_is_lost(calgb: Inputs) -> None:
    # Nobody progresses or has a second malignancy, deaths are the population's, utilities its norms.
    healthy: dict[str, float | str] = {"settings.post_progression": "rate", "settings.utility_cap": "off"}
    healthy |= {f"post_progression.excess_rate.{s}": 0.0 for s in ("common", *calgb.compared)}
    healthy |= {f"pfs.mu.{s}": 20.0 for s in calgb.compared}
    healthy |= {f"{name}.{s}": 0.0 for name in ("spm.rate", "spm.rate_off_treatment") for s in calgb.compared}
    start = float(
        np.dot(
            [0.4601, 0.5399],
            [
                np.interp(58.0, calgb.population_utility.ages, values)
                for values in (calgb.population_utility.female, calgb.population_utility.male)
            ],
        )
    )
    healthy |= {f"utility.{state}": start for state in ("maintenance", "toxicity", "progression")}
    found = severity(with_values(calgb, dict(healthy)))
    # Patients' norms are those of the sex mix at the start, the population's of the mix that survives: 0.02 QALYs.
    assert found.absolute == pytest.approx(0.0, abs=0.03)
    assert abs(found.proportional) < 0.003


def test_runs_of_a_probabilistic_analysis_have_shortfalls_of_their_own(calgb: Inputs) -> None:
    columns = random_draws(calgb, 20, seed=3).columns()
    outcomes = evaluate(calgb, columns)
    found = shortfalls(calgb, outcomes, columns)
    female = columns["cohort.proportion_female"]
    own = population(with_values(calgb, {"cohort.proportion_female": float(female[7])})).qalys[0]
    assert found.population[7] == pytest.approx(own, rel=1e-12)
    np.testing.assert_allclose(found.absolute, found.population - outcomes.qaly[:, 0], rtol=1e-12)
    np.testing.assert_allclose(found.proportional, found.absolute / found.population, rtol=1e-12)
    assert found.shares() == {1.0: 1.0, 1.2: 0.0, 1.7: 0.0}
    with pytest.raises(ValueError, match="2 rows of values for 20 runs"):
        shortfalls(calgb, outcomes, {"cohort.age": np.array([50.0, 60.0])})


def test_what_departs_from_the_manual_is_remarked(calgb: Inputs) -> None:
    short = severity(with_values(calgb, {"settings.horizon_years": 10.0, "settings.discount_rate.effects": 0.015}))
    assert len(short.remarks) == 2
    assert "10 years" in short.remarks[0] and "3.5 %" in short.remarks[1]
    with pytest.raises(ValueError, match='"placebo" is not among the strategies'):
        severity(calgb, current_care="placebo")
