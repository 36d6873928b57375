"""Who moves and who is where, in cells: exits of each state, entrants, arrivals and occupancy.

The formulas are those of `markov.model.maintenance` and `markov.model.cohort`: f_jk = x_j·c_jk + e_j·c½_jk.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from markov.report.live.after_progression import Death, deaths_in_progression
from markov.report.live.cycles_sheet import Clock
from markov.report.live.formulas import Term, exp, where
from markov.report.live.grid import MARK, Column, Grid
from markov.report.live.inputs_sheet import LiveInputs
from markov.report.live.treatment import Malignancies
from markov.report.live.tunnels import Deaths, Tunnels, tunnel_deaths
from markov.terms import Array, State

S = State
SPM = {"haematologic": S.SPM_HAEMATOLOGIC, "solid": S.SPM_SOLID}
KINDS = tuple(SPM)


@dataclass(frozen=True)
class Exits:
    """How a state is left: shares that stay over a cycle and over half of one, and the paces of exits."""

    stay: Term
    half_stay: Term
    pace: Term
    half_pace: Term

    @property
    def leave(self) -> Term:
        """Share that leaves."""
        return 1 - self.stay


@dataclass(frozen=True)
class Flows:
    """Increments that leave the progression-free states, and what leaves every state: SPM off drug, its deaths."""

    progression: Column
    progression_after: Column
    toxicity: Term
    malignancies: Mapping[str, Term]
    off_drug: Malignancies
    excess: Mapping[str, Term]
    background: Column
    survival: Column | None
    tunnels: Tunnels | None

    @property
    def off(self) -> Mapping[str, Term]:
        """Second malignancies off drug, by kind."""
        return self.off_drug.off


class Moves:
    """The columns from occupancy to arrivals, in the order of the engine."""

    def __init__(self, live: LiveInputs, times: Clock, grid: Grid, flows: Flows, strategy: str, occupancy: Array):
        self.live, self.times, self.grid, self.flows, self.strategy = live, times, grid, flows, strategy
        self.exposure = times.exposure
        grid.group("Occupancy at the start of the cycle", in_turn=True)
        self.x = {state: grid.reserve(f"{state}", "start", occupancy[:, i], "share") for i, state in enumerate(State)}
        self.leaving: dict[State, Exits] = {}
        self._exits_known()
        self._progression_free()
        self.by_tunnel = self._tunnels()
        self.death = self._deaths_in_progression()
        self._after_progression()
        self.arrivals = self._arrivals()
        self._fill_occupancy()

    def _exits(self, state: State, total: Term) -> Exits:
        """From total increments: share that leaves in half a cycle, and the paces of those inside and of entrants."""
        increments = self.grid.add(f"All exits, {state}", "sum of its increments", total, "increment")
        left = self.grid.add(
            f"Left in half a cycle, {state}", "1 − e^−(exits/2)", 1 - exp(-increments / 2), "increment"
        )
        kept = 1 - left
        return Exits(kept**2, kept, left * (1 + kept) / increments, left / increments)

    def _exits_known(self) -> None:
        """Exits of every state but `progression`."""
        self.grid.group("How states are left", in_turn=True)
        f = self.flows
        self.all_off = f.off_drug.all_off
        on = f.background + f.progression + f.toxicity + f.malignancies["haematologic"] + f.malignancies["solid"]
        self.leaving[S.MAINTENANCE] = self._exits(S.MAINTENANCE, on)
        self.leaving[S.TOXICITY] = self._exits(S.TOXICITY, f.background + f.progression_after + self.all_off)
        for kind, state in SPM.items():
            self.leaving[state] = self._exits(state, f.background + f.excess[kind])

    def _taken(self, state: State) -> Column:
        """Those inside × pace: times an increment, those who take it."""
        return self.grid.add(f"Leaving {state}, per increment", "x × pace", self.x[state] * self.leaving[state].pace)

    def _onward(self, state: State, entrants: Column) -> Column:
        """Entrants × half pace, where they may move on in the same cycle."""
        words = "entrants × half pace, where exposed"
        formula = self.exposure * entrants * self.leaving[state].half_pace
        return self.grid.add(f"Entering {state}, per later increment", words, formula)

    def _progression_free(self) -> None:
        """Who leaves `maintenance` and `toxicity`, and who enters `toxicity` and `progression`."""
        self.grid.group("Moves of the cycle", in_turn=True)
        f, add = self.flows, self.grid.add
        self.taken_m, self.taken_t = self._taken(S.MAINTENANCE), self._taken(S.TOXICITY)
        self.into_t = add("Entering toxicity", "stops × pace × x", f.toxicity * self.taken_m)
        self.onward_t = self._onward(S.TOXICITY, self.into_t)
        into_p = f.progression * self.taken_m + f.progression_after * self.taken_t
        self.into_p = add("Entering progression", "increments × pace × x", into_p)

    def _dying_entrants(self, kind: str) -> Term:
        """Share of those who enter a second malignancy who die in the same cycle."""
        return self.exposure * (1 - self.leaving[SPM[kind]].half_stay)

    def _tunnels(self) -> Deaths | None:
        """Who stays in `progression` and who leaves it by the cycle of entry, under a curve from progression."""
        f = self.flows
        return tunnel_deaths(f.tunnels, self.into_p, self._passed_toxicity(), self.exposure) if f.tunnels else None

    def _passed_toxicity(self) -> Term:
        """Those who stopped and progressed in the same cycle."""
        return self.flows.progression_after * self.onward_t

    def _deaths_in_progression(self) -> Column:
        """The increment of deaths in `progression`, and the deaths that it has to supply."""
        f, x, add = self.flows, self.x, self.grid.add
        off, on = (
            shares["haematologic"] * self._dying_entrants("haematologic")
            + shares["solid"] * self._dying_entrants("solid")
            for shares in (f.off, f.malignancies)
        )
        words = "off-drug increments × deaths of entrants"
        later = add("SPM of a cycle that die in it, per increment", words, off, "increment")
        wanted = 1 - x[S.DEATH] - (f.survival if f.survival is not None else 0)
        wanted = wanted - (f.background + on) * self.taken_m - (f.background + later) * self.taken_t
        wanted = wanted - f.background * self.onward_t
        for state in SPM.values():
            wanted = wanted - x[state] * self.leaving[state].leave
        needed = add("Deaths wanted of progression", "alive − OS − deaths of the others", wanted, "increment")
        here = (f.background, x[S.PROGRESSION], self.into_p, needed, self.all_off, later)
        known = Death(*here, self.strategy, f.survival is not None, self.by_tunnel)
        return deaths_in_progression(self.live, self.times, self.grid, known)

    def _after_progression(self) -> None:
        """Who leaves `progression`, and who enters second malignancies."""
        f = self.flows
        self.leaving[S.PROGRESSION] = self._exits(S.PROGRESSION, self.death + self.all_off)
        self.taken_p, self.entrants_die = self._taken(S.PROGRESSION), Term(self.death.text, self.death.value)
        if self.by_tunnel:
            self._leave_by_tunnel(self.by_tunnel)
        self.onward_p = self._onward(S.PROGRESSION, self.into_p)
        self.into_spm = {
            kind: self.grid.add(
                f"Entering SPM {kind}",
                "increments × pace × x",
                f.malignancies[kind] * self.taken_m + f.off[kind] * (self.taken_t + self.taken_p),
            )
            for kind in KINDS
        }

    def _leave_by_tunnel(self, by: Deaths) -> None:
        """Under a curve from progression entrants die by its first half cycle, and the others by their own ages."""
        plain, add = self.leaving[S.PROGRESSION], self.grid.add
        pace = (1 - by.kept) / (2 * by.of_entrants + self.all_off)
        self.leaving[S.PROGRESSION] = replace(
            plain,
            half_stay=where(by.used, by.kept, plain.half_stay),
            half_pace=where(by.used, pace, plain.half_pace),
        )
        words = "by the cycle of entry, or x × pace"
        leaving = where(by.used, by.leaving, self.taken_p)
        self.taken_p = add("Leaving progression, as used", words, leaving)
        self.entrants_die = where(by.used, 2 * by.of_entrants, self.death)

    def _arrivals(self) -> dict[State, Column]:
        """Arrivals in each state: entrants, and those who passed through another in the same cycle."""
        self.grid.group("Arrivals of the cycle", in_turn=True)
        f, add, words = self.flows, self.grid.add, "entrants + those through others"
        self.again: dict[State, Term] = {S.PROGRESSION: self._passed_toxicity()}
        self.again |= {SPM[kind]: f.off[kind] * (self.onward_t + self.onward_p) for kind in KINDS}
        entered = {S.PROGRESSION: self.into_p} | {SPM[kind]: self.into_spm[kind] for kind in KINDS}
        found = {
            state: add(f"Arriving in {state}", words, entrants + self.again[state])
            for state, entrants in entered.items()
        }
        deaths = f.background * (self.taken_m + self.taken_t + self.onward_t)
        deaths = deaths + self.death * self.taken_p + self.entrants_die * self.onward_p
        for kind, state in SPM.items():
            inside = self.x[state] * self.leaving[state].leave
            deaths = deaths + inside + self.into_spm[kind] * self._dying_entrants(kind)
        return found | {S.DEATH: add("Deaths", "from every state, and of those who entered it", deaths)}

    def _fill_occupancy(self) -> None:
        """x_(k+1) from the row above: who stays, and who entered and is still there."""
        x, n, fill = self.x, self.grid.rows, self.grid.fill
        fill(x[S.MAINTENANCE], above(x[S.MAINTENANCE] * self.leaving[S.MAINTENANCE].stay), start=1, rows=n)
        entering = {S.TOXICITY: self.into_t, S.PROGRESSION: self.into_p}
        for state, entrants in (entering | {SPM[kind]: self.into_spm[kind] for kind in KINDS}).items():
            still = entrants * (1 - self.exposure * (1 - self.leaving[state].half_stay))
            staying = x[state] * self.leaving[state].stay
            if state is S.PROGRESSION and self.by_tunnel:
                staying = where(self.by_tunnel.used, self.by_tunnel.staying, staying)
            following = staying + still
            if state in self.again:
                following = following + self.again[state]
            fill(x[state], above(following), start=0, rows=n)
        fill(x[S.DEATH], above(x[S.DEATH] + self.arrivals[S.DEATH]), start=0, rows=n)


def above(formula: Term) -> Term:
    """The same formula for the row above."""
    text = MARK.sub(lambda found: chr(ord(found.group()) - 1), formula.text)
    values = np.zeros_like(formula.value)
    values[1:] = formula.value[:-1]
    return Term(text, values, formula.level)
