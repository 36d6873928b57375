"""The schema: sheets, columns and parameters, and how an id is looked up in them.

The reader, the template and the documentation all come from here.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from markov.inputs.definitions import DEFINITIONS, STRATEGY_INCLUDED
from markov.inputs.definitions.definition import Definition
from markov.inputs.definitions.quantities import Quantity
from markov.inputs.definitions.sheets import (
    NUMERIC,
    OPTIONAL_SHEETS,
    PARAMETER_SHEETS,
    READABLE_VERSIONS,
    SCHEMA_VERSION,
    SHEET_PURPOSE,
    TABLES,
    Column,
    Sheet,
    columns_of,
)

__all__ = [
    "DEFINITIONS",
    "ID_PATTERN",
    "NAME_PATTERN",
    "NUMERIC",
    "OPTIONAL_SHEETS",
    "PARAMETER_SHEETS",
    "READABLE_VERSIONS",
    "SCHEMA_VERSION",
    "SHEET_PURPOSE",
    "STRATEGY_INCLUDED",
    "TABLES",
    "Column",
    "Definition",
    "Quantity",
    "Sheet",
    "columns_of",
    "label_of",
    "match",
    "units_of",
]

ID_PATTERN = re.compile(r"[a-z_]+(\.[a-z0-9_]+)+")
NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]*")


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


def units_of(definition: Definition, currency: str) -> Mapping[str, float]:
    """Accepted units of a numeric parameter, with the workbook's currency written in."""
    if definition.quantity is None:
        return {}
    return {unit.format(currency=currency): factor for unit, factor in definition.quantity.units.items()}


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
