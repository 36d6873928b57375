"""Evidence synthesis: trials of maintenance after transplant, published networks, and independent least squares."""

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from markov.analysis.evidence.synthesis import (
    Contrast,
    NetworkError,
    Synthesis,
    SynthesisModel,
    bucher,
    compare,
    forest,
    inconsistency,
    layout,
    league_table,
    synthesise,
)
from markov.inputs.writing.sources import sources_folder
from markov.survival.effects import Effect, Estimate, effect_from_interval, time_ratio
from markov.terms import Array

RANDOM = SynthesisModel.RANDOM
Row = tuple[str, str, str, str, float, float, float]

# Trials after transplant ---------------------------------------------------------------------------------------------

# Evidence row, trial, treatment, comparator, hazard ratio, 95 % interval.
# T074, T087: IFM 2005-02, US label of lenalidomide, March 2015 and February 2016. T127, T140: CALGB 100104 by intention
# to treat, Holstein et al 2017, Lancet Haematol 4:e431. T248, T254: Myeloma XI, transplant-eligible, Jackson et al
# 2019, Lancet Oncol 20:57. T011, T021: Myeloma IX, Morgan et al 2012, Blood 119:7. T195, T200: HOVON-65/GMMG-HD4,
# whole strategies, Sonneveld et al 2012, J Clin Oncol 30:2946, and Goldschmidt et al 2018, Leukemia 32:383.
PFS: list[Row] = [
    ("T074", "IFM 2005-02", "lenalidomide", "no_maintenance", 0.53, 0.44, 0.64),
    ("T127", "CALGB 100104", "lenalidomide", "no_maintenance", 0.57, 0.46, 0.71),
    ("T248", "Myeloma XI", "lenalidomide", "no_maintenance", 0.48, 0.40, 0.58),
    ("T011", "Myeloma IX", "thalidomide", "no_maintenance", 0.69, 0.58, 0.82),
    ("T195", "HOVON-65/GMMG-HD4", "bortezomib", "thalidomide", 0.75, 0.62, 0.90),
]
OS: list[Row] = [
    ("T087", "IFM 2005-02", "lenalidomide", "no_maintenance", 0.90, 0.72, 1.13),
    ("T140", "CALGB 100104", "lenalidomide", "no_maintenance", 0.61, 0.46, 0.80),
    ("T254", "Myeloma XI", "lenalidomide", "no_maintenance", 0.69, 0.52, 0.93),
    ("T021", "Myeloma IX", "thalidomide", "no_maintenance", 1.10, 0.85, 1.39),
    ("T200", "HOVON-65/GMMG-HD4", "bortezomib", "thalidomide", 0.89, 0.74, 1.08),
]


def contrasts(rows: Sequence[Row]) -> list[Contrast]:
    return [Contrast(trial, a, b, effect_from_interval(*figures), None, row) for row, trial, a, b, *figures in rows]


def lenalidomide(rows: Sequence[Row], model: SynthesisModel) -> Synthesis:
    return synthesise(contrasts(rows[:3]), "no_maintenance", model)


def printed(effect: Effect) -> tuple[float, float, float]:
    return round(effect.ratio, 2), round(effect.low, 2), round(effect.high, 2)


@pytest.mark.parametrize("row", [*PFS, *OS], ids=lambda row: row[0])
def test_the_rows_of_the_network_are_those_of_the_evidence(row: Row) -> None:
    with (sources_folder() / "evidence.csv").open(encoding="utf-8", newline="") as file:
        register = {line["row"]: line for line in csv.DictReader(file)}
    if row[0] not in register:
        pytest.skip(f"{row[0]} is not yet in the register of evidence, which holds the rows of the shipped workbooks")
    line = register[row[0]]
    assert [float(line[key]) for key in ("value", "low", "high")] == list(row[4:])


def test_progression_free_survival_on_lenalidomide_after_transplant() -> None:
    synthesis = lenalidomide(PFS, SynthesisModel.FIXED)
    assert printed(compare(synthesis, "lenalidomide", "no_maintenance").effect) == (0.52, 0.47, 0.58)
    assert synthesis.heterogeneity.i_squared == 0.0
    assert synthesis.heterogeneity.tau_squared == 0.0


