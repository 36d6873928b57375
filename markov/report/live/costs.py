"""Costs by category, in cells: one small rule a category, from time in states, arrivals and time on drug."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from markov.report.live.formulas import Operand, Term
from markov.report.live.inputs_sheet import LiveInputs
from markov.report.live.payoffs import Drug
from markov.report.live.trace_sheet import Trace
from markov.terms import CostCategory, State

SPM_KINDS = {State.SPM_HAEMATOLOGIC: "haematologic", State.SPM_SOLID: "solid"}
ByState = Mapping[State, Mapping[str, Term]]


@dataclass(frozen=True)
class Paid:
    """What the payoffs of a strategy are made from: its trace, starters by schedule, and its drug if it has one."""

    trace: Trace
    starters: Mapping[str, Term]
    drug: Drug | None


def total_of(parts: Sequence[Term]) -> Term:
    """Their sum."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def of_events(live: LiveInputs, paid: Paid, strategy: str, what: str, schedule: str) -> Operand:
    """Σ over adverse events of the share with each × its cost, or its decrement × years, for those who start."""
    parts = []
    for event in live.inputs.names("event"):
        part = live.of(f"adverse_event.proportion.{event}.{strategy}") * live.of(f"adverse_event.{what}.{event}")
        if what == "disutility":
            part = part * live.of(f"adverse_event.days.{event}") / live.method("days_per_year")
        parts.append(part)
    return total_of(parts) * paid.starters[schedule] if parts else 0


@dataclass(frozen=True)
class CostRules:
    """Rules of one schedule: `time` in states and `came`, arrivals, by state and strategy; `treated`, time on drug."""

    live: LiveInputs
    paid: Mapping[str, Paid]
    schedule: str
    time: ByState
    came: ByState
    treated: Mapping[str, Term]

    @property
    def by_category(self) -> Mapping[CostCategory, Callable[[str], Operand]]:
        """The rule of each category."""
        return {
            CostCategory.DRUG: self._drug,
            CostCategory.ADMINISTRATION: self._administration,
            CostCategory.MONITORING: self._monitoring,
            CostCategory.ADVERSE_EVENTS: self._adverse_events,
            CostCategory.DISEASE_MANAGEMENT: self._disease_management,
            CostCategory.SUBSEQUENT_THERAPY: self._subsequent,
            CostCategory.SECOND_PRIMARY_MALIGNANCY: self._malignancies,
            CostCategory.END_OF_LIFE: self._end_of_life,
        }

    def _in_states(self, s: str, *states: State) -> Term:
        return total_of([self.live.of(f"cost.state.{state}") * self.time[state][s] for state in states])

    def _event(self, name: str, state: State, s: str) -> Term:
        return self.live.of(f"cost.event.{name}") * self.came[state][s]

    def _drug(self, s: str) -> Operand:
        drug = self.paid[s].drug
        return drug.dispensed[self.schedule] if drug else 0

    def _administration(self, s: str) -> Operand:
        drug = self.paid[s].drug
        if drug is None:
            return 0
        begins = self.live.of(f"cost.treatment_start.{s}") * self.paid[s].starters[self.schedule]
        return drug.administration * self.treated[s] + (drug.starting > 0) * begins

    def _monitoring(self, s: str) -> Operand:
        return self.live.of(f"cost.monitoring.{s}") * self.treated[s] if self.paid[s].drug else 0

    def _adverse_events(self, s: str) -> Operand:
        return of_events(self.live, self.paid[s], s, "cost", self.schedule)

    def _disease_management(self, s: str) -> Term:
        inside = self._in_states(s, State.MAINTENANCE, State.TOXICITY, State.PROGRESSION)
        return inside + self._event("progression", State.PROGRESSION, s)

    def _subsequent(self, s: str) -> Term:
        """Courses at progression, or a cost per month there."""
        of, inputs = self.live.of, self.live.inputs
        monthly = of(f"subsequent.monthly_cost.{s}") * self.time[State.PROGRESSION][s]
        courses = [
            of(f"subsequent.share.{course}.{s}") * of(f"subsequent.cost.{course}")
            for course in inputs.names("course")
            if inputs.given(f"subsequent.cost.{course}")
        ]
        return total_of(courses) * self.came[State.PROGRESSION][s] + monthly if courses else monthly

    def _malignancies(self, s: str) -> Term:
        events = [self._event(state.value, state, s) for state in SPM_KINDS]
        return self._in_states(s, *SPM_KINDS) + total_of(events)

    def _end_of_life(self, s: str) -> Term:
        return self._event("death", State.DEATH, s)
