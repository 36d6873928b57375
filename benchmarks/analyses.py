"""Probabilistic and Sobol analysis by their parts, reports, and the commands as a user starts them."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from engine import FLAGSHIP, TRIAL
from measuring import Timed, figures, interleaved, table

from markov import Inputs, base_case, read_inputs, with_values
from markov.analysis.sensitivity.everything import deterministic
from markov.analysis.uncertainty.sample import draw_sample
from markov.analysis.uncertainty.sobol import sobol_analysis
from markov.analysis.uncertainty.sobol_design import sobol_rows
from markov.analysis.uncertainty.sobol_indices import sobol_indices
from markov.inputs.rules.between_values import scenario_changes, scenario_names
from markov.inputs.writing.template import shipped, worked_names
from markov.model.evaluate import evaluate, evaluate_side_by_side
from markov.report.reports import write_report
from markov.terms import Array

HARDEST = "ifm_2005_02"  # the trial whose scenarios take longest


def section(rounds: int, draws: int) -> list[str]:
    """Times of analyses, reports and commands; Markdown lines."""
    parts = (
        _probabilistic(rounds, draws),
        _sobol(rounds),
        _scenarios(rounds),
        _batch(rounds),
        _reports(rounds),
        _commands(rounds),
    )
    return ["## Analyses, reports and commands", "", *(line for part in parts for line in (*part, ""))]


def _probabilistic(rounds: int, draws: int) -> list[str]:
    inputs = read_inputs(shipped(FLAGSHIP))
    actions = {
        f"{draws:,} draws, totals": partial(draw_sample, inputs, draws, traced=False),
        f"{draws:,} draws, every rule checked in every draw": partial(draw_sample, inputs, draws, traced=True),
    }
    rows = [[name, str(timed)] for name, timed in interleaved(actions, min(rounds, 3)).items()]
    return ["### Probabilistic analysis of the flagship, 2 processes", "", *table(["what", "median (range)"], rows)]


def _sobol(rounds: int) -> list[str]:
    """Design, evaluation and indices apart: net benefit, costs and QALYs, second order, 1,000 resamples."""
    inputs, points = read_inputs(shipped(TRIAL)), 256
    whole = sobol_analysis(inputs, points, resamples=10)
    rows = sobol_rows(whole.factors, points, whole.seed, second_order=True)
    outcomes = evaluate(inputs, rows)
    names = [factor.name for factor in whole.factors]
    outputs = {
        "net benefit": np.diff(outcomes.net_benefit(inputs.thresholds[0]), axis=1)[:, 0],
        "costs": np.diff(outcomes.cost, axis=1)[:, 0],
        "QALYs": np.diff(outcomes.qaly, axis=1)[:, 0],
    }

    def indices() -> None:
        for name, values in outputs.items():
            sobol_indices(name, values, names, second_order=True, resamples=1000, seed=1)

    def design() -> None:
        made = sobol_rows(whole.factors, points, whole.seed, second_order=True)
        for start in range(0, len(made), 5000):
            made.block(start, min(start + 5000, len(made)))

    actions = {
        f"design and inverse distributions, {len(rows):,} rows": design,
        "evaluation, 2 processes": partial(evaluate, inputs, rows),
        "indices of three outputs": indices,
    }
    times = interleaved(actions, rounds)
    share = times["indices of three outputs"].median / times["evaluation, 2 processes"].median
    words = f"{points} points, {len(names)} factors. The indices take {figures(share)} times as long as the evaluation."
    made = table(["part", "median (range)"], [[name, str(timed)] for name, timed in times.items()])
    return ["### Sobol analysis of the trial", "", words, "", *made]


def _scenarios(rounds: int) -> list[str]:
    """The scenarios of each trial one by one, and those that move alike side by side."""
    actions: dict[str, Callable[[], object]] = {}
    for name in (TRIAL, HARDEST):
        inputs = read_inputs(shipped(name))
        asked = [(with_values(inputs, scenario_changes(inputs, each)), {}) for each in scenario_names(inputs)]
        actions[f"{name}, {len(asked)} scenarios, one by one"] = partial(_one_by_one, asked)
        actions[f"{name}, {len(asked)} scenarios, side by side"] = partial(evaluate_side_by_side, asked)
    rows = [[name, str(timed)] for name, timed in interleaved(actions, rounds).items()]
    return ["### Scenarios, 1 process", "", *table(["what", "median (range)"], rows)]


def _one_by_one(asked: Sequence[tuple[Inputs, Mapping[str, Array]]]) -> None:
    for inputs, values in asked:
        evaluate(inputs, values)


def _batch(rounds: int) -> list[str]:
    """All worked workbooks under their own scenarios, from nothing and when all results are there."""
    books = [str(shipped(name)) for name in worked_names()]
    with tempfile.TemporaryDirectory() as folder:

        def batch(place: Path, *, anew: bool) -> None:
            if anew:
                shutil.rmtree(place, ignore_errors=True)
            _markov(["batch", *books, "--workers", "2", "--out", str(place)])

        actions = {
            "all of them": partial(batch, Path(folder) / "new", anew=True),
            "again, nothing being new": partial(batch, Path(folder) / "old", anew=False),
        }
        times = interleaved(actions, min(rounds, 3))
        jobs = sum(1 + len(scenario_names(read_inputs(book))) for book in books)
    speed = figures(jobs / times["all of them"].median)
    words = f"{len(books)} workbooks, {jobs} jobs, 2 processes: {speed} jobs a second."
    made = table(["what", "median (range)"], [[name, str(timed)] for name, timed in times.items()])
    return ["### A batch", "", words, "", *made]


def _reports(rounds: int) -> list[str]:
    """Writing alone, the results being there; tables of files written into a folder of their own."""
    inputs = read_inputs(shipped(TRIAL))
    base = base_case(inputs)
    found = deterministic(inputs, base)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "report"
        actions = {
            "Excel, deterministic sheets": partial(
                write_report, base, target.with_suffix(".xlsx"), deterministic=found
            ),
            "Excel, with the live model": partial(
                write_report, base, target.with_suffix(".live.xlsx"), deterministic=found, live=True
            ),
            "web page": partial(write_report, base, target.with_suffix(".html"), deterministic=found, kind="html"),
            "Word": partial(write_report, base, target.with_suffix(".docx"), deterministic=found, kind="docx"),
            "reading the workbook": partial(read_inputs, shipped(TRIAL)),
        }
        rows = [[name, str(timed)] for name, timed in interleaved(actions, rounds).items()]
    return ["### Reports of the trial, written from results", "", *table(["what", "median (range)"], rows)]


def _commands(rounds: int) -> list[str]:
    """Whole commands, warm; and `--help` with no byte code, as after an installation."""
    trial = str(shipped(TRIAL))
    with tempfile.TemporaryDirectory() as folder:
        out = ["--out", folder]
        actions = {
            "markov --help": partial(_markov, ["--help"]),
            "markov check": partial(_markov, ["check", trial]),
            "markov run --base-only --no-live": partial(_markov, ["run", trial, "--base-only", "--no-live", *out]),
            "markov run --no-live": partial(_markov, ["run", trial, "--no-live", *out]),
            f"markov run --no-live, {HARDEST}": partial(_markov, ["run", str(shipped(HARDEST)), "--no-live", *out]),
            "markov run": partial(_markov, ["run", trial, *out]),
            "markov check, cold": partial(_cold, ["check", trial], Path(folder) / "byte code"),
        }
        times = interleaved(actions, rounds)
    words = "Processes from start to end. Cold: without compiled byte code, as the first time after an installation."
    return ["### Commands", "", words, "", *table(["command", "median (range)"], _named(times))]


def _named(times: Mapping[str, Timed]) -> list[list[str]]:
    return [[f"`{name}`", str(timed)] for name, timed in times.items()]


def _markov(arguments: list[str], **environment: str) -> None:
    command = [sys.executable, "-m", "markov", *arguments]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})


def _cold(arguments: list[str], folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _markov(arguments, PYTHONPYCACHEPREFIX=str(folder))


if __name__ == "__main__":
    print("\n".join(section(rounds=3, draws=1_000)))
