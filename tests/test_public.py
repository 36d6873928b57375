"""The public face: a dozen names, each documented, none by accident."""

import importlib
import inspect
import pkgutil
import re

import markov
from tests import ROOT

PUBLIC = {
    "BaseCase",
    "InputError",
    "Inputs",
    "Outcomes",
    "__version__",
    "base_case",
    "evaluate",
    "incremental",
    "pairwise",
    "random_draws",
    "read_inputs",
    "with_values",
    "write_report",
}


def test_the_public_names_are_pinned() -> None:
    assert set(markov.__all__) == PUBLIC
    for name in PUBLIC:
        assert getattr(markov, name) is not None


def test_the_calls_of_the_spine_have_a_doctest() -> None:
    for name in ("base_case", "evaluate", "incremental", "pairwise", "random_draws", "read_inputs", "write_report"):
        assert ">>>" in (inspect.getdoc(getattr(markov, name)) or ""), name


def test_every_public_function_says_what_it_does() -> None:
    for module in pkgutil.walk_packages(markov.__path__, "markov."):
        if module.name.endswith("__main__"):
            continue
        loaded = importlib.import_module(module.name)
        assert loaded.__doc__, module.name
        for name, thing in vars(loaded).items():
            if inspect.isfunction(thing) and thing.__module__ == module.name and not name.startswith("_"):
                assert thing.__doc__, f"{module.name}.{name}"


def test_the_readme_commands_are_the_ones_that_ci_runs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"```sh\n(.+?)\n```", readme, re.S)
    assert len(commands) == 2
    assert commands[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_pictures_and_files_that_the_readme_names_are_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", readme):
        assert (ROOT / target).exists(), target
