"""Where a report comes from: the workbook's fingerprint, the program, its conventions and the time it took."""

import datetime
import importlib.metadata
import platform
import sys
from collections.abc import Sequence

from markov.analysis.base_case import BaseCase
from markov.inputs.parameters import Inputs
from markov.report.page import Cell, Column, Page, Table
from markov.report.recipe import Recipe
from markov.report.sheets.inputs_in_full import fingerprint

PACKAGES = ("numpy", "scipy", "openpyxl", "xlsxwriter")
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
CONVENTIONS = {
    "exact_time": "v(t) = (1 + r)^−t, t in years from time zero",
    "whole_years": "v(t) = (1 + r)^−⌊t⌋, whole years from time zero",
    "half_cycle": "time in state: mean of the two ends of a cycle, discounted at its middle",
    "start": "time in state: occupancy at the start of a cycle, discounted there",
    "end": "time in state: occupancy at the end of a cycle, discounted there",
    "simpson": "time in state: Simpson's rule on discounted occupancy",
    "half_cycle_exposure": "entrants of a cycle are exposed to its hazards for half a cycle",
    "one_move": "one move a cycle",
}


def provenance_page(result: BaseCase, command: str, seconds: float, now: datetime.datetime, recipe: Recipe) -> Page:
    """Facts that identify a run; `recipe` names the parts of the report, for markov verify."""
    inputs = result.inputs
    trace = result.outcomes.trace
    assert trace is not None
    cycles = len(trace.boundaries) - 1
    choices = [inputs.text(f"settings.{key}") for key in ("discounting", "correction", "within_cycle")]
    rows: list[tuple[Cell, ...]] = [
        *_origin(inputs, command, seconds, now),
        *_to_repeat(inputs, recipe),
        ("Seed of random draws", f"{inputs.number('settings.seed'):.0f} (not used by a deterministic run)"),
        ("Cycles", f"{cycles} of {inputs.value('settings.cycle_days')} days: {trace.boundaries[-1]:.3f} years"),
        *((f"Convention {i + 1}", CONVENTIONS[choice]) for i, choice in enumerate(choices)),
        ("Price year and currency", f"{inputs.number('settings.price_year'):.0f}, {inputs.currency}"),
        ("Prices paid", inputs.text("settings.price_set")),
    ]
    return _page(rows)


def evidence_provenance_page(
    inputs: Inputs, command: str, seconds: float, now: datetime.datetime, recipe: Recipe | None = None
) -> Page:
    """The same for a command that works on evidence, or on one question; without `recipe` it is not made again."""
    return _page([*_origin(inputs, command, seconds, now), *(_to_repeat(inputs, recipe) if recipe else [])])


def _to_repeat(inputs: Inputs, recipe: Recipe) -> list[tuple[Cell, ...]]:
    """What markov verify needs beside the inputs."""
    return [*recipe.rows(), ("Fingerprint of the inputs as used", fingerprint(inputs))]


def pair_provenance_page(first: Inputs, second: Inputs, command: str, seconds: float, now: datetime.datetime) -> Page:
    """The same for a command on two workbooks."""
    start, *rest = _origin(first, command, seconds, now)
    other = [("Second workbook", second.name), ("SHA-256 of the second workbook", second.sha256)]
    other += _confidential(second, "Confidential values of the second workbook")
    return _page([start, rest[0], *other, *rest[1:]])


def _origin(inputs: Inputs, command: str, seconds: float, now: datetime.datetime) -> list[tuple[Cell, ...]]:
    return [
        ("Workbook", inputs.name),
        ("Title", inputs.title),
        ("SHA-256 of the workbook", inputs.sha256),
        *_confidential(inputs, "Confidential values"),
        ("Program", program()),
        ("Python", sys.version.split()[0]),
        *((f"Package {name}", version(name)) for name in PACKAGES),
        ("System", f"{platform.system()} {platform.machine()}"),
        ("Command", command or "called from Python"),
        ("Time of the run (UTC)", now.strftime(TIME_FORMAT)),
        ("Duration of the computation", f"{seconds:.2f} s"),
    ]


def _confidential(inputs: Inputs, fact: str) -> list[tuple[str, str]]:
    """A warning on every file that is made of confidential values; its fingerprints too give them away, by trying."""
    ids = ", ".join(inputs.confidential)
    return [(fact, f"{ids}: this file gives them away, and is not for publication")] if ids else []


def _page(rows: Sequence[tuple[Cell, ...]]) -> Page:
    table = Table("Provenance", (Column("Fact", "strong"), Column("Value")), tuple(rows), "provenance")
    subtitle = "What was run, on what, and by what: enough to repeat every number of this report."
    return Page("Provenance", "Provenance", subtitle, (table,), widths=(34.0, 90.0))


def program() -> str:
    """Name and installed version of this program.

    >>> program().startswith("markov ")
    True
    """
    return f"markov {version('markov-myeloma')}"


def version(package: str) -> str:
    """Installed version of a package.

    >>> version("numpy").count(".") >= 1
    True
    """
    return importlib.metadata.version(package)
