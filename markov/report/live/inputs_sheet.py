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
from markov.report.live.grid import Listing
from markov.report.live.tables_sheet import Tables, live_tables
from markov.report.page import sheet_names
from markov.terms import FAMILY_PARAMETERS, RATIO_FAMILIES, SPLINES, TRUSTED, Endpoint, Family, PostProgression

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
READ = """settings. cohort. mortality. pfs. os. pps. post_progression.excess_rate. treatment. toxicity. spm.
    adverse_event. price. product. dose. cost. subsequent. utility."""
"""How ids begin that a run of the model reads; others serve calibration, comparison or decisions."""
LIVE_SETTINGS = """price_year cycle_days horizon_years discount_rate.costs discount_rate.effects discounting
    discount_change_years discount_rate_later.costs discount_rate_later.effects price_set post_progression
    post_progression_rate post_progression_mortality within_cycle correction crossing age_adjustment utility_cap
    vial_waste"""
"""Settings that formulas look at."""
ONLY_ON_DRUG = """treatment.share_starting. treatment.other_stop_rate. treatment.median_duration. toxicity. spm.rate.
    spm.proportion. spm.period. spm.other_exit_rate. spm.lag. utility.treatment_decrement. cost.treatment_start.
    cost.monitoring. dose.relative_intensity. adverse_event.persistent_share."""
"""How ids begin that change nothing for a strategy without a drug."""
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
class LiveCells:
    """Every single cell of the live model as a term: inputs by section, tables, and values worked out once.

    `fixed` are rows that stay as they were written, and why.

    >>> live = live_cells(calgb)
    >>> live.of("treatment.start.lenalidomide").text, live.typed("treatment.start.lenalidomide").text
    ('model.treatment.start.lenalidomide', 'treatment.start.lenalidomide')
    """

    inputs: Inputs
    tables: Tables
    values: Listing
    sections: dict[str, list[InputRow]] = field(default_factory=dict)
    fixed: list[tuple[InputRow, str]] = field(default_factory=list)
    rows: dict[str, InputRow] = field(default_factory=dict)

    def add(self, section: str, row: InputRow) -> None:
        """Put a row at the end of a section."""
        self.sections.setdefault(section, []).append(row)
        self.rows[row.id] = row

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

    def own(self, strategy: str) -> "Own":
        """The cells of one strategy."""
        return Own(self, strategy)

    def in_model_units(self, row: InputRow, excel: int) -> Term:
        """What an Excel row says in the model's unit: value × factor, and for a price × the index of the report's year
        over its own.
        """
        cell = self.typed(row.id)
        converted = cell * Term(f"H{excel}", row.factor)
        if row.price_year is not None:
            years, levels = self.tables.of("price_index.year"), self.tables.of("price_index.level")
            report, own = self.typed("settings.price_year"), Term(f"I{excel}", row.price_year)
            converted = converted * item(levels, position_of(report, years)) / item(levels, position_of(own, years))
        return where(given(cell), converted, "")

    @property
    def treated(self) -> tuple[str, ...]:
        """Strategies that give a drug."""
        return tuple(s for s in self.inputs.compared if self.inputs.number(f"treatment.share_starting.{s}") > 0)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Endpoints whose curves the sheets hold: PFS; OS with a family for every compared strategy; survival from
        progression where the base case uses it.
        """
        found = [Endpoint.PFS]
        if all(self.inputs.text(f"{Endpoint.OS}.family.{s}") for s in self.inputs.compared):
            found.append(Endpoint.OS)
        if self.inputs.text("settings.post_progression") == PostProgression.TIME_SINCE_PROGRESSION:
            found.append(Endpoint.POST_PROGRESSION)
        return tuple(found)

    def families(self, endpoint: Endpoint) -> tuple[Family, ...]:
        """Families that the sheets know for an endpoint: the seven standard ones, and those of the base case."""
        own = {Family(self.inputs.text(f"{endpoint}.family.{s}")) for s in self.inputs.compared}
        return (*STANDARD, *(f for f in Family if f in own and f not in (*STANDARD, *RATIO_FAMILIES)))

    def may_lean(self, endpoint: Endpoint, strategy: str) -> bool:
        """Whether a strategy's curve may be built on its reference's: not where that would lead back to itself."""
        if self.inputs.text(f"{endpoint}.family.{strategy}") in RATIO_FAMILIES:
            return True
        current = strategy
        for _ in self.inputs.compared:
            following = reference_of(self.inputs, endpoint, current)
            if following == strategy or following not in self.inputs.compared:
                return False
            if following == current:
                return True
            current = following
        return False

    def wanes_to(self, endpoint: Endpoint, strategy: str) -> str | None:
        """Another compared strategy to whose hazard an effect may wane; survival from progression never wanes."""
        reference = reference_of(self.inputs, endpoint, strategy)
        may = endpoint is not Endpoint.POST_PROGRESSION and reference in self.inputs.compared and reference != strategy
        return reference if may else None

    def sheet_name(self, kind: str, strategy: str) -> str:
        """Name of a strategy's sheet of a kind."""
        labels = [self.inputs.labels[s] for s in self.inputs.compared]
        return sheet_names(kind, labels)[self.inputs.compared.index(strategy)]


