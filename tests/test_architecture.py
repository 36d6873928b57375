"""The order of the folders, and inside them, kept on the syntax tree: a module imports from what stands before it."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from markov.batches.keys import COMPUTING, WRITING
from tests import ROOT

PACKAGE = ROOT / "markov"
ORDER = ("terms", "excel", "inputs", "survival", "model", "analysis", "report", "batches", "cli")
HANDLE_FILES = {"excel", "inputs", "report", "batches", "cli"}
FILE_MODULES = {"openpyxl", "xlsxwriter", "zipfile", "pathlib", "io", "csv", "shutil", "sqlite3", "tempfile"}
FILE_CALLS = {
    "open",
    "read_text",
    "write_text",
    "read_bytes",
    "write_bytes",
    "loadtxt",
    "savetxt",
    "genfromtxt",
    "memmap",
}
INSIDE = {
    "excel": "style book files",
    "inputs": "definitions problems cells evidence agencies parameters distributions correlations dirichlet rules "
    "given_values standards reading other_tables workbook scenario_sheets differences steps_sheet writing",
    "survival": "families records kaplan_meier fit fitting hazards life_table effects reconstruction",
    "model": "structure discounting treatment cohort hazards stops drugs payoffs outcomes evaluate "
    "partitioned_survival",
    "analysis": "frames accounts incremental sources_of_uncertainty draws calibration trial_comparison checks "
    "checks_by_rerun interpretation base_case sensitivity uncertainty walk evidence bank",
    "report": "page words recipe sheets writers live reports delivered json_keys json",
    "batches": "keys tasks engines plan store comparison exports pages run",
    "cli": "shared workbooks evidence uncertainty run walk verify batch",
}
"""Files and folders of each folder in their order; one that is not named has no place in it yet."""
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}

MODULES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
LAYERED = [name for name in MODULES if name not in ("__init__.py", "__main__.py")]


def imported(tree: ast.AST, module: str) -> Iterator[str]:
    """Full names of all that a module imports, wherever in it; relative imports are resolved."""
    parents = ("markov", *Path(module).parts[:-1])
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(parents[: len(parents) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (start, node.module) if part)
            yield from (f"{base}.{alias.name}" for alias in node.names)


Graph = Mapping[str, set[str]]


def graph(sources: Mapping[str, str]) -> Graph:
    """What each module imports of the others, wherever in it; a module's name as a text counts as an import."""
    names = {f"markov.{path.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}": path for path in sources}

    def found(path: str, source: str) -> Iterator[str]:
        tree = ast.parse(source)
        texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        for name in (*imported(tree, path), *(text for text in texts if isinstance(text, str) and text in names)):
            while name and name not in names:
                name = name.rpartition(".")[0]
            if name and names[name] != path:
                yield names[name]

    return {path: set(found(path, source)) for path, source in sources.items()}


@cache
def imports() -> Graph:
    return graph({module: MODULES[module].read_text(encoding="utf-8") for module in LAYERED})


def circles(graph: Graph) -> set[str]:
    """Modules that import each other in a circle, or stand on the way between two circles."""
    left = dict(graph)
    while True:
        used = set().union(*left.values()) & left.keys()
        ends = [module for module, found in left.items() if not found & left.keys() or module not in used]
        if not ends:
            return set(left)
        for module in ends:
            del left[module]


def against_the_order(graph: Graph, folder: str, order: str) -> list[str]:
    """Imports inside a folder from something that stands later."""
    place = {f"{folder}/{entry}": i for i, entry in enumerate(order.split())}

    def at(module: str) -> int | None:
        return place.get("/".join(Path(module).with_suffix("").parts[:2]))

    found = []
    for module, others in graph.items():
        i = at(module)
        for other in sorted(others):
            j = at(other)
            if i is not None and j is not None and i < j:
                found.append(f"{module} imports {other}")
    return found