def test_overall_survival_on_lenalidomide_after_transplant() -> None:
    synthesis = lenalidomide(OS, RANDOM)
    found = compare(synthesis, "lenalidomide", "no_maintenance")
    assert printed(found.effect) == (0.73, 0.58, 0.93)
    assert synthesis.heterogeneity.i_squared is not None
    assert round(synthesis.heterogeneity.i_squared, 1) == 0.6
    # The effect in a new trial: wider than the mean's interval, and with three trials wide beyond use under t on 1 df.
    assert found.predicted.low < found.effect.low
    assert found.predicted.high > 1.0
    assert found.predictive_interval is not None
    assert found.predictive_interval[0] < 0.1
    assert found.predictive_interval[1] > 5.0


def test_random_effects_of_lenalidomide_by_a_short_loop() -> None:
    # DerSimonian and Laird 1986, their formulas in sums.
    logs = [math.log(row[4]) for row in OS[:3]]
    variances = [(math.log(row[6] / row[5]) / (2 * 1.959963984540054)) ** 2 for row in OS[:3]]
    weights = [1 / v for v in variances]
    mean = sum(w * y for w, y in zip(weights, logs, strict=True)) / sum(weights)
    q = sum(w * (y - mean) ** 2 for w, y in zip(weights, logs, strict=True))
    tau_squared = (q - 2) / (sum(weights) - sum(w * w for w in weights) / sum(weights))
    weights = [1 / (v + tau_squared) for v in variances]
    mean = sum(w * y for w, y in zip(weights, logs, strict=True)) / sum(weights)
    synthesis = lenalidomide(OS, RANDOM)
    found = compare(synthesis, "lenalidomide", "no_maintenance")
    assert synthesis.heterogeneity.q == pytest.approx(q, rel=1e-10)
    assert synthesis.heterogeneity.p_value == pytest.approx(stats.chi2.sf(q, 2), rel=1e-10)
    assert synthesis.heterogeneity.i_squared == pytest.approx((q - 2) / q, rel=1e-10)
    assert synthesis.tau_squared == pytest.approx(tau_squared, rel=1e-10)
    assert (found.effect.log_ratio, found.effect.variance) == pytest.approx((mean, 1 / sum(weights)), rel=1e-10)
    assert found.predicted.variance == pytest.approx(1 / sum(weights) + tau_squared, rel=1e-10)
    assert found.predictive_interval is not None
    reach = stats.t.ppf(0.975, 1) * math.sqrt(1 / sum(weights) + tau_squared)
    assert np.log(found.predictive_interval) == pytest.approx([mean - reach, mean + reach], rel=1e-8)


def test_a_shape_of_1_13_turns_the_hazard_ratio_of_the_network_into_its_time_ratio() -> None:
    pooled = compare(lenalidomide(PFS, SynthesisModel.FIXED), "lenalidomide", "no_maintenance").effect
    assert printed(time_ratio(pooled, Estimate(1.13, 0.0))) == (1.78, 1.61, 1.97)


@pytest.mark.parametrize("rows", [PFS, OS], ids=["pfs", "os"])
def test_bortezomib_is_a_chain_of_two_trials_beside_lenalidomide(rows: Sequence[Row]) -> None:
    network = synthesise(contrasts(rows), "no_maintenance")
    hovon, myeloma_ix = (contrast.effect for contrast in (contrasts(rows)[4], contrasts(rows)[3]))
    chain = bucher(hovon, myeloma_ix)
    found = compare(network, "bortezomib", "no_maintenance")
    assert (found.effect.log_ratio, found.effect.variance) == pytest.approx((chain.log_ratio, chain.variance))
    assert found.trials == ()
    against = bucher(chain, compare(network, "lenalidomide", "no_maintenance").effect.reversed)
    found = compare(network, "bortezomib", "lenalidomide")
    assert (found.effect.log_ratio, found.effect.variance) == pytest.approx((against.log_ratio, against.variance))
    assert inconsistency(network).splits == ()
    assert inconsistency(network).p_value is None


