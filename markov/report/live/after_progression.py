"""Deaths in `progression`, in cells: a constant excess rate, a curve from progression (`tunnels`), or the increment
that brings the cohort to its OS curve.

The solver finds the root that `markov.model.after_progression` finds, in a fixed number of steps.
"""

from dataclasses import dataclass

from markov.report.live.cycles_sheet import Clock
from markov.report.live.formulas import Term, exp, larger, ln, same, sqrt, where, within
from markov.report.live.grid import Column, Grid
from markov.report.live.inputs_sheet import LiveInputs
from markov.report.live.tunnels import Deaths, deaths_by_tunnel
from markov.terms import PostProgression, PostProgressionRate

STEPS = 4


@dataclass(frozen=True)
class Death:
    """What is known before deaths in `progression` are: columns, and the exits to second malignancies."""

    background: Column
    present: Column
    entering: Column
    needed: Column
    sigma: Term
    die_later: Column
    strategy: str
    has_curve: bool
    tunnels: Deaths | None


def deaths_in_progression(live: LiveInputs, times: Clock, grid: Grid, d: Death) -> Column:
    """The increment of deaths in `progression`, by the alternative chosen."""
    common = live.of("post_progression.excess_rate.common")
    own = live.of(f"post_progression.excess_rate.{d.strategy}")
    is_common = same(live.typed("settings.post_progression_rate"), PostProgressionRate.COMMON)
    increment = d.background + where(is_common, common, own) * times.length
    words = "background + excess rate × length"
    if d.has_curve:
        anchored = same(live.typed("settings.post_progression"), PostProgression.OVERALL_SURVIVAL)
        increment, words = where(anchored, _solve(live, times, grid, d), increment), f"solved, or {words}"
    if d.tunnels:
        by_tunnel = deaths_by_tunnel(d.tunnels, d.present, d.sigma, live.method("smallest"))
        increment, words = where(d.tunnels.used, by_tunnel, increment), f"(x − staying)/leaving − SPM, or {words}"
    return grid.add("Death increment of progression", words, increment, "increment")


def _solve(live: LiveInputs, times: Clock, grid: Grid, d: Death) -> Column:
    """The d in [ΔB, 40] at which all deaths of the cycle bring the cohort to the OS curve.

    With y = d + σ and u = e^(−y/2), those of x and of its exposed entrants e who do not die are
    G = x·(u² + (σ − w)/y·(1 − u²)) + e·(u + σ/y·(1 − u)). ln G falls and is convex, so that Newton's steps on it, begun
    below the root, rise to it: four are enough, where on the deaths themselves the engine may take eight.
    """
    grid.group("Deaths that meet overall survival", in_turn=True)
    x, sigma, smallest = d.present, d.sigma, live.method("smallest")
    exposed = grid.add("Entrants exposed", "entrants, where they may die in the cycle", times.exposure * d.entering)
    stay = grid.add("Not to die", "x + e − deaths wanted", larger(x + exposed - d.needed, smallest))
    root = larger(exposed + sqrt(exposed**2 + 2 * x * (2 * stay)), smallest)
    late = (x * (sigma - d.die_later) + exposed * sigma) / stay
    start = larger(0 - 2 * ln(2 * stay / root), late) - sigma
    words = "−2·ln u, x·u² + e·u = not to die, or what second malignancies leave"
    increment = grid.add("Start: increment", words, _held(live, d, start), "increment")
    for i in range(1, STEPS + 1):
        increment = _step(live, grid, d, exposed, stay, increment, f"Step {i}")
    return increment


def _held(live: LiveInputs, d: Death, increment: Term) -> Term:
    """Not below the background, nor above the largest."""
    return within(increment, d.background, live.method("largest_increment"))


def _step(
    live: LiveInputs, grid: Grid, d: Death, exposed: Column, stay: Column, increment: Column, step: str
) -> Column:
    """One of Newton's steps on ln G."""
    x, y, smallest = d.present, increment + d.sigma, live.method("smallest")
    u = grid.add(f"{step}: u", "e^−(d + σ)/2", exp(-y / 2))
    of_x, of_e = (d.sigma - d.die_later) / y, d.sigma / y
    g = grid.add(f"{step}: G", "who does not die at d", x * (u**2 + of_x * (1 - u**2)) + exposed * (u + of_e * (1 - u)))
    slope = grid.add(
        f"{step}: slope",
        "−dG/dd",
        x * (u**2 * (1 - of_x) + of_x / y * (1 - u**2)) + exposed * (u / 2 * (1 - of_e) + of_e / y * (1 - u)),
    )
    newton = (ln(larger(g, smallest)) - ln(stay)) * g / larger(slope, smallest)
    words = "d + (ln G − ln(not to die))·G/slope"
    return grid.add(f"{step}: increment", words, _held(live, d, increment + newton), "increment")
