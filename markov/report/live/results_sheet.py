"""The Live results sheet: totals by category and state, the incremental table and net benefit, all formulas."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
from xlsxwriter.utility import xl_col_to_name

from markov.model.outcomes import Outcomes
from markov.report.live.costs import ByState, CostRules
from markov.report.live.cycles_sheet import COSTS, EFFECTS, UNDISCOUNTED, Cycles
from markov.report.live.formulas import Operand, Term, sum_of, sum_product, term, total_of
from markov.report.live.inputs_sheet import LiveCells
from markov.report.live.moves import SPM
from markov.report.live.payoffs import Paid
from markov.terms import COST_LABELS, LIVING, QALY_LABELS, STATE_LABELS, Array, CostCategory, QalyComponent, State

NAME = "Live results"
FIRST_ROW = 6  # Excel row of the first block's header
BY_SCHEDULE = {UNDISCOUNTED: 0, COSTS: 1, EFFECTS: 1}
WORDS = {UNDISCOUNTED: "undiscounted", EFFECTS: "discounted as effects", COSTS: "discounted as costs"}

Kind = TypeVar("Kind", bound=str)
Rule = Callable[[str], Operand]
"""The formula of a strategy."""


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
        formula: Rule,
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

    def __init__(self, live: LiveCells, cycles: Cycles, paid: Mapping[str, Paid], outcomes: Outcomes):
        self.live, self.cycles, self.paid, self.outcomes = live, cycles, paid, outcomes
        inputs = live.inputs
        self.results = Results(inputs.compared, tuple(inputs.labels[s] for s in inputs.compared), inputs.currency)
        self.blocks: dict[str, Block] = {}
        self.occupancy: dict[tuple[State, str], Term] = {
            (state, s): p.grid.name_range(f"occupancy.{state}.{s}", p.trace.occupancy[state])
            for s, p in paid.items()
            for state in LIVING
        }
        self.arrivals: dict[tuple[State, str], Term] = {
            (state, s): p.grid.name_range(f"arrivals.{state}.{s}", column)
            for s, p in paid.items()
            for state, column in p.trace.arrivals.items()
        }

    def build(self) -> Results:
        """All blocks; the totals, made last, stand first."""
        totals = self.results.block("Totals by strategy", FIRST_ROW)
        self.results.comparison_row = FIRST_ROW + 3 + 6 + len(self.live.inputs.thresholds)
        below = self.results.comparison_row + 2 * len(self.results.strategies) + 7
        self.years = {s: self._years(s, below if s == UNDISCOUNTED else None) for s in WORDS}
        self.came = {s: self._arrived(s) for s in (UNDISCOUNTED, COSTS, EFFECTS)}
        self._treated()
        for schedule in (COSTS, UNDISCOUNTED):
            self._costs(schedule)
        for schedule in (EFFECTS, UNDISCOUNTED):
            self._qalys(schedule)
        self._totals(totals)
        return self.results

    def _lines(
        self,
        title: str,
        key: str,
        labels: Mapping[Kind, str],
        look: str,
        rule: Callable[[Kind, str], Operand],
        engine: Array | None = None,
        row: int | None = None,
    ) -> dict[Kind, dict[str, Term]]:
        """A block with a line for each label; `engine` holds its numbers by strategy and line."""
        block = self.blocks[key] = self.results.block(title, row)
        found = {}
        for n, (kind, label) in enumerate(labels.items()):
            told = None if engine is None else engine[:, n]
            found[kind] = self.results.add(block, f"{key}.{kind}", label, look, partial(rule, kind), told)
        return found

    # ------------------------------------------------------------------------------------- time and events

    def _years(self, schedule: str, row: int | None) -> ByState:
        def rule(state: State, s: str) -> Term:
            return sum_product(self.cycles.weights[schedule], self.occupancy[state, s])

        engine = None if schedule == COSTS else self.outcomes.life_years[0, :, BY_SCHEDULE[schedule]]
        title = f"Years in each state, {WORDS[schedule]}"
        return self._lines(title, f"years.{schedule}", _labels(*LIVING), "years", rule, engine, row)

    def _arrived(self, schedule: str) -> ByState:
        states = (State.PROGRESSION, *SPM.values(), State.DEATH)

        def rule(state: State, s: str) -> Term:
            return sum_product(self.cycles.arrival_weights[schedule], self.arrivals[state, s])

        entries = self.outcomes.entries[0][:, [list(State).index(state) for state in states]]
        engine = entries if schedule == UNDISCOUNTED else None
        title = f"Arrivals, {WORDS[schedule]}"
        return self._lines(title, f"arrivals.{schedule}", _labels(*states), "share", rule, engine)

    def _treated(self) -> None:
        block = self.results.block("Years on drug")
        told = {UNDISCOUNTED: self.outcomes.time_on_treatment[0], COSTS: self.outcomes.drug_years[0]}
        self.treated: dict[str, dict[str, Term]] = {}
        for schedule, engine in told.items():

            def rule(s: str, schedule: str = schedule) -> Operand:
                drug = self.paid[s].drug
                return sum_of(drug.time[schedule]) if drug else 0

            label, key = WORDS[schedule].capitalize(), f"treated.{schedule}"
            self.treated[schedule] = self.results.add(block, key, label, "years", rule, engine)

    # ------------------------------------------------------------------------------------------------- costs, QALYs

    def _costs(self, schedule: str) -> None:
        known = (schedule, self.years[schedule], self.came[schedule], self.treated[schedule])
        rules = CostRules(self.live, self.paid, *known).by_category
        title = f"Costs by category ({self.results.currency}), {_plainly(schedule)}"
        labels = {category: COST_LABELS[category] for category in CostCategory}
        engine = self.outcomes.costs[0, :, BY_SCHEDULE[schedule]]
        self._lines(title, f"cost.{schedule}", labels, "money", lambda category, s: rules[category](s), engine)

    def _qalys(self, schedule: str) -> None:
        """From the time in states, by component, and by state with the losses where they fall."""
        words, key, told = _plainly(schedule), f"qaly.{schedule}", self.outcomes
        weights, losses = self.cycles.weights, self._losses(schedule)

        def time(state: State, s: str) -> Term:
            return self.cycles.utilities[state] * sum_product(weights[f"{state}.{schedule}"], self.occupancy[state, s])

        title = f"QALYs from time in each state, {words}"
        states = self._lines(title, f"{key}.time", _labels(*LIVING), "qaly", time)

        def component(kind: QalyComponent, s: str) -> Operand:
            return losses[kind](s) if kind in losses else total_of([states[state][s] for state in LIVING])

        labels, engine = {kind: QALY_LABELS[kind] for kind in QalyComponent}, told.qaly_components
        engine = engine[0, :, BY_SCHEDULE[schedule]]
        parts = self._lines(f"QALYs by component, {words}", f"{key}.component", labels, "qaly", component, engine)

        def by_state(state: State, s: str) -> Term:
            own = states[state][s]
            if state is State.MAINTENANCE:
                return own + parts[QalyComponent.TREATMENT_DECREMENT][s] + parts[QalyComponent.ADVERSE_EVENTS][s]
            if state is State.TOXICITY:
                return own + parts[QalyComponent.PERSISTENT_EFFECTS][s]
            kind = next((kind for kind, malignancy in SPM.items() if malignancy is state), None)
            return own + self._spm_loss(kind, s, schedule) if kind else 0 + own

        engine = told.qalys[0, :, BY_SCHEDULE[schedule]]
        self._lines(f"QALYs by state, {words}", f"{key}.state", _labels(*LIVING), "qaly", by_state, engine)

    def _losses(self, schedule: str) -> dict[QalyComponent, Rule]:
        """What is taken from the time in states."""
        of = self.live.of

        def decrement(s: str) -> Operand:
            drug = self.paid[s].drug
            if drug is None:
                return 0
            ageing = self.cycles.grid.name_range("ageing", self.cycles.ageing)
            return of(f"utility.treatment_decrement.{s}") * sum_product(drug.time[schedule], ageing)

        def persistent(s: str) -> Operand:
            parts = [
                of(f"adverse_event.persistent_share.{event}.{s}") * of(f"adverse_event.disutility.{event}")
                for event in (self.live.inputs.names("event") if self.paid[s].drug else ())
            ]
            if not parts:
                return 0
            time = sum_product(self.cycles.weights[f"aged.{schedule}"], self.occupancy[State.TOXICITY, s])
            return total_of(parts) * time

        return {
            QalyComponent.TREATMENT_DECREMENT: decrement,
            QalyComponent.ADVERSE_EVENTS: lambda s: self.paid[s].of_events("disutility", schedule),
            QalyComponent.PERSISTENT_EFFECTS: persistent,
            QalyComponent.SECOND_PRIMARY_MALIGNANCY: lambda s: total_of(
                [self._spm_loss(kind, s, schedule) for kind in SPM]
            ),
        }

    def _spm_loss(self, kind: str, s: str, schedule: str) -> Term:
        lost = self.live.of(f"spm.disutility.{kind}") * self.live.of(f"spm.disutility_duration.{kind}")
        return lost * self.came[schedule][SPM[kind]][s]

    # ------------------------------------------------------------------------------------------------- totals

    def _totals(self, block: Block) -> None:
        outcomes, results, currency = self.outcomes, self.results, self.results.currency

        def below(key: str) -> Rule:
            part = self.blocks[key]

            def rule(s: str) -> Term:
                i = results.strategies.index(s)
                value = sum(float(row.cells[i].value) for row in part.rows)
                letter = results.column(i)
                return Term(f"SUM({letter}{part.row + 1}:{letter}{part.row + len(part.rows)})", value)

            return rule

        def add(key: str, label: str, look: str, rule: Rule, engine: Array) -> dict[str, Term]:
            return results.add(block, key, label, look, rule, engine)

        cost = add("cost", f"Cost, discounted ({currency})", "money", below(f"cost.{COSTS}"), outcomes.cost[0])
        by_component = below(f"qaly.{EFFECTS}.component")
        qaly = add("qaly", "QALYs, discounted", "qaly", by_component, outcomes.qaly[0])
        add("life_years", "Life-years, discounted", "qaly", below(f"years.{EFFECTS}"), outcomes.life_year[0])
        for key, label, look, part, told in (
            ("cost", f"Cost, undiscounted ({currency})", "money", "cost.undiscounted", outcomes.costs),
            ("qaly", "QALYs, undiscounted", "qaly", "qaly.undiscounted.component", outcomes.qalys),
            ("life_years", "Life-years, undiscounted", "qaly", "years.undiscounted", outcomes.life_years),
        ):
            add(f"{key}_undiscounted", label, look, below(part), told[0, :, 0].sum(axis=-1))
        for n, threshold in enumerate(self.live.inputs.thresholds, start=1):
            label, worth = f"Net benefit at threshold {n} ({currency})", self.live.typed(f"threshold.{n}")

            def rule(s: str, worth: Term = worth) -> Term:
                """λ·QALYs − cost."""
                return worth * qaly[s] - cost[s]

            add(f"net_benefit_{n}", label, "money", rule, outcomes.net_benefit(threshold)[0])


def _labels(*states: State) -> dict[State, str]:
    return {state: STATE_LABELS[state] for state in states}


def _plainly(schedule: str) -> str:
    """Of what is discounted in one way only."""
    return "undiscounted" if schedule == UNDISCOUNTED else "discounted"
