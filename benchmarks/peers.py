"""The work item in other programs, through their public interfaces: what the same draw costs there.

heormodel and PyHEOR come from the package index; the compiled twin needs a C compiler, base R, hesim and heemod an R in
which they are installed. What is missing is left out and named. Each must agree with the recursion before it is timed.
"""

import ctypes
import math
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import work_item
from work_item import DISCOUNT, MONTHS, NAMES, OUTCOMES, PER_YEAR

from markov.terms import Array

Peer = Callable[[Array], Array]
"""Totals (rows, 6) from draws (rows, 25); not a number where a program has no such outcome."""


def found(folder: Path) -> Iterator[tuple[str, Peer | None]]:
    """Every peer by name; None where it is not installed. `folder` takes what is compiled."""
    yield "compiled (C)", compiled(folder)
    yield "heormodel", heormodel() if find_spec("heormodel") else None
    yield "PyHEOR", pyheor() if find_spec("pyheor") else None
    yield "base R, draws as vectors", in_r("base", folder)
    yield "hesim", in_r("hesim", folder)
    yield "heemod", in_r("heemod", folder)


# ---------------------------------------------------------------------------------------------------- compiled


def compiled(folder: Path) -> Peer | None:
    """The twin in C, on as many threads as OMP_NUM_THREADS says."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    source, library = Path(__file__).with_name("work_item.c"), folder / "work_item.so"
    flags = ["-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math", "-fopenmp", "-shared", "-fPIC"]
    flags = flags if _is_x86() else [flag for flag in flags if not flag.startswith("-mprefer")]
    subprocess.run([compiler, *flags, str(source), "-o", str(library), "-lm"], check=True)
    run = ctypes.CDLL(str(library)).work_item
    numbers = ctypes.POINTER(ctypes.c_double)

    def peer(values: Array) -> Array:
        clinical, spent = np.ascontiguousarray(values[:, :13].T), np.empty((4, 2, len(values)))
        tables = clinical, work_item.background(), work_item.weights(), spent
        p, known, weight, out = (table.ctypes.data_as(numbers) for table in tables)
        run(p, ctypes.c_long(len(values)), known, weight, out)
        return work_item.totals(work_item.columns(values), spent)

    return peer


def _is_x86() -> bool:
    import platform

    return platform.machine() in ("x86_64", "AMD64")


# ------------------------------------------------------------------------------------- one draw, for both packages


def _increments(p: Any, maintenance: bool, t: Any, exp: Callable[[Any], Any]) -> list[list[Any]]:
    """Increments of month t out of M, T, P and S, each to the states that follow it; `exp` for one month or many."""
    rising = math.log(2.0) / p["median"] ** p["shape"] * ((t + 1.0) ** p["shape"] - (t + 0.0) ** p["shape"])
    dies = p["smr"] * exp(-4.3 + 0.095 * t / PER_YEAR) / PER_YEAR
    off = p["malignancies"] / PER_YEAR
    malignancies = off * (p["malignancies_ratio"] if maintenance else 1.0)
    stops = p["stops_maintenance" if maintenance else "stops_observation"] / PER_YEAR
    return [
        [stops, rising * (p["ratio"] if maintenance else 1.0), malignancies, dies],
        [rising * p["ratio_after_stopping"], malignancies * p["malignancies_after_stopping"], dies],
        [off * p["malignancies_after_progression"], dies + p["excess_progression"] / PER_YEAR],
        [dies + p["excess_malignancy"] / PER_YEAR],
    ]


def _matrices(p: Any, maintenance: bool) -> Array:
    """Transition matrices of all months, (480, 5, 5)."""
    matrices = np.zeros((MONTHS, 5, 5))
    matrices[:, 4, 4] = 1.0
    for i, increments in enumerate(_increments(p, maintenance, np.arange(MONTHS), np.exp)):
        total = sum(increments)
        pace = -np.expm1(-total) / total
        matrices[:, i, i] = np.exp(-total)
        for j, increment in enumerate(increments, start=i + 1):
            matrices[:, i, j] = increment * pace
    return matrices


def _matrix(p: Any, maintenance: bool, t: int) -> list[list[float]]:
    """Transition matrix of one month, in plain numbers: quicker than arrays of a single one."""
    rows = []
    for i, increments in enumerate(_increments(p, maintenance, t, math.exp)):
        total = sum(increments)
        pace = -math.expm1(-total) / total
        rows.append([0.0] * i + [math.exp(-total)] + [increment * pace for increment in increments])
    return [*rows, [0.0, 0.0, 0.0, 0.0, 1.0]]


def _payoffs(p: Any, maintenance: bool) -> tuple[list[float], list[float]]:
    """Cost and utility per month in M, T, P and S."""
    arm = "maintenance" if maintenance else "observation"
    progressed = p["cost_progression"] * (p["cost_progression_ratio"] if maintenance else 1.0)
    costs = [p[f"cost_{arm}"] + p["cost_monitoring"], p["cost_stopped"], progressed, p["cost_malignancy"]]
    utilities = [p[f"utility_{state}"] / PER_YEAR for state in (arm, "stopped", "progression", "malignancy")]
    return costs, utilities


# --------------------------------------------------------------------------------------------------- heormodel


def heormodel() -> Peer:
    """heormodel's MarkovModel with its half-cycle correction; one effect a model, so that life-years are left out."""
    import pandas as pd
    from heormodel.models.markov import CohortSpec, MarkovModel
    from heormodel.run import run_psa

    def strategy(p: Any, name: str) -> Any:
        maintenance, values = name == "maintenance", p.to_dict()
        costs, utilities = _payoffs(values, maintenance)
        return CohortSpec(_matrices(values, maintenance), np.array([*costs, 0.0]), np.array([*utilities, 0.0]))

    model = MarkovModel(
        states=list("MTPSD"),
        interventions=["observation", "maintenance"],
        transitions_and_rewards=strategy,
        n_cycles=MONTHS,
        cycle_length=1.0 / PER_YEAR,
        discount_rate=DISCOUNT,
        cycle_correction="half_cycle",
    )

    def peer(values: Array) -> Array:
        table = pd.DataFrame(values, columns=list(NAMES), index=pd.RangeIndex(len(values), name="iteration"))
        outcomes = run_psa(model, table, seed=1, progress=False, sequential=True).outcomes
        costs, effects = outcomes.costs_wide(), outcomes.effects_wide()
        result = np.full((len(values), len(OUTCOMES)), np.nan)
        for i, name in enumerate(("observation", "maintenance")):
            result[:, 3 * i], result[:, 3 * i + 1] = costs[name], effects[name]
        return result

    return peer


