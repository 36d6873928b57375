"""Scenarios: each one from a clean base, beside the base case, at both price sets, in words that keep the sign.

A scenario is the same model on changed inputs. It changes nothing for the next one, so that order and repetition do
not matter. One that cannot run says why, and the others go on. What a scenario changes in net benefit is counted for
and against each strategy, so that a reader sees whether the set is balanced.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from markov.analysis.base_case import Priceable, at_price_sets_together
from markov.analysis.frames import frame, scalars
from markov.analysis.incremental import IncrementalRow, PairwiseRow, icer_in_words, incremental, net_benefit, pairwise
from markov.analysis.sensitivity.one_way import gains, label, optimal
from markov.inputs.parameters import Inputs, ScenarioChange, Value, changed_inputs
from markov.inputs.problems import raise_errors
from markov.inputs.rules import between_values
from markov.model.hazards import crossing_problems
from markov.model.outcomes import Outcomes
from markov.terms import AfterStopping, Family, PostProgression, PriceSet

if TYPE_CHECKING:
    from pandas import DataFrame

NO_CHANGE = 0.005
"""A change in net benefit of less than half a hundredth of the currency's unit is none: it is rounding."""

FAILURES = (ValueError, KeyError, ArithmeticError)  # one bad scenario must not take the others with it
STOPS = ("toxicity.proportion.", "toxicity.period.", "toxicity.rate.", "toxicity.observed_proportion.")
SPLITS = ("toxicity.after_stopping.", "toxicity.progression_ratio.")


@dataclass(frozen=True)
class Change:
    """One value that a scenario changes, in the cell's unit, beside the base value."""

    id: str
    label: str
    unit: str
    base: Value
    value: Value
    reason: str = ""
    cell: str = ""


@dataclass(frozen=True)
class StrategyResult:
    """A strategy's discounted totals in one scenario; figures by threshold are (thresholds,).

    `against` compares it with the scenario's reference and `ratio` says so in words; the reference itself has neither.
    `gain` is its net benefit over the reference's, `change` how far that is from the base case; None where the base
    case has no such comparison.
    """

    strategy: str
    label: str
    cost: float
    qaly: float
    life_years: float
    against: PairwiseRow | None
    ratio: str
    net_benefit: tuple[float, ...]
    gain: tuple[float, ...]
    change: tuple[float | None, ...]


@dataclass(frozen=True)
class Priced:
    """One scenario at one price set: every strategy, the reference first, and the decision at each threshold.

    `optimal` names the strategy of the highest net benefit, (thresholds,); `decision_changed` whether it is another
    than in the base case at the same place among its thresholds, None where the base case has no such place.
    """

    price_set: PriceSet
    thresholds: tuple[float, ...]
    strategies: tuple[StrategyResult, ...]
    incremental: tuple[IncrementalRow, ...]
    optimal: tuple[str, ...]
    decision_changed: tuple[bool | None, ...]

    def of(self, strategy: str) -> StrategyResult | None:
        """One strategy's result; None where it is not compared."""
        return next((result for result in self.strategies if result.strategy == strategy), None)


@dataclass(frozen=True)
class Scenario:
    """One scenario: what it changes and what comes out, or the reason why nothing does.

    `own` is at the price set that the scenario itself pays, against the base case at the one that it pays; `priced`
    holds every price set for which there are prices, each against the base case at the same one. `remarks` say what a
    reader would otherwise take for granted.
    """

    name: str
    reason: str
    changes: tuple[Change, ...]
    own: Priced | None
    priced: Mapping[PriceSet, Priced]
    remarks: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Balance:
    """How many scenarios favour a strategy: its net benefit over the reference's rises, falls or stays.

    Under a price set, or (None) each at the price set that it pays. `threshold` is that of the base case.
    """

    strategy: str
    label: str
    threshold: float
    price_set: PriceSet | None
    favouring: int
    against: int
    unchanged: int
    not_compared: int
    decision_changed: int


