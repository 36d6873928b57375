"""Survival and effects: curves, ratios, waning, and what a difference between strategies does."""

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from markov.analysis.bank import textbook
from markov.analysis.bank.bench import Bench
from markov.analysis.bank.registry import (
    Finding,
    Theme,
    amounts,
    analyst,
    holds,
    not_applicable,
    plausible,
    within,
)
from markov.analysis.checks import relative_gap as gap
from markov.inputs.parameters import Value
from markov.survival.families import curve
from markov.survival.hazards import (
    cumulative_incidence,
    probability_from_rate,
    rate_from_incidence,
    rate_from_probability,
)
from markov.terms import Array, Endpoint, Family, PostProgression

theme = Theme("Survival and effects")
AFT_ONLY = (Family.LOG_NORMAL, Family.LOG_LOGISTIC, Family.GENERALISED_GAMMA, Family.GENERALISED_F, Family.GAMMA)


@theme(
    "TV-03",
    "A higher hazard ratio brings more events",
    "Each strategy beside the reference takes a hazard ratio of 0.7, then 1.2, on the reference's curve, for "
    "progression and, where deaths follow it, for survival",
)
def _hazard_ratios(bench: Bench) -> Finding:
    if not bench.others or _ratio_on_reference(bench):
        return not_applicable("needs two strategies, the reference with a curve of its own")
    told, capped = [], {"settings.crossing": "cap_curve"}
    anchored = bench.inputs.text("settings.post_progression") == PostProgression.OVERALL_SURVIVAL
    for endpoint, name in ((Endpoint.PFS, "pfs_net_of_spm"), (Endpoint.OS, "os")):
        if endpoint is Endpoint.PFS or anchored:
            worlds = [bench.on_reference(endpoint, Family.HAZARD_RATIO, ratio) for ratio in (0.7, 1.2)]
            low, high = (bench.trace_of({**capped, **world}).curves[name][0, 1:] for world in worlds)
            told.append((endpoint, bool((high <= low + 1e-4).all() and (high < low - 1e-3).any(axis=1).all())))
    words = ", ".join(f"{endpoint}: {'as expected' if good else 'not so'}" for endpoint, good in told)
    return holds(all(good for _, good in told), "the curve at 1.2 below that at 0.7", words)


def _ratio_on_reference(bench: Bench) -> bool:
    family = bench.inputs.text
    return any(family(f"{e}.family.{bench.names[0]}").endswith("_ratio") for e in (Endpoint.PFS, Endpoint.OS))


@theme(
    "TV-04",
    "Nested curves never cross",
    "Time on treatment, freedom from progression and survival of the base case; PFS again under a median OS of a year",
)
def _nested(bench: Bench) -> Finding:
    curves = [bench.trace.curves[name][0] for name in ("on_treatment", "progression_and_spm_free", "os")]
    worst = max(float((inner - outer).max()) for inner, outer in itertools.pairwise(curves))
    clash = _excess_over_short_survival(bench)
    return holds(max(worst, clash) <= 1e-9, "the inner curve below the outer", f"excess {max(worst, clash):.2g}")


def _excess_over_short_survival(bench: Bench) -> float:
    """Excess of PFS over OS after the crossing policy has done its work, where patients die within a year or so."""
    changes: dict[str, Value] = {"settings.post_progression": "overall_survival", "settings.crossing": "cap_hazard"}
    hazards = bench.hazards({**changes, **bench.exponential_os(12.0)})
    assert hazards.overall is not None
    pfs, overall = (bench.told(hazards, increments) for increments in (hazards.floored, hazards.overall))
    return float((pfs - overall).max())


