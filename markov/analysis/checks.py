"""Checks of a run: what must hold whatever the numbers, with what was expected and what was observed.

What takes another run of the model stands in `checks_by_rerun`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from markov.analysis.accounts import above_population, survival_of, unbalanced
from markov.analysis.trial_comparison import stopped_for_toxicity
from markov.inputs.parameters import Columns, Inputs
from markov.model.hazards import Hazards, build_hazards, horizon_years
from markov.model.outcomes import Outcomes, Trace
from markov.terms import MONTHS_PER_YEAR, Array, Correction, Verdict, WithinCycle


@dataclass(frozen=True)
class Check:
    """One check: what should be, what is, and whether that is well."""

    id: str
    title: str
    expected: str
    observed: str
    verdict: Verdict
    note: str = ""


Found = Iterator[Check]


@dataclass(frozen=True)
class _Run:
    """A run of one row with its trace, and the hazards that it was made of."""

    inputs: Inputs
    outcomes: Outcomes
    trace: Trace
    hazards: Hazards

    def told(self, increments: Array) -> Array:
        """Survival that a curve's increments make, (strategies, cycles + 1)."""
        return survival_of(self.hazards, increments, len(self.outcomes.strategies))


def checks_of_a_run(inputs: Inputs, outcomes: Outcomes) -> tuple[Check, ...]:
    """Every check of a base case that its own outcomes, with their trace, are enough for.

    >>> [check.id for check in checks_of_a_run(calgb, calgb_base.outcomes) if check.verdict != "pass"]
    ['curves.crossing']
    """
    assert outcomes.trace is not None, "checks need the trace"
    bare = replace(inputs, scenarios=())
    run = _Run(bare, outcomes, outcomes.trace, build_hazards(Columns(bare, {}, 1)))
    rules = (_occupancy, _population, _areas, _discounted, _parts, _flows, _ends, _pfs, _overall, _counts, _stops)
    return tuple(check for rule in rules for check in rule(run))


def near(
    identifier: str, title: str, expected: str, gap: float, tolerance: float, note: str = "", *, warn: bool = False
) -> Check:
    """A check that a gap stays within its tolerance.

    >>> near("sum", "States sum to the cohort", "1, within 1e-12", 2e-9, 1e-12).observed
    'largest gap 2e-09'
    """
    bad = Verdict.WARN if warn else Verdict.FAIL
    verdict = Verdict.PASS if gap <= tolerance else bad
    return Check(identifier, title, expected, f"largest gap {gap:.2g}", verdict, note)


def relative_gap(found: Array, expected: Array) -> float:
    """Largest difference, relative to the largest expected value; not a number counts as infinite.

    >>> relative_gap(np.array([2.0, 4.0]), np.array([2.0, 5.0]))
    0.2
    """
    scale = max(float(np.max(np.abs(expected), initial=0.0)), 1e-12)
    difference = np.abs(np.asarray(found) - np.asarray(expected))
    return float(np.nan_to_num(np.max(difference, initial=0.0) / scale, nan=np.inf))


def apart(found: Outcomes, expected: Outcomes, names: Mapping[str, str] | None = None) -> float:
    """Largest relative difference in any cost or QALY, strategy by strategy; `names` are those that were exchanged.

    >>> apart(calgb_base.outcomes, calgb_base.outcomes)
    0.0
    """
    order = [found.strategies.index((names or {}).get(s, s)) for s in expected.strategies]
    pairs = ((found.costs, expected.costs), (found.qalys, expected.qalys))
    return max(relative_gap(part[:, order], other) for part, other in pairs)


def _occupancy(run: _Run) -> Found:
    occupancy = run.trace.occupancy[0]
    lowest = float(occupancy.min())
    verdict = Verdict.PASS if lowest >= -1e-15 else Verdict.FAIL
    yield Check("occupancy.positive", "No state holds less than nobody", "at least 0", f"lowest {lowest:.2g}", verdict)
    gap = float(np.abs(occupancy.sum(axis=-1) - 1.0).max())
    yield near("occupancy.sum", "States sum to the whole cohort", "1 in every cycle, within 1e-12", gap, 1e-12)
    falls = float(np.maximum(-np.diff(occupancy[:, :, -1], axis=1), 0.0).max())
    yield near("death.never_falls", "Nobody returns from death", "deaths never fall", falls, 1e-15)


def _population(run: _Run) -> Found:
    """Survival stays below that of the general population of the same age and sex, where the SMR is 1 or more."""
    if run.inputs.number("mortality.smr") >= 1.0:
        gap = float(above_population(Columns(run.inputs, {}, 1), run.trace)[0])
        title = "Survival does not exceed the general population's"
        yield near("survival.population", title, "below it, within 1e-4", gap, 1e-4)


