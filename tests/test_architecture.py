"""The order of the folders, kept on the syntax tree: a module imports from its own folder or from those before it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ROOT

PACKAGE = ROOT / "markov"
ORDER = ("terms", "excel", "inputs", "survival", "model", "analysis", "report", "batch", "cli")
HANDLE_FILES = {"excel", "inputs", "report", "batch", "cli"}
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
