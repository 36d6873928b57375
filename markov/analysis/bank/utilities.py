"""Utilities and QALYs: what a year in each state is worth, and that it is worth nothing else."""

import numpy as np

from markov.analysis.bank import textbook
from markov.analysis.bank.bench import Bench
from markov.analysis.bank.events import EXACT
from markov.analysis.bank.registry import Finding, Theme, amounts, gap, holds, plausible, within
from markov.inputs.parameters import Value
from markov.terms import LIVING, Array

theme = Theme("Utilities and QALYs")
UNADJUSTED: dict[str, Value] = {"settings.age_adjustment": "off", "settings.utility_cap": "off"}
RATES: dict[str, Value] = {
    "settings.discount_rate.costs": 0.05,
    "settings.discount_rate.effects": 0.02,
    "settings.discount_change_years": None,
    "settings.discounting": "exact_time",
    "settings.correction": "half_cycle",
}
"""Rates that differ, so that costs and effects cannot trade theirs unseen."""


def _all(bench: Bench, utility: float) -> dict[str, Value]:
    """Every state at one utility, nothing lost, no adjustment for age."""
    states: dict[str, Value] = {f"utility.{state}": utility for state in LIVING}
    return {**states, **bench.times(bench.losses, 0.0), **UNADJUSTED}


@theme(
    "TV-14", "With every utility 1, QALYs are life-years", "Utilities 1, decrements 0, no adjustment; also over 5 years"
)
def ones(bench: Bench) -> Finding:
    short: dict[str, Value] = {**_all(bench, 1.0), "settings.horizon_years": 5.0}
    worst = max(gap(found.qalys, found.life_years) for found in (bench.run(_all(bench, 1.0)), bench.run(short)))
    return within(worst, 1e-9, "equal in every state, discounted and not")


@theme("TV-15", "With every utility 0 there are no QALYs", "Utilities and decrements 0")
def zeros(bench: Bench) -> Finding:
    return within(float(np.abs(bench.run(_all(bench, 0.0)).qalys).max()), 1e-12, "0 in every state")


@theme(
    "TV-16",
    "A lower utility lowers the QALYs of its own state, and of no other",
    "The utility of each living state in turn times 0.9, without the cap",
)
def lower(bench: Bench) -> Finding:
    uncapped: dict[str, Value] = {"settings.utility_cap": "off"}
    before, wrong = bench.run(uncapped), []
    for i, state in enumerate(LIVING):
        key = f"utility.{state}"
        after = bench.run({**uncapped, key: 0.9 * bench.number(key)})
        fall = before.qalys[0] - after.qalys[0]
        others = np.delete(fall, i, axis=-1)
        expected = bench.number(key) > 0.0 and bool((before.life_years[0, :, 0, i] > 1e-12).any())
        good = float(np.abs(others).max()) < 1e-9 and (bool(fall[..., i].max() > 1e-12) or not expected)
        wrong += [] if good and bool((fall[..., i] > -1e-12).all()) else [str(state)]
    return holds(not wrong, "its own QALYs fall, the others stay", ", ".join(wrong) or "as expected in 5 states")


@theme(
    "TV-24",
    "No utility exceeds the general population's",
    "Every utility 1 under the workbook's cap: QALYs against the population's norms, added up from the trace; without "
    "a cap, the highest utility against the norm",
)
def norms(bench: Bench) -> Finding:
    inputs = bench.inputs
    middles = 0.5 * (bench.trace.boundaries[1:] + bench.trace.boundaries[:-1])
    norm, at_start = textbook.norms(inputs, middles), float(textbook.norms(inputs, np.zeros(1))[0])
    highest = max(float(str(inputs.value(f"utility.{state}"))) for state in LIVING)
    if inputs.text("settings.utility_cap") == "on":
        excess = _above_norms(bench, norm)
        return holds(excess <= 1e-9, "no more QALYs than at the norms", f"excess {excess:.2g}")
    lowest = at_start if inputs.text("settings.age_adjustment") == "on" else float(norm.min())
    finding = f"highest utility {highest:g}, norm {lowest:.3f}"
    note = "the workbook switches the cap off: say why patients may be better off than the population of their age"
    return plausible(highest <= lowest, "at most the norm, although the cap is off", finding, note)