@theme(
    "TV-05",
    "Families with special shapes are the families they contain",
    "Each pair of curves over 40 years, and each family against its formula written out",
    cheap=True,
)
def _special_shapes(bench: Bench) -> Finding:
    del bench
    t = np.linspace(0.5, 480.0, 960)
    pairs = [(_survives(a, pa, t), _survives(b, pb, t)) for (a, pa), (b, pb) in ALIKE]
    pairs += [(_survives(f, p, t), textbook.FAMILIES[f](p)(t)) for f, p in EXAMPLES]
    worst = max(float(np.abs(x - y).max()) for x, y in pairs)
    return within(worst, 1e-7, f"equal in {len(pairs)} pairs of curves")


Shaped = tuple[Family, dict[str, float]]
ALIKE: tuple[tuple[Shaped, Shaped], ...] = (
    ((Family.WEIBULL, {"scale": 40.0, "shape": 1.0}), (Family.EXPONENTIAL, {"rate": 0.025})),
    ((Family.GAMMA, {"rate": 0.025, "shape": 1.0}), (Family.EXPONENTIAL, {"rate": 0.025})),
    ((Family.GOMPERTZ, {"rate": 0.025, "shape": 1e-9}), (Family.EXPONENTIAL, {"rate": 0.025})),
    (
        (Family.GENERALISED_GAMMA, {"mu": np.log(40.0), "sigma": 0.8, "q": 1.0}),
        (Family.WEIBULL, {"scale": 40.0, "shape": 1.25}),
    ),
    (
        (Family.GENERALISED_GAMMA, {"mu": 3.5, "sigma": 0.8, "q": 0.8}),
        (Family.GAMMA, {"rate": 1.5625 * np.exp(-3.5), "shape": 1.5625}),
    ),
    (
        (Family.GENERALISED_GAMMA, {"mu": 3.5, "sigma": 0.9, "q": 0.0}),
        (Family.LOG_NORMAL, {"meanlog": 3.5, "sdlog": 0.9}),
    ),
    (
        (Family.GENERALISED_F, {"mu": 3.5, "sigma": 0.9, "q": 0.4, "p": 0.0}),
        (Family.GENERALISED_GAMMA, {"mu": 3.5, "sigma": 0.9, "q": 0.4}),
    ),
)
EXAMPLES: tuple[Shaped, ...] = (
    (Family.WEIBULL, {"scale": 45.0, "shape": 1.3}),
    (Family.GOMPERTZ, {"rate": 0.01, "shape": 0.01}),
    (Family.LOG_NORMAL, {"meanlog": 3.4, "sdlog": 0.9}),
    (Family.LOG_LOGISTIC, {"scale": 30.0, "shape": 1.7}),
    (Family.GAMMA, {"rate": 0.03, "shape": 1.4}),
    (Family.GENERALISED_GAMMA, {"mu": 3.4, "sigma": 0.9, "q": -0.3}),
    (Family.GENERALISED_F, {"mu": 3.4, "sigma": 0.9, "q": 0.2, "p": 0.1}),
)


def _survives(family: Family, parameters: dict[str, float], t: Array) -> Array:
    return np.exp(-curve(family, {name: np.array(value) for name, value in parameters.items()})(t))


@theme("TV-06", "Hazard ratios lie on curves whose hazards are proportional", "Families behind every ratio", cheap=True)
def _proportional(bench: Bench) -> Finding:
    found = []
    for endpoint, s in ((e, s) for e in (Endpoint.PFS, Endpoint.OS) for s in bench.names):
        reference = bench.inputs.text(f"{endpoint}.reference.{s}") or bench.names[0]
        ratio = bench.inputs.text(f"{endpoint}.family.{s}") == Family.HAZARD_RATIO
        if ratio and bench.inputs.text(f"{endpoint}.family.{reference}") in AFT_ONLY:
            found.append(f"{endpoint.upper()} of {bench.inputs.labels[s]}")
    note = "the curve of these families is not one of proportional hazards: say why the ratio was put on it"
    return plausible(not found, "no ratio on such a curve", ", ".join(found) or "none", note)


