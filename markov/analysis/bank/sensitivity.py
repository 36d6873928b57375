"""One-way analysis and scenarios: the right inputs, over the right ranges, in the right direction, all linked."""

from collections.abc import Iterator, Mapping

import numpy as np

from markov.analysis.bank.bench import Bench
from markov.analysis.bank.registry import Finding, Theme, holds, listed, not_applicable, plausible
from markov.analysis.checks import apart
from markov.analysis.sensitivity.one_way import Factor, declared_factors, design
from markov.analysis.sensitivity.two_way import varies_by_row
from markov.analysis.sources_of_uncertainty import sampled
from markov.inputs.correlations import blocks, stream
from markov.inputs.distributions import inverse
from markov.inputs.parameters import Parameter
from markov.inputs.rules.between_values import products_of
from markov.model.outcomes import Outcomes
from markov.terms import FAMILY_PARAMETERS, MALIGNANCIES, Array, Distribution, Endpoint, Family, PostProgression, State

theme = Theme("One-way analysis and scenarios")
NOTHING_UNCERTAIN = "nothing in the workbook is uncertain"


def _own(factor: Factor) -> list[str]:
    """What a bar is about, without what only follows."""
    return [member.id for member in factor.members if not member.follows]


@theme(
    "TV-54", "One-way analysis varies all that is uncertain", "Ids of its bars against those that are drawn", cheap=True
)
def _complete(bench: Bench) -> Finding:
    varied = {key for factor in bench.factors for key in _own(factor)}
    uncertain = {parameter.id for parameter in sampled(bench.inputs)}
    told = {p.id for p in bench.inputs.parameters.values() if p.is_sampled and _in_use(bench, p)}
    off = sorted((varied ^ uncertain) | (uncertain - told))
    return holds(not off, "the same ids", f"{len(varied)} varied, {len(uncertain)} drawn; differing: {listed(off)}")


def _in_use(bench: Bench, parameter: Parameter) -> bool:
    last = parameter.id.rsplit(".", 1)[1]
    return last not in bench.inputs.labels or last in bench.names


@theme(
    "TV-55", "What is jointly uncertain is not varied singly", "Groups and correlated inputs among the bars", cheap=True
)
def _joint(bench: Bench) -> Finding:
    found = bench.factors
    groups: dict[str, set[str]] = {}
    for p in sampled(bench.inputs):
        if p.group and p.distribution != Distribution.DIRICHLET:
            groups.setdefault(p.group, set()).add(p.id)
    apart = [name for name, ids in groups.items() if not any(ids == set(_own(factor)) for factor in found)]
    streams = {stream(p): p.id for p in sampled(bench.inputs)}
    for ids, matrix in blocks(bench.inputs):
        for i, key in enumerate(ids):
            partners = {streams[ids[j]] for j in np.flatnonzero(matrix[i]) if j != i and ids[j] in streams}
            bars = [factor for factor in found if streams.get(key) in _own(factor)]
            apart += [key for bar in bars if not partners <= {member.id for member in bar.members}]
    told = f"{len(groups)} groups, {len(blocks(bench.inputs))} correlated blocks; apart: {listed(apart)}"
    return holds(not apart, "they move together", told)


@theme(
    "TV-56",
    "Bars run over 95 % intervals",
    "Ends of each bar against the 2.5 and 97.5 % points of 2,000 evenly spread values of its distribution",
)
def _bounds(bench: Bench) -> Finding:
    chances = (np.arange(2_000) + 0.5) / 2_000
    off = []
    for factor in bench.factors:
        for member in (m for m in factor.members if not m.follows):
            values = np.sort(inverse(bench.inputs.parameters[member.id])(chances))
            low, high = values[49:51].mean(), values[1_949:1_951].mean()
            width = max(float(high - low), 1e-300)
            off += [member.id] if max(abs(member.low - low), abs(member.high - high)) > 0.01 * width else []
    declared = [factor.name for factor in declared_factors(bench.inputs)]
    told = f"off: {listed(off)}; {len(declared)} ranges without a distribution: {listed(declared)}"
    if off:
        return holds(False, "within 1 % of the interval's width", told)
    return plausible(
        not declared, "all from distributions", told, "shown apart: their ends are declared, not estimated"
    )