def offences(source: str, module: str) -> list[str]:
    """What a module does that its place forbids."""
    tree = ast.parse(source)
    own = Path(module).parts[0].removesuffix(".py")
    names = [name.split(".") for name in imported(tree, module)]
    allowed = ORDER[: ORDER.index(own) + 1] if own in ORDER else ()
    found = [".".join(name) for name in names if name[0] == "markov" and len(name) > 1 and name[1] not in allowed]
    found += ["markov" for name in names if name == ["markov"]]
    if own not in HANDLE_FILES:
        found += [".".join(name) for name in names if name[0] in FILE_MODULES]
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        called = [f.id if isinstance(f, ast.Name) else f.attr for f in calls if isinstance(f, ast.Name | ast.Attribute)]
        found += [f"{name}()" for name in called if name in FILE_CALLS]
    return found


@pytest.mark.parametrize("module", LAYERED)
def test_a_module_imports_only_from_its_left_and_touches_files_only_at_the_edges(module: str) -> None:
    assert offences(MODULES[module].read_text(encoding="utf-8"), module) == []


@pytest.mark.parametrize("module", LAYERED)
def test_every_module_stands_in_a_known_folder_under_a_telling_name(module: str) -> None:
    parts = Path(module).with_suffix("").parts
    assert parts[0] in ORDER
    assert not VAGUE_NAMES & {word for part in parts for word in part.split("_")}


@pytest.mark.parametrize(
    ("module", "source", "offence"),
    [
        ("survival/curves.py", "from markov.model.cohort import trace", "markov.model.cohort.trace"),
        ("model/cohort.py", "def f():\n    import markov.report.writers.excel", "markov.report.writers.excel"),
        ("model/cohort.py", "from ..analysis import incremental", "markov.analysis.incremental"),
        ("model/cohort.py", "from markov import evaluate", "markov.evaluate"),
        ("terms.py", "import markov", "markov"),
        ("analysis/one_way.py", "import openpyxl.styles", "openpyxl.styles"),
        ("model/drugs.py", "from pathlib import Path", "pathlib.Path"),
        ("survival/fitting.py", "with open('curve.csv') as file: pass", "open()"),
        ("survival/fitting.py", "import numpy as np\nnp.loadtxt('curve.csv')", "loadtxt()"),
    ],
)
def test_the_rule_finds_what_is_planted(module: str, source: str, offence: str) -> None:
    assert offences(source, module) == [offence]


def test_the_rule_allows_what_the_order_allows() -> None:
    assert "terms.py" in LAYERED
    assert (
        offences("from markov.terms import Array\nfrom .curves import f\nfrom . import g", "survival/hazards.py") == []
    )
    assert offences("from pathlib import Path\nfrom markov.model import evaluate", "report/workbook.py") == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(imports()) == set()


@pytest.mark.parametrize("folder", INSIDE)
def test_inside_a_folder_too_a_module_imports_from_what_stands_before_it(folder: str) -> None:
    there = {Path(module).with_suffix("").parts[1] for module in LAYERED if module.startswith(f"{folder}/")}
    assert set(INSIDE[folder].split()) <= there
    assert against_the_order(imports(), folder, INSIDE[folder]) == []


def test_a_circle_that_is_planted_is_found() -> None:
    sources = {
        "terms.py": "",
        "model/cohort.py": "from markov.terms import Array\n\ndef run():\n    from markov.model.evaluate import Rows",
        "model/evaluate.py": "from markov.model.workers import borrow",
        "model/workers.py": 'from importlib import import_module\nimport_module("markov.model.cohort")',
        "model/outcomes.py": "import markov.model.evaluate",
    }
    assert circles(graph(sources)) == {"model/cohort.py", "model/evaluate.py", "model/workers.py"}
    apart = {**sources, "model/workers.py": 'WORDS = "after markov.model.cohort comes the next"'}
    assert circles(graph(apart)) == set()
    assert against_the_order(graph(apart), "model", "cohort evaluate") == ["model/cohort.py imports model/evaluate.py"]


def test_whatever_computes_or_writes_a_result_of_a_batch_is_part_of_its_key() -> None:
    needed, new = set[str](), {"batches/tasks.py"}
    while new:
        needed |= new
        new = set().union(*(imports()[module] for module in new)) - needed
    digested = {f"{part}/".replace(".py/", ".py") for part in COMPUTING + WRITING}
    left_out = {module for module in needed if not module.startswith(tuple(digested))}
    assert left_out == {"batches/keys.py"}  # which names results, and computes none