@dataclass(frozen=True)
class Scenarios:
    """The base case as a scenario without changes, every scenario in the workbook's order, and the balance."""

    base: Scenario
    scenarios: tuple[Scenario, ...]
    balance: tuple[Balance, ...]
    currency: str

    @property
    def failed(self) -> tuple[Scenario, ...]:
        """Scenarios that could not run."""
        return tuple(scenario for scenario in self.scenarios if scenario.error)

    def to_frame(self) -> "DataFrame":
        """A row a scenario, price set, strategy and threshold, the base case first; `is_paid` marks the set it pays.

        `incremental_net_benefit` is over the reference, `change` what the scenario adds to it. Those that `failed`
        have no rows.

        >>> table = scenarios(calgb, ["Generic prices"]).to_frame().query("is_paid and threshold == 35_000")
        >>> table.loc[table["is_optimal"], ["scenario", "strategy"]].values.tolist()
        [['Base case', 'no_maintenance'], ['Generic prices', 'lenalidomide']]
        """
        return frame(
            {"scenario": scenario.name, "price_set": price_set.value, "is_paid": price_set is scenario.own.price_set}
            | {**scalars(result), "threshold": threshold, "net_benefit": result.net_benefit[t]}
            | {"incremental_net_benefit": result.gain[t], "change": result.change[t]}
            | {"is_optimal": priced.optimal[t] == result.strategy}
            for scenario in (self.base, *self.scenarios)
            if scenario.own
            for price_set, priced in scenario.priced.items()
            for result in priced.strategies
            for t, threshold in enumerate(priced.thresholds)
        )


def scenarios(inputs: Inputs, names: Sequence[str] | None = None) -> Scenarios:
    """Run the workbook's scenarios, or those named, each from a clean base, at every price set.

    Raises ValueError for a name that the workbook does not have, and InputError where the base itself cannot run.
    Source: Büyükkaramikli, Rutten-van Mölken, Severens, Al 2019, PharmacoEconomics 37:1391 (TECH-VER).

    >>> result = scenarios(calgb, ["Generic prices"])
    >>> result.scenarios[0].own.of("lenalidomide").cost < result.base.own.of("lenalidomide").cost
    True
    >>> [(count.threshold, count.favouring, count.against) for count in result.balance if count.price_set is None]
    [(25000.0, 1, 0), (35000.0, 1, 0)]
    """
    known = between_values.scenario_names(inputs)
    wanted = known if names is None else tuple(names)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(f'{inputs.name} has no scenario "{unknown[0]}"; it has {", ".join(known)}')
    raise_errors(crossing_problems(inputs))
    rows = {name: [row for row in inputs.scenarios if row.scenario == name] for name in wanted}
    changed = {name: applied_or_error(inputs, rows[name]) for name in rows}
    sound = {name: each for name, each in changed.items() if isinstance(each, Inputs)}
    before, *others = at_price_sets_together([inputs, *sound.values()])
    if isinstance(before, Exception):
        raise before
    outcomes = dict(zip(sound, others, strict=True))
    base = _scenario("Base case", inputs, before, inputs, before, ())
    found = tuple(_run(name, inputs, before, rows[name], changed[name], outcomes.get(name)) for name in wanted)
    return Scenarios(base, found, tuple(_balance(base, found)), inputs.currency)


def applied(inputs: Inputs, rows: Sequence[ScenarioChange]) -> Inputs:
    """A checked copy of a clean base with a scenario's rows applied; the base is untouched.

    Raises InputError, with every problem, where the result cannot be run.

    >>> applied(calgb, [ScenarioChange("Older", "cohort.age", 63.0)]).value("cohort.age"), calgb.value("cohort.age")
    (63.0, 58.0)
    """
    raise_errors(between_values.scenario_problems(replace(inputs, scenarios=tuple(rows))))
    changed = changed_inputs(replace(inputs, scenarios=()), {row.id: row.value for row in rows})
    raise_errors(crossing_problems(changed))
    return changed


def applied_or_error(inputs: Inputs, rows: Sequence[ScenarioChange]) -> Inputs | Exception:
    """A checked copy with a scenario's rows applied, or why it cannot be run.

    >>> found = applied_or_error(calgb, [ScenarioChange("Too good", "utility.progression", 2.0)])
    >>> isinstance(found, ValueError), "utility.progression" in str(found)
    (True, True)
    """
    try:
        return applied(inputs, rows)
    except FAILURES as error:
        return error


