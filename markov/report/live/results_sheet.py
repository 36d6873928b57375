"""The Live results sheet: totals by category and state, the incremental table and net benefit, all formulas."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from xlsxwriter.utility import xl_col_to_name

from markov.model.outcomes import Outcomes
from markov.report.live.costs import SPM_KINDS as KINDS
from markov.report.live.costs import CostRules, Paid, of_events, total_of
from markov.report.live.cycles_sheet import COSTS, EFFECTS, Cycles
from markov.report.live.formulas import Operand, Term, sum_product, term
from markov.report.live.inputs_sheet import LiveInputs
from markov.report.live.payoffs import UNDISCOUNTED
from markov.terms import (
    COST_LABELS,
    LIVING,
    QALY_LABELS,
    STATE_LABELS,
    Array,
    CostCategory,
    QalyComponent,
    State,
)

NAME = "Live results"
FIRST_ROW = 6  # Excel row of the first block's header
BY_SCHEDULE = {UNDISCOUNTED: 0, COSTS: 1, EFFECTS: 1}


@dataclass(frozen=True)
class ResultRow:
    """A line: its key in the names of cells, label, look, one formula a strategy, and the engine's numbers."""

    key: str
    label: str
    look: str
    cells: tuple[Term, ...]
    engine: tuple[float, ...] | None = None


@dataclass
class Block:
    """A titled table of the sheet, from an Excel row on."""

    title: str
    row: int
    rows: list[ResultRow] = field(default_factory=list)


@dataclass
class Results:
    """All blocks, and the strategies across the columns."""

    strategies: tuple[str, ...]
    labels: tuple[str, ...]
    currency: str
    comparison_row: int = 0
    blocks: list[Block] = field(default_factory=list)

    def block(self, title: str, row: int | None = None) -> Block:
        """A new block, below the others unless told where."""
        place = row or max((b.row + len(b.rows) + 3 for b in self.blocks), default=FIRST_ROW)
        self.blocks.append(Block(title, place))
        return self.blocks[-1]

    def add(
        self,
        block: Block,
        key: str,
        label: str,
        look: str,
        formula: Callable[[str], Operand],
        engine: Sequence[float] | Array | None = None,
    ) -> dict[str, Term]:
        """A line of a block; returns a term for each strategy's cell."""
        made = tuple(term(formula(s)) for s in self.strategies)
        told = None if engine is None else tuple(float(v) for v in engine)
        block.rows.append(ResultRow(key, label, look, made, told))
        return {s: Term(f"result.{key}.{s}", _plain(cell.value)) for s, cell in zip(self.strategies, made, strict=True)}

    def column(self, i: int) -> str:
        """Letter of a strategy's column."""
        return str(xl_col_to_name(1 + i))


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.ndarray | np.generic) else value


