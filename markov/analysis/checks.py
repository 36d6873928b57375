"""Checks of a run: what must hold whatever the numbers, with what was expected and what was observed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from markov.inputs.definitions.schema import match
from markov.inputs.parameters import Columns, Inputs, Parameter, Value, with_values
from markov.inputs.rules.between_values import products_of
from markov.model.evaluate import evaluate_side_by_side
from markov.model.hazards import Hazards, build_hazards, horizon_years
from markov.model.outcomes import Outcomes, Trace
from markov.model.structure import MAINTENANCE_MODEL
from markov.survival.hazards import survival_from_increments
from markov.survival.life_table import LifeTable
from markov.terms import LIVING, MONTHS_PER_YEAR, Array, Correction, CostCategory, State, Verdict, WithinCycle


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
class Rerun:
    """A check by another run: of which inputs, with which rows, and how its outcomes compare with the base case."""

    inputs: Inputs
    compare: Callable[[Outcomes, Outcomes], Found]
    rows: Mapping[str, Array] = field(default_factory=dict)


def verify(inputs: Inputs, outcomes: Outcomes, again: Sequence[Outcomes] | None = None) -> tuple[Check, ...]:
    """Every check of the base case; `outcomes` must carry its trace, `again` may be what `run_again` gave elsewhere.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> from markov.model.evaluate import evaluate
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> any(check.verdict == "fail" for check in verify(inputs, evaluate(inputs, trace=True)))
    False
    """
    bare = replace(inputs, scenarios=())
    hazards = build_hazards(Columns(bare, {}, 1))
    found: list[Check] = []
    for rule in (_occupancy, _population, _areas, _discounted, _parts, _flows, _ends):
        found += rule(bare, outcomes)
    for with_hazards in (_progression_free, _overall, _counts):
        found += with_hazards(bare, outcomes, hazards)
    found += _stops(bare, outcomes)
    for rerun, other in zip(_reruns(bare), again or run_again(bare), strict=True):
        found += rerun.compare(outcomes, other)
    return tuple(found)


def run_again(inputs: Inputs) -> list[Outcomes]:
    """Outcomes of the runs that checks compare with the base case."""
    return evaluate_side_by_side([(rerun.inputs, rerun.rows) for rerun in _reruns(replace(inputs, scenarios=()))])


def _reruns(inputs: Inputs) -> list["Rerun"]:
    return [rerun for each in RERUNS for rerun in each(inputs)]


def _near(
    identifier: str, title: str, expected: str, gap: float, tolerance: float, note: str = "", *, warn: bool = False
) -> Check:
    """A check that a gap stays within its tolerance."""
    bad = Verdict.WARN if warn else Verdict.FAIL
    verdict = Verdict.PASS if gap <= tolerance else bad
    return Check(identifier, title, expected, f"largest gap {gap:.2g}", verdict, note)


def _occupancy(inputs: Inputs, outcomes: Outcomes) -> Found:
    del inputs
    occupancy = _trace(outcomes).occupancy[0]
    lowest = float(occupancy.min())
    yield Check(
        "occupancy.positive",
        "No state holds less than nobody",
        "at least 0",
        f"lowest {lowest:.2g}",
        Verdict.PASS if lowest >= -1e-15 else Verdict.FAIL,
    )
    gap = float(np.abs(occupancy.sum(axis=-1) - 1.0).max())
    yield _near("occupancy.sum", "States sum to the whole cohort", "1 in every cycle, within 1e-12", gap, 1e-12)
    falls = float(np.maximum(-np.diff(occupancy[:, :, -1], axis=1), 0.0).max())
    yield _near("death.never_falls", "Nobody returns from death", "deaths never fall", falls, 1e-15)


def _population(inputs: Inputs, outcomes: Outcomes) -> Found:
    """Survival stays below that of the general population of the same age and sex, where the SMR is 1 or more."""
    if inputs.number("mortality.smr") < 1.0:
        return
    table, trace = inputs.life_table, _trace(outcomes)
    life = LifeTable.from_probabilities(table.ages, table.male, table.female)
    age, female = (np.asarray(inputs.number(f"cohort.{key}")) for key in ("age", "proportion_female"))
    population = life.survival(age, female, trace.boundaries)
    gap = float(np.maximum(trace.curves["os"][0] - population, 0.0).max())
    yield _near(
        "survival.population", "Survival does not exceed the general population's", "below it, within 1e-4", gap, 1e-4
    )


def _areas(inputs: Inputs, outcomes: Outcomes) -> Found:
    """Undiscounted life-years equal the area under modelled overall survival, by the same quadrature."""
    trace = _trace(outcomes)
    area = _quadrature(Correction(inputs.text("settings.correction")), trace.boundaries, trace.curves["os"][0])
    gap = float(np.abs(outcomes.life_years[0, :, 0].sum(axis=-1) / area - 1.0).max())
    yield _near(
        "life_years.area",
        "Undiscounted life-years are the area under overall survival",
        "equal, within 1e-9",
        gap,
        1e-9,
    )


def _discounted(inputs: Inputs, outcomes: Outcomes) -> Found:
    """Discounted life-years recomputed from the trace, with the rates written out."""
    trace, correction = _trace(outcomes), Correction(inputs.text("settings.correction"))
    edges, alive = trace.boundaries, trace.curves["os"][0]
    if correction is Correction.HALF_CYCLE:
        middles = 0.5 * (edges[1:] + edges[:-1])
        expected = edges[1] * (0.5 * (alive[:, 1:] + alive[:, :-1]) * _present_value(inputs, middles)).sum(axis=-1)
    else:
        expected = _quadrature(correction, edges, alive * _present_value(inputs, edges))
    gap = _gap(outcomes.life_years[0, :, 1].sum(axis=-1), expected)
    yield _near("discounting.rate", "Discounted life-years follow the discount rate", "equal, within 1e-9", gap, 1e-9)


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


def _parts(inputs: Inputs, outcomes: Outcomes) -> Found:
    """QALYs by state and QALYs by component are two ways to the same total."""
    del inputs
    by_state, by_component = outcomes.qalys[0].sum(axis=-1), outcomes.qaly_components[0].sum(axis=-1)
    gap = float(np.abs(by_state - by_component).max())
    yield _near("qalys.parts", "QALYs by state and by component sum to one total", "equal, within 1e-9", gap, 1e-9)


def _flows(inputs: Inputs, outcomes: Outcomes) -> Found:
    """Who entered a state left it or is still there."""
    del inputs
    trace = _trace(outcomes)
    total = trace.flows[0].sum(axis=1)
    change = trace.occupancy[0, :, -1] - trace.occupancy[0, :, 0]
    gap = 0.0
    for i, state in enumerate(State):
        into = [row for pair, row in MAINTENANCE_MODEL.row.items() if pair[1] == state]
        out = [row for pair, row in MAINTENANCE_MODEL.row.items() if pair[0] == state]
        net = total[:, into].sum(axis=1) - total[:, out].sum(axis=1)
        gap = max(gap, float(np.abs(net - change[:, i]).max()))
    yield _near("flows.balance", "Entries equal exits plus those still there", "equal, within 1e-12", gap, 1e-12)


def _ends(inputs: Inputs, outcomes: Outcomes) -> Found:
    """The horizon is long enough for nearly all differences."""
    trace = _trace(outcomes)
    alive = float(trace.curves["os"][0, :, -1].max())
    asked, run = horizon_years(inputs), float(trace.boundaries[-1])
    note = "" if abs(run - asked) < 1e-9 else f"{asked:g} years are rounded up to {run:.2f}: whole cycles"
    yield Check(
        "horizon.alive",
        "Few are alive at the horizon",
        "below 1 %",
        f"{alive:.2%} at {run:.1f} years",
        Verdict.PASS if alive < 0.01 else Verdict.WARN,
        note,
    )


def _progression_free(inputs: Inputs, outcomes: Outcomes, hazards: Hazards) -> Found:
    """Modelled PFS, net of second malignancies, against the curve it was built from."""
    modelled = _trace(outcomes).curves["pfs_net_of_spm"][0]
    floored = survival_from_increments(np.broadcast_to(hazards.floored, (hazards.cycles, len(modelled), 1)))[..., 0].T
    told = survival_from_increments(np.broadcast_to(hazards.pfs, (hazards.cycles, len(modelled), 1)))[..., 0].T
    kept = inputs.text("settings.within_cycle") != WithinCycle.ONE_MOVE and all(
        inputs.number(f"toxicity.progression_ratio.{s}") == 1.0
        and inputs.text(f"toxicity.after_stopping.{s}") == "ratio"
        for s in inputs.compared
    )
    observed = any(inputs.given(f"toxicity.observed_proportion.{s}") for s in inputs.compared)
    tolerance = 1e-4 if kept else 1e-3
    gap, unfloored = float(np.abs(modelled - floored).max()), float(np.abs(modelled - told).max())
    note = f"before flooring at the background and capping at OS the gap is {unfloored:.2g}"
    if observed:
        note += "; the hazard on treatment is kept as observed, so that PFS may differ: what-if"
    expected = f"equal, within {tolerance:g}"
    title = "Modelled PFS net of second malignancies is its input curve, floored at the background"
    excused = observed or bool(outcomes.counts["negative_hazard_cycles"].any())
    yield _near("pfs.floored", title, expected, gap, tolerance, note, warn=excused)


def _overall(inputs: Inputs, outcomes: Outcomes, hazards: Hazards) -> Found:
    """Where OS is the anchor, modelled OS follows it."""
    if hazards.overall is None:
        return
    modelled = _trace(outcomes).curves["os"][0]
    target = survival_from_increments(np.broadcast_to(hazards.overall, (hazards.cycles, len(modelled), 1)))[..., 0].T
    gap, clipped = float(np.abs(modelled - target).max()), int(outcomes.counts["clipped_cycles"][0].sum())
    note = f"{clipped} cycles in which deaths after progression were at their limit" if clipped else ""
    yield _near("os.anchor", "Modelled OS follows the OS curves", "equal, within 1e-3", gap, 1e-3, note, warn=True)


def _counts(inputs: Inputs, outcomes: Outcomes, hazards: Hazards) -> Found:
    """Rules that changed a curve say how often."""
    counts = {key: values[0] for key, values in outcomes.counts.items()}
    labels = [inputs.labels[s] for s in inputs.compared]

    def listed(key: str) -> str:
        return ", ".join(f"{label} {int(n)}" for label, n in zip(labels, counts[key], strict=True))

    late = [
        f"{hazards.boundaries[int(np.argmax(below))]:.1f}"
        for below in np.broadcast_to(hazards.pfs < hazards.background, (hazards.cycles, len(labels), 1))[..., 0].T
    ]
    yield Check(
        "pfs.floor",
        "Cycles in which PFS is floored at background mortality",
        "counted and shown",
        listed("floored_cycles"),
        Verdict.PASS,
        f"from year {', '.join(late)}",
    )
    if hazards.overall is not None:
        where = ", ".join("never" if np.isnan(y) else f"{y:.1f}" for y in counts["first_crossing_years"])
        crossed = bool(counts["crossing_cycles"].any())
        yield Check(
            "curves.crossing",
            "Cycles in which PFS would exceed OS",
            "none; otherwise capped and counted",
            listed("crossing_cycles"),
            Verdict.WARN if crossed else Verdict.PASS,
            f"first at year: {where}",
        )
    if counts["negative_hazard_cycles"].any():
        yield Check(
            "toxicity.negative_hazard",
            "Cycles in which the hazard on treatment would be negative",
            "none",
            listed("negative_hazard_cycles"),
            Verdict.WARN,
            "floored at 0: the PFS curve is not preserved there",
        )


def _stops(inputs: Inputs, outcomes: Outcomes) -> Found:
    """Modelled stops meet the figures they were solved from."""
    for i, strategy in enumerate(inputs.compared):
        if not inputs.value(f"treatment.share_starting.{strategy}"):
            continue
        label, start = inputs.labels[strategy], inputs.number(f"treatment.start.{strategy}")
        end = (
            start + inputs.number(f"toxicity.period.{strategy}") if inputs.given(f"toxicity.period.{strategy}") else 0.0
        )
        seen = end <= _trace(outcomes).boundaries[-1] + 1e-9
        if inputs.given(f"toxicity.proportion.{strategy}") and seen:
            period = inputs.number(f"toxicity.period.{strategy}")
            reached = stopped_for_toxicity(inputs, _trace(outcomes), i, start + period)
            told = inputs.number(f"toxicity.proportion.{strategy}")
            expected = f"{told:.4g} by {period * MONTHS_PER_YEAR:g} months, within 1e-6"
            yield Check(
                f"toxicity.proportion.{strategy}",
                f"Stops for toxicity among starters, {label}",
                expected,
                f"{reached:.8g}",
                Verdict.PASS if abs(reached - told) <= 1e-6 else Verdict.FAIL,
            )
        if inputs.given(f"treatment.median_duration.{strategy}"):
            told = inputs.number(f"treatment.median_duration.{strategy}") * MONTHS_PER_YEAR
            median = float(outcomes.curves["on_treatment"].median[0, i]) - start
            reached = median * MONTHS_PER_YEAR
            yield Check(
                f"treatment.median.{strategy}",
                f"Median time on treatment, {label}",
                f"{told:g} months, within 0.05",
                f"{reached:.3f} months",
                Verdict.PASS if abs(reached - told) <= 0.05 else Verdict.WARN,
                "" if abs(reached - told) <= 0.05 else "out of reach: the other exits alone take longer or shorter",
            )


def stopped_for_toxicity(inputs: Inputs, trace: Trace, strategy: int, years: float) -> float:
    """Cumulative incidence of stops for toxicity among those who started, at a time, from the trace alone.

    Within a cycle all exits run at constant rates: a part f of it sees (1 − e^(−f·x))/(1 − e^(−x)) of its flow.
    """
    name = inputs.compared[strategy]
    start, share = inputs.number(f"treatment.start.{name}"), inputs.number(f"treatment.share_starting.{name}")
    if share == 0.0:
        return 0.0
    present = trace.occupancy[0, strategy, :, 0]
    flow = trace.flows[0, strategy][:, MAINTENANCE_MODEL.row[State.MAINTENANCE, State.TOXICITY]]
    some = np.maximum(present, 1e-300)  # nobody may be left
    x = np.maximum(-np.log(some[1:] / some[:-1]), 1e-12)
    starters = share * _present_at(trace.boundaries, present, flow, x, start)
    parts = np.clip((years - trace.boundaries[:-1]) / trace.boundaries[1], 0.0, 1.0)
    return float((flow * np.expm1(-parts * x) / np.expm1(-x)).sum() / starters)


def _present_at(boundaries: Array, present: Array, flow: Array, x: Array, years: float) -> float:
    """Number in `maintenance` at the start of treatment: before it, nobody stops for toxicity."""
    k = int(np.clip(np.searchsorted(boundaries, years + 1e-9) - 1, 0, len(x) - 1))
    part = (years - boundaries[k]) / boundaries[1]
    toxicity = flow[k] * x[k] / (present[k] * -np.expm1(-x[k]))
    return float(present[k] * np.exp(-part * (x[k] - toxicity)))


def _unit_utilities(inputs: Inputs) -> Iterator[Rerun]:
    ones: dict[str, Value] = {f"utility.{state}": 1.0 for state in LIVING}
    ones |= {"settings.age_adjustment": "off", "settings.utility_cap": "off"}
    lost = ("utility.treatment_decrement.", "adverse_event.disutility.", "spm.disutility.")
    ones |= {key: 0.0 for key in inputs.parameters if key.startswith(lost)}

    def compare(outcomes: Outcomes, again: Outcomes) -> Found:
        del outcomes
        gap = float(np.abs(again.qalys - again.life_years).max())
        title = "With every utility 1, QALYs are life-years"
        yield _near("qalys.unit_utilities", title, "equal, within 1e-9", gap, 1e-9)

    yield Rerun(with_values(inputs, ones), compare)


def _rates_and_prices(inputs: Inputs) -> Iterator[Rerun]:
    """One evaluation at discount rates of 0, at the prices and at twice the prices."""
    rates: dict[str, Value] = {key: 0.0 for key in inputs.parameters if key.startswith("settings.discount_rate")}
    rates |= {"settings.discount_rate.costs": 0.0, "settings.discount_rate.effects": 0.0}
    paid, products = inputs.text("settings.price_set"), {p for s in inputs.compared for p in products_of(inputs, s)}
    keys = [f"price.{product}.{paid}" for product in sorted(products)]
    prices = {key: np.array([1.0, 2.0]) * float(str(inputs.value(key))) for key in keys}

    def compare(outcomes: Outcomes, again: Outcomes) -> Found:
        gap = max(_gap(part[:, :, 0], part[:, :, 1]) for part in (again.life_years, again.qalys, again.costs))
        gap = max(gap, _gap(again.costs[:1, :, 0], outcomes.costs[:, :, 0]))
        title = "At a rate of 0, discounted is undiscounted"
        yield _near("discounting.none", title, "equal, within 1e-12", gap, 1e-12)
        if prices:
            once, twice = again.costs[:, :, 1].copy()
            once[:, list(CostCategory).index(CostCategory.DRUG)] *= 2.0
            title = "Twice the price is twice the drug cost, and nothing else"
            yield _near("price.linear", title, "equal, within 1e-12", _gap(twice, once), 1e-12)

    yield Rerun(with_values(inputs, rates), compare, prices)


def _equal_arms(inputs: Inputs) -> Iterator[Rerun]:
    """Every strategy with the reference's inputs has the reference's results."""
    if len(inputs.compared) < 2:
        return

    def compare(outcomes: Outcomes, again: Outcomes) -> Found:
        reference = outcomes.strategies.index(inputs.reference)
        gap = max(
            _gap(part, np.repeat(base[:, [reference]], part.shape[1], axis=1))
            for part, base in ((again.costs, outcomes.costs), (again.qalys, outcomes.qalys))
        )
        yield _near("arms.equal", "Strategies with equal inputs have equal results", "equal, within 1e-12", gap, 1e-12)

    yield Rerun(with_values(inputs, as_reference(inputs)), compare)


def as_reference(inputs: Inputs) -> dict[str, Value]:
    """Changes that give every other strategy the reference's inputs, each in its own unit."""
    changes: dict[str, Value] = {}
    for identifier, parameter in inputs.parameters.items():
        found = match(identifier)
        if found is None or "strategy" not in found[1] or identifier.startswith("strategy.included."):
            continue
        for other in inputs.compared:
            key = found[0].pattern.format(**{**found[1], "strategy": other})
            twin = found[0].pattern.format(**{**found[1], "strategy": inputs.reference})
            if other == inputs.reference or found[1]["strategy"] not in (other, inputs.reference):
                continue
            value = inputs.value(twin)
            if isinstance(value, float) and parameter.definition.quantity is not None:
                value = inputs.number(twin) / inputs.factor(key)
            changes[key] = value
    return changes