def overall_survival_alternatives(
    inputs: Inputs,
    strategy: str,
    *,
    hazard_ratios: Sequence[float] = (),
    waning: Sequence[tuple[float, float] | None] = (),
) -> dict[str, dict[str, Value]]:
    """Assumptions on a strategy's overall survival by name: hazard ratios, and from when to when the effect wanes.

    Waning is in the unit of the workbook's cell; None: never.
    Raises ValueError where deaths after progression do not follow an overall-survival curve, which then does nothing.

    >>> list(overall_survival_alternatives(calgb, "lenalidomide", hazard_ratios=[0.7], waning=[(60.0, 120.0), None]))
    ['OS hazard ratio 0.7', 'OS effect wanes from 60 to 120 months', 'OS effect never wanes']
    """
    if inputs.text("settings.post_progression") != PostProgression.OVERALL_SURVIVAL:
        raise ValueError("overall survival is no input here: deaths after progression do not follow its curve")
    ratios: dict[str, dict[str, Value]] = {
        f"OS hazard ratio {ratio:g}": {
            f"os.family.{strategy}": Family.HAZARD_RATIO.value,
            f"os.hazard_ratio.{strategy}": float(ratio),
        }
        for ratio in hazard_ratios
    }
    start, end = f"os.waning_start.{strategy}", f"os.waning_end.{strategy}"
    unit = inputs.parameters[start].unit if start in inputs.parameters else "months"
    for window in waning:
        name = "OS effect never wanes"
        if window is not None:
            name = f"OS effect wanes from {window[0]:g} to {window[1]:g} {unit}"
        first, last = (None, None) if window is None else window
        ratios[name] = {start: first, end: last}
    return ratios


# ----------------------------------------------------------------------------------------------- one scenario


def _run(
    name: str,
    base: Inputs,
    before: Priceable,
    rows: Sequence[ScenarioChange],
    inputs: Inputs | Exception,
    outcomes: Priceable | Exception | None,
) -> Scenario:
    """A scenario told from the base case, or why it could not be run."""
    try:
        for error in (inputs, outcomes):
            if isinstance(error, Exception):
                raise error
        assert isinstance(inputs, Inputs) and isinstance(outcomes, dict)
        return _scenario(name, inputs, outcomes, base, before, rows)
    except FAILURES as error:
        return Scenario(name, rows[0].reason, changes_of(base, rows), None, {}, (), str(error) or type(error).__name__)


def _scenario(
    name: str,
    inputs: Inputs,
    outcomes: Mapping[PriceSet, Outcomes],
    base: Inputs,
    base_outcomes: Mapping[PriceSet, Outcomes],
    rows: Sequence[ScenarioChange],
) -> Scenario:
    paid, base_paid = (PriceSet(each.text("settings.price_set")) for each in (inputs, base))
    priced = {p: _priced(p, inputs, found, base, base_outcomes.get(p)) for p, found in outcomes.items()}
    own = _priced(paid, inputs, outcomes[paid], base, base_outcomes[base_paid])
    reason = rows[0].reason if rows else ""
    return Scenario(name, reason, changes_of(base, rows), own, priced, tuple(_remarks(base, inputs, rows)))


def _priced(price_set: PriceSet, inputs: Inputs, outcomes: Outcomes, base: Inputs, before: Outcomes | None) -> Priced:
    thresholds = inputs.thresholds
    costs, qalys = outcomes.cost[0].tolist(), outcomes.qaly[0].tolist()
    pairs = {row.strategy: row for row in pairwise(outcomes.strategies, costs, qalys, inputs.reference)}
    benefit = net_benefit(costs, qalys, thresholds).monetary
    gained, changes = gains(outcomes, thresholds)[:, 0], _changes_in_gain(inputs, outcomes, base, before)
    results = tuple(
        StrategyResult(
            s,
            inputs.labels[s],
            costs[i],
            qalys[i],
            float(outcomes.life_year[0, i]),
            pairs.get(s),
            icer_in_words(pairs[s], inputs.currency) if s in pairs else "reference",
            tuple(benefit[:, i].tolist()),
            tuple(gained[:, i].tolist()),
            changes[s],
        )
        for i, s in enumerate(outcomes.strategies)
    )
    best = tuple(at_threshold[0] for at_threshold in optimal(outcomes, thresholds))
    frontier = incremental(outcomes.strategies, costs, qalys)
    return Priced(price_set, thresholds, results, frontier, best, _decisions_changed(best, base, before))