# A published synthesis of two treatments -----------------------------------------------------------------------------

# Thirteen trials of BCG vaccine against tuberculosis (Colditz et al 1994, JAMA 271:698): cases and others, vaccinated
# and not. Results of the log risk ratio as printed by two packages (Viechtbauer 2010, J Stat Softw 36(3)).
BCG = [
    (4, 119, 11, 128),
    (6, 300, 29, 274),
    (3, 228, 11, 209),
    (62, 13536, 248, 12619),
    (33, 5036, 47, 5761),
    (180, 1361, 372, 1079),
    (8, 2537, 10, 619),
    (505, 87886, 499, 87892),
    (29, 7470, 45, 7232),
    (17, 1699, 65, 1600),
    (186, 50448, 141, 27197),
    (5, 2493, 3, 2338),
    (27, 16886, 29, 17825),
]


def bcg() -> list[Contrast]:
    def contrast(i: int, a: int, b: int, c: int, d: int) -> Contrast:
        ratio = Effect(math.log(a / (a + b) / (c / (c + d))), math.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)))
        return Contrast(f"trial {i}", "vaccine", "none", ratio)

    return [contrast(i, *row) for i, row in enumerate(BCG, start=1)]


def test_fixed_effect_of_bcg_vaccine_as_published() -> None:
    synthesis = synthesise(bcg(), "none")
    effect = compare(synthesis, "vaccine", "none").effect
    assert [round(math.log(x), 4) for x in (effect.ratio, effect.low, effect.high)] == [-0.4303, -0.5097, -0.3509]
    assert round(synthesis.heterogeneity.q, 4) == 152.2330
    assert synthesis.heterogeneity.df == 12


def test_random_effects_of_bcg_vaccine_as_published() -> None:
    synthesis = synthesise(bcg(), "none", RANDOM)
    effect = compare(synthesis, "vaccine", "none").effect
    assert [round(math.log(x), 4) for x in (effect.ratio, effect.low, effect.high)] == [-0.7141, -1.0644, -0.3638]
    assert round(synthesis.tau_squared, 4) == 0.3088
    assert synthesis.heterogeneity.i_squared is not None
    assert round(100 * synthesis.heterogeneity.i_squared, 2) == 92.12


# A published network -------------------------------------------------------------------------------------------------

# Glucose-lowering drugs, mean difference of HbA1c: Senn, Gavini, Magrez, Scheen 2013 (Stat Methods Med Res 22:169).
# Willms 1999 has three arms: metformin over acarbose has a standard error of 0.3579.
DIABETES = """
DeFronzo 1995,metformin,placebo,-1.90,0.1414
Lewin 2007,metformin,placebo,-0.82,0.0992
Davidson 2007,rosiglitazone,placebo,-1.34,0.1435
Wolffenbuttel 1999,rosiglitazone,placebo,-1.10,0.1141
Kipnes 2001,pioglitazone,placebo,-1.30,0.1268
Kerenyi 2004,rosiglitazone,placebo,-0.77,0.1078
Hanefeld 2004,pioglitazone,metformin,0.16,0.0849
Derosa 2004,pioglitazone,rosiglitazone,0.10,0.1831
Baksi 2004,rosiglitazone,placebo,-1.30,0.1014
Rosenstock 2008,rosiglitazone,placebo,-1.09,0.2263
Zhu 2003,rosiglitazone,placebo,-1.50,0.1624
Yang 2003,rosiglitazone,metformin,-0.14,0.2239
Vongthavaravat 2002,rosiglitazone,sulfonylurea,-1.20,0.1436
Oyama 2008,acarbose,sulfonylurea,-0.40,0.1549
Costa 1997,acarbose,placebo,-0.80,0.1432
Hermansen 2007,sitagliptin,placebo,-0.57,0.1291
Garber 2008,vildagliptin,placebo,-0.70,0.1273
Alex 1998,metformin,sulfonylurea,-0.37,0.1184
Johnston 1994,miglitol,placebo,-0.74,0.1839
Johnston 1998a,miglitol,placebo,-1.41,0.2235
Kim 2007,rosiglitazone,metformin,0.00,0.2339
Johnston 1998b,miglitol,placebo,-0.68,0.2828
Gonzalez-Ortiz 2004,metformin,placebo,-0.40,0.4356
Stucci 1996,benfluorex,placebo,-0.23,0.3467
Moulin 2006,benfluorex,placebo,-1.01,0.1366
Willms 1999,metformin,placebo,-1.20,0.3758
Willms 1999,acarbose,placebo,-1.00,0.4669
"""


