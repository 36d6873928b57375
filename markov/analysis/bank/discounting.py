"""Discounting, horizon and cycle: what time does to a cost and to a year of life."""

import itertools

import numpy as np

from markov.analysis.bank.bench import Bench
from markov.analysis.bank.registry import Finding, Theme, gap, holds, plausible, within
from markov.analysis.bank.utilities import RATES
from markov.inputs.parameters import Value
from markov.model.outcomes import Outcomes
from markov.terms import Array, CostCategory, Discounting

theme = Theme("Discounting, horizon and cycle")
DRUG = list(CostCategory).index(CostCategory.DRUG)


def _rates(costs: float, effects: float) -> dict[str, Value]:
    return {**RATES, "settings.discount_rate.costs": costs, "settings.discount_rate.effects": effects}


@theme("TV-37", "Discounting takes away", "Parts of the base case, discounted against undiscounted", cheap=True)
def smaller(bench: Bench) -> Finding:
    parts = (bench.base.life_years, bench.base.costs, bench.base.qalys.sum(axis=-1, keepdims=True))
    excess = max(float((part[:, :, 1] - part[:, :, 0]).max() / max(part.max(), 1e-12)) for part in parts)
    return holds(excess <= 1e-12, "discounted at most undiscounted", f"excess {excess:.2g}")


@theme("TV-41", "A shorter horizon holds less", "Horizon of 5 years, then 10, then the workbook's")
def shorter(bench: Bench) -> Finding:
    years = [h for h in (5.0, 10.0) if h < bench.trace.boundaries[-1]]
    runs: list[Outcomes] = [*(bench.run({"settings.horizon_years": h}) for h in years), bench.base]
    falls = [
        float((a - b).max())
        for first, second in itertools.pairwise(runs)
        for a, b in ((first.cost, second.cost), (first.qaly, second.qaly), (first.life_year, second.life_year))
    ]
    return holds(max(falls, default=0.0) <= 1e-9, "no less as it grows", f"largest fall {max(falls, default=0.0):.2g}")


@theme(
    "TV-45",
    "The half-cycle correction lies between both ends of a cycle",
    "Life-years counted at the start, half and end",
)
def half_cycle(bench: Bench) -> Finding:
    start, half, end = (
        bench.run({"settings.correction": c}).life_years[0, :, 0].sum(axis=-1) for c in ("start", "half_cycle", "end")
    )
    cycle = float(bench.trace.boundaries[1])
    good = bool((start > half).all() and (half > end).all())
    left = 0.5 * cycle * (1.0 - bench.trace.curves["os"][0, :, -1])  # half a cycle of those who died
    off = float(np.abs(start - half - left).max())
    told = f"start {start[0]:.4f}, half {half[0]:.4f}, end {end[0]:.4f}"
    return holds(good and off < 0.01 * cycle, "start above half by half a cycle of those who die, half above end", told)


@theme(
    "TV-46",
    "A cost or a year in year 2 is worth 1/(1 + r)² now",
    "The cycle that ends two years after the last start of treatment: discounted over undiscounted; costs at 5 %, "
    "effects at 2 %, and each category of cost alone",
)
def second_year(bench: Bench) -> Finding:
    cycle = float(bench.trace.boundaries[1])
    latest = max(bench.inputs.number(f"treatment.start.{s}") for s in bench.names)
    count = round((latest + 2.0) / cycle)
    before, after = (bench.run({**RATES, "settings.horizon_years": n * cycle}) for n in (count - 1, count))
    middle = (count - 0.5) * cycle
    effects = [
        _off(after.life_years - before.life_years, 1.02**-middle),
        _off(after.qalys - before.qalys, 1.02**-middle),
    ]
    costs = after.costs - before.costs
    others = _off(np.delete(costs, DRUG, axis=-1), 1.05**-middle)
    drug, plain = costs[0, :, 1, DRUG], costs[0, :, 0, DRUG]
    first, last = (1.05 ** -(n * cycle) for n in (count - 1, count))
    inside = bool(((drug <= plain * first + 1e-6) & (drug >= plain * last - 1e-6)).all())
    told = (
        f"effects off by {max(effects):.2g}, costs by {others:.2g}, packs within the cycle: {'yes' if inside else 'no'}"
    )
    return holds(max(*effects, others) <= 1e-6 and inside, "as the rate says", told)


def _off(parts: Array, factor: float) -> float:
    """How far discounted parts are from the factor times undiscounted ones, relative to the largest part."""
    return gap(parts[:, :, 1], factor * parts[:, :, 0])


@theme("TV-47", "At a rate of 0 nothing is discounted", "Both rates 0")
def no_discounting(bench: Bench) -> Finding:
    again = bench.run(_rates(0.0, 0.0))
    parts = (again.life_years, again.qalys, again.costs)
    return within(max(gap(part[:, :, 1], part[:, :, 0]) for part in parts), 1e-12, "discounted equals undiscounted")


@theme("TV-48", "Higher rates lower totals; an extreme one leaves next to nothing", "Rates 3 %, 6 % and 10⁹")
def higher_rates(bench: Bench) -> Finding:
    low, high, extreme = (bench.run(_rates(r, r)) for r in (0.03, 0.06, 1e9))
    falls = bool((high.life_years[:, :, 1] <= low.life_years[:, :, 1] + 1e-12).all())
    falls &= bool((high.costs[:, :, 1] <= low.costs[:, :, 1] + 1e-9).all()) and bool((high.cost < low.cost).all())
    left, most = float(extreme.life_year.max()), _worth_of_everybody(bench, 1e9)
    told = f"totals fall: {'yes' if falls else 'no'}; life-years left at the extreme {left:.3g}"
    expected = f"every category falls; at most {most:.3g} years are left, all alive and counted at the start of a cycle"
    return holds(falls and left <= most * (1.0 + 1e-9), expected, told)


def _worth_of_everybody(bench: Bench, rate: float) -> float:
    """Discounted years if nobody died and each cycle counted at its start: Σ length × (1 + r)^−t."""
    boundaries = bench.trace.boundaries
    whole = bench.inputs.text("settings.discounting") == Discounting.WHOLE_YEARS
    years = np.floor(boundaries[:-1] + 1e-9) if whole else boundaries[:-1]
    return float(np.diff(boundaries) @ (1.0 + rate) ** -years)


@theme("FT-08", "Ten years and the rest are the whole", "A run of 10 years against the first cycles of the whole run")
def additive(bench: Bench) -> Finding:
    head = bench.trace_of({"settings.horizon_years": 10.0})
    cycles = min(len(head.boundaries), len(bench.trace.boundaries))
    worst = gap(head.occupancy[:, :, :cycles], bench.trace.occupancy[:, :, :cycles])
    return within(worst, 1e-9, "the same occupancy while both run")


@theme("FT-22", "Halving the cycle hardly moves the answer", "Cycle length times ½: cost plus threshold × QALYs")
def halved(bench: Bench) -> Finding:
    again = bench.run({"settings.cycle_days": 0.5 * bench.number("settings.cycle_days")})
    threshold = bench.inputs.thresholds[0]
    worth = [run.cost + threshold * run.qaly for run in (again, bench.base)]
    change = float(np.abs(worth[0] / worth[1] - 1.0).max())
    note = "conventions of first order in the cycle (start, end, one move) move by more: they are the workbook's choice"
    return plausible(change < 1e-3, "less than 0.1 %", f"{change:.4%}", note)