def _changes_in_gain(
    inputs: Inputs, outcomes: Outcomes, base: Inputs, before: Outcomes | None
) -> dict[str, tuple[float | None, ...]]:
    """By strategy: net benefit over the reference's, less the same in the base case, threshold by threshold."""
    nothing = (None,) * len(inputs.thresholds)
    comparable = len(inputs.thresholds) == len(base.thresholds) and inputs.reference == base.reference
    if before is None or not comparable:
        return dict.fromkeys(outcomes.strategies, nothing)
    now, then = gains(outcomes, inputs.thresholds)[:, 0], gains(before, base.thresholds)[:, 0]
    return {
        s: tuple((now[:, i] - then[:, before.strategies.index(s)]).tolist()) if s in before.strategies else nothing
        for i, s in enumerate(outcomes.strategies)
    }


def _decisions_changed(best: Sequence[str], base: Inputs, before: Outcomes | None) -> tuple[bool | None, ...]:
    if before is None or len(best) != len(base.thresholds):
        return (None,) * len(best)
    return tuple(now != then[0] for now, then in zip(best, optimal(before, base.thresholds), strict=True))


def changes_of(base: Inputs, rows: Sequence[ScenarioChange]) -> tuple[Change, ...]:
    """What rows of a scenario change, each value beside that of the base.

    >>> [(change.base, change.value) for change in changes_of(calgb, [ScenarioChange("Older", "cohort.age", 63.0)])]
    [(58.0, 63.0)]
    """
    units = {row.id: base.parameters[row.id].unit if row.id in base.parameters else "" for row in rows}
    return tuple(
        Change(row.id, label(base, row.id), units[row.id], base.value(row.id), row.value, row.reason, row.cell)
        for row in rows
    )


def _remarks(base: Inputs, inputs: Inputs, rows: Sequence[ScenarioChange]) -> Iterator[str]:
    """What happens to progression where a scenario changes who stops for toxicity, or what stopping does."""
    strategies = {row.id.rsplit(".", 1)[1]: None for row in rows if row.id.startswith((*STOPS, *SPLITS))}
    for s in strategies:
        stops = any(row.id in [start + s for start in STOPS] for row in rows)
        what = "Stops for toxicity" if stops else "Progression after stopping for toxicity"
        yield f"{what} changed for {base.labels[s].lower()}: {_progression_kept(inputs, s)}"


def _progression_kept(inputs: Inputs, strategy: str) -> str:
    observed = inputs.value(f"toxicity.observed_proportion.{strategy}")
    lost = inputs.text(f"toxicity.after_stopping.{strategy}") == AfterStopping.EFFECT_LOST
    ratio = inputs.value(f"toxicity.progression_ratio.{strategy}")
    if not (lost and strategy != inputs.reference) and ratio == 1.0:
        return (
            "those who stop have the same hazard of progression as those on maintenance, so progression-free survival "
            "stays as it is."
        )
    if observed is None:
        return "progression-free survival as a whole is kept, and the hazard on maintenance is solved anew."
    return (
        "this is counterfactual. The hazard of progression on maintenance is kept as it was when a share of "
        f"{observed:g} stopped, so progression-free survival moves."
    )


# ---------------------------------------------------------------------------------------------------- balance


def _balance(base: Scenario, found: Sequence[Scenario]) -> Iterator[Balance]:
    assert base.own is not None
    for price_set in (None, *base.priced):
        reference = base.own if price_set is None else base.priced[price_set]
        shown = [scenario.own if price_set is None else scenario.priced.get(price_set) for scenario in found]
        for t, threshold in enumerate(reference.thresholds):
            changed = [bool(each and t < len(each.optimal) and each.decision_changed[t]) for each in shown]
            for result in reference.strategies[1:]:
                changes = [_change_of(each, result.strategy, t) for each in shown]
                known = [change for change in changes if change is not None]
                rises, falls = (sum(sign * change > NO_CHANGE for change in known) for sign in (1, -1))
                counts = rises, falls, len(known) - rises - falls, len(changes) - len(known), sum(changed)
                yield Balance(result.strategy, result.label, threshold, price_set, *counts)


def _change_of(priced: Priced | None, strategy: str, t: int) -> float | None:
    result = priced.of(strategy) if priced else None
    return result.change[t] if result and t < len(result.change) else None