def diabetes() -> list[Contrast]:
    shared = (0.3758**2 + 0.4669**2 - 0.3579**2) / 2.0
    rows = [line.split(",") for line in DIABETES.strip().splitlines()]
    return [
        Contrast(trial, a, b, Effect(float(mean), float(se)), shared if trial == "Willms 1999" else None)
        for trial, a, b, mean, se in rows
    ]


def test_a_network_with_a_trial_of_three_arms_as_published() -> None:
    # Schwarzer, Carpenter, Rücker 2015, Meta-Analysis with R, ch. 8: Q 96.99 on 18, of which between designs 22.53 on
    # 7 (P = 0.0021); I² 81.4 %; τ² 0.1087; metformin over placebo −1.1141 (−1.2309 to −0.9973) under a fixed effect.
    synthesis = synthesise(diabetes(), "placebo", RANDOM)
    heterogeneity, agreement = synthesis.heterogeneity, inconsistency(synthesis)
    assert (round(heterogeneity.q, 2), heterogeneity.df) == (96.99, 18)
    assert (round(agreement.q, 2), agreement.df) == (22.53, 7)
    assert agreement.p_value is not None
    assert round(agreement.p_value, 4) == 0.0021
    assert heterogeneity.i_squared is not None
    assert round(100 * heterogeneity.i_squared, 1) == 81.4
    assert round(synthesis.tau_squared, 4) == 0.1087
    effect = compare(synthesise(diabetes(), "placebo"), "metformin", "placebo").effect
    assert [round(math.log(x), 4) for x in (effect.ratio, effect.low, effect.high)] == [-1.1141, -1.2309, -0.9973]


# Independent least squares -------------------------------------------------------------------------------------------

Arms = dict[str, dict[str, tuple[float, float]]]  # trial → treatment → log hazard and its variance

ARMS: Arms = {
    "one": {"a": (0.1, 0.02), "b": (-0.3, 0.03), "c": (-0.4, 0.04)},
    "two": {"a": (0.5, 0.05), "c": (-0.2, 0.03)},
    "three": {"b": (0.0, 0.04), "c": (0.2, 0.02), "d": (-0.5, 0.06)},
    "four": {"d": (-0.1, 0.03), "a": (0.4, 0.05)},
    "five": {"b": (-0.6, 0.03), "a": (-0.1, 0.02)},
}


def from_arms(arms: Arms) -> list[Contrast]:
    """Contrasts of every trial against its first arm."""
    rows = []
    for trial, own in arms.items():
        (comparator, (base, variance)), *others = own.items()
        rows += [
            Contrast(trial, name, comparator, Effect(log - base, math.sqrt(v + variance)), variance)
            for name, (log, v) in others
        ]
    return rows


def by_arms(arms: Arms, treatments: Sequence[str]) -> tuple[Array, Array]:
    """Weighted least squares of the arms themselves: a baseline for each trial, and an effect of each treatment."""
    names = [(trial, treatment) for trial, own in arms.items() for treatment in own]
    columns = [[float(trial == one) for one in arms] for trial, _ in names]
    columns = [row + [float(name == t) for t in treatments[1:]] for row, (_, name) in zip(columns, names, strict=True)]
    logs, variances = np.array([arms[trial][name] for trial, name in names]).T
    scaled = np.array(columns) / np.sqrt(variances)[:, None]
    solution = np.linalg.lstsq(scaled, logs / np.sqrt(variances), rcond=None)[0]
    return solution[len(arms) :], np.linalg.inv(scaled.T @ scaled)[len(arms) :, len(arms) :]


