"""Parameters and the checked whole of a workbook: one id from the cell to the last table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from markov.inputs.agencies import DEFAULTS, Reference
from markov.inputs.definitions.schema import Definition, label_of, match, units_of
from markov.inputs.evidence import Correlation, CurveChoice, CurvePoint, TrialContrast
from markov.inputs.problems import Problem
from markov.terms import FAMILY_PARAMETERS, RATIO_FAMILIES, Array, Distribution, Endpoint

Value = float | str | None
LOCATIONS = tuple(sorted({names[0] for family, names in FAMILY_PARAMETERS.items() if family not in RATIO_FAMILIES}))
"""Parameters that a median may stand in for: the first one of each family."""


@dataclass(frozen=True)
class Parameter:
    """One row of a parameter sheet, in the workbook's own unit, with the cell of its value."""

    id: str
    definition: Definition
    value: Value
    unit: str = ""
    label: str = ""
    cell: str = ""
    base_case: Value = None
    se: float | None = None
    low: float | None = None
    high: float | None = None
    distribution: str = Distribution.FIXED
    group: str = ""
    price_year: float | None = None
    value_set: str = ""
    source: str = ""
    page: str = ""
    status: str = ""
    comment: str = ""
    confidential: bool = False
    shown: bool = False
    """Whether it was said that it is not confidential, although it may look as if another value followed from it."""

    @property
    def is_sampled(self) -> bool:
        """Whether probabilistic analysis varies it."""
        return self.distribution not in ("", Distribution.FIXED)

    @property
    def is_changed(self) -> bool:
        """Whether the value differs from the one the workbook was built with."""
        return self.base_case is not None and self.value != self.base_case


@dataclass(frozen=True)
class Strategy:
    """An alternative: a stable id, a label for reports, a description."""

    id: str
    label: str
    description: str = ""
    cell: str = ""


@dataclass(frozen=True)
class SexTable:
    """A table by whole years of age: death probabilities, or mean utilities."""

    ages: Array
    male: Array
    female: Array


@dataclass(frozen=True)
class TrialResult:
    """A published figure that the report sets against the model's; times in months."""

    strategy: str
    endpoint: str
    measure: str
    months: float
    value: float
    low: float | None = None
    high: float | None = None
    source: str = ""
    page: str = ""
    status: str = ""
    comment: str = ""
    cell: str = ""


@dataclass(frozen=True)
class ScenarioChange:
    """One row of the Scenarios sheet."""

    scenario: str
    id: str
    value: Value
    reason: str = ""
    cell: str = ""
    weight: float | None = None


