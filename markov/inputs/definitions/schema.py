"""The schema: sheets, columns and parameters, and how an id is looked up in them.

The reader, the template and the documentation all come from here.
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from markov.inputs.definitions import DEFINITIONS as DEFINITIONS
from markov.inputs.definitions import STRATEGY_INCLUDED as STRATEGY_INCLUDED
from markov.inputs.definitions.definition import Definition as Definition
from markov.inputs.definitions.quantities import Quantity as Quantity
from markov.inputs.definitions.sheets import NUMERIC as NUMERIC
from markov.inputs.definitions.sheets import OPTIONAL_SHEETS as OPTIONAL_SHEETS
from markov.inputs.definitions.sheets import PARAMETER_SHEETS as PARAMETER_SHEETS
from markov.inputs.definitions.sheets import READABLE_VERSIONS as READABLE_VERSIONS
from markov.inputs.definitions.sheets import SCHEMA_VERSION as SCHEMA_VERSION
from markov.inputs.definitions.sheets import SHEET_PURPOSE as SHEET_PURPOSE
from markov.inputs.definitions.sheets import TABLES as TABLES
from markov.inputs.definitions.sheets import Column as Column
from markov.inputs.definitions.sheets import Sheet as Sheet
from markov.inputs.definitions.sheets import columns_of as columns_of

ID_PATTERN = re.compile(r"[a-z_]+(\.[a-z0-9_]+)+")
NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]*")
USES = {"product": "dose.amount.", "event": "adverse_event.proportion.", "course": "subsequent.share."}
"""Beginnings of the ids by which a strategy uses a product, an event or a course; a route is the value of a dose's."""


@lru_cache(maxsize=1)
def _by_shape() -> dict[tuple[str, int], list[Definition]]:
    found: dict[tuple[str, int], list[Definition]] = {}
    for definition in DEFINITIONS:
        parts = definition.pattern.split(".")
        found.setdefault((parts[0], len(parts)), []).append(definition)
    return found


@lru_cache(maxsize=8192)
def match(identifier: str) -> tuple[Definition, dict[str, str]] | None:
    """The definition that an id belongs to, with the names in place of its braces; None if there is none.

    >>> definition, names = match("pfs.shape.lenalidomide")
    >>> definition.pattern, names
    ('pfs.shape.{strategy}', {'strategy': 'lenalidomide'})
    >>> match("pfs.colour.lenalidomide") is None
    True
    """
    parts = identifier.split(".")
    for definition in _by_shape().get((parts[0], len(parts)), []):
        names = {}
        for wanted, part in zip(definition.pattern.split("."), parts, strict=True):
            if wanted.startswith("{"):
                names[wanted[1:-1]] = part
            elif wanted != part:
                break
        else:
            return definition, names
    return None


def definition_of(identifier: str) -> Definition:
    """The definition of an id; raises KeyError where there is none.

    >>> definition_of("pfs.shape.lenalidomide").label
    'PFS: shape, {strategy}'
    """
    found = match(identifier)
    if found is None:
        raise KeyError(identifier)
    return found[0]


def name_in(identifier: str, kind: str) -> str:
    """The strategy, product, event, course or route that an id names; empty where it names none.

    >>> name_in("price.lenalidomide_10mg.brand", "product"), name_in("cohort.age", "strategy")
    ('lenalidomide_10mg', '')
    """
    found = match(identifier)
    return found[1].get(kind, "") if found else ""


def ids_of(pattern: str, names: Mapping[str, Sequence[str]]) -> list[str]:
    """The ids of a pattern, with every name that may stand in its braces.

    >>> ids_of("dose.route.{product}.{strategy}", {"product": ["oral_pill"], "strategy": ["a", "b"]})
    ['dose.route.oral_pill.a', 'dose.route.oral_pill.b']
    """
    kinds = re.findall(r"{(\w+)}", pattern)
    chosen = itertools.product(*(names[kind] for kind in kinds))
    return [pattern.format(**dict(zip(kinds, each, strict=True))) for each in chosen]


def units_of(definition: Definition, currency: str) -> Mapping[str, float]:
    """Accepted units of a numeric parameter, with the workbook's currency written in, and their factors.

    >>> units_of(match("cost.monitoring.new_drug")[0], "EUR")["EUR per month"]
    12.0
    """
    if definition.quantity is None:
        return {}
    return {unit.format(currency=currency): factor for unit, factor in definition.quantity.units.items()}


def unit_of(definition: Definition, currency: str) -> str:
    """The unit that a number has unless its row says another; empty for choices and texts.

    >>> unit_of(definition_of("cost.event.death"), "EUR")
    'EUR per event'
    """
    return next(iter(units_of(definition, currency)), "")


def label_of(identifier: str, labels: Mapping[str, str]) -> str:
    """The label of an id in words, strategies by their own labels.

    >>> label_of("pfs.shape.len", {"len": "Lenalidomide"})
    'PFS: shape, Lenalidomide'
    """
    found = match(identifier)
    if found is None:
        return identifier
    definition, names = found
    words = {key: labels.get(name, name.replace("_", " ")) for key, name in names.items()}
    text = definition.label.format(**words)
    return text[0].upper() + text[1:]
