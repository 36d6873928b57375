"""The documentation says what the code says: pages made from it are up to date, and what they name exists."""

import doctest
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import markov
from markov.analysis.base_case import base_case
from markov.inputs.definitions.schema import DEFINITIONS, Sheet
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped, worked_names
from tests import ROOT

DOCS = ROOT / "docs"
PAGES = [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))]


def load(name: str) -> ModuleType:
    """A program of the documentation as a module."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def build() -> ModuleType:
    return load("build")


def test_the_reference_is_that_of_the_schema(build: ModuleType) -> None:
    page = (DOCS / "reference.md").read_text(encoding="utf-8")
    assert page == build.reference(), "run python docs/build.py"
    assert all(f"`{definition.pattern}`" in page for definition in DEFINITIONS)
    assert all(f"## {sheet}\n" in page for sheet in list(Sheet)[1:])


def test_the_published_figures_stand_beside_the_present_models(build: ModuleType) -> None:
    page = (DOCS / "published_against_modelled.md").read_text(encoding="utf-8")
    assert page == build.published_against_modelled(), "run python docs/build.py"


def test_the_conclusions_are_those_of_the_present_models() -> None:
    made = load("conclusions")
    page = (DOCS / "conclusions.md").read_text(encoding="utf-8")
    assert page.rstrip().endswith(made.MARK + made.fingerprint()), "run python docs/conclusions.py"
    parts = page.split("\n## ")[1:]
    assert [part.split(".")[0] for part in parts] == [str(i) for i in range(1, 11)]
    assert all(part.count("\n| ") >= 3 and "\n`markov " in part for part in parts)


@pytest.mark.parametrize("name", worked_names())
def test_every_figure_that_the_model_misses_has_its_reason(name: str) -> None:
    result = base_case(read_inputs(shipped(name)))
    missed = [c.result for c in result.trial if c.within is False]
    assert [told for told in missed if len(told.comment) < 20] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_the_documentation_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", ["methods.md", "python.md"])
def test_the_examples_of_a_page_return_what_stands_below_them(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DOCS.parent)
    failed, tried = doctest.testfile(str(DOCS / page), module_relative=False)
    assert tried > 10
    assert failed == 0


def test_every_page_is_linked_from_another() -> None:
    targets = {page: re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")) for page in PAGES}
    linked = {(page.parent / target).resolve() for page, told in targets.items() for target in told}
    assert [page.name for page in PAGES[1:] if page.resolve() not in linked] == []


def test_the_page_for_python_names_every_public_name() -> None:
    text = (DOCS / "python.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)", text, re.MULTILINE)) == set(markov.__all__)


def test_modules_and_ids_that_the_methods_name_exist() -> None:
    text = (DOCS / "methods.md").read_text(encoding="utf-8")
    files = set(re.findall(r"`(markov/[\w/]+\.py)`", text))
    assert len(files) > 20
    assert [file for file in files if not (DOCS.parent / file).exists()] == []
    patterns = {definition.pattern.replace("{strategy}", "STRATEGY") for definition in DEFINITIONS}
    ids = {told for told in re.findall(r"`([a-z_]+\.[A-Za-z_.]+)`", text) if not told.endswith(".py")}
    assert ids
    assert ids <= patterns
    choices = {str(choice) for definition in DEFINITIONS for choice in definition.choices}
    told = set(re.findall(r"`([a-z_]+)`", text)) - {"fit", "calibrate", "network"}
    assert told <= choices


def test_every_command_of_the_readme_exists() -> None:
    from markov.cli import COMMANDS

    known = {command.__name__ for command in COMMANDS}
    for page in PAGES:
        told = set(re.findall(r"`?markov ([a-z]+) ", page.read_text(encoding="utf-8")))
        assert told <= known | {"import"}, page.name
    readme = PAGES[0].read_text(encoding="utf-8")
    assert {name for name in known if f"markov {name} " in readme} == known