@dataclass(frozen=True)
class Own:
    """The cells of one strategy, by their names without its id."""

    live: LiveCells
    strategy: str

    @property
    def label(self) -> str:
        """The strategy's name."""
        return self.live.inputs.labels[self.strategy]

    def typed(self, name: str) -> Term:
        """The cell that an analyst edits."""
        return self.live.typed(f"{name}.{self.strategy}")

    def of(self, name: str) -> Term:
        """The value in the model's units."""
        return self.live.of(f"{name}.{self.strategy}")

    def add(self, name: str, words: str, formula: Operand) -> Term:
        """A value worked out once for this strategy."""
        return self.live.values.add(f"used.{name}.{self.strategy}", words, formula)


def live_cells(inputs: Inputs) -> LiveCells:
    """Every parameter that a run of the compared strategies reads, with empty cells for the other families.

    >>> live = live_cells(calgb)
    >>> [row.id for row in live.sections["Settings"]][:2], live.fixed[0][0].id
    (['settings.price_year', 'settings.cycle_days'], 'settings.reference')
    """
    values = Listing("Live values", "What is worked out once from the inputs: one named cell each.")
    live = LiveCells(inputs, live_tables(inputs), values)
    for identifier, definition in _identifiers(live):
        row = _row(live, identifier, definition)
        reason = _why_fixed(live, identifier)
        if not reason:
            live.add(definition.sheet.value, row)
        elif inputs.given(identifier) and row.value != "":
            live.fixed.append((row, reason))
    for i, threshold in enumerate(inputs.thresholds, start=1):
        label = f"Threshold {i} per QALY"
        live.add(Sheet.SETTINGS.value, InputRow(f"threshold.{i}", label, threshold, inputs.currency))
    for name, (value, label) in METHOD.items():
        live.add("Constants of the method", InputRow(name, label, value, "number", status="method"))
    return live


def _identifiers(live: LiveCells) -> Iterator[tuple[str, Definition]]:
    """Every id of the schema for the compared strategies and what they use, in the schema's order."""
    inputs = live.inputs
    given_to = [(s, product) for s in inputs.compared for product in products_of(inputs, s)]
    routes = [inputs.text(f"dose.route.{product}.{s}") for s, product in given_to]
    names = {
        "strategy": inputs.compared,
        "product": tuple(dict.fromkeys(product for _, product in given_to)),
        "event": inputs.names("event"),
        "course": inputs.names("course"),
        "route": tuple(dict.fromkeys(filter(None, routes))),
    }
    for definition in DEFINITIONS:
        slots = [part[1:-1] for part in definition.pattern.split(".") if part.startswith("{")]
        for chosen in itertools.product(*(names[slot] for slot in slots)):
            filled = dict(zip(slots, chosen, strict=True))
            identifier = definition.pattern.format(**filled)
            if _is_wanted(live, identifier, filled):
                yield identifier, definition


