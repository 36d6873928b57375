"""Deaths and other events: mortality switched off and on, the life table, stops, second malignancies."""

import numpy as np

from markov.analysis.bank import textbook
from markov.analysis.bank.bench import Bench
from markov.analysis.bank.registry import Finding, Theme, amounts, gap, holds, not_applicable, plausible, within
from markov.analysis.checks import stopped_for_toxicity
from markov.inputs.parameters import Value
from markov.survival.hazards import survival_from_increments
from markov.terms import State

theme = Theme("Deaths and other events")
EXACT: dict[str, Value] = {"settings.correction": "half_cycle", "settings.within_cycle": "half_cycle_exposure"}
"""Conventions of second order in the cycle, whatever the workbook's own."""


@theme(
    "TV-18",
    "Without mortality nobody dies",
    "Background, excess rates and overall survival switched off: undiscounted life-years are the horizon",
)
def nobody_dies(bench: Bench) -> Finding:
    outcomes = bench.run(_without_deaths(bench))
    dead, horizon = float(outcomes.entered(State.DEATH).max()), float(bench.trace.boundaries[-1])
    years = outcomes.life_years[0, :, 0].sum(axis=-1)
    return within(max(dead, gap(years, np.full(len(years), horizon))), 1e-9, f"{horizon:.2f} years, no deaths")


def _without_deaths(bench: Bench) -> dict[str, Value]:
    changes: dict[str, Value] = {
        "mortality.smr": 0.0,
        "settings.post_progression": "rate",
        "settings.post_progression_rate": "common",
        "post_progression.excess_rate.common": 0.0,
        "spm.excess_death.haematologic": 0.0,
        "spm.excess_death.solid": 0.0,
    }
    return changes


@theme("TV-19", "Very high mortality kills at once", "Background mortality times 1,000")
def everybody_dies(bench: Bench) -> Finding:
    trace = bench.trace_of({"mortality.smr": 1000.0, "settings.horizon_years": 3.0})
    alive = [float(np.interp(2.0, trace.boundaries, curve)) for curve in trace.curves["os"][0]]
    return holds(max(alive) < 0.01, "below 1 % alive after two years", f"{max(alive):.2%}")


@theme(
    "TV-23",
    "Patients do not outlive the general population",
    "Overall survival against the life table, counted year of age by year of age",
    cheap=True,
)
def general_population(bench: Bench) -> Finding:
    if bench.inputs.number("mortality.smr") < 1.0:
        return not_applicable("the workbook's standardised mortality ratio is below 1: patients may live longer")
    population = textbook.general_population(bench.inputs, bench.trace.boundaries)
    excess = float((bench.trace.curves["os"][0] - population).max())
    return holds(excess <= 1e-4, "below it at every age, within 0.0001", f"excess {excess:.2g}")


@theme("TV-39", "Patients who start younger live longer", "Age at time zero 5 years lower, the horizon as it was")
def baseline(bench: Bench) -> Finding:
    same: dict[str, Value] = {"settings.horizon_years": float(bench.trace.boundaries[-1])}
    before = bench.run(same).life_years[0, :, 0].sum(axis=-1)
    after = bench.run({**same, "cohort.age": bench.number("cohort.age") - 5.0}).life_years[0, :, 0].sum(axis=-1)
    note = "survival follows trial curves, so age acts through the background alone"
    return plausible(bool((after >= before - 1e-9).all()), "at least as long", amounts(after - before), note)


@theme(
    "FT-06",
    "Without excess mortality, life expectancy is the general population's",
    "Excess deaths off, then overall survival so long that the life table alone counts; life table added up by hand",
)
def life_expectancy(bench: Bench) -> Finding:
    off = {**_without_deaths(bench), "mortality.smr": 1.0, **EXACT}
    anchored: dict[str, Value] = {**off, "settings.post_progression": "overall_survival"}
    for s in bench.names:
        median = f"os.median.{s}"
        anchored |= {f"os.family.{s}": "weibull", f"os.shape.{s}": 1.0, median: bench.as_model(median, 1e6)}
        anchored |= {f"os.waning_start.{s}": None, f"os.waning_end.{s}": None}
    edges = bench.trace.boundaries
    alive = textbook.general_population(bench.inputs, edges)
    expected = float(edges[1] * (alive.sum() - 0.5 * (alive[0] + alive[-1])))
    years = [bench.run(changes).life_years[0, :, 0].sum(axis=-1) for changes in (off, anchored)]
    worst = max(gap(found, np.full(len(found), expected)) for found in years)
    return within(worst, 1e-3, f"{expected:.3f} years", "entrants of a cycle are exposed for half of it: of order 2")


