"""Random edits of each kind of number, recalculated in LibreOffice, equal the engine under the same changes."""

import random
from pathlib import Path

from markov import Inputs, with_values
from markov.report.live.model import live_model

from .recalculation import Edits, different, needs_libreoffice
from .switches import with_curve_from_progression

pytestmark = needs_libreoffice
FIXED = ("settings.cycle_days", "settings.price_year", "dose.interval")  # a lower one needs rows that are not written


def kinds(inputs: Inputs) -> dict[str, list[str]]:
    """Live ids by the kind of number that they are."""
    found = dict[str, list[str]]()
    for row in (row for rows in live_model(inputs).live.sections.values() for row in rows):
        parameter = inputs.parameters.get(row.id)
        if isinstance(row.value, float) and parameter is not None and not row.id.startswith(FIXED):
            found.setdefault(parameter.definition.pattern, []).append(row.id)
    return found


def moved(inputs: Inputs, identifier: str, chance: random.Random) -> float:
    """Another value, a fifth or so away and within its limits."""
    quantity, value = inputs.parameters[identifier].definition.quantity, inputs.value(identifier)
    assert quantity is not None
    assert isinstance(value, float)
    if identifier == "settings.horizon_years":
        return 0.8 * value  # a longer one needs rows that are not written
    other = value * chance.uniform(0.75, 1.2) if value else 0.05 * (-1.0 if quantity.high <= 0 else 1.0)
    return min(max(other, quantity.low), quantity.high)


def test_edits_of_each_kind_of_number_equal_the_engine_under_the_same_changes(
    calgb: Inputs, myeloma_ix: Inputs, tmp_path: Path
) -> None:
    """Kinds that two base cases know take turns between them; a workbook takes edits of two kinds."""
    chance, short = random.Random(11), {"settings.horizon_years": 2.1}
    bases = [with_values(inputs, short) for inputs in (calgb, myeloma_ix, with_curve_from_progression(calgb))]
    known = [kinds(inputs) for inputs in bases]
    singles: list[list[tuple[str, float]]] = [[] for _ in bases]
    for n, kind in enumerate(sorted(set().union(*known))):
        holders = [i for i, found in enumerate(known) if kind in found]
        i = holders[n % min(len(holders), 2)]
        identifier = chance.choice(known[i][kind])
        singles[i].append((identifier, moved(bases[i], identifier, chance)))
    cases = list[tuple[Inputs, list[Edits]]]()
    for inputs, edits in zip(bases, singles, strict=True):
        chance.shuffle(edits)
        cases.append((inputs, [dict(edits[n : n + 2]) for n in range(0, len(edits), 2)]))
    assert sum(len(edits) for edits in singles) >= 60
    assert sum(len(edits) for _, edits in cases) >= 30
    assert different(cases, tmp_path) == []