class ResultFormulas:
    """The blocks of the sheet, from the time in states to the totals."""

    def __init__(
        self,
        live: LiveInputs,
        cycles: Cycles,
        utilities: Mapping[str, Term],
        paid: Mapping[str, Paid],
        outcomes: Outcomes,
    ):
        self.live, self.cycles, self.utilities, self.paid, self.outcomes = live, cycles, utilities, paid, outcomes
        inputs = live.inputs
        labels = tuple(inputs.labels[s] for s in inputs.compared)
        self.results = Results(inputs.compared, labels, inputs.currency)
        self.occupancy: dict[tuple[State, str], Term] = {
            (state, s): p.trace.grid.name_range(f"occupancy.{state}.{s}", p.trace.occupancy[state])
            for s, p in paid.items()
            for state in LIVING
        }
        self.arrivals_range = {
            (state, s): p.trace.grid.name_range(f"arrivals.{state}.{s}", column)
            for s, p in paid.items()
            for state, column in p.trace.arrivals.items()
        }

    def build(self) -> Results:
        """All blocks; the totals, made last, stand first."""
        thresholds = len(self.live.inputs.thresholds)
        totals = self.results.block("Totals by strategy", FIRST_ROW)
        self.results.comparison_row = FIRST_ROW + 3 + 6 + thresholds
        below = self.results.comparison_row + 2 * len(self.results.strategies) + 7
        years = self._years(below)
        arrivals = self._arrivals()
        self._treated()
        costs = {schedule: self._costs(schedule, years, arrivals) for schedule in (COSTS, UNDISCOUNTED)}
        qalys = {schedule: self._qalys(schedule, arrivals) for schedule in (EFFECTS, UNDISCOUNTED)}
        self._totals(totals, costs, qalys)
        return self.results

    # ------------------------------------------------------------------------------------- time and events

    def _years(self, row: int) -> dict[str, dict[State, dict[str, Term]]]:
        found: dict[str, dict[State, dict[str, Term]]] = {}
        words = {UNDISCOUNTED: "undiscounted", EFFECTS: "discounted as effects", COSTS: "discounted as costs"}
        for schedule, text in words.items():
            block = self.results.block(f"Years in each state, {text}", row if schedule == UNDISCOUNTED else None)
            weight = self.cycles.weights[schedule]
            found[schedule] = {}
            for n, state in enumerate(LIVING):
                engine = None if schedule == COSTS else self.outcomes.life_years[0, :, BY_SCHEDULE[schedule], n]

                def formula(s: str, state: State = state, weight: Term = weight) -> Term:
                    return sum_product(weight, self.occupancy[state, s])

                key = f"years.{schedule}.{state}"
                found[schedule][state] = self.results.add(block, key, STATE_LABELS[state], "years", formula, engine)
        return found

    def _arrivals(self) -> dict[str, dict[State, dict[str, Term]]]:
        found: dict[str, dict[State, dict[str, Term]]] = {}
        states = (State.PROGRESSION, *KINDS, State.DEATH)
        for schedule in (UNDISCOUNTED, COSTS, EFFECTS):
            block = self.results.block(
                f"Arrivals, {schedule if schedule == UNDISCOUNTED else 'discounted as ' + schedule}"
            )
            weight = self.cycles.arrival_weights[schedule]
            found[schedule] = {}
            for state in states:
                entries = self.outcomes.entries[0, :, list(State).index(state)]

                def formula(s: str, state: State = state, weight: Term = weight) -> Term:
                    return sum_product(weight, self.arrivals_range[state, s])

                key = f"arrivals.{schedule}.{state}"
                engine = entries if schedule == UNDISCOUNTED else None
                found[schedule][state] = self.results.add(block, key, STATE_LABELS[state], "share", formula, engine)
        return found

    def _treated(self) -> None:
        block = self.results.block("Years on drug")
        self.treated: dict[str, dict[str, Term]] = {}
        for schedule in (UNDISCOUNTED, COSTS):
            engine = (self.outcomes.time_on_treatment if schedule == UNDISCOUNTED else self.outcomes.drug_years)[0]

            def formula(s: str, schedule: str = schedule) -> Operand:
                drug = self.paid[s].drug
                return _sum(drug.time[schedule]) if drug else 0

            words = "Undiscounted" if schedule == UNDISCOUNTED else "Discounted as costs"
            self.treated[schedule] = self.results.add(block, f"treated.{schedule}", words, "years", formula, engine)

    # ------------------------------------------------------------------------------------------------- costs

    def _costs(
        self,
        schedule: str,
        years: Mapping[str, Mapping[State, Mapping[str, Term]]],
        arrivals: Mapping[str, Mapping[State, Mapping[str, Term]]],
    ) -> tuple[int, int]:
        words = "discounted" if schedule == COSTS else "undiscounted"
        block = self.results.block(f"Costs by category ({self.results.currency}), {words}")
        rules = CostRules(
            self.live, self.paid, schedule, years[schedule], arrivals[schedule], self.treated[schedule]
        ).by_category
        for n, category in enumerate(CostCategory):
            engine = self.outcomes.costs[0, :, BY_SCHEDULE[schedule], n]
            rule = rules[category]
            self.results.add(
                block,
                f"cost.{schedule}.{category}",
                COST_LABELS[category],
                "money",
                rule,
                engine,
            )
        return block.row + 1, block.row + len(block.rows)

    # ------------------------------------------------------------------------------------------------- QALYs

    def _qalys(self, schedule: str, arrivals: Mapping[str, Mapping[State, Mapping[str, Term]]]) -> tuple[int, int]:
        words = "discounted" if schedule == EFFECTS else "undiscounted"
        inside = self.results.block(f"QALYs from time in each state, {words}")
        states: dict[State, dict[str, Term]] = {}
        for state in LIVING:
            key = f"qaly.{schedule}.time.{state}"
            rule = partial(self._quality, state, schedule)
            states[state] = self.results.add(inside, key, STATE_LABELS[state], "qaly", rule)
        block = self.results.block(f"QALYs by component, {words}")
        losses = self._losses(schedule, arrivals)
        components: dict[QalyComponent, dict[str, Term]] = {}
        for n, component in enumerate(QalyComponent):
            engine = self.outcomes.qaly_components[0, :, BY_SCHEDULE[schedule], n]
            losing = losses.get(component, partial(_over_states, states))
            key = f"qaly.{schedule}.component.{component}"
            components[component] = self.results.add(block, key, QALY_LABELS[component], "qaly", losing, engine)
        self._by_state(schedule, words, states, components, arrivals)
        return block.row + 1, block.row + len(block.rows)

    def _quality(self, state: State, schedule: str, s: str) -> Term:
        """Utility × time weighted by what age or the cap leaves of it."""
        return self.utilities[state] * sum_product(self.cycles.weights[f"{state}.{schedule}"], self.occupancy[state, s])

    def _losses(
        self, schedule: str, arrivals: Mapping[str, Mapping[State, Mapping[str, Term]]]
    ) -> dict[QalyComponent, Callable[[str], Operand]]:
        """What is taken from the time in states."""
        of = self.live.of

        def decrement(s: str) -> Operand:
            drug = self.paid[s].drug
            if drug is None:
                return 0
            ageing = self.cycles.grid.name_range("ageing", self.cycles.ageing)
            return of(f"utility.treatment_decrement.{s}") * sum_product(drug.time[schedule], ageing)

        def persistent(s: str) -> Operand:
            events = self.live.inputs.names("event") if self.paid[s].drug else ()
            parts = [
                of(f"adverse_event.persistent_share.{event}.{s}") * of(f"adverse_event.disutility.{event}")
                for event in events
            ]
            if not parts:
                return 0
            time = sum_product(self.cycles.weights[f"aged.{schedule}"], self.occupancy[State.TOXICITY, s])
            return total_of(parts) * time

        return {
            QalyComponent.TREATMENT_DECREMENT: decrement,
            QalyComponent.ADVERSE_EVENTS: lambda s: of_events(self.live, self.paid[s], s, "disutility", schedule),
            QalyComponent.PERSISTENT_EFFECTS: persistent,
            QalyComponent.SECOND_PRIMARY_MALIGNANCY: lambda s: total_of(
                [self._spm_loss(state, s, schedule, arrivals) for state in KINDS]
            ),
        }

    def _spm_loss(
        self, state: State, s: str, schedule: str, arrivals: Mapping[str, Mapping[State, Mapping[str, Term]]]
    ) -> Term:
        kind, of = KINDS[state], self.live.of
        return of(f"spm.disutility.{kind}") * of(f"spm.disutility_duration.{kind}") * arrivals[schedule][state][s]

    def _by_state(
        self,
        schedule: str,
        words: str,
        states: Mapping[State, Mapping[str, Term]],
        parts: Mapping[QalyComponent, Mapping[str, Term]],
        arrivals: Mapping[str, Mapping[State, Mapping[str, Term]]],
    ) -> None:
        """QALYs by state, losses put where they fall."""
        block = self.results.block(f"QALYs by state, {words}")

        def formula(state: State, s: str) -> Term:
            own = states[state][s]
            if state is State.MAINTENANCE:
                return own + parts[QalyComponent.TREATMENT_DECREMENT][s] + parts[QalyComponent.ADVERSE_EVENTS][s]
            if state is State.TOXICITY:
                return own + parts[QalyComponent.PERSISTENT_EFFECTS][s]
            return own + self._spm_loss(state, s, schedule, arrivals) if state in KINDS else 0 + own

        for n, state in enumerate(LIVING):
            engine = self.outcomes.qalys[0, :, BY_SCHEDULE[schedule], n]
            self.results.add(
                block,
                f"qaly.{schedule}.state.{state}",
                STATE_LABELS[state],
                "qaly",
                partial(formula, state),
                engine,
            )

    # ------------------------------------------------------------------------------------------------- totals

    def _totals(
        self,
        block: Block,
        costs: Mapping[str, tuple[int, int]],
        qalys: Mapping[str, tuple[int, int]],
    ) -> None:
        outcomes, add = self.outcomes, self.results.add
        parts = {(b.row + 1, b.row + len(b.rows)): b for b in self.results.blocks}

        def below(rows: tuple[int, int]) -> Callable[[str], Term]:
            def formula(s: str) -> Term:
                i = self.results.strategies.index(s)
                letter = self.results.column(i)
                value = sum(float(row.cells[i].value) for row in parts[rows].rows)
                return Term(f"SUM({letter}{rows[0]}:{letter}{rows[1]})", value)

            return formula

        def life_years(schedule: str) -> tuple[int, int]:
            return next(r for r, b in parts.items() if b.rows and b.rows[0].key == f"years.{schedule}.maintenance")

        currency = self.results.currency
        cost = add(block, "cost", f"Cost, discounted ({currency})", "money", below(costs[COSTS]), outcomes.cost[0])
        qaly = add(block, "qaly", "QALYs, discounted", "qaly", below(qalys[EFFECTS]), outcomes.qaly[0])
        add(block, "life_years", "Life-years, discounted", "qaly", below(life_years(EFFECTS)), outcomes.life_year[0])
        whole = {"cost": outcomes.costs, "qaly": outcomes.qalys, "life": outcomes.life_years}
        plain = {name: values[0, :, 0].sum(axis=-1) for name, values in whole.items()}
        words = f"Cost, undiscounted ({currency})"
        add(block, "cost_undiscounted", words, "money", below(costs[UNDISCOUNTED]), plain["cost"])
        add(block, "qaly_undiscounted", "QALYs, undiscounted", "qaly", below(qalys[UNDISCOUNTED]), plain["qaly"])
        years_below = below(life_years(UNDISCOUNTED))
        add(block, "life_years_undiscounted", "Life-years, undiscounted", "qaly", years_below, plain["life"])
        for n, threshold in enumerate(self.live.inputs.thresholds, start=1):
            add(
                block,
                f"net_benefit_{n}",
                f"Net benefit at threshold {n} ({currency})",
                "money",
                partial(_net_benefit, self.live.typed(f"threshold.{n}"), qaly, cost),
                outcomes.net_benefit(threshold)[0],
            )


def _over_states(states: Mapping[State, Mapping[str, Term]], s: str) -> Term:
    return total_of([states[state][s] for state in LIVING])


def _net_benefit(threshold: Term, qaly: Mapping[str, Term], cost: Mapping[str, Term], s: str) -> Term:
    """λ·QALYs − cost."""
    return threshold * qaly[s] - cost[s]


def _sum(cells: Term) -> Term:
    return Term(f"SUM({cells.text})", float(np.sum(cells.value)))