def _areas(run: _Run) -> Found:
    """Undiscounted life-years equal the area under modelled overall survival, by the same quadrature."""
    area = _quadrature(Correction(run.inputs.text("settings.correction")), run.trace.boundaries, run.trace.curves["os"])
    gap = float(np.abs(run.outcomes.life_years[0, :, 0].sum(axis=-1) / area[0] - 1.0).max())
    title = "Undiscounted life-years are the area under overall survival"
    yield near("life_years.area", title, "equal, within 1e-9", gap, 1e-9)


def _discounted(run: _Run) -> Found:
    """Discounted life-years recomputed from the trace, with the rates written out."""
    inputs, edges, alive = run.inputs, run.trace.boundaries, run.trace.curves["os"][0]
    correction = Correction(inputs.text("settings.correction"))
    if correction is Correction.HALF_CYCLE:
        middles = 0.5 * (edges[1:] + edges[:-1])
        expected = edges[1] * (0.5 * (alive[:, 1:] + alive[:, :-1]) * _present_value(inputs, middles)).sum(axis=-1)
    else:
        expected = _quadrature(correction, edges, alive * _present_value(inputs, edges))
    gap = relative_gap(run.outcomes.life_years[0, :, 1].sum(axis=-1), expected)
    yield near("discounting.rate", "Discounted life-years follow the discount rate", "equal, within 1e-9", gap, 1e-9)


def _present_value(inputs: Inputs, times: Array) -> Array:
    """Value now of a unit at each time, at the rates for effects: (1 + r)^−t, then at the later rate."""
    years = np.floor(times + 1e-9) if inputs.text("settings.discounting") == "whole_years" else times
    rate, later, change = inputs.number("settings.discount_rate.effects"), 0.0, np.inf
    if inputs.given("settings.discount_change_years"):
        change = inputs.number("settings.discount_change_years")
        later = inputs.number("settings.discount_rate_later.effects")
    return np.asarray((1 + rate) ** -np.minimum(years, change) * (1 + later) ** -np.maximum(years - change, 0.0))


def _quadrature(correction: Correction, boundaries: Array, curve: Array) -> Array:
    """Area under a curve (…, boundaries) as a textbook would write it."""
    length = boundaries[1]
    if correction is Correction.START:
        return np.asarray(length * curve[..., :-1].sum(axis=-1))
    if correction is Correction.END:
        return np.asarray(length * curve[..., 1:].sum(axis=-1))
    if correction is Correction.HALF_CYCLE:
        return np.asarray(length * (curve.sum(axis=-1) - 0.5 * (curve[..., 0] + curve[..., -1])))
    inner = 4.0 * curve[..., 1:-1:2].sum(axis=-1) + 2.0 * curve[..., 2:-1:2].sum(axis=-1)
    return np.asarray(length / 3.0 * (curve[..., 0] + inner + curve[..., -1]))


def _parts(run: _Run) -> Found:
    """QALYs by state and QALYs by component are two ways to the same total."""
    by_state, by_component = run.outcomes.qalys[0].sum(axis=-1), run.outcomes.qaly_components[0].sum(axis=-1)
    gap = float(np.abs(by_state - by_component).max())
    yield near("qalys.parts", "QALYs by state and by component sum to one total", "equal, within 1e-9", gap, 1e-9)


def _flows(run: _Run) -> Found:
    """Who entered a state left it or is still there."""
    gap = float(unbalanced(run.trace).max())
    yield near("flows.balance", "Entries equal exits plus those still there", "equal, within 1e-12", gap, 1e-12)


def _ends(run: _Run) -> Found:
    """The horizon is long enough for nearly all differences."""
    alive = float(run.trace.curves["os"][0, :, -1].max())
    asked, end = horizon_years(run.inputs), float(run.trace.boundaries[-1])
    note = "" if abs(end - asked) < 1e-9 else f"{asked:g} years are rounded up to {end:.2f}: whole cycles"
    verdict, observed = Verdict.PASS if alive < 0.01 else Verdict.WARN, f"{alive:.2%} at {end:.1f} years"
    yield Check("horizon.alive", "Few are alive at the horizon", "below 1 %", observed, verdict, note)


