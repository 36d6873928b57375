"""How a report was made: its parts and the options of its analyses, printed on it and read back from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from markov.analysis.base_case import BaseCase, base_case
from markov.analysis.sensitivity.everything import Deterministic, deterministic
from markov.analysis.uncertainty.everything import Uncertainty, uncertainty
from markov.analysis.uncertainty.follow_up import YEARS
from markov.analysis.uncertainty.sobol import Sobol
from markov.inputs.parameters import Inputs
from markov.report.page import Cell

PARTS, OPTIONS = "Parts of this report", "Options of its analyses"
BASE, SENSITIVITY, UNCERTAINTY, LIVE = "base case", "sensitivity analyses", "uncertainty", "live model"
PSA, SOBOL, VOI = "probabilistic analysis", "Sobol analysis", "value of information"


@dataclass(frozen=True)
class Recipe:
    """Parts in their order, and options by name."""

    parts: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)

    def rows(self) -> list[tuple[Cell, ...]]:
        """The rows of the Provenance sheet.

        >>> Recipe((PSA,), {"runs": "40", "seed": "7"}).rows()[1]
        ('Options of its analyses', 'runs = 40; seed = 7')
        """
        told = "; ".join(f"{key} = {value}" for key, value in self.options.items())
        return [(PARTS, ", ".join(self.parts)), *([(OPTIONS, told)] if told else [])]

    def number(self, option: str) -> int:
        """An option that is a whole number."""
        return int(self.options[option])


def recipe_of(facts: Mapping[str, str]) -> Recipe:
    """The recipe that the facts of a Provenance sheet tell.

    >>> recipe_of({PARTS: "base case, live model", OPTIONS: "runs = 40; draws = a b.csv"}).options["draws"]
    'a b.csv'
    """
    pairs = [part.partition(" = ") for part in facts.get(OPTIONS, "").split("; ") if part]
    parts = tuple(part for part in facts.get(PARTS, "").split(", ") if part)
    return Recipe(parts, {key: value for key, _, value in pairs})


def run_recipe(
    found: Deterministic | None, doubt: Uncertainty | None, draws: Path | None = None, *, live: bool = False
) -> Recipe:
    """How a report of markov run is made again."""
    parts = [BASE, *[SENSITIVITY] * (found is not None), *[UNCERTAINTY] * (doubt is not None), *[LIVE] * live]
    if doubt is None:
        return Recipe(tuple(parts))
    years = sorted({wait.years for follow_up in doubt.follow_up for wait in follow_up.waits})
    options = {"runs": str(doubt.probabilistic.sample.runs), **sobol_options(doubt.sobol)}
    options |= {"years": ", ".join(map(repr, years))} if years else {}
    return Recipe(tuple(parts), options | ({"draws": draws.name} if draws else {}))


def psa_options(runs: int, seed: str, average: bool, until: float | None, draws: Path | None) -> dict[str, str]:
    """Options of a probabilistic analysis: `until` is a precision, `draws` the file that holds many of them.

    >>> psa_options(1000, "7", False, 500.0, None)
    {'runs': '1000', 'seed': '7', 'average': 'no', 'until precision': '500.0'}
    """
    options = {"runs": str(runs), "seed": seed, "average": "yes" if average else "no"}
    options |= {"until precision": repr(until)} if until is not None else {}
    return options | ({"draws": draws.name} if draws else {})


def sobol_options(found: Sobol) -> dict[str, str]:
    """Options of a Sobol analysis."""
    pairs = any(indices.second is not None for indices in found.indices)
    words = {"points": str(found.points), "resamples": str(found.resamples), "seed": str(found.seed)}
    return words | {"second order": "yes" if pairs else "no"}


def results_again(inputs: Inputs, recipe: Recipe) -> tuple[BaseCase, Deterministic | None, Uncertainty | None]:
    """The results behind a report of markov run, computed by its recipe."""
    result = base_case(inputs)
    tested = deterministic(inputs, result) if SENSITIVITY in recipe.parts else None
    if UNCERTAINTY not in recipe.parts:
        return result, tested, None
    doubt = uncertainty(
        inputs,
        recipe.number("runs"),
        recipe.number("points"),
        years=years_of(recipe),
        second_order=recipe.options["second order"] == "yes",
        resamples=recipe.number("resamples"),
        seed=recipe.number("seed"),
        bars=tested.one_way if tested else None,
    )
    return result, tested, doubt


def years_of(recipe: Recipe) -> tuple[float, ...]:
    """Years of longer follow-up."""
    told = recipe.options.get("years", "")
    return tuple(float(year) for year in told.split(", ")) if told else YEARS