@dataclass(frozen=True)
class Inputs:
    """A checked workbook. Everything the model needs, and nothing it does not."""

    name: str
    sha256: str
    title: str
    strategies: tuple[Strategy, ...]
    parameters: Mapping[str, Parameter]
    life_table: SexTable
    population_utility: SexTable
    price_index: Mapping[int, float] = field(default_factory=dict)
    trial_results: tuple[TrialResult, ...] = ()
    scenarios: tuple[ScenarioChange, ...] = ()
    changes: tuple[tuple[str, ...], ...] = ()
    warnings: tuple[Problem, ...] = ()
    curve_points: tuple[CurvePoint, ...] = ()
    network: tuple[TrialContrast, ...] = ()
    curve_choices: tuple[CurveChoice, ...] = ()
    correlations: tuple[Correlation, ...] = ()
    reference_cases: tuple[Reference, ...] = DEFAULTS
    analyst_words: Mapping[str, str] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, object]:
        # A copy: while one thread sends the inputs to a helper process, another may look up a cached property.
        return dict(self.__dict__)

    @cached_property
    def labels(self) -> dict[str, str]:
        """Label of each strategy."""
        return {strategy.id: strategy.label for strategy in self.strategies}

    @cached_property
    def compared(self) -> tuple[str, ...]:
        """Ids of the strategies that are included, the reference first."""
        included = [s.id for s in self.strategies if self.text(f"strategy.included.{s.id}") == "yes"]
        reference = self.text("settings.reference")
        return tuple(sorted(included, key=lambda s: s != reference))

    @property
    def confidential(self) -> tuple[str, ...]:
        """Ids of the values that are marked as confidential."""
        return tuple(p.id for p in self.parameters.values() if p.confidential)

    @property
    def reference(self) -> str:
        """Id of the reference strategy."""
        return self.text("settings.reference") or self.compared[0]

    def value(self, identifier: str) -> Value:
        """Value in the workbook's unit, or the schema's default where no row gives one."""
        parameter = self.parameters.get(identifier)
        if parameter is not None and parameter.value is not None:
            return parameter.value
        found = match(identifier)
        return found[0].default if found else None

    def given(self, identifier: str) -> bool:
        """Whether the parameter has a value, by a row or by default."""
        return self.value(identifier) is not None

    def text(self, identifier: str) -> str:
        """A choice or text."""
        value = self.value(identifier)
        return "" if value is None else str(value)

    def number(self, identifier: str) -> float:
        """A number in the model's units: years, rates per year, the report's currency and price year."""
        value = self.value(identifier)
        if not isinstance(value, (int, float)):
            raise KeyError(f"{identifier} has no value")
        return float(value) * self.factor(identifier)

    def factor(self, identifier: str) -> float:
        """What a value in the workbook's unit is multiplied by, price index included."""
        parameter = self.parameters.get(identifier)
        if parameter is None:
            found = match(identifier)
            return next(iter(units_of(found[0], self.currency).values()), 1.0) if found else 1.0
        factor = units_of(parameter.definition, self.currency).get(parameter.unit, 1.0)
        year = parameter.price_year
        if year is not None and self.price_index:
            factor *= self.price_index[int(self.number("settings.price_year"))] / self.price_index[int(year)]
        return factor

    @property
    def currency(self) -> str:
        """Three-letter code."""
        return self.text("settings.currency")

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Thresholds per QALY, as typed in `settings.thresholds`."""
        return tuple(float(part) for part in self.text("settings.thresholds").replace(",", "").split(";"))

    def names(self, kind: str) -> tuple[str, ...]:
        """Every product, event, course or route that the rows mention, in their order.

        `kind` is the word in the braces of the schema's patterns.
        """
        found: dict[str, None] = {}
        for identifier in self.parameters:
            matched = match(identifier)
            if matched and kind in matched[1]:
                found[matched[1][kind]] = None
        return tuple(found)

    def by_status(self) -> Mapping[str, tuple[Parameter, ...]]:
        """Parameters grouped by evidence status."""
        groups: dict[str, list[Parameter]] = {}
        for parameter in self.parameters.values():
            groups.setdefault(parameter.status, []).append(parameter)
        return {status: tuple(members) for status, members in groups.items()}


def with_values(inputs: Inputs, changes: Mapping[str, Value], place: str = "") -> Inputs:
    """A copy with some values changed, in each cell's own unit; the original is untouched.

    The caller checks the result (`checks.problems`). A strategy is named by `strategy.included.S`
    with `yes` or `no`. Under a progression ratio other than 1, changing a stop for toxicity keeps the
    progression hazard of those on treatment as it was: the proportion of the original is kept as
    `toxicity.observed_proportion.S`. A curve placed by another of its median and its own first parameter
    (scale, rate, …) is placed by that one alone.
    """
    parameters = dict(inputs.parameters)
    for identifier, value in {**_placed_anew(inputs, changes), **changes}.items():
        found = match(identifier)
        if found is None:
            raise KeyError(identifier)
        if identifier in parameters:
            parameters[identifier] = replace(parameters[identifier], value=value)
        else:
            unit = next(iter(units_of(found[0], inputs.currency)), "")
            parameters[identifier] = Parameter(identifier, found[0], value, unit, cell=place)
    changed = replace(inputs, parameters=parameters)
    observed = {
        kept: inputs.value(identifier)
        for identifier in changes
        if identifier.startswith("toxicity.proportion.")
        and not inputs.given(kept := identifier.replace(".proportion.", ".observed_proportion."))
        and inputs.given(identifier)
        and _treats_stopped_differently(changed, identifier.rsplit(".", 1)[1])
    }
    return with_values(changed, observed) if observed else changed


def _placed_anew(inputs: Inputs, changes: Mapping[str, Value]) -> dict[str, Value]:
    """What a change of a curve's median, or of the parameter that it stands for, leaves without meaning: emptied."""
    emptied: dict[str, Value] = {}
    for identifier, value in changes.items():
        endpoint, name, *rest = identifier.split(".")
        if endpoint in tuple(Endpoint) and len(rest) == 1 and value is not None:
            rivals = LOCATIONS if name == "median" else ("median",) if name in LOCATIONS else ()
            others = (f"{endpoint}.{rival}.{rest[0]}" for rival in rivals)
            emptied |= {other: None for other in others if other in inputs.parameters and other not in changes}
    return emptied


def _treats_stopped_differently(inputs: Inputs, strategy: str) -> bool:
    return (
        inputs.text(f"toxicity.after_stopping.{strategy}") == "effect_lost"
        or inputs.value(f"toxicity.progression_ratio.{strategy}") != 1.0
    )


def new_parameter(identifier: str, currency: str, labels: Mapping[str, str]) -> Parameter:
    """An empty row for an id that the schema knows, with its unit and label."""
    found = match(identifier)
    if found is None:
        raise KeyError(identifier)
    unit = next(iter(units_of(found[0], currency)), "")
    return Parameter(identifier, found[0], None, unit, label_of(identifier, labels))


class Columns:
    """Values of a block of rows in the model's units: a varied parameter is (rows,), a constant (1,).

    `block` holds the varied parameters in the workbook's own units.
    """

    def __init__(self, inputs: Inputs, block: Mapping[str, Array], rows: int):
        self.inputs, self.block, self.rows = inputs, block, rows

    def given(self, identifier: str) -> bool:
        """Whether there is a value."""
        return identifier in self.block or self.inputs.given(identifier)

    def number(self, identifier: str) -> Array:
        """One parameter, (rows,) or (1,)."""
        if identifier in self.block:
            return np.asarray(self.block[identifier], dtype=float) * self.inputs.factor(identifier)
        return np.array([self.inputs.number(identifier)])

    def number_or(self, identifier: str, otherwise: float) -> Array:
        """One parameter, or a constant where none is given."""
        return self.number(identifier) if self.given(identifier) else np.array([otherwise])

    def by_strategy(self, pattern: str, strategies: Iterable[str], otherwise: float | None = None) -> Array:
        """A parameter of every strategy, (strategies, rows) or (strategies, 1); `pattern` ends in a dot."""
        values = [
            self.number(pattern + s) if otherwise is None else self.number_or(pattern + s, otherwise)
            for s in strategies
        ]
        return np.stack(np.broadcast_arrays(*values))