def test_contrasts_with_their_shared_variance_say_what_the_arms_say() -> None:
    synthesis = synthesise(from_arms(ARMS), "a")
    estimates, covariance = by_arms(ARMS, synthesis.treatments)
    np.testing.assert_allclose(synthesis.estimates, estimates, rtol=1e-10)
    np.testing.assert_allclose(synthesis.covariance, covariance, rtol=1e-10)


def test_moments_make_the_expected_q_under_the_estimated_heterogeneity_the_observed_one() -> None:
    # E[Q] = tr(P·V) with P that of fixed effects: the definition of the estimator, on dense matrices written out.
    rows = from_arms({trial: {n: (6 * x, v) for n, (x, v) in own.items()} for trial, own in ARMS.items()})
    synthesis = synthesise(rows, "a", RANDOM)
    s, b = (np.zeros((len(rows), len(rows))) for _ in range(2))
    for i, one in enumerate(rows):
        for j, other in enumerate(rows):
            same = one.trial == other.trial
            s[i, j] = one.effect.variance if i == j else (one.shared_variance or 0.0) * same
            b[i, j] = 1.0 if i == j else 0.5 * same
    x = np.array([[(c.treatment == t) - (c.comparator == t) for t in "bcd"] for c in rows], dtype=float)
    root = np.linalg.inv(np.linalg.cholesky(s))
    hat = (root @ x) @ np.linalg.pinv(root @ x)
    p = root.T @ (np.eye(len(rows)) - hat) @ root
    y = np.array([c.effect.log_ratio for c in rows])
    assert synthesis.treatments[1:] == ("b", "c", "d")
    assert synthesis.tau_squared > 0
    assert y @ p @ y == pytest.approx(np.trace(p @ (s + synthesis.tau_squared * b)), rel=1e-9)
    scaled = np.linalg.inv(np.linalg.cholesky(s + synthesis.tau_squared * b))
    expected = np.linalg.lstsq(scaled @ x, scaled @ y, rcond=None)[0]
    np.testing.assert_allclose(synthesis.estimates, expected, rtol=1e-9)


@pytest.mark.parametrize("model", list(SynthesisModel))
def test_reference_order_and_direction_of_contrasts_change_nothing(model: SynthesisModel) -> None:
    rows = diabetes()
    turned = [
        c if c.trial == "Willms 1999" else Contrast(c.trial, c.comparator, c.treatment, c.effect.reversed)
        for c in reversed(rows)
    ]
    one, other = synthesise(rows, "placebo", model), synthesise(turned, "metformin", model)
    assert one.tau_squared == pytest.approx(other.tau_squared, rel=1e-9)
    for treatment, comparator in combinations(one.treatments, 2):
        a, b = compare(one, treatment, comparator), compare(other, treatment, comparator)
        assert a.effect.log_ratio == pytest.approx(b.effect.log_ratio, abs=1e-10)
        assert a.effect.standard_error == pytest.approx(b.effect.standard_error, rel=1e-9)
        assert a.predicted.standard_error == pytest.approx(b.predicted.standard_error, rel=1e-9)
        assert sorted(a.trials) == sorted(b.trials)


def test_the_common_arm_of_a_trial_may_be_any_of_its_arms() -> None:
    turned = {trial: dict(reversed(own.items())) for trial, own in ARMS.items()}
    for model in SynthesisModel:
        one, other = (compare(synthesise(from_arms(arms), "a", model), "d", "b") for arms in (ARMS, turned))
        assert one.effect.log_ratio == pytest.approx(other.effect.log_ratio, rel=1e-9)
        assert one.effect.standard_error == pytest.approx(other.effect.standard_error, rel=1e-9)


