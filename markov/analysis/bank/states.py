"""States and transitions: who is where, who moves, and whether anybody is lost on the way."""

import numpy as np

from markov.analysis.bank.bench import RATES, RATIO, Bench, constant_rates, exponential_survival
from markov.analysis.bank.registry import Finding, Theme, gap, holds, not_applicable, plausible, within
from markov.inputs.parameters import Value
from markov.model.cohort import rule_from_increments, run_batches
from markov.model.structure import MAINTENANCE_MODEL
from markov.model.transitions import Moves
from markov.terms import Array, State

theme = Theme("States and transitions")
INDEX = MAINTENANCE_MODEL.index


@theme("TV-08", "States sum to the cohort", "Occupancy of the base case summed over states, every cycle", cheap=True)
def whole(bench: Bench) -> Finding:
    return within(float(np.abs(bench.trace.occupancy.sum(axis=-1) - 1.0).max()), 1e-12, "1 in every cycle")


@theme("TV-09", "Nobody is counted less than nothing", "Smallest occupancy and smallest flow", cheap=True)
def positive(bench: Bench) -> Finding:
    lowest = min(float(bench.trace.occupancy.min()), float(bench.trace.flows.min()))
    return holds(lowest >= -1e-15, "at least 0", f"lowest {lowest:.2g}")


@theme("TV-10", "No probability exceeds 1", "What leaves a state, against those there and those who come", cheap=True)
def probabilities(bench: Bench) -> Finding:
    flows, occupancy = bench.trace.flows[0], bench.trace.occupancy[0]
    worst = 0.0
    for state in MAINTENANCE_MODEL.leaving:
        there = occupancy[:, :-1, INDEX[state]] + _flow_in(flows, state)
        left = _flow_out(flows, state)
        worst = max(worst, float((left - there).max()))
    highest = float(occupancy.max())
    return holds(worst <= 1e-12 and highest <= 1 + 1e-12, "at most 1", f"{highest:.6g}; excess of leavers {worst:.2g}")


@theme("TV-11", "Deaths only rise while anybody is alive", "Deaths of consecutive cycles", cheap=True)
def deaths_rise(bench: Bench) -> Finding:
    dead = bench.trace.occupancy[0, :, :, -1]
    steps, alive = np.diff(dead, axis=1), dead[:, :-1] < 1.0 - 1e-12
    lowest = float(steps.min())
    still = int(((steps <= 0.0) & alive).sum())
    return holds(lowest >= -1e-15 and not still, "more in every cycle", f"smallest step {lowest:.2g}; {still} without")


@theme("TV-12", "The horizon outlasts nearly everybody", "Share alive at the end", cheap=True)
def horizon(bench: Bench) -> Finding:
    alive = float(bench.trace.curves["os"][0, :, -1].max())
    note = "the horizon is shorter than a lifetime: say why, and show a longer one as a scenario"
    return plausible(alive < 0.01, "below 1 % alive", f"{alive:.2%} at {bench.trace.boundaries[-1]:.1f} years", note)


@theme("TV-26", "Those who come less those who go are the change", "By state and cycle", cheap=True)
def balance(bench: Bench) -> Finding:
    flows, occupancy = bench.trace.flows[0], bench.trace.occupancy[0]
    worst = 0.0
    for state in State:
        net = _flow_in(flows, state) - (_flow_out(flows, state) if state in MAINTENANCE_MODEL.leaving else 0.0)
        worst = max(worst, float(np.abs(net - np.diff(occupancy[:, :, INDEX[state]], axis=1)).max()))
    return within(worst, 1e-12, "equal in every cycle")