SIGNS: tuple[tuple[tuple[str, ...], str, int], ...] = (
    (("price.", "cost.", "adverse_event.cost.", "subsequent."), "cost", 1),
    (("utility.", "adverse_event.disutility.", "spm.disutility."), "qaly", 1),
    (("adverse_event.proportion.",), "qaly", -1),
    (("os.median.", "os.scale.", "os.mu.", "os.meanlog.", "os.time_ratio."), "life_year", 1),
    (("os.hazard_ratio.", "os.rate."), "life_year", -1),
    (("post_progression.excess_rate.", "spm.excess_death."), "life_year", -1),
)
"""What each kind of input does to its strategy's own total as it rises. Decrements are negative: higher is better."""


@theme(
    "TV-57",
    "Results move the way they should",
    "Every bar from its lower to its upper end: costs raise costs, utilities QALYs, longer survival life-years, higher "
    "hazards lower them",
)
def _directions(bench: Bench) -> Finding:
    varied = [f for f in (*bench.factors, *declared_factors(bench.inputs)) if not any(m.follows for m in f.members)]
    asked = [(f, direction) for f in varied if (direction := _sign(bench, f))]
    if not asked:
        return not_applicable(NOTHING_UNCERTAIN)
    outcomes, row, wrong = bench.rows(design([f for f, _ in asked])), 1, []
    for factor, (quantity, sign) in asked:
        size = len(next(iter(factor.values.values())))
        values: Array = sign * getattr(outcomes, quantity)[row : row + size]
        row += size
        steps = np.diff(values, axis=0) / max(float(np.abs(values).max()), 1e-12)
        wrong += [] if bool((steps >= -1e-9).all()) else [factor.name]
    return holds(not wrong, "the sign of the table", f"{len(asked)} bars; against it: {listed(wrong)}")


def _sign(bench: Bench, factor: Factor) -> tuple[str, int] | None:
    for beginnings, quantity, sign in SIGNS:
        if all(key.startswith(beginnings) for key in factor.values):
            anchored = bench.inputs.text("settings.post_progression") == PostProgression.OVERALL_SURVIVAL
            read = quantity != "life_year" or anchored == beginnings[0].startswith("os.")
            return (quantity, sign) if read else None
    return None


@theme(
    "TV-58",
    "Values lie within their ranges",
    "Value against low and high of every row; base case within its bar",
    cheap=True,
)
def _ordered(bench: Bench) -> Finding:
    wrong = [
        p
        for p in bench.inputs.parameters.values()
        if isinstance(p.value, int | float) and p.low is not None and p.high is not None
        if not p.low <= p.value <= p.high
    ]
    built = [p.id for p in wrong if p.value == p.base_case]
    if built:
        return holds(False, "low ≤ value ≤ high", f"outside: {listed(built)}")
    if wrong:
        told = listed([f"{p.id} {p.value:g} (limits {p.low:g} to {p.high:g})" for p in wrong])
        return plausible(False, "low ≤ value ≤ high", f"changed to values outside: {told}", OLD_LIMITS)
    outside = [factor.name for factor in bench.factors if not factor.holds_base]
    note = "the mean of a very skewed distribution lies outside its 95 % interval: check its standard error"
    return plausible(not outside, "low ≤ value ≤ high", f"outside: {listed(outside)}", note)


OLD_LIMITS = (
    "limits are those of the base case, and the value was changed beyond them: correct the value, or give it limits "
    "of its own; until then its range, where it has no distribution, is that of the old value"
)