def test_a_new_trial_varies_by_tau_around_every_comparison() -> None:
    synthesis = synthesise(diabetes(), "placebo", RANDOM)
    for pair in league_table(synthesis):
        assert pair.predicted.variance == pytest.approx(pair.effect.variance + synthesis.tau_squared, rel=1e-9)
        assert pair.predictive_interval is not None
        reach = math.log(pair.predictive_interval[1]) - pair.effect.log_ratio
        assert reach == pytest.approx(stats.t.ppf(0.975, 17) * pair.predicted.standard_error, rel=1e-7)


def test_fixed_effects_predict_nothing_beyond_the_mean() -> None:
    pair = compare(synthesise(diabetes(), "placebo"), "metformin", "placebo")
    assert pair.predicted == pair.effect
    assert pair.predictive_interval is None


def test_a_league_table_holds_every_pair_and_its_reciprocal() -> None:
    synthesis = synthesise(diabetes(), "placebo", RANDOM)
    table = {(pair.treatment, pair.comparator): pair for pair in league_table(synthesis)}
    assert len(table) == 10 * 9
    for (a, b), pair in table.items():
        assert pair.effect.ratio * table[b, a].effect.ratio == pytest.approx(1.0, rel=1e-12)
    assert table["metformin", "sulfonylurea"].trials == ("Alex 1998",)
    assert table["acarbose", "metformin"].trials == ("Willms 1999",)


# Heterogeneity that cannot be estimated ------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [PFS[:1], [PFS[0], *PFS[3:]]], ids=["one trial", "one trial each comparison"])
def test_without_a_second_source_random_effects_fall_back_and_say_so(rows: Sequence[Row]) -> None:
    random, fixed = (synthesise(contrasts(rows), "no_maintenance", model) for model in (RANDOM, SynthesisModel.FIXED))
    assert random.fell_back
    assert not fixed.fell_back
    assert random.heterogeneity.tau_squared is None
    assert random.heterogeneity.p_value is None
    assert random.heterogeneity.i_squared is None
    np.testing.assert_array_equal(random.covariance, fixed.covariance)
    assert compare(random, "lenalidomide", "no_maintenance").predictive_interval is None
    assert {row.label for row in forest(random)} >= {"fixed_effect"}


def test_two_trials_leave_no_degree_of_freedom_to_predict_a_third() -> None:
    synthesis = synthesise(contrasts(OS[:2]), "no_maintenance", RANDOM)
    assert not synthesis.fell_back
    assert synthesis.tau_squared > 0
    assert compare(synthesis, "lenalidomide", "no_maintenance").predictive_interval is None


def test_trials_that_agree_have_no_heterogeneity() -> None:
    same = [Contrast(str(i), "new", "old", Effect(-0.5, 0.1 + 0.1 * i)) for i in range(4)]
    synthesis = synthesise(same, "old", RANDOM)
    assert synthesis.tau_squared == 0.0
    assert synthesis.heterogeneity.i_squared == 0.0
    assert synthesis.estimates == pytest.approx([-0.5], rel=1e-12)


# Agreement -----------------------------------------------------------------------------------------------------------

LOOP = [
    Contrast("A", "b", "a", Effect(-0.3, 0.10)),
    Contrast("B", "c", "b", Effect(-0.1, 0.15)),
    Contrast("C", "c", "a", Effect(-0.9, 0.12)),
]


def test_a_loop_of_three_trials_disagrees_by_what_its_contrasts_do_not_add_up_to() -> None:
    # By hand: direct −0.9, indirect −0.4, difference −0.5 with variance 0.01 + 0.0225 + 0.0144, the same on each edge.
    found = inconsistency(synthesise(LOOP, "a"))
    variance = 0.01 + 0.0225 + 0.0144
    assert found.df == 1
    assert found.q == pytest.approx(0.25 / variance, rel=1e-10)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(0.5 / math.sqrt(variance)), rel=1e-9)
    assert len(found.splits) == 3
    split = next(s for s in found.splits if (s.treatment, s.comparator) == ("c", "a"))
    assert (split.direct.log_ratio, split.direct.standard_error) == pytest.approx((-0.9, 0.12), rel=1e-9)
    assert (split.indirect.log_ratio, split.indirect.variance) == pytest.approx((-0.4, 0.0325), rel=1e-9)
    for split in found.splits:
        assert abs(split.difference.log_ratio) == pytest.approx(0.5, rel=1e-9)
        assert split.difference.p_value == pytest.approx(found.p_value, rel=1e-9)