@theme(
    "TV-28",
    "Rates and probabilities convert both ways",
    "p = 1 − e^(−rt) at six values, there and back, by month and by year, and with competing exits",
    cheap=True,
)
def _conversions(bench: Bench) -> Finding:
    del bench
    p, years = np.array([0.01, 0.1, 0.3, 0.52, 0.8, 0.99]), 2.5
    rate = rate_from_probability(p, np.array(years))
    yearly = 1.0 - np.exp(-rate)
    monthly = probability_from_rate(rate, np.array(1.0 / 12.0))
    crude = cumulative_incidence(np.array(0.2), np.array(0.3), np.array(years))
    gaps = (
        gap(1.0 - np.exp(-rate * years), p),
        gap(1.0 - (1.0 - monthly) ** 12.0, yearly),
        gap(crude, np.array(0.2 / 0.5 * (1.0 - np.exp(-0.5 * years)))),
        gap(rate_from_incidence(crude, np.array(0.3), np.array(years)), np.array(0.2)),
    )
    return within(max(gaps), 1e-9, "equal")


@theme("TV-34", "Differences in effects have the sign of the evidence", "ΔLY and ΔQALY beside PFS and OS", cheap=True)
def _signs_of_effects(bench: Bench) -> Finding:
    if not bench.others:
        return not_applicable("one strategy")
    base, odd, told = bench.base, [], []
    for s in bench.others:
        i = bench.index(s)
        pfs = float(base.curves["pfs_net_of_spm"].mean[0, i] - base.curves["pfs_net_of_spm"].mean[0, 0])
        years, qalys = (float(v[0, i] - v[0, 0]) for v in (base.life_year, base.qaly))
        told.append(f"{bench.inputs.labels[s]}: PFS {pfs:+.2f} years, LY {years:+.2f}, QALY {qalys:+.2f}")
        odd += [s] if pfs * years < 0.0 or pfs * qalys < 0.0 else []
    note = "longer PFS beside shorter life is possible where survival follows its own curve: say what the evidence is"
    return plausible(not odd, "the sign of the difference in mean PFS", "; ".join(told), note)


@theme(
    "TV-52",
    "Twice, or half, the difference in efficacy is about twice, or half, the difference in effect",
    "Logs of ratios, or the distance between two curves of one family, times 2 and ½; the ratio of ΔQALYs",
)
def _efficacy(bench: Bench) -> Finding:
    return _ratios(bench, lambda factor: _scaled_efficacy(bench, factor), "ΔQALY", 0)


@theme(
    "TV-53",
    "Twice, or half, the difference in safety is about twice, or half, its consequence",
    "Proportions with adverse events moved from the reference's by 2 and ½ of the difference; the ratio of ΔQALYs lost "
    "to adverse events",
)
def _safety(bench: Bench) -> Finding:
    return _ratios(bench, lambda factor: _scaled_safety(bench, factor), "ΔQALYs of adverse events", 2)


def _ratios(bench: Bench, changes: Callable[[float], dict[str, Value]], words: str, component: int) -> Finding:
    """Differences under ½, 1 and 2 times a difference between strategies, as ratios; far off, a warning."""
    if not bench.others or not changes(2.0):
        return not_applicable("the strategies differ in nothing that can be scaled")
    found = []
    for factor in (0.5, 1.0, 2.0):
        components = bench.run(changes(factor)).qaly_components[0, :, 1]
        total = components[:, component] if component else components.sum(axis=-1)
        found.append(total[1:] - total[0])
    base = np.where(np.abs(found[1]) < 1e-9, np.nan, found[1])
    half, double = found[0] / base, found[2] / base
    told = f"×½: {amounts(half, 3)}; ×2: {amounts(double, 3)}"
    near = bool((np.abs(half - 0.5) < 0.15).all() and (np.abs(double - 2.0) < 0.5).all())
    return plausible(near, f"{words} × about 0.5 and 2", told, "the model is not linear in it: read the ratio")