@theme(
    "TV-27",
    "Whoever enters a tunnel leaves it or is still inside",
    "Deaths follow a Weibull curve from progression, no other deaths, stops or second malignancies; those still "
    "in progression are counted cohort by cohort of entry",
)
def tunnels(bench: Bench) -> Finding:
    changes: dict[str, Value] = {
        "settings.post_progression": "time_since_progression",
        "settings.post_progression_mortality": "excess",
        "settings.within_cycle": "half_cycle_exposure",
        "settings.horizon_years": 12.0,
        "mortality.smr": 0.0,
    }
    months, shape = 30.0, 1.6
    for s in bench.names:
        scale = f"pps.scale.{s}"
        changes |= {f"pps.family.{s}": "weibull", scale: bench.as_model(scale, months), f"pps.shape.{s}": shape}
        changes |= {f"spm.proportion.{s}": None, f"spm.rate.{s}": 0.0, f"spm.rate_off_treatment.{s}": 0.0}
        changes |= {f"toxicity.proportion.{s}": None, f"toxicity.rate.{s}": 0.0}
    trace = bench.trace_of(changes)
    length, worst = float(trace.boundaries[1]), 0.0
    ages = (np.arange(len(trace.boundaries) - 1) + 0.5) * length * 12.0
    alive = np.exp(-((ages / months) ** shape))
    for i in range(len(bench.names)):
        entered = _flow_in(trace.flows[0], State.PROGRESSION)[i]
        inside = np.convolve(entered, alive)[: len(entered)]
        worst = max(worst, float(np.abs(inside - trace.occupancy[0, i, 1:, INDEX[State.PROGRESSION]]).max()))
    return within(worst, 1e-9, "those inside are the entrants times the curve from progression")


@theme("FT-01", "The matrix is one of probabilities", "Random hazards through the engine's rule", cheap=True)
def matrix(bench: Bench) -> Finding:
    del bench
    increments = np.random.default_rng(1).uniform(0.0, 1.5, (len(MAINTENANCE_MODEL.transitions), 50))
    moves = Moves.empty(MAINTENANCE_MODEL, (50,))
    moves.from_increments(MAINTENANCE_MODEL, increments)
    rows = {state: moves.move[MAINTENANCE_MODEL.exits(state)].sum(axis=0) for state in MAINTENANCE_MODEL.leaving}
    off = max(float(np.abs(left + moves.stay[INDEX[state]] - 1.0).max()) for state, left in rows.items())
    absorbing = State.DEATH not in MAINTENANCE_MODEL.leaving and len(set(MAINTENANCE_MODEL.states)) == len(State)
    size = f"{len(State)} named states, rows off 1 by {off:.2g}, death absorbing: {'yes' if absorbing else 'no'}"
    return holds(off < 1e-12 and absorbing, "square, rows sum to 1, death is not left", size)


@theme("FT-02", "All begin in maintenance", "First row of the trace", cheap=True)
def beginning(bench: Bench) -> Finding:
    first = bench.trace.occupancy[0, :, 0]
    return holds(bool((first == np.eye(len(State))[0]).all()), "1 in maintenance, 0 elsewhere", f"{first[0, 0]:g}")


@theme("FT-03", "A cohort of 1,000 is 1,000 times a cohort of 1", "The same hazards, another size")
def size(bench: Bench) -> Finding:
    del bench
    increments = np.random.default_rng(2).uniform(0.0, 0.3, (len(MAINTENANCE_MODEL.transitions), 1))
    ends = [_last(increments, people) for people in (1.0, 1000.0)]
    return within(gap(ends[1], 1000.0 * ends[0]), 1e-12, "the same shares")


def _last(increments: Array, people: float) -> Array:
    initial = np.zeros((len(State), 1))
    initial[0] = people
    rule = rule_from_increments(MAINTENANCE_MODEL, lambda k, x: increments)
    *_, batch = run_batches(MAINTENANCE_MODEL, initial, 100, rule)
    return np.array(batch.occupancy[-1])


@theme(
    "FT-04",
    "With exponential survival, life-years have a closed form",
    "Overall survival exponential, a hazard ratio of 0.6 on the strategy before in each other strategy",
)
def closed_form(bench: Bench) -> Finding:
    world, rate = exponential_survival(bench, 0.25, 1e-4), 0.25
    years = world.base.life_years[0, :, 0].sum(axis=-1)
    hazard = rate * RATIO ** np.arange(len(bench.names))
    expected = -np.expm1(-hazard * world.trace.boundaries[-1]) / hazard
    return within(gap(years, expected), 1e-3, "(1 − e^(−hT))/h by strategy", "the half-cycle correction is of order 2")


