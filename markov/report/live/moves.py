"""Who moves and who is where, in cells: exits of each state, entrants, arrivals and occupancy.

The formulas are those of `markov.model.maintenance` and `markov.model.cohort`: f_jk = x_j·c_jk + e_j·c½_jk. Deaths in
`progression` come from a constant excess rate, a curve from progression (`tunnels`), or the increment that brings the
cohort to its OS curve; the solver finds the root that `markov.model.after_progression` finds, in a fixed number of
steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from markov.report.live.cycles_sheet import Clock
from markov.report.live.formulas import Term, exp, larger, ln, same, sqrt, total_of, where, within
from markov.report.live.grid import MARK, Column, Grid
from markov.report.live.inputs_sheet import Own
from markov.report.live.treatment import Malignancies
from markov.report.live.tunnels import Tunnels
from markov.terms import Array, PostProgression, PostProgressionRate, State

S = State
SPM = {"haematologic": S.SPM_HAEMATOLOGIC, "solid": S.SPM_SOLID}
STEPS = 4


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
    """Increments that leave the progression-free states (`malignancies`: from `maintenance`), and what others need."""

    progression: Column
    progression_after: Column
    toxicity: Term
    malignancies: Mapping[str, Term]
    off_drug: Malignancies
    background: Column
    survival: Column | None
    tunnels: Tunnels | None


class Moves:
    """The columns from occupancy to arrivals, in the order of the engine."""

    def __init__(self, own: Own, times: Clock, grid: Grid, flows: Flows, occupancy: Array):
        self.live, self.own, self.times, self.grid, self.flows = own.live, own, times, grid, flows
        self.exposure, self.background = times.exposure, flows.background
        self.off, self.all_off = flows.off_drug.off, flows.off_drug.all_off
        grid.group("Occupancy at the start of the cycle", in_turn=True)
        self.x = {state: grid.reserve(f"{state}", "start", occupancy[:, i], "share") for i, state in enumerate(State)}
        self.leaving: dict[State, Exits] = {}
        self._exits_known()
        self._progression_free()
        tunnels = flows.tunnels
        self.by_tunnel = tunnels.deaths(self.into_p, self._passed_toxicity(), self.exposure) if tunnels else None
        self.death = self._deaths_in_progression()
        self._after_progression()
        self.arrivals = self._arrivals()
        self._fill_occupancy()

    def _exits(self, state: State, total: Term) -> Exits:
        """From total increments: share that leaves in half a cycle, and the paces of those inside and of entrants."""
        increments = self.grid.add(f"All exits, {state}", "sum of its increments", total, "increment")
        half = 1 - exp(-increments / 2)
        left = self.grid.add(f"Left in half a cycle, {state}", "1 − e^−(exits/2)", half, "increment")
        kept = 1 - left
        return Exits(kept**2, kept, left * (1 + kept) / increments, left / increments)

    def _exits_known(self) -> None:
        """Exits of every state but `progression`."""
        self.grid.group("How states are left", in_turn=True)
        f, background = self.flows, self.background
        on = total_of([background, f.progression, f.toxicity, *f.malignancies.values()])
        self.leaving[S.MAINTENANCE] = self._exits(S.MAINTENANCE, on)
        self.leaving[S.TOXICITY] = self._exits(S.TOXICITY, background + f.progression_after + self.all_off)
        for kind, state in SPM.items():
            excess = self.live.of(f"spm.excess_death.{kind}") * self.times.length
            self.leaving[state] = self._exits(state, background + excess)

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

    def _passed_toxicity(self) -> Term:
        """Those who stopped and progressed in the same cycle."""
        return self.flows.progression_after * self.onward_t

    # ------------------------------------------------------------------------------------- deaths in progression

    def _deaths_in_progression(self) -> Column:
        """The increment of deaths in `progression`, by the alternative chosen."""
        f, x, live, background = self.flows, self.x, self.live, self.background
        off, on = (
            total_of([shares[kind] * self._dying_entrants(kind) for kind in SPM])
            for shares in (self.off, f.malignancies)
        )
        words = "off-drug increments × deaths of entrants"
        later = self.grid.add("SPM of a cycle that die in it, per increment", words, off, "increment")
        wanted = 1 - x[S.DEATH] - (f.survival if f.survival is not None else 0)
        wanted = wanted - (background + on) * self.taken_m - (background + later) * self.taken_t
        wanted = wanted - background * self.onward_t
        for state in SPM.values():
            wanted = wanted - x[state] * self.leaving[state].leave
        needed = self.grid.add("Deaths wanted of progression", "alive − OS − deaths of the others", wanted, "increment")

        common, own = live.of("post_progression.excess_rate.common"), self.own.of("post_progression.excess_rate")
        is_common = same(live.typed("settings.post_progression_rate"), PostProgressionRate.COMMON)
        increment = background + where(is_common, common, own) * self.times.length
        words = "background + excess rate × length"
        if f.survival is not None:
            anchored = same(live.typed("settings.post_progression"), PostProgression.OVERALL_SURVIVAL)
            increment, words = where(anchored, self._solved(needed, later), increment), f"solved, or {words}"
        if self.by_tunnel:
            by_tunnel = self.by_tunnel.increment(x[S.PROGRESSION], self.all_off, live.method("smallest"))
            increment = where(self.by_tunnel.used, by_tunnel, increment)
            words = f"(x − staying)/leaving − SPM, or {words}"
        return self.grid.add("Death increment of progression", words, increment, "increment")

    def _solved(self, needed: Column, later: Column) -> Column:
        """The d in [ΔB, 40] at which all deaths of the cycle bring the cohort to the OS curve.

        With y = d + σ and u = e^(−y/2), those of x and of its exposed entrants e who do not die are
        G = x·(u² + (σ − w)/y·(1 − u²)) + e·(u + σ/y·(1 − u)). ln G falls and is convex, so that Newton's steps on it,
        begun below the root, rise to it: four are enough, where on the deaths themselves the engine may take eight.
        """
        add, x, sigma, smallest = self.grid.add, self.x[S.PROGRESSION], self.all_off, self.live.method("smallest")
        self.grid.group("Deaths that meet overall survival", in_turn=True)
        e = add("Entrants exposed", "entrants, where they may die in the cycle", self.exposure * self.into_p)
        stay = add("Not to die", "x + e − deaths wanted", larger(x + e - needed, smallest))
        root = larger(e + sqrt(e**2 + 2 * x * (2 * stay)), smallest)
        late = (x * (sigma - later) + e * sigma) / stay
        words = "−2·ln u, x·u² + e·u = not to die, or what second malignancies leave"
        start = larger(0 - 2 * ln(2 * stay / root), late) - sigma
        increment = add("Start: increment", words, self._held(start), "increment")
        for i in range(1, STEPS + 1):
            y = increment + sigma
            u = add(f"Step {i}: u", "e^−(d + σ)/2", exp(-y / 2))
            of_x, of_e = (sigma - later) / y, sigma / y
            left = x * (u**2 + of_x * (1 - u**2)) + e * (u + of_e * (1 - u))
            g = add(f"Step {i}: G", "who does not die at d", left)
            falls = x * (u**2 * (1 - of_x) + of_x / y * (1 - u**2)) + e * (u / 2 * (1 - of_e) + of_e / y * (1 - u))
            slope = add(f"Step {i}: slope", "−dG/dd", falls)
            newton = (ln(larger(g, smallest)) - ln(stay)) * g / larger(slope, smallest)
            words = "d + (ln G − ln(not to die))·G/slope"
            increment = add(f"Step {i}: increment", words, self._held(increment + newton), "increment")
        return increment

    def _held(self, increment: Term) -> Term:
        """Not below the background, nor above the largest."""
        return within(increment, self.background, self.live.method("largest_increment"))

    # ------------------------------------------------------------------------------------- arrivals and occupancy

    def _after_progression(self) -> None:
        """Who leaves `progression`, and who enters second malignancies.

        Under a curve from progression entrants die by its first half cycle, and the others by their own ages.
        """
        f, by = self.flows, self.by_tunnel
        plain = self.leaving[S.PROGRESSION] = self._exits(S.PROGRESSION, self.death + self.all_off)
        self.taken_p, self.entrants_die = self._taken(S.PROGRESSION), Term(self.death.text, self.death.value)
        if by:
            pace = (1 - by.kept) / (2 * by.of_entrants + self.all_off)
            stay, pace = where(by.used, by.kept, plain.half_stay), where(by.used, pace, plain.half_pace)
            self.leaving[S.PROGRESSION] = replace(plain, half_stay=stay, half_pace=pace)
            leaving, words = where(by.used, by.leaving, self.taken_p), "by the cycle of entry, or x × pace"
            self.taken_p = self.grid.add("Leaving progression, as used", words, leaving)
            self.entrants_die = where(by.used, 2 * by.of_entrants, self.death)
        self.onward_p = self._onward(S.PROGRESSION, self.into_p)
        self.into_spm = {}
        for kind in SPM:
            entering = f.malignancies[kind] * self.taken_m + self.off[kind] * (self.taken_t + self.taken_p)
            self.into_spm[kind] = self.grid.add(f"Entering SPM {kind}", "increments × pace × x", entering)

    def _arrivals(self) -> dict[State, Column]:
        """Arrivals in each state: entrants, and those who passed through another in the same cycle."""
        self.grid.group("Arrivals of the cycle", in_turn=True)
        add, words = self.grid.add, "entrants + those through others"
        self.again: dict[State, Term] = {S.PROGRESSION: self._passed_toxicity()}
        self.again |= {SPM[kind]: off * (self.onward_t + self.onward_p) for kind, off in self.off.items()}
        entered = {S.PROGRESSION: self.into_p} | {SPM[kind]: column for kind, column in self.into_spm.items()}
        found = {
            state: add(f"Arriving in {state}", words, entrants + self.again[state])
            for state, entrants in entered.items()
        }
        deaths = self.background * (self.taken_m + self.taken_t + self.onward_t)
        deaths = deaths + self.death * self.taken_p + self.entrants_die * self.onward_p
        for kind, state in SPM.items():
            inside = self.x[state] * self.leaving[state].leave
            deaths = deaths + inside + self.into_spm[kind] * self._dying_entrants(kind)
        return found | {S.DEATH: add("Deaths", "from every state, and of those who entered it", deaths)}

    def _fill_occupancy(self) -> None:
        """x_(k+1) from the row above: who stays, and who entered and is still there."""
        x, leaving = self.x, self.leaving
        following = {S.MAINTENANCE: x[S.MAINTENANCE] * leaving[S.MAINTENANCE].stay}
        entering = {S.TOXICITY: self.into_t, S.PROGRESSION: self.into_p}
        for state, entrants in (entering | {SPM[kind]: column for kind, column in self.into_spm.items()}).items():
            still = entrants * (1 - self.exposure * (1 - leaving[state].half_stay))
            staying = x[state] * leaving[state].stay
            if state is S.PROGRESSION and self.by_tunnel:
                staying = where(self.by_tunnel.used, self.by_tunnel.staying, staying)
            following[state] = staying + still
            if state in self.again:
                following[state] = following[state] + self.again[state]
        following[S.DEATH] = x[S.DEATH] + self.arrivals[S.DEATH]
        for state, formula in following.items():
            self.grid.fill(x[state], _above(formula), start=int(state is S.MAINTENANCE), rows=self.grid.rows)


def _above(formula: Term) -> Term:
    """The same formula for the row above."""
    text = MARK.sub(lambda found: chr(ord(found.group()) - 1), formula.text)
    values = np.zeros_like(formula.value)
    values[1:] = formula.value[:-1]
    return Term(text, values, formula.level)