def _is_wanted(live: LiveCells, identifier: str, names: dict[str, str]) -> bool:
    """Whether the sheet has a line for an id: its strategy uses it, or could."""
    kind, _, rest = identifier.partition(".")
    if not identifier.startswith(tuple(READ.split())):
        return False
    if "product" in names and "strategy" in names:
        return names["product"] in products_of(live.inputs, names["strategy"])
    if kind in tuple(Endpoint):
        return _is_wanted_curve(live, Endpoint(kind), rest.split(".")[0], names["strategy"])
    if rest == "post_progression_mortality":
        return Endpoint.POST_PROGRESSION in live.endpoints
    if kind == "settings":
        return rest in (*LIVE_SETTINGS.split(), "reference")
    if kind == "subsequent" and "course" in names:
        return live.inputs.given(f"subsequent.cost.{names['course']}")
    return True


def _is_wanted_curve(live: LiveCells, endpoint: Endpoint, key: str, strategy: str) -> bool:
    if endpoint not in live.endpoints:
        return False
    known = {name for family in live.families(endpoint) for name in FAMILY_PARAMETERS[family]} | {"median"}
    if key.startswith("gamma"):
        return live.inputs.given(f"{endpoint}.{key}.{strategy}")
    if key in ("knots", "reference"):
        return live.inputs.text(f"{endpoint}.{key}.{strategy}") != ""
    if key in ("hazard_ratio", "time_ratio"):
        return live.may_lean(endpoint, strategy)
    if key in ("waning_start", "waning_end"):
        return live.wanes_to(endpoint, strategy) is not None
    return key == "family" or key in known


def _why_fixed(live: LiveCells, identifier: str) -> str:
    """Why a value of the workbook is not live; nothing where it is."""
    if identifier == "settings.reference":
        return "The order of the strategies is that of the sheets"
    if identifier.split(".")[0] in tuple(Endpoint) and identifier.split(".")[1] in ("knots", "reference"):
        return "Which curve a ratio leans on, and where a spline's knots lie, are written into the formulas"
    if identifier.startswith("dose.route."):
        return "Which administration cost is paid is written into the formulas"
    found = match(identifier)
    strategy = found[1].get("strategy") if found else None
    if strategy and strategy not in live.treated and identifier.startswith(tuple(ONLY_ON_DRUG.split())):
        return "This strategy gives no drug: the value changes nothing"
    return ""


def _row(live: LiveCells, identifier: str, definition: Definition) -> InputRow:
    """A parameter's line, from its row of the workbook or from the schema."""
    inputs, parameter = live.inputs, live.inputs.parameters.get(identifier)
    units = units_of(definition, inputs.currency)
    unit = parameter.unit if parameter and parameter.unit in units else next(iter(units), "")
    return InputRow(
        identifier,
        parameter.label if parameter and parameter.label else label_of(identifier, inputs.labels),
        inputs.value(identifier),
        unit,
        units.get(unit, 1.0),
        parameter.price_year if parameter and inputs.price_index else None,
        _choices(live, identifier, definition),
        parameter.status if parameter else "",
        definition.is_text,
    )


def _choices(live: LiveCells, identifier: str, definition: Definition) -> tuple[str, ...]:
    """Words that a cell may hold and that its formulas know."""
    if identifier == "settings.post_progression":
        by_curve = {
            Endpoint.OS: PostProgression.OVERALL_SURVIVAL.value,
            Endpoint.POST_PROGRESSION: PostProgression.TIME_SINCE_PROGRESSION.value,
        }
        return (PostProgression.RATE.value, *(by_curve[e] for e in live.endpoints if e in by_curve))
    kind, name, *rest = identifier.split(".")
    if kind in tuple(Endpoint) and name == "family":
        own = live.inputs.text(identifier)
        mine = tuple(f.value for f in live.families(Endpoint(kind)) if f not in SPLINES or own == f)
        return (*mine, *(f.value for f in RATIO_FAMILIES if live.may_lean(Endpoint(kind), rest[0])))
    return definition.choices
