"""The Live trace sheets, one a strategy: hazards, who is on drug, who moves, and who is where, a row a cycle.

The columns follow `markov.model`: hazards, treatment, maintenance, cohort.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from markov.report.live.curve_columns import CurveColumns
from markov.report.live.curves import LABELS, Curves
from markov.report.live.cycles_sheet import Cycles
from markov.report.live.formulas import Term, exp, given, larger, same, term, where, within
from markov.report.live.grid import Column, Grid, Listing
from markov.report.live.inputs_sheet import LiveCells
from markov.report.live.moves import Flows, Moves
from markov.report.live.stops_sheet import StopsSheet
from markov.report.live.treatment import Malignancies, Rates, Shares, Split, Window
from markov.report.live.tunnels import Switches, Tunnels
from markov.terms import Array, Crossing, Endpoint, PostProgression, State

NAMES = {Endpoint.PFS: "Progression-free survival", Endpoint.OS: "Overall survival"}


@dataclass(frozen=True)
class Shared:
    """What every strategy's sheet draws on."""

    live: LiveCells
    stop_rates: Listing
    cycles: Cycles
    curves: Curves
    tunnels: Switches | None


@dataclass(frozen=True)
class OnDrug:
    """Columns of a treated strategy: the treatment window, and the share on drug in it."""

    window: Window
    shares: Shares