def _swapped_arms(inputs: Inputs) -> Iterator[Rerun]:
    """Two strategies that trade names trade results."""
    if len(inputs.compared) < 2:
        return
    first, second = inputs.compared[:2]
    names = {first: second, second: first}

    def compare(outcomes: Outcomes, again: Outcomes) -> Found:
        order = [again.strategies.index(names.get(s, s)) for s in outcomes.strategies]
        gap = max(_gap(again.costs[:, order], outcomes.costs), _gap(again.qalys[:, order], outcomes.qalys))
        yield _near("arms.swapped", "Strategies that trade inputs trade results", "equal, within 1e-12", gap, 1e-12)

    yield Rerun(renamed(inputs, names), compare)


def renamed(inputs: Inputs, names: Mapping[str, str]) -> Inputs:
    """A copy in which strategies have other ids: every cell of one belongs to another."""
    parameters: dict[str, Parameter] = {}
    for parameter in inputs.parameters.values():
        head, _, last = parameter.id.rpartition(".")
        identifier = f"{head}.{names.get(last, last)}"
        value = parameter.value
        if isinstance(value, str) and ".reference" in parameter.id:
            value = names.get(value, value)
        parameters[identifier] = replace(parameter, id=identifier, value=value)
    return replace(inputs, parameters=parameters)


