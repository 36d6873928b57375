"""The Live inputs sheet: every parameter once, under its id, in its unit, with the engine's value beside it.

A cell that an analyst may change carries the parameter's id as its name; beside it stands the same value in the
model's units (years, rates per year, the report's money), under the id behind `model.`.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from markov.inputs.definitions.schema import DEFINITIONS, Definition, Sheet, label_of, match, units_of
from markov.inputs.parameters import Inputs
from markov.inputs.rules.between_values import products_of, reference_of
from markov.report.live.formulas import Operand, Term, given, item, position_of, where
from markov.report.page import sheet_names
from markov.terms import (
    FAMILY_PARAMETERS,
    RATIO_FAMILIES,
    SPLINES,
    TRUSTED,
    Endpoint,
    Family,
    PostProgression,
)

NAME = "Live inputs"
STANDARD = (
    Family.EXPONENTIAL,
    Family.WEIBULL,
    Family.GOMPERTZ,
    Family.LOG_NORMAL,
    Family.LOG_LOGISTIC,
    Family.GAMMA,
    Family.GENERALISED_GAMMA,
)
LIVE_SETTINGS = (
    "settings.price_year",
    "settings.cycle_days",
    "settings.horizon_years",
    "settings.discount_rate.costs",
    "settings.discount_rate.effects",
    "settings.discounting",
    "settings.discount_change_years",
    "settings.discount_rate_later.costs",
    "settings.discount_rate_later.effects",
    "settings.price_set",
    "settings.post_progression",
    "settings.post_progression_rate",
    "settings.post_progression_mortality",
    "settings.within_cycle",
    "settings.correction",
    "settings.crossing",
    "settings.age_adjustment",
    "settings.utility_cap",
    "settings.vial_waste",
)
ONLY_ON_DRUG = (
    "treatment.share_starting.",
    "treatment.other_stop_rate.",
    "treatment.median_duration.",
    "toxicity.",
    "spm.rate.",
    "spm.proportion.",
    "spm.period.",
    "spm.other_exit_rate.",
    "spm.lag.",
    "utility.treatment_decrement.",
    "cost.treatment_start.",
    "cost.monitoring.",
    "dose.relative_intensity.",
    "adverse_event.persistent_share.",
)
READ = (  # ids that a run of the model reads; others serve calibration, comparison or decisions
    "settings.",
    "cohort.",
    "mortality.",
    "pfs.",
    "os.",
    "pps.",
    "post_progression.excess_rate.",
    "treatment.",
    "toxicity.",
    "spm.",
    "adverse_event.",
    "price.",
    "product.",
    "dose.",
    "cost.",
    "subsequent.",
    "utility.",
)
METHOD: dict[str, tuple[float, str]] = {
    "method.days_per_year": (365.25, "Days in a year"),
    "method.months_per_year": (12.0, "Months in a year"),
    "method.oldest_age": (100.0, "Age at which an empty horizon ends"),
    "method.never": (1e9, "Years that stand for never"),
    "method.rounding": (1e-9, "Times in years, and counts, this close count as the same"),
    "method.slack": (1e-12, "Curves and levels this close count as equal"),
    "method.smallest": (1e-300, "Smallest survival, below which nobody is left"),
    "method.largest": (690.0, "Largest cumulative hazard, beyond which nobody is left"),
    "method.largest_exponent": (700.0, "Largest exponent that Excel and LibreOffice take"),
    "method.series": (1e-3, "Below this (e^x − 1)/x is taken from its series, which does not cancel"),
    "method.smallest_q": (1e-5, "Below this Q a generalised gamma is log-normal"),
    "method.smallest_p": (1e-9, "Below this P a generalised F is a generalised gamma"),
    "method.far_tail": (1e-2, "Below this survival the gamma's tail is integrated, so that it does not cancel"),
    "method.largest_increment": (40.0, "Largest death increment of a cycle"),
    "method.smallest_total": (1e-12, "Smallest spread of body surface that counts"),
    "method.collinear": (1e-12, "ICERs this close, relatively, count as equal"),
    "method.simpson_own": (5.0, "Simpson's rule: weight of a cycle's own outer boundary"),
    "method.simpson_middle": (8.0, "Simpson's rule: weight of the boundary between two cycles"),
    "method.simpson_divisor": (12.0, "Simpson's rule: what the weights are divided by"),
    "method.equal": (1e-9, "Relative difference up to which engine and formulas count as equal"),
}


@dataclass(frozen=True)
class InputRow:
    """A line of the sheet; `factor` brings the value to the model's unit, `choices` are the words it may hold."""

    id: str
    label: str
    value: float | str | None
    unit: str = ""
    factor: float = 1.0
    price_year: float | None = None
    choices: tuple[str, ...] = ()
    status: str = ""
    is_text: bool = False

    @property
    def converted(self) -> bool:
        """Whether a second cell holds the value in the model's unit."""
        return not self.is_text and (self.factor != 1.0 or self.price_year is not None)

    @property
    def is_weak(self) -> bool:
        """Whether the figure is derived, unverified or assumed."""
        return bool(self.status) and self.status not in TRUSTED


