"""A grid over scenarios: every combination of those listed that does not contradict itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from markov.inputs.parameters import ScenarioChange

JOINED = " + "


@dataclass(frozen=True)
class Conflict:
    """Two scenarios that give one id different values, and so are never combined."""

    first: str
    second: str
    id: str


class GridTooLargeError(ValueError):
    """A grid of more combinations than anybody would read."""


def conflicts(scenarios: Mapping[str, Sequence[ScenarioChange]]) -> tuple[Conflict, ...]:
    """Pairs of scenarios that set the same id to different values, with the first such id.

    >>> low, high = ([ScenarioChange(name, "cohort.age", age)] for name, age in (("Young", 50.0), ("Old", 70.0)))
    >>> conflicts({"Young": low, "Old": high})
    (Conflict(first='Young', second='Old', id='cohort.age'),)
    """
    found = []
    for (first, rows), (second, others) in combinations(scenarios.items(), 2):
        values = {row.id: row.value for row in rows}
        clash = next((row.id for row in others if row.id in values and row.value != values[row.id]), None)
        if clash is not None:
            found.append(Conflict(first, second, clash))
    return tuple(found)


def grid(scenarios: Sequence[str], apart: Sequence[Conflict], limit: int) -> list[tuple[str, ...]]:
    """Every combination of one or more scenarios without a conflict, the smaller ones first.

    Raises GridTooLargeError where there are more than `limit`.

    >>> grid(["A", "B", "C"], [Conflict("A", "B", "cohort.age")], 10)
    [('A',), ('B',), ('C',), ('A', 'C'), ('B', 'C')]
    """
    forbidden = {frozenset((conflict.first, conflict.second)) for conflict in apart}
    found: list[tuple[str, ...]] = [()]
    for name in scenarios:
        found += [(*members, name) for members in found if not any({name, m} in forbidden for m in members)]
        if len(found) > limit + 1:
            raise GridTooLargeError(f"the grid over {len(scenarios)} scenarios has more than {limit:,} combinations")
    place = {name: i for i, name in enumerate(scenarios)}
    return sorted(found[1:], key=lambda members: (len(members), [place[m] for m in members]))


def combined(members: Sequence[str], scenarios: Mapping[str, Sequence[ScenarioChange]]) -> tuple[ScenarioChange, ...]:
    """The rows of several scenarios as one, each id once.

    >>> rows = {name: [ScenarioChange(name, "cohort.age", 50.0)] for name in ("Young", "Younger")}
    >>> [(row.scenario, row.id) for row in combined(["Young", "Younger"], rows)]
    [('Young + Younger', 'cohort.age')]
    """
    name = JOINED.join(members)
    once = {row.id: row for member in members for row in scenarios[member]}
    return tuple(ScenarioChange(name, row.id, row.value, row.reason, row.cell) for row in once.values())