def _above_norms(bench: Bench, norm: Array) -> float:
    """Excess of QALYs in the states over time at the norms, undiscounted, at full health: largest of all strategies."""
    changes: dict[str, Value] = {f"utility.{state}": 1.0 for state in LIVING}
    changes |= {"settings.correction": "half_cycle"}
    outcomes, trace, worst = bench.run(changes, trace=True), bench.trace_of(changes), -np.inf
    for s in bench.names:
        book = textbook.Ledger(bench, trace, s, 0.0)
        most = sum(float((book.in_state(state) * norm).sum()) for state in LIVING)
        worst = max(worst, float(outcomes.qaly_components[0, bench.index(s), 0, 0]) - most)
    return worst


@theme("TV-36", "Life-years are at least QALYs", "Totals of the base case", cheap=True)
def fewer_qalys(bench: Bench) -> Finding:
    left = float((bench.base.life_years - bench.base.qalys).sum(axis=-1).min())
    return holds(left >= -1e-12, "at least 0 left", f"smallest difference {left:.3g}")


@theme(
    "TV-38",
    "QALYs per life-year lie among the utilities",
    "Undiscounted, losses and age added to the range",
    cheap=True,
)
def mean_utility(bench: Bench) -> Finding:
    base, inputs = bench.base, bench.inputs
    ratio = base.qaly_components[0, :, 0, 0] / base.life_years[0, :, 0].sum(axis=-1)
    values = [float(str(inputs.value(f"utility.{state}"))) for state in LIVING]
    norm = textbook.norms(inputs, bench.trace.boundaries)
    oldest = float((norm / norm[0]).min()) if inputs.text("settings.age_adjustment") == "on" else 1.0
    low, high = min(v * (oldest if v > 0 else 1.0) for v in values), max(values)
    good = bool(((ratio >= min(low, float(norm.min())) - 1e-9) & (ratio <= high + 1e-9)).all())
    return holds(good, f"{low:.3f} to {high:.3f}", amounts(ratio), "before losses by events and treatment")


@theme(
    "FT-07",
    "Without excess mortality and at full health, QALYs are the general population's",
    "Excess deaths off, every utility 1, capped and adjusted for age: norms along the life table added up by hand",
)
def quality_adjusted_expectancy(bench: Bench) -> Finding:
    changes: dict[str, Value] = {f"utility.{state}": 1.0 for state in LIVING}
    changes |= bench.times(bench.losses, 0.0)
    changes |= {"settings.age_adjustment": "on", "settings.utility_cap": "on", **EXACT}
    changes |= {"settings.post_progression": "rate", "settings.post_progression_rate": "common", "mortality.smr": 1.0}
    changes |= {"post_progression.excess_rate.common": 0.0}
    changes |= {f"spm.excess_death.{kind}": 0.0 for kind in ("haematologic", "solid")}
    found = bench.run(changes).qalys[0, :, 0].sum(axis=-1)
    edges = bench.trace.boundaries
    alive = textbook.general_population(bench.inputs, edges)
    norm = textbook.norms(bench.inputs, 0.5 * (edges[1:] + edges[:-1]))
    expected = float((edges[1] * 0.5 * (alive[1:] + alive[:-1]) * norm).sum())
    return within(gap(found, np.full(len(found), expected)), 1e-3, f"{expected:.3f} QALYs")


@theme(
    "FT-19",
    "QALYs are those of the workbook's cells",
    "Every state's QALYs recomputed from the trace: utilities, norms by age, decrements, events; effects at 2 % a year",
)
def recomputed(bench: Bench) -> Finding:
    outcomes, trace = bench.run(RATES, trace=True), bench.trace_of(RATES)
    gaps = []
    for s in bench.names:
        found = outcomes.qalys[0, bench.index(s)]
        for schedule, rate in ((0, 0.0), (1, 0.02)):
            told = textbook.qalys(bench, trace, s, rate)
            gaps.append(gap(found[schedule], np.array([told[state] for state in LIVING])))
    return within(max(gaps, default=0.0), 1e-3, "equal in every state, discounted and not")