@theme(
    "TV-59", "Spreads are standard errors, not standard deviations", "Sizes of spreads, and against limits", cheap=True
)
def _standard_errors(bench: Bench) -> Finding:
    found = []
    for p in sampled(bench.inputs):
        value, se = abs(bench.number(p.id)), p.se
        if se is None or not value:
            continue
        few = p.distribution in (Distribution.BETA, Distribution.DIRICHLET) and value * (1.0 - value) / se**2 < 11.0
        wide = p.distribution in (Distribution.GAMMA, Distribution.NORMAL, Distribution.LOG_NORMAL) and se > value
        found += [p.id] if few or wide else []
    note = "as wide as from fewer than ten patients, or wider than the value: ask whether it is a standard deviation"
    return plausible(not found, "no spread of that size", listed(found), note)


@theme("TV-70", "Scenarios are balanced", "Scenarios that favour each strategy, and that do not")
def _balanced(bench: Bench) -> Finding:
    if not bench.workbook.scenarios or not bench.others:
        return not_applicable("the workbook has no scenarios, or one strategy")
    counts = [c for c in bench.scenarios.balance if c.price_set is None and c.threshold == bench.inputs.thresholds[0]]
    told = "; ".join(f"{c.label}: {c.favouring} for, {c.against} against" for c in counts)
    failed = [scenario.name for scenario in bench.scenarios.failed]
    if failed:
        return holds(False, "every scenario runs", f"cannot run: {listed(failed)}")
    one_sided = any(min(c.favouring, c.against) == 0 for c in counts)
    return plausible(not one_sided, "some for and some against each", told, "all lean one way: say why, or add others")


@theme("TV-74", "No choice of method is varied as if it were uncertain", "Ids of bars and draws", cheap=True)
def _methods(bench: Bench) -> Finding:
    keys = {key for f in (*bench.factors, *declared_factors(bench.inputs)) for key in f.values}
    keys |= {p.id for p in sampled(bench.inputs)}
    found = [key for key in sorted(keys) if bench.inputs.parameters[key].definition.is_method]
    return holds(not found, "none", listed(found))


@theme(
    "TV-79",
    "Every uncertain input is linked to the results",
    "Each alone at the 90 % point of its distribution, by row and, all together, by cell; every other number used by "
    "row times 0.93; what then moves nothing at half its value",
)
def _linked(bench: Bench) -> Finding:
    uncertain = {p.id: float(inverse(p)(np.array(0.9))) for p in sampled(bench.inputs)}
    fixed = {key: 0.93 * bench.number(key) for key in _fixed_numbers(bench) if key not in uncertain}
    if not uncertain and not fixed:
        return not_applicable(NOTHING_UNCERTAIN)
    idle = _without_effect(bench, {**uncertain, **fixed})
    still = [key for key in idle if key in uncertain and not _multiplies_nothing(bench, key)]
    orphans = _without_effect(bench, {key: 0.5 * bench.number(key) for key in still})
    limited = [key for key in still if key not in orphans]
    off = _off_by_cell(bench, uncertain)
    told = f"{len(uncertain)} uncertain, without effect: {listed(orphans)}; by row and by cell off by {off:.2g}"
    unused = [key for key in idle if key in fixed]
    note = f"fixed numbers without effect under these settings: {listed(unused)}" if unused else ""
    expected = "each moves a cost, a QALY or a life-year; equal both ways"
    if limited and not orphans and off <= 1e-9:
        note = f"{listed(limited)}: no effect near the value, but at half of it: a limit binds, such as norms by age"
        return plausible(False, expected, told, note)
    return holds(not orphans and off <= 1e-9, expected, told, note)


def _fixed_numbers(bench: Bench) -> Iterator[str]:
    """Numbers in use that vary by row and are not 0."""
    for key, p in bench.inputs.parameters.items():
        if isinstance(p.value, int | float) and p.value and _in_use(bench, p) and varies_by_row(bench.inputs, key):
            yield key