def _half_cycle_length(inputs: Inputs) -> Iterator[Rerun]:
    """Results hardly move when the cycle is halved."""

    def compare(outcomes: Outcomes, again: Outcomes) -> Found:
        threshold = inputs.thresholds[0]
        worth, before = again.cost + threshold * again.qaly, outcomes.cost + threshold * outcomes.qaly
        change = float(np.abs(worth / np.maximum(before, 1e-9) - 1.0).max())
        yield Check(
            "cycle.halved",
            "Halving the cycle hardly moves cost + threshold × QALY",
            "less than 0.1 %",
            f"{change:.4%}",
            Verdict.PASS if change < 1e-3 else Verdict.WARN,
            "the horizon is rounded up to whole cycles, which moves a little too",
        )

    yield Rerun(with_values(inputs, {"settings.cycle_days": inputs.number("settings.cycle_days") / 2.0}), compare)


RERUNS = (_unit_utilities, _rates_and_prices, _equal_arms, _swapped_arms, _half_cycle_length)


def _gap(a: Array, b: Array) -> float:
    """Largest difference, relative to the largest value."""
    scale = max(float(np.abs(b).max()), 1e-12)
    return float(np.abs(a - b).max()) / scale


def _trace(outcomes: Outcomes) -> Trace:
    assert outcomes.trace is not None, "checks need the trace"
    return outcomes.trace