def _scaled_efficacy(bench: Bench, factor: float) -> dict[str, Value]:
    changes: dict[str, Value] = {}
    for endpoint, s in ((e, s) for e in (Endpoint.PFS, Endpoint.OS) for s in bench.others):
        family = bench.inputs.text(f"{endpoint}.family.{s}")
        ratio = f"{endpoint}.{family}.{s}"
        if family.endswith("_ratio") and bench.inputs.text(f"{endpoint}.reference.{s}") in ("", bench.names[0]):
            changes[ratio] = bench.number(ratio) ** factor
        elif family == bench.inputs.text(f"{endpoint}.family.{bench.names[0]}"):
            changes |= _moved(bench, endpoint, s, factor)
    return changes


def _moved(bench: Bench, endpoint: Endpoint, s: str, factor: float) -> Iterator[tuple[str, Value]]:
    for name, logs in (("median", False), ("scale", False), ("mu", True), ("meanlog", True)):
        own, other = (f"{endpoint}.{name}.{x}" for x in (s, bench.names[0]))
        if bench.inputs.given(own) and bench.inputs.given(other):
            a, b = bench.number(own), bench.number(other)
            yield own, b + factor * (a - b) if logs else b * (a / b) ** factor
            return


def _scaled_safety(bench: Bench, factor: float) -> dict[str, Value]:
    changes: dict[str, Value] = {}
    for event, s in ((e, s) for e in bench.inputs.names("event") for s in bench.others):
        own, other = (f"adverse_event.proportion.{event}.{x}" for x in (s, bench.names[0]))
        a, b = bench.number(own), bench.number(other)
        if a != b:
            changes[own] = min(max(b + factor * (a - b), 0.0), 1.0)
    return changes


# ------------------------------------------------------------------------------------------- further tests


@theme(
    "FT-14",
    "Curves are those of the workbook's cells",
    "PFS and OS of every strategy recomputed from family, parameters, ratios and waning, in months",
    cheap=True,
)
def _curves(bench: Bench) -> Finding:
    hazards = bench.hazards()
    gaps = list(_curve_gaps(bench, Endpoint.PFS, bench.told(hazards, hazards.pfs), np.zeros(1)))
    if hazards.overall is not None:
        background = bench.told(hazards, hazards.background)[0]
        gaps += _curve_gaps(bench, Endpoint.OS, bench.told(hazards, hazards.overall), background)
    if not gaps:
        return not_applicable("all curves are splines, whose formula is tested against published fits")
    return within(max(gaps), 1e-6, f"equal in {len(gaps)} curves")


def _curve_gaps(bench: Bench, endpoint: Endpoint, found: Array, background: Array) -> Iterator[float]:
    """How far each strategy's curve is from its formula; OS is floored cycle by cycle at the background."""
    for i, s in enumerate(bench.names):
        told = textbook.waned(bench.inputs, endpoint, s, bench.trace.boundaries)
        if told is None:
            continue
        if len(background) > 1:
            steps = [x[1:] / np.maximum(x[:-1], 1e-290) for x in (told, background)]
            told = np.concatenate([[1.0], np.cumprod(np.minimum(*steps))])
        yield float(np.abs(found[i] - told).max())


@theme(
    "FT-15",
    "A time ratio stretches time",
    "Each strategy beside the reference takes a time ratio of 1.5 on the reference's curve: its median PFS",
)
def _time_ratio(bench: Bench) -> Finding:
    if not bench.others or _ratio_on_reference(bench):
        return not_applicable("needs two strategies, the reference with a curve of its own")
    hazards = bench.hazards(bench.on_reference(Endpoint.PFS, Family.TIME_RATIO, 1.5))
    curves = bench.told(hazards, hazards.pfs)
    medians = [float(np.interp(np.log(2.0), -np.log(alive), hazards.boundaries)) for alive in curves]
    ratios = np.array(medians[1:]) / medians[0]
    return within(gap(ratios, np.full(len(ratios), 1.5)), 5e-3, "1.5 times the reference's median")


QUESTION = "Are the groups of parameters valued together those that one study could inform, and written so?"
theme.answer("TV-75", "Value of information is reported as it was asked", analyst(QUESTION))