@theme(
    "FT-05",
    "With constant hazards, the trace is the matrix exponential",
    "Exponential progression with hazard ratios, constant stops, second malignancies and deaths; each strategy with "
    "rates of its own",
)
def exponential(bench: Bench) -> Finding:
    world = constant_rates(bench)
    found, edges = world.trace.occupancy[0], world.trace.boundaries
    worst = max(float(np.abs(found[i] - _exact(i, len(edges), float(edges[1]))).max()) for i in range(len(bench.names)))
    return within(worst, 3e-4, "equal in every state and cycle", "the engine's cycle is of order 2")


def _exact(i: int, points: int, length: float) -> Array:
    """Occupancy under constant rates by the exponential of the generator, as a power series of one cycle's."""
    more, b = 1.0 + 0.25 * i, RATES["background"]
    progression = max(RATES["progression"] * RATIO**i - b, 0.0)
    spm_on, spm_off = 0.03 * more, 0.01
    rates = {
        ("maintenance", "toxicity"): RATES["toxicity"] * more,
        ("maintenance", "progression"): progression,
        ("toxicity", "progression"): progression,
        ("progression", "death"): b + RATES["excess"] * more,
        ("spm_haematologic", "death"): b + 0.5,
        ("spm_solid", "death"): b + 0.2,
    }
    for state, rate in (("maintenance", spm_on), ("toxicity", spm_off), ("progression", spm_off)):
        rates |= {(state, "spm_haematologic"): 0.3 * rate, (state, "spm_solid"): 0.7 * rate}
    rates |= {(state, "death"): b for state in ("maintenance", "toxicity")}
    generator = np.zeros((len(State), len(State)))
    for (a, z), rate in rates.items():
        generator[INDEX[a], INDEX[z]] += rate
        generator[INDEX[a], INDEX[a]] -= rate
    step = term = np.eye(len(State))
    for n in range(1, 30):
        term = term @ generator * length / n
        step = step + term
    rows = [np.eye(len(State))[0]]
    for _ in range(points - 1):
        rows.append(rows[-1] @ step)
    return np.array(rows)


@theme("FT-13", "Every number is one", "Outcomes, curves and trace searched for what is not finite", cheap=True)
def finite(bench: Bench) -> Finding:
    base, trace = bench.base, bench.trace
    arrays = (
        base.costs,
        base.qalys,
        base.life_years,
        base.entries,
        base.time_on_treatment,
        trace.occupancy,
        trace.flows,
    )
    wrong = sum(int((~np.isfinite(part)).sum()) for part in arrays)
    return holds(wrong == 0, "none", f"{wrong} of {sum(part.size for part in arrays):,}")


@theme("TV-13", "Sampling of a discrete event simulation", "–")
def discrete_events(bench: Bench) -> Finding:
    del bench
    return not_applicable(
        "a cohort model follows no single patients; TV-72 and TV-73 test the sampler of inputs instead"
    )


@theme("TV-30", "Common random numbers between patients", "–")
def patients_streams(bench: Bench) -> Finding:
    del bench
    return not_applicable("no patients are simulated; that strategies share the random draws of inputs is TV-71")


@theme("TV-31", "Correlation between a patient's characteristics", "–")
def patients_correlation(bench: Bench) -> Finding:
    del bench
    return not_applicable("no patients are simulated; correlations between uncertain inputs are TV-63")


@theme("TV-33", "Population model", "–")
def population(bench: Bench) -> Finding:
    del bench
    return not_applicable("one closed cohort per patient: there is no inflow of new patients over calendar time")


def _flow_in(flows: Array, state: str) -> Array:
    rows = [row for (_, to), row in MAINTENANCE_MODEL.row.items() if to == state]
    return np.asarray(flows[..., rows].sum(axis=-1))


def _flow_out(flows: Array, state: str) -> Array:
    rows = [row for (origin, _), row in MAINTENANCE_MODEL.row.items() if origin == state]
    return np.asarray(flows[..., rows].sum(axis=-1))