@dataclass
class LiveInputs:
    """The rows of the sheet by section, what stays as it was written and why, and a term for every cell."""

    inputs: Inputs
    sections: dict[str, list[InputRow]] = field(default_factory=dict)
    fixed: list[tuple[InputRow, str]] = field(default_factory=list)
    rows: dict[str, InputRow] = field(default_factory=dict)

    def add(self, section: str, row: InputRow) -> None:
        """Put a row at the end of a section."""
        self.sections.setdefault(section, []).append(row)
        self.rows[row.id] = row

    def has(self, identifier: str) -> bool:
        """Whether there is a cell for it."""
        return identifier in self.rows

    def typed(self, identifier: str) -> Term:
        """The cell that an analyst edits."""
        return Term(identifier, self.rows[identifier].value)

    def of(self, identifier: str) -> Term:
        """The value in the model's units."""
        row = self.rows[identifier]
        if not row.converted:
            return self.typed(identifier)
        value = "" if row.value is None else self.inputs.number(identifier)
        return Term(f"model.{identifier}", value)

    def method(self, name: str) -> Term:
        """A constant of the method."""
        return self.typed(f"method.{name}")

    @property
    def treated(self) -> tuple[str, ...]:
        """Strategies that give a drug."""
        return treated(self.inputs)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Endpoints whose curves the sheets hold."""
        return endpoints(self.inputs)


def treated(inputs: Inputs) -> tuple[str, ...]:
    """Strategies that give a drug."""
    return tuple(s for s in inputs.compared if inputs.number(f"treatment.share_starting.{s}") > 0)


def sheet_name(inputs: Inputs, kind: str, strategy: str) -> str:
    """Name of a strategy's sheet of a kind."""
    labels = [inputs.labels[s] for s in inputs.compared]
    return sheet_names(kind, labels)[inputs.compared.index(strategy)]


def live_inputs(inputs: Inputs) -> LiveInputs:
    """Every parameter that a run of the compared strategies reads, with empty cells for the other families."""
    live = LiveInputs(inputs)
    for identifier, definition in _identifiers(inputs):
        row = _row(inputs, identifier, definition)
        reason = _why_fixed(inputs, identifier)
        if reason:
            if inputs.given(identifier) and row.value != "":
                live.fixed.append((row, reason))
        else:
            live.add(definition.sheet.value, row)
    for i, threshold in enumerate(inputs.thresholds, start=1):
        label = f"Threshold {i} per QALY"
        live.add(Sheet.SETTINGS.value, InputRow(f"threshold.{i}", label, threshold, inputs.currency))
    for name, (value, label) in METHOD.items():
        live.add("Constants of the method", InputRow(name, label, value, "number", status="method"))
    return live


def endpoints(inputs: Inputs) -> tuple[Endpoint, ...]:
    """Endpoints whose curves the sheets hold: PFS; OS with a family for every compared strategy; survival from
    progression where the base case uses it.
    """
    found = [Endpoint.PFS]
    if all(inputs.text(f"{Endpoint.OS}.family.{s}") for s in inputs.compared):
        found.append(Endpoint.OS)
    if inputs.text("settings.post_progression") == PostProgression.TIME_SINCE_PROGRESSION:
        found.append(Endpoint.POST_PROGRESSION)
    return tuple(found)


def families(inputs: Inputs, endpoint: Endpoint) -> tuple[Family, ...]:
    """Families that the sheets know for an endpoint: the seven standard ones, and those of the base case."""
    own = {Family(inputs.text(f"{endpoint}.family.{s}")) for s in inputs.compared}
    return (*STANDARD, *(f for f in Family if f in own and f not in (*STANDARD, *RATIO_FAMILIES)))


def may_lean(inputs: Inputs, endpoint: Endpoint, strategy: str) -> bool:
    """Whether a strategy's curve may be built on its reference's: not where that would lead back to itself."""
    if inputs.text(f"{endpoint}.family.{strategy}") in RATIO_FAMILIES:
        return True
    current = strategy
    for _ in inputs.compared:
        following = reference_of(inputs, endpoint, current)
        if following == strategy or following not in inputs.compared:
            return False
        if following == current:
            return True
        current = following
    return False


def _identifiers(inputs: Inputs) -> Iterator[tuple[str, Definition]]:
    """Every id of the schema for the compared strategies and what they use, in the schema's order."""
    names = {
        "strategy": inputs.compared,
        "product": tuple(dict.fromkeys(p for s in inputs.compared for p in products_of(inputs, s))),
        "event": inputs.names("event"),
        "course": inputs.names("course"),
        "route": _routes(inputs),
    }
    for definition in DEFINITIONS:
        slots = [part[1:-1] for part in definition.pattern.split(".") if part.startswith("{")]
        for chosen in itertools.product(*(names[slot] for slot in slots)):
            filled = dict(zip(slots, chosen, strict=True))
            identifier = definition.pattern.format(**filled)
            if _is_wanted(inputs, identifier, filled):
                yield identifier, definition