def _pfs(run: _Run) -> Found:
    """Modelled PFS, net of second malignancies, against the curve it was built from."""
    inputs, modelled = run.inputs, run.trace.curves["pfs_net_of_spm"][0]
    kept = inputs.text("settings.within_cycle") != WithinCycle.ONE_MOVE and all(
        inputs.number(f"toxicity.progression_ratio.{s}") == 1.0
        and inputs.text(f"toxicity.after_stopping.{s}") == "ratio"
        for s in inputs.compared
    )
    observed = any(inputs.given(f"toxicity.observed_proportion.{s}") for s in inputs.compared)
    tolerance = 1e-4 if kept else 1e-3
    curves = (run.hazards.floored, run.hazards.pfs)
    gap, unfloored = (float(np.abs(modelled - run.told(increments)).max()) for increments in curves)
    note = f"before flooring at the background and capping at OS the gap is {unfloored:.2g}"
    if observed:
        note += "; the hazard on treatment is kept as observed, so that PFS may differ: what-if"
    title = "Modelled PFS net of second malignancies is its input curve, floored at the background"
    excused = observed or bool(run.outcomes.counts["negative_hazard_cycles"].any())
    yield near("pfs.floored", title, f"equal, within {tolerance:g}", gap, tolerance, note, warn=excused)


def _overall(run: _Run) -> Found:
    """Where OS is the anchor, modelled OS follows it."""
    if run.hazards.overall is not None:
        gap = float(np.abs(run.trace.curves["os"][0] - run.told(run.hazards.overall)).max())
        clipped = int(run.outcomes.counts["clipped_cycles"][0].sum())
        note = f"{clipped} cycles in which deaths after progression were at their limit" if clipped else ""
        yield near("os.anchor", "Modelled OS follows the OS curves", "equal, within 1e-3", gap, 1e-3, note, warn=True)


def _counts(run: _Run) -> Found:
    """Rules that changed a curve say how often."""
    counts = {key: values[0] for key, values in run.outcomes.counts.items()}
    labels, hazards = [run.inputs.labels[s] for s in run.inputs.compared], run.hazards

    def listed(key: str) -> str:
        return ", ".join(f"{label} {int(n)}" for label, n in zip(labels, counts[key], strict=True))

    below = np.broadcast_to(hazards.pfs < hazards.background, (hazards.cycles, len(labels), 1))[..., 0].T
    late = ", ".join(f"{hazards.boundaries[int(np.argmax(cycles))]:.1f}" for cycles in below)
    title = "Cycles in which PFS is floored at background mortality"
    yield Check("pfs.floor", title, "counted and shown", listed("floored_cycles"), Verdict.PASS, f"from year {late}")
    if hazards.overall is not None:
        where = ", ".join("never" if np.isnan(y) else f"{y:.1f}" for y in counts["first_crossing_years"])
        verdict = Verdict.WARN if counts["crossing_cycles"].any() else Verdict.PASS
        title, expected = "Cycles in which PFS would exceed OS", "none; otherwise capped and counted"
        yield Check("curves.crossing", title, expected, listed("crossing_cycles"), verdict, f"first at year: {where}")
    if counts["negative_hazard_cycles"].any():
        title = "Cycles in which the hazard on treatment would be negative"
        note, observed = "floored at 0: the PFS curve is not preserved there", listed("negative_hazard_cycles")
        yield Check("toxicity.negative_hazard", title, "none", observed, Verdict.WARN, note)


def _stops(run: _Run) -> Found:
    """Modelled stops meet the figures they were solved from."""
    inputs = run.inputs
    for i, s in enumerate(inputs.compared):
        if not inputs.value(f"treatment.share_starting.{s}"):
            continue
        label, start = inputs.labels[s], inputs.number(f"treatment.start.{s}")
        proportion, period, median = (
            inputs.number(key) if inputs.given(key) else None
            for key in (f"toxicity.proportion.{s}", f"toxicity.period.{s}", f"treatment.median_duration.{s}")
        )
        if proportion is not None and period is not None and start + period <= run.trace.boundaries[-1] + 1e-9:
            reached = stopped_for_toxicity(inputs, run.trace, i, start + period)
            title = f"Stops for toxicity among starters, {label}"
            expected = f"{proportion:.4g} by {period * MONTHS_PER_YEAR:g} months, within 1e-6"
            verdict = Verdict.PASS if abs(reached - proportion) <= 1e-6 else Verdict.FAIL
            yield Check(f"toxicity.proportion.{s}", title, expected, f"{reached:.8g}", verdict)
        if median is not None:
            told = median * MONTHS_PER_YEAR
            reached = (float(run.outcomes.curves["on_treatment"].median[0, i]) - start) * MONTHS_PER_YEAR
            met, title = abs(reached - told) <= 0.05, f"Median time on treatment, {label}"
            note = "" if met else "out of reach: the other exits alone take longer or shorter"
            verdict, observed = Verdict.PASS if met else Verdict.WARN, f"{reached:.3f} months"
            yield Check(f"treatment.median.{s}", title, f"{told:g} months, within 0.05", observed, verdict, note)