@theme(
    "FT-16",
    "Stops for toxicity meet the proportion they were solved from",
    "Cumulative incidence among starters, added up from the trace",
    cheap=True,
)
def stops(bench: Bench) -> Finding:
    gaps = {}
    for s in bench.treated:
        key, period = f"toxicity.proportion.{s}", f"toxicity.period.{s}"
        if bench.inputs.given(key) and bench.inputs.given(period):
            end = bench.inputs.number(f"treatment.start.{s}") + bench.inputs.number(period)
            if end <= bench.trace.boundaries[-1]:
                reached = stopped_for_toxicity(bench.inputs, bench.trace, bench.index(s), end)
                gaps[s] = abs(reached - bench.number(key))
    if not gaps:
        return not_applicable("no strategy states a proportion of stops within the horizon")
    return within(max(gaps.values()), 1e-6, "the proportions of the workbook")


@theme(
    "FT-17",
    "Second malignancies are rate times time at risk",
    "First ones by type, from time on and off drug in the trace",
    cheap=True,
)
def malignancies(bench: Bench) -> Finding:
    worst, asked = 0.0, 0
    entries = bench.base.entries[0]
    for s in bench.names:
        if bench.inputs.given(f"spm.proportion.{s}") or bench.number(f"spm.lag.{s}"):
            continue
        book, asked = textbook.Ledger(bench, bench.trace, s, 0.0), asked + 1
        on, off = _spm_rate(bench, f"spm.rate.{s}"), _spm_rate(bench, f"spm.rate_off_treatment.{s}")
        treated = float(book.treated().sum()) if book.starts else 0.0
        at_risk = sum(float(book.in_state(x).sum()) for x in list(State)[:3])
        expected = off * at_risk + (on - off) * treated
        share = bench.number(f"spm.share_haematologic.{s}")
        for state, part in ((State.SPM_HAEMATOLOGIC, share), (State.SPM_SOLID, 1.0 - share)):
            found = float(entries[bench.index(s), list(State).index(state)])
            worst = max(worst, abs(found - part * expected) / max(expected, 1e-9))
    if not asked:
        return not_applicable("rates come from proportions or begin after a lag")
    one_move = bench.inputs.text("settings.within_cycle") == "one_move"
    return within(worst, 2e-2 if one_move else 2e-3, "equal by strategy and type")


def _spm_rate(bench: Bench, identifier: str) -> float:
    """Per year; without a rate on treatment, that off it."""
    if not bench.inputs.given(identifier):
        identifier = identifier.replace("spm.rate.", "spm.rate_off_treatment.")
    return bench.number(identifier) / 100.0


@theme(
    "FT-18",
    "Modelled overall survival is the curve it should follow",
    "Where deaths follow the OS curves: the trace against the curve floored at the life table",
    cheap=True,
)
def anchor(bench: Bench) -> Finding:
    hazards = bench.hazards
    if hazards.overall is None:
        return not_applicable("deaths after progression come from a rate or a curve of their own")
    cohorts = (hazards.cycles, len(bench.names), 1)
    told = survival_from_increments(np.broadcast_to(hazards.overall, cohorts))[..., 0].T
    gaps = np.abs(bench.trace.curves["os"][0] - told)
    limited = bench.base.counts["clipped_cycles"][0]
    good = bool(((gaps > 1e-6).sum(axis=1) <= 2 * limited).all()) and float(gaps.max()) < 1e-2
    note = f"{int(limited.sum())} cycles in which nobody more, or nobody less, could die" if limited.any() else ""
    return holds(
        good,
        "equal within 1e-6, but at a limit and while it is made good",
        f"largest gap {float(gaps.max()):.2g}",
        note,
    )