def _routes(inputs: Inputs) -> tuple[str, ...]:
    used = [inputs.text(f"dose.route.{p}.{s}") for s in inputs.compared for p in products_of(inputs, s)]
    return tuple(dict.fromkeys(route for route in used if route))


def _is_wanted(inputs: Inputs, identifier: str, names: dict[str, str]) -> bool:
    """Whether the sheet has a line for an id: its strategy uses it, or could."""
    kind = identifier.split(".")[0]
    if not identifier.startswith(READ):
        return False
    if "product" in names and "strategy" in names:
        return names["product"] in products_of(inputs, names["strategy"])
    if kind in tuple(Endpoint):
        return _is_wanted_curve(inputs, Endpoint(kind), identifier.split(".")[1], names["strategy"])
    if identifier == "settings.post_progression_mortality":
        return Endpoint.POST_PROGRESSION in endpoints(inputs)
    if kind == "settings":
        return identifier in LIVE_SETTINGS or identifier == "settings.reference"
    if kind == "subsequent" and "course" in names:
        return inputs.given(f"subsequent.cost.{names['course']}")
    return True


def _is_wanted_curve(inputs: Inputs, endpoint: Endpoint, key: str, strategy: str) -> bool:
    if endpoint not in endpoints(inputs):
        return False
    known = {name for family in families(inputs, endpoint) for name in FAMILY_PARAMETERS[family]} | {"median"}
    if key.startswith("gamma"):
        return inputs.given(f"{endpoint}.{key}.{strategy}")
    if key in ("knots", "reference"):
        return inputs.text(f"{endpoint}.{key}.{strategy}") != ""
    if key in ("hazard_ratio", "time_ratio"):
        return may_lean(inputs, endpoint, strategy)
    if key in ("waning_start", "waning_end"):
        return can_wane(inputs, endpoint, strategy)
    return key == "family" or key in known


def can_wane(inputs: Inputs, endpoint: Endpoint, strategy: str) -> bool:
    """Whether there is another compared strategy for an effect to wane to; survival from progression never wanes."""
    if endpoint is Endpoint.POST_PROGRESSION:
        return False
    reference = reference_of(inputs, endpoint, strategy)
    return reference in inputs.compared and reference != strategy


def _why_fixed(inputs: Inputs, identifier: str) -> str:
    """Why a value of the workbook is not live; nothing where it is."""
    if identifier == "settings.reference":
        return "The order of the strategies is that of the sheets"
    if identifier.split(".")[0] in tuple(Endpoint) and identifier.split(".")[1] in ("knots", "reference"):
        return "Which curve a ratio leans on, and where a spline's knots lie, are written into the formulas"
    if identifier.startswith("dose.route."):
        return "Which administration cost is paid is written into the formulas"
    found = match(identifier)
    strategy = found[1].get("strategy") if found else None
    if strategy and strategy not in treated(inputs) and identifier.startswith(ONLY_ON_DRUG):
        return "This strategy gives no drug: the value changes nothing"
    return ""


def _row(inputs: Inputs, identifier: str, definition: Definition) -> InputRow:
    """A parameter's line, from its row of the workbook or from the schema."""
    parameter = inputs.parameters.get(identifier)
    units = units_of(definition, inputs.currency)
    unit = parameter.unit if parameter and parameter.unit in units else next(iter(units), "")
    year = parameter.price_year if parameter and inputs.price_index else None
    value = inputs.value(identifier)
    return InputRow(
        identifier,
        parameter.label if parameter and parameter.label else label_of(identifier, inputs.labels),
        value,
        unit,
        units.get(unit, 1.0),
        year,
        _choices(inputs, identifier, definition),
        parameter.status if parameter else "",
        definition.is_text,
    )


def _choices(inputs: Inputs, identifier: str, definition: Definition) -> tuple[str, ...]:
    """Words that a cell may hold and that its formulas know."""
    if identifier == "settings.post_progression":
        by_curve = {
            Endpoint.OS: PostProgression.OVERALL_SURVIVAL.value,
            Endpoint.POST_PROGRESSION: PostProgression.TIME_SINCE_PROGRESSION.value,
        }
        return (PostProgression.RATE.value, *(by_curve[e] for e in endpoints(inputs) if e in by_curve))
    parts = identifier.split(".")
    if parts[0] in tuple(Endpoint) and parts[1] == "family":
        endpoint = Endpoint(parts[0])
        leans = may_lean(inputs, endpoint, parts[2])
        known = families(inputs, endpoint)
        mine = tuple(f.value for f in known if f not in SPLINES or inputs.text(identifier) == f)
        return (*mine, *(f.value for f in RATIO_FAMILIES if leans))
    return definition.choices


def model_formula(live: LiveInputs, row: InputRow, factor: Term, year: Term, index: tuple[Term, Term]) -> Term:
    """The value in the model's unit: value × factor, and for a price × the index of the report's year over its own."""
    cell = live.typed(row.id)
    converted = cell * factor
    if row.price_year is not None:
        years, levels = index
        report: Operand = live.typed("settings.price_year")
        converted = converted * item(levels, position_of(report, years)) / item(levels, position_of(year, years))
    return where(given(cell), converted, "")