def test_a_split_sets_the_trials_of_a_comparison_against_all_others() -> None:
    rows = [c for c in diabetes() if c.trial != "Willms 1999"]
    pair = frozenset(("metformin", "placebo"))
    direct = synthesise([c for c in rows if c.pair == pair], "placebo")
    indirect = synthesise([c for c in rows if c.pair != pair], "placebo")
    found = next(
        s
        for s in inconsistency(synthesise(rows, "placebo")).splits
        if (s.treatment, s.comparator) == ("metformin", "placebo")
    )
    for part, alone in ((found.direct, direct), (found.indirect, indirect)):
        expected = compare(alone, "metformin", "placebo").effect
        assert part.log_ratio == pytest.approx(expected.log_ratio, rel=1e-9)
        assert part.standard_error == pytest.approx(expected.standard_error, rel=1e-9)
    assert found.difference.variance == pytest.approx(found.direct.variance + found.indirect.variance, rel=1e-9)


def test_direct_and_indirect_evidence_weighed_by_precision_is_the_network() -> None:
    # Back-calculation (Dias et al 2010), under random effects with the network's own τ².
    rows = [c for c in diabetes() if c.trial != "Willms 1999"]
    synthesis = synthesise(rows, "placebo", RANDOM)
    splits = inconsistency(synthesis).splits
    assert len(splits) > 5
    for split in splits:
        whole = compare(synthesis, split.treatment, split.comparator).effect
        precision = [1 / split.direct.variance, 1 / split.indirect.variance]
        assert 1 / whole.variance == pytest.approx(sum(precision), rel=1e-8)
        weighed = precision[0] * split.direct.log_ratio + precision[1] * split.indirect.log_ratio
        assert whole.log_ratio == pytest.approx(weighed / sum(precision), abs=1e-8)


def test_a_single_trial_of_three_arms_agrees_with_itself() -> None:
    found = inconsistency(synthesise(from_arms({"one": ARMS["one"]}), "a"))
    assert (found.q, found.df, found.splits) == (0.0, 0, ())


# Pictures ------------------------------------------------------------------------------------------------------------


def test_a_forest_has_every_trial_with_its_share_of_the_weight_and_the_synthesis_below() -> None:
    synthesis = lenalidomide(OS, RANDOM)
    *trials, pooled = forest(synthesis)
    weights = np.array([1 / (row.effect.variance + synthesis.tau_squared) for row in contrasts(OS[:3])])
    assert [row.label for row in trials] == ["IFM 2005-02", "CALGB 100104", "Myeloma XI"]
    assert [row.source for row in trials] == ["T087", "T140", "T254"]
    assert [row.weight for row in trials] == pytest.approx(weights / weights.sum(), rel=1e-12)
    assert (pooled.label, pooled.weight) == ("random_effects", None)
    assert pooled.effect == compare(synthesis, "lenalidomide", "no_maintenance").effect
    mean = sum(row.weight * row.effect.log_ratio for row in trials if row.weight)
    assert mean == pytest.approx(pooled.effect.log_ratio, rel=1e-12)


def test_a_trial_given_the_other_way_round_stands_in_the_forest_like_the_rest() -> None:
    rows = contrasts(PFS[:3])
    rows[1] = Contrast(rows[1].trial, "no_maintenance", "lenalidomide", rows[1].effect.reversed)
    straight, turned = (forest(synthesise(each, "no_maintenance")) for each in (contrasts(PFS[:3]), rows))
    assert [row.effect.ratio for row in turned] == pytest.approx([row.effect.ratio for row in straight], rel=1e-12)


