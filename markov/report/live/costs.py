"""Costs by category, in cells: one small rule a category, from time in states, arrivals and time on drug."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from markov.report.live.formulas import Operand, Term, total_of
from markov.report.live.inputs_sheet import LiveCells
from markov.report.live.moves import SPM
from markov.report.live.payoffs import Paid
from markov.terms import CostCategory, State

ByState = Mapping[State, Mapping[str, Term]]


@dataclass(frozen=True)
class CostRules:
    """Rules of one schedule: `time` in states and `came`, arrivals, by state and strategy; `treated`, time on drug."""

    live: LiveCells
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
            CostCategory.ADVERSE_EVENTS: lambda s: self.paid[s].of_events("cost", self.schedule),
            CostCategory.DISEASE_MANAGEMENT: self._disease_management,
            CostCategory.SUBSEQUENT_THERAPY: self._subsequent,
            CostCategory.SECOND_PRIMARY_MALIGNANCY: self._malignancies,
            CostCategory.END_OF_LIFE: lambda s: self._event("death", State.DEATH, s),
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
        events = [self._event(state.value, state, s) for state in SPM.values()]
        return self._in_states(s, *SPM.values()) + total_of(events)