def _without_effect(bench: Bench, values: Mapping[str, float]) -> list[str]:
    """Those of some inputs that move nothing when each alone takes its value, by row."""
    if not values:
        return []
    columns = {key: np.full(len(values) + 1, bench.number(key)) for key in values}
    for row, (key, value) in enumerate(values.items(), start=1):
        columns[key][row] = value
    return [key for key, effect in zip(values, _effects(bench.rows(columns)), strict=True) if effect <= 1e-13]


def _off_by_cell(bench: Bench, values: Mapping[str, float]) -> float:
    """How far a row with all values is from a workbook with them in its cells."""
    typed = {key: value for key, value in values.items() if not key.startswith(bench.kept_as_observed)}
    by_row = {key: np.array([value]) for key, value in typed.items()}
    return apart(bench.rows(by_row), bench.run(dict(typed))) if typed else 0.0


def _effects(outcomes: Outcomes) -> Iterator[float]:
    """How far each row is from the first, in anything, relative to its size."""
    parts = [outcomes.costs, outcomes.qalys, outcomes.life_years, outcomes.entries]
    for row in range(1, outcomes.runs):
        yield max(float(np.abs(part[row] - part[0]).max() / max(float(np.abs(part[0]).max()), 1e-12)) for part in parts)


def _multiplies_nothing(bench: Bench, key: str) -> bool:
    """Whether an input can have no effect under these values: what it multiplies is 0, or another reading holds.

    Targets of calibration act through the rates that are solved anew in each draw.
    """
    inputs, last = bench.inputs, key.rsplit(".", 1)[1]
    anchored = inputs.text("settings.post_progression") == PostProgression.OVERALL_SURVIVAL
    if any(word in key for word in _never_entered(bench)):
        return True
    if key.startswith("adverse_event.") and not key.startswith("adverse_event.proportion."):
        event = key.split(".")[2]
        shares = [f"adverse_event.{w}.{event}.{s}" for w in ("proportion", "persistent_share") for s in bench.names]
        return not any(bench.number(share) for share in shares)
    if key.startswith("adverse_event.proportion."):
        event = key.split(".")[2]
        return not bench.number(f"adverse_event.cost.{event}") and not bench.number(f"adverse_event.disutility.{event}")
    if key.split(".")[0] in tuple(Endpoint):
        return (key.startswith("os.") and not anchored) or _unread_by_its_curve(bench, key)
    if key.startswith("cost.administration."):
        routes = {inputs.text(f"dose.route.{p}.{s}") for s in bench.treated for p in products_of(inputs, s)}
        return last not in routes
    common = inputs.text("settings.post_progression_rate") == "common"
    unread = key.startswith("post_progression.") and (anchored or common == (last in bench.names))
    undrugged = (
        last in bench.names and last not in bench.treated and key.startswith(("cost.", "toxicity.", "spm.rate."))
    )
    return unread or undrugged or key.startswith(("follow_up.", "calibration."))


def _never_entered(bench: Bench) -> Iterator[str]:
    """What ids hold that are about a state nobody enters."""
    entered = bench.base.entries[0].max(axis=0)
    if entered[list(State).index(State.TOXICITY)] <= 0.0:
        yield from (".toxicity", "persistent_share")
    if max(entered[list(State).index(kind)] for kind in MALIGNANCIES) <= 0.0:
        yield "spm"


def _unread_by_its_curve(bench: Bench, key: str) -> bool:
    """Whether a strategy's curve is placed without this parameter: another family, or a median in its place."""
    endpoint, name, strategy = key.split(".")
    family = bench.inputs.text(f"{endpoint}.family.{strategy}")
    names = FAMILY_PARAMETERS[Family(family)] if family else ()
    placed = bench.inputs.given(f"{endpoint}.median.{strategy}") and not family.endswith("_ratio")
    read = {*names, "median"} - ({names[0]} if placed else {"median"}) if names else set()
    follows = bench.inputs.text("settings.post_progression") == PostProgression.TIME_SINCE_PROGRESSION
    waning = name.startswith(("waning", "gamma"))
    return not (waning or name in read) or (endpoint == Endpoint.POST_PROGRESSION and not follows)