def test_a_network_is_drawn_on_a_circle_from_the_reference_on_top() -> None:
    nodes, edges = layout(contrasts(PFS), "no_maintenance")
    places = np.array([(node.x, node.y) for node in nodes])
    np.testing.assert_allclose(np.hypot(*places.T), 1.0, rtol=1e-12)
    np.testing.assert_allclose(places, [(0, 1), (1, 0), (0, -1), (-1, 0)], atol=1e-12)
    assert [(node.treatment, node.trials) for node in nodes] == [
        ("no_maintenance", 4),
        ("lenalidomide", 3),
        ("thalidomide", 2),
        ("bortezomib", 1),
    ]
    assert {(edge.first, edge.second): len(edge.trials) for edge in edges} == {
        ("no_maintenance", "lenalidomide"): 3,
        ("no_maintenance", "thalidomide"): 1,
        ("thalidomide", "bortezomib"): 1,
    }


def test_a_trial_of_three_arms_is_drawn_on_three_edges() -> None:
    nodes, edges = layout(from_arms({"one": ARMS["one"]}), "b")
    assert [node.trials for node in nodes] == [1, 1, 1]
    assert [edge.trials for edge in edges] == [("one",)] * 3


# Bad input -----------------------------------------------------------------------------------------------------------


def changed(change: Callable[[list[Contrast]], object]) -> list[Contrast]:
    rows = contrasts(PFS)
    change(rows)
    return rows


def several_arms(*variances: float | None) -> list[Contrast]:
    pairs = zip("bc", variances, strict=True)
    return [Contrast("one", name, "a", Effect(-0.2, 0.3), variance) for name, variance in pairs]


@pytest.mark.parametrize(
    ("rows", "reference", "words"),
    [
        ([], "no_maintenance", "at least one contrast"),
        (contrasts(PFS), "placebo", '"placebo" is in no contrast; these are: bortezomib, lenalidomide'),
        (
            changed(lambda rows: rows.pop(3)),
            "no_maintenance",
            "No trial links {bortezomib, thalidomide} with {lenalidomide, no_maintenance}: add one",
        ),
        (changed(lambda rows: rows.append(rows[0])), "no_maintenance", "IFM 2005-02 gives the same contrast twice"),
        (
            changed(
                lambda rows: rows.append(Contrast("IFM 2005-02", "no_maintenance", "lenalidomide", Effect(0.6, 0.1)))
            ),
            "no_maintenance",
            "IFM 2005-02 gives the same contrast twice: keep one of its analyses",
        ),
        (
            [Contrast("one", "b", "a", Effect(-0.2, 0.0))],
            "a",
            "one, b over a: the standard error needs a number above 0, found 0",
        ),
        ([Contrast("one", "a", "a", Effect(-0.2, 0.1))], "a", "a treatment cannot be compared with itself"),
        (several_arms(None, None), "a", "one has several arms: they need one shared variance below 0.09"),
        (several_arms(0.04, 0.05), "a", "one shared variance"),
        (several_arms(0.04, None), "a", "one shared variance"),
        (several_arms(0.09, 0.09), "a", "one shared variance"),
        (
            [*several_arms(0.04, 0.04), Contrast("one", "c", "b", Effect(0.0, 0.3))],
            "a",
            "one has several arms: give each arm but one against that one",
        ),
    ],
)
def test_what_makes_no_network_is_refused_in_words(rows: list[Contrast], reference: str, words: str) -> None:
    for call in (synthesise, layout):
        with pytest.raises(NetworkError) as refused:
            call(rows, reference)
        assert words in str(refused.value)


def test_a_treatment_outside_the_network_is_refused_by_name() -> None:
    with pytest.raises(
        NetworkError, match='"ixazomib" is not in the network, which holds no_maintenance, lenalidomide'
    ):
        compare(lenalidomide(PFS, RANDOM), "ixazomib", "no_maintenance")


def test_a_zero_error_of_one_arm_is_found_among_many() -> None:
    rows = contrasts(OS)
    rows[2] = replace(rows[2], effect=Effect(-0.3, 0.0))
    with pytest.raises(NetworkError, match="Myeloma XI, lenalidomide over no_maintenance"):
        synthesise(rows, "no_maintenance")