# ------------------------------------------------------------------------------------------------------ PyHEOR


def pyheor() -> Peer:
    """PyHEOR's cohort model, counted at the beginning of 481 cycles whose first and last payoffs are halved.

    It discounts once a cycle; so do the work item's weights then. Life-years run as a second cost category.
    """
    import pyheor as program

    last = MONTHS + 1

    def half(t: int) -> float:
        return 0.5 if t in (1, last) else 1.0

    class Stored:
        """A distribution that gives a column's values one after the other."""

        def __init__(self, column: Array):
            self.values = iter(column)

        def sample(self, n: int = 1, rng: object = None) -> Array:
            del rng
            return np.array([next(self.values) for _ in range(n)])

    def transitions(maintenance: bool) -> Callable[[Any, int], list[list[float]]]:
        return lambda p, t: _matrix(p, maintenance, t - 1)

    def by_strategy(part: int) -> Callable[[Any, int], dict[str, dict[str, float]]]:
        def payoff(p: Any, t: int) -> dict[str, dict[str, float]]:
            arms = {"observation": False, "maintenance": True}
            return {
                name: {s: half(t) * v for s, v in zip("MTPS", _payoffs(p, arm)[part], strict=True)}
                for name, arm in arms.items()
            }

        return payoff

    def peer(values: Array) -> Array:
        rate = program.rescale_discount_rate(DISCOUNT, PER_YEAR, 1.0)
        model = program.CohortStateTransitionModel(
            states=list("MTPSD"),
            strategies=["observation", "maintenance"],
            n_cycles=last,
            cycle=program.Cycle(1, "month"),
            dr_cost=rate,
            dr_qaly=rate,
            method="beginning",
        )
        for i, name in enumerate(NAMES):
            model.add_param(name, base=float(values[0, i]), dist=Stored(values[:, i]))
        model.set_transitions("observation", transitions(False))
        model.set_transitions("maintenance", transitions(True))
        model.set_state_cost("cost", by_strategy(0))
        model.set_state_cost("life_years", lambda p, t: dict.fromkeys("MTPS", half(t) / PER_YEAR))
        model.set_state_qaly("qaly", by_strategy(1))
        runs = model.run_psa(n_sim=len(values), seed=1, progress=False).psa_results
        return np.array([[*_six(run)] for run in runs])

    def _six(run: Any) -> Iterator[float]:
        for name in ("observation", "maintenance"):
            found = run[name]
            yield from (found["total_costs"]["cost"], found["total_qalys"], found["total_costs"]["life_years"])

    return peer


# ----------------------------------------------------------------------------------------------------------------- R


def in_r(program: str, folder: Path) -> Peer | None:
    """A program of `peers.R`, in a process that has started and loaded its package; draws and totals pass as tables."""
    r = shutil.which("Rscript")
    if r is None:
        return None
    command = [r, str(Path(__file__).with_suffix(".R")), program]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    asks, says = process.stdin, process.stdout
    assert asks is not None and says is not None
    if says.readline() != "ready\n":
        return None
    drawn, totals = folder / f"{program}_draws.csv", folder / f"{program}_totals.csv"

    def peer(values: Array) -> Array:
        np.savetxt(drawn, values, "%.17g", ",", header=",".join(NAMES), comments="")
        asks.write(f"{drawn}\t{totals}\n")
        asks.flush()
        assert says.readline() == "done\n", f"{program} in R stopped: see above"
        return np.loadtxt(totals, delimiter=",", ndmin=2)

    return peer
