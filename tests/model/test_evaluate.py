"""How the engine is run: compiled or plain, in any blocks and threads, and what it says while one waits."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from markov import compiling
from markov.inputs.parameters import Inputs, Value, with_values
from markov.inputs.writing.template import shipped
from markov.model.evaluate import evaluate, evaluate_each
from markov.terms import Array
from tests.support.plain_python import in_plain_python

TUNNELS: dict[str, Value] = {
    "settings.post_progression": "time_since_progression",
    **{f"pps.family.{strategy}": "weibull" for strategy in ("no_maintenance", "lenalidomide")},
    **{f"pps.median.{strategy}": 30.0 for strategy in ("no_maintenance", "lenalidomide")},
    **{f"pps.shape.{strategy}": 1.2 for strategy in ("no_maintenance", "lenalidomide")},
}
CHANGES: dict[str, dict[str, Value]] = {
    "deaths follow overall survival": {},
    "a planned stop, other stops, a late start": {
        "treatment.planned_stop.lenalidomide": 24.0,
        "treatment.other_stop_rate.lenalidomide": 0.02,
        "treatment.start.lenalidomide": 1.3,
    },
    "those who stop lose the effect": {"toxicity.after_stopping.lenalidomide": "effect_lost"},
    "a median of treatment": {"treatment.median_duration.lenalidomide": 20.0},
    "a rate of death, one move a cycle": {"settings.post_progression": "rate", "settings.within_cycle": "one_move"},
    "a curve from progression": TUNNELS,
}


def numbers(part: Any, name: str = "") -> Iterator[tuple[str, Array]]:
    """Every array of some outcomes, with its place."""
    if isinstance(part, np.ndarray):
        yield name, part
    elif isinstance(part, dict):
        for key, value in part.items():
            yield from numbers(value, f"{name}.{key}")
    elif hasattr(part, "__dataclass_fields__"):
        for each in fields(part):
            yield from numbers(getattr(part, each.name), f"{name}.{each.name}")


@pytest.mark.parametrize("change", CHANGES)
def test_plain_python_gives_what_is_compiled(change: str, calgb: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = with_values(calgb, {"settings.horizon_years": 5.0, **CHANGES[change]})
    compiled = dict(numbers(evaluate(inputs, trace=True)))
    in_plain_python(monkeypatch)
    for name, values in numbers(evaluate(inputs, trace=True)):
        np.testing.assert_allclose(values, compiled[name], rtol=1e-12, atol=1e-14, err_msg=name)


def test_neither_threads_nor_blocks_change_a_digit(calgb: Inputs) -> None:
    rng = np.random.default_rng(1)
    rows = {
        "os.hazard_ratio.lenalidomide": rng.uniform(0.4, 1.1, 23),
        "toxicity.proportion.lenalidomide": rng.uniform(0.05, 0.3, 23),
        "utility.progression": rng.uniform(0.4, 0.9, 23),
    }
    whole = dict(numbers(evaluate(calgb, rows, workers=1)))
    for workers, block in ((1, 4), (2, 4), (5, 1)):
        for name, values in numbers(evaluate(calgb, rows, workers=workers, block=block)):
            np.testing.assert_array_equal(values, whole[name], err_msg=f"{workers} threads, blocks of {block}: {name}")


def test_an_adverse_event_that_only_one_of_them_has_is_counted_there(calgb: Inputs) -> None:
    """Half of the starters have an event of GBP 1,000 at the start of treatment: GBP 500 more, undiscounted there."""
    added = with_values(calgb, {"adverse_event.proportion.rash.lenalidomide": 0.5, "adverse_event.cost.rash": 1000.0})
    assert (evaluate(added).cost - evaluate(calgb).cost)[0].tolist() == pytest.approx([0.0, 500.0], abs=1e-6)


def test_one_question_that_fails_does_not_take_the_others_with_it(calgb: Inputs) -> None:
    wrong_length = {"utility.progression": np.array([0.5, 0.6]), "cost.event.death": np.array([1.0, 2.0, 3.0])}
    first, second, third = evaluate_each([(calgb, {}), (calgb, wrong_length), (calgb, {})])
    assert isinstance(second, ValueError)
    assert not isinstance(first, Exception) and not isinstance(third, Exception)
    assert first.qaly.tolist() == third.qaly.tolist() == evaluate(calgb).qaly.tolist()


# What is compiled, where it is kept, and what is said -----------------------------------------------------------------


def python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)


def test_without_numba_the_model_runs_and_says_that_it_is_slow() -> None:
    found = python(
        "import sys; sys.modules['numba'] = None\n"
        "from markov import evaluate, read_inputs, with_values\n"
        f"inputs = read_inputs({str(shipped('calgb_100104'))!r})\n"
        "print(evaluate(with_values(inputs, {'settings.horizon_years': 1.0})).runs)"
    )
    assert found.stdout == "1\n"
    assert "Numba cannot be imported" in found.stderr


@pytest.mark.parametrize("command", [["check", "FILE"], ["diff", "FILE", "FILE"], ["--help"]])
def test_commands_that_run_no_model_do_not_wait_for_the_compiler(command: list[str]) -> None:
    arguments = [str(shipped("calgb_100104")) if each == "FILE" else each for each in command]
    found = python(
        "import sys\nfrom markov.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        "print('numba' in sys.modules)"
    )
    assert found.stdout.splitlines()[-1] == "False"


def test_the_cache_is_the_users_own_and_another_one_where_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "_user_caches", lambda: tmp_path)
    assert compiling._cache_folder().parent == tmp_path / "markov"
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(compiling, "_user_caches", lambda: tmp_path / "file")
    assert compiling._cache_folder().is_dir()


def test_changed_sources_are_compiled_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "_user_caches", lambda: tmp_path)
    before = compiling._cache_folder()
    monkeypatch.setattr(compiling, "SOURCES", compiling.SOURCES[1:])
    assert compiling._cache_folder() != before


def test_the_first_run_says_what_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compiling, "FOLDER", tmp_path)
    compiling.say_what_is_waited_for.__wrapped__()
    assert "Compiling the model" in capsys.readouterr().err
    (tmp_path / "model.nbc").touch()
    compiling.say_what_is_waited_for.__wrapped__()
    assert capsys.readouterr().err == ""