class Trace:
    """One strategy's sheet, filled step by step, and the columns that others need.

    `own_curves` of every strategy come first, then `told_curves`, which may look at another's, and at last `fill`.
    """

    progression: Column
    stop: Term
    occupancy: Mapping[State, Column]
    arrivals: Mapping[State, Column]

    def __init__(self, shared: Shared, strategy: str):
        self.shared, self.live, self.own, self.strategy = shared, shared.live, shared.live.own(strategy), strategy
        self.start = self.own.of("treatment.start")
        self.increments: dict[Endpoint, Column] = {}
        self.survival: Column | None = None
        self.on_drug: OnDrug | None = None
        cycles = shared.cycles
        grid = self.grid = Grid(
            self.live.sheet_name("Live trace", strategy),
            f"Live trace: {self.own.label}",
            "A row a cycle. Above each column stands what its formula does; every formula is the same down the column.",
            cycles.grid.rows,
        )
        grid.group("Time")
        told = {
            "Cycle": (cycles.number, "integer"),
            "Years": (cycles.time, "years"),
            "Months": (cycles.months, "months"),
        }
        number, time, months = (
            grid.add(header, "of Live cycles", 0 + column, look, rows=grid.rows)
            for header, (column, look) in told.items()
        )
        middle, background = grid.bring(cycles.midpoint), grid.bring(cycles.background)
        self.cycles = replace(cycles, number=number, time=time, months=months, midpoint=middle, background=background)

    # ------------------------------------------------------------------------------------------------- hazards

    def own_curves(self) -> None:
        """Each endpoint's own increments, before waning."""
        for endpoint, words in NAMES.items():
            if (endpoint, self.strategy) in self.shared.curves:
                self.grid.group(words)
                curve = self.shared.curves[endpoint, self.strategy]
                columns = CurveColumns(self.live, self.grid, curve, self.cycles.months, LABELS[endpoint])
                self.increments[endpoint] = columns.increments

    def told_curves(self, traces: Mapping[str, "Trace"]) -> None:
        """Increments after waning and the floor; survival and progression as used, after the policy for crossing."""
        grid, background = self.grid, self.cycles.background
        grid.group("Hazards as used", in_turn=True)
        told = {endpoint: self._waned(endpoint, traces) for endpoint in self.increments}
        floored = {}
        for endpoint, increments in told.items():
            header, words = f"{LABELS[endpoint]}: floored", "at least the background"
            floored[endpoint] = grid.add(header, words, larger(increments, background), "increment")
        used = floored[Endpoint.PFS]
        if Endpoint.OS in floored:
            bound = _running(grid, "OS: cumulative hazard", floored[Endpoint.OS])
            self.survival = grid.add("OS: survival at the cycle's end", "e^−(cumulative hazard)", exp(-bound))
            used = self._capped(used, floored[Endpoint.OS], bound)
        progression = larger(used - background, 0)
        self.progression = grid.add("Progression", "PFS less its deaths, not below 0", progression, "increment")

    def _waned(self, endpoint: Endpoint, traces: Mapping[str, "Trace"]) -> Column:
        """w·own + (1 − w)·the reference's, w falling from 1 to 0 between two times, at mid-cycle."""
        increments = self.increments[endpoint]
        formula: Term = increments
        reference = self.live.wanes_to(endpoint, self.strategy)
        if reference is not None:
            start, end = (self.own.of(f"{endpoint}.waning_{when}") for when in ("start", "end"))
            span = larger(end - start, self.live.method("slack"))
            left = within((end - self.cycles.midpoint) / span, 0, 1)
            mixed = left * increments + (1 - left) * traces[reference].increments[endpoint]
            formula = where(given(self.own.typed(f"{endpoint}.waning_end")), mixed, increments)
        words = "waning to the reference's, where given"
        return self.grid.add(f"{LABELS[endpoint]}: increment as told", words, formula, "increment")

    def _capped(self, pfs: Column, overall: Column, bound: Column) -> Column:
        """PFS increments that keep its curve below OS, by the policy; without an OS anchor, as they are."""
        grid, slack = self.grid, self.live.method("slack")
        anchored = same(self.live.typed("settings.post_progression"), PostProgression.OVERALL_SURVIVAL)
        policy = self.live.typed("settings.crossing")
        own = _running(grid, "PFS: cumulative hazard, uncapped", pfs)
        chosen = policy.value if anchored.value else ""
        seeds = _capped_path(pfs.value, overall.value, bound.value, own.value, chosen, slack.value)
        used = grid.reserve("PFS: as used", "capped where it would exceed OS", seeds, "increment")
        total = grid.reserve("PFS: cumulative hazard, as used", "sum to the end of the cycle", np.cumsum(seeds))
        by_curve = larger(own, bound) - larger(own.before, bound.before)
        by_hazard = where(total.before + pfs < bound - slack, larger(pfs, overall), pfs)
        cap = where(
            same(policy, Crossing.CAP_CURVE), by_curve, where(same(policy, Crossing.CAP_HAZARD), by_hazard, pfs)
        )
        grid.fill(used, where(anchored, cap, pfs))
        grid.fill(total, total.before + used)
        return used

    # ------------------------------------------------------------------------------------------------- the cohort

    def fill(self, comparator: Column | None, occupancy: Array) -> Grid | None:
        """All that follows the hazards: treatment, second malignancies, moves, occupancy. Returns the stops sheet.

        `comparator`: progression of the reference strategy, None for itself.
        """
        live, grid, own, shared, cycles = self.live, self.grid, self.own, self.shared, self.cycles
        live.values.heading(f"Treatment of {own.label}")
        planned = own.of("treatment.planned_stop")
        stop = where(given(planned), planned, live.method("never"))
        self.stop = own.add("planned_stop", "Planned stop, years; never where none is given", stop)
        malignancies = Malignancies(own, cycles.times.length)
        tunnels: Tunnels | None = None
        if shared.tunnels:
            curve = shared.curves[Endpoint.POST_PROGRESSION, self.strategy]
            tunnels = Tunnels(own, cycles, curve, grid, shared.tunnels, malignancies.all_off)
        if self.strategy not in live.treated:
            progression = (self.progression, self.progression)
            self._move(progression, term(0), malignancies.off, malignancies, tunnels, occupancy)
            return None
        window = Window(own, grid, cycles.time, self.stop)
        split = Split.of(own, cycles.times.exposure, comparator, self.progression, cycles.background)
        stops = StopsSheet(own, shared.stop_rates, cycles, window, malignancies, split)
        behind_curve = self._observed()
        observed = stops.solve("observed", behind_curve, None)
        grid.group("In the trial behind the curve", in_turn=True)
        trial = window.shares(observed, "Trial").toxicity
        progression = split.columns(grid, "Trial", "Progression on maintenance", trial, exp(-trial / 2))
        final = stops.solve("final", own.of("toxicity.proportion"), progression[0])
        rates = self._rates_used(behind_curve, observed, final)
        grid.group("On treatment", in_turn=True)
        shares = window.shares(rates, "Model")
        self.on_drug = OnDrug(window, shares)
        mean = (shares.begin + shares.finish) / 2 * window.exposed
        words = "off drug + excess × mean share on drug × years"
        on_maintenance = {
            kind: grid.add(f"SPM {kind}, on maintenance", words, off + malignancies.excess[kind] * mean, "increment")
            for kind, off in malignancies.off.items()
        }
        self._move(progression, shares.toxicity, on_maintenance, malignancies, tunnels, occupancy)
        return stops.grid

    def _observed(self) -> Term:
        """The proportion behind the PFS curve: as given, else the engine's own, so that editing it keeps the hazard."""
        told, now = self.own.typed("toxicity.observed_proportion"), self.own.of("toxicity.proportion")
        engine = Term(f"engine.toxicity.proportion.{self.strategy}", now.value)
        known = where(same(now, ""), "", where(same(engine, ""), now, engine))
        words = "Proportion who stopped in the trial behind the curve: as given, else the base case's"
        name = f"used.observed_proportion.{self.strategy}"
        return self.shared.stop_rates.add(name, words, where(same(told, ""), known, told))

    def _rates_used(self, behind_curve: Term, observed: Rates, final: Rates) -> Rates:
        """The trial's rates, unless another proportion than the trial's is asked for."""
        listing = self.shared.stop_rates
        listing.heading(f"{self.own.label}: rates used")
        as_in_trial = same(self.own.of("toxicity.proportion"), behind_curve)
        signs = {"toxicity": "λ", "other": "ω", "total": "λ + ω", "fraction": "ω/(λ + ω)"}
        used = {
            name: listing.add(
                f"used.stops.{name}.{self.strategy}",
                f"{sign}: the trial's, unless another proportion is asked for",
                where(as_in_trial, getattr(observed, name), getattr(final, name)),
            )
            for name, sign in signs.items()
        }
        return Rates(**used)

    def _move(
        self,
        progression: tuple[Column, Column],
        toxicity: Term,
        on_drug: Mapping[str, Term],
        malignancies: Malignancies,
        tunnels: Tunnels | None,
        occupancy: Array,
    ) -> None:
        """Who moves and who is where."""
        flows = Flows(*progression, toxicity, on_drug, malignancies, self.cycles.background, self.survival, tunnels)
        moves = Moves(self.own, self.cycles.times, self.grid, flows, occupancy)
        self.occupancy, self.arrivals = moves.x, moves.arrivals


def _running(grid: Grid, label: str, increments: Column) -> Column:
    """Running total of increments, at the end of each cycle."""
    total = grid.reserve(label, "sum to the end of the cycle", np.cumsum(increments.value))
    grid.fill(total, total.before + increments)
    return total


def _capped_path(pfs: Array, overall: Array, bound: Array, own: Array, policy: str, slack: float) -> Array:
    """Increments as used, for the values that the cells show."""
    if policy == Crossing.CAP_CURVE:
        return np.asarray(np.diff(np.maximum(own, bound), prepend=0.0))
    used, total = np.array(pfs), 0.0
    if policy == Crossing.CAP_HAZARD:
        for k in range(len(pfs)):
            if total + pfs[k] < bound[k] - slack:
                used[k] = max(pfs[k], overall[k])
            total += used[k]
    return used
