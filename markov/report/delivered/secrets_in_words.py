"""Words of a workbook in which a confidential number stands: they are emptied before anything is made from them.

Words that may be coincidence are treated alike. Where one comment holds such a number, every comment with a number is
emptied: which of them it was would say what the number is to a reader who knows the others.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from markov.inputs.parameters import Inputs, Parameter
from markov.report.delivered.blank_what_differs import BLANK
from markov.terms import DAYS_PER_YEAR, MONTHS_PER_YEAR

NUMBER = re.compile(r"\d[\d,.'\u00a0\u202f ]*\d|\d")
SPACE = re.compile(r"['\u00a0\u202f ]")
FEWEST, FEWEST_CONVERTED = 3, 4
"""Digits from which on a number in a text counts as a secret that is rounded to it, or as what a secret is per unit."""
FREE = {
    "parameters": ("comment", "source", "page", "value_set"),
    "strategies": ("description",),
    "scenarios": ("reason",),
    "trial_results": ("comment", "source", "page"),
    "curve_points": ("comment", "source", "page"),
    "network": ("comment", "source", "page"),
    "correlations": ("comment", "source", "page"),
    "curve_choices": ("fit", "hazard", "plausibility", "other_evidence", "rationale"),
}
"""Fields of a workbook's tables that hold what an analyst writes."""


Row = TypeVar("Row", bound=Any)


@dataclass(frozen=True)
class Secrets:
    """Confidential amounts as they stand in the workbook, and what they are per unit, day or year."""

    amounts: tuple[float, ...]
    converted: tuple[float, ...] = ()

    def told_by(self, text: str) -> bool:
        """Whether a number in a text is one of these amounts, or one of them rounded.

        >>> secrets = Secrets((2347.61, 0.72), (111.790952,))
        >>> told = ("agreed: 2,347.61", "2 348 a pack", "2.35 thousand", "2347,6", "72 %", "111.79 a capsule")
        >>> {secrets.told_by(text) for text in told}
        {True}
        >>> {secrets.told_by(text) for text in ("23 packs", "in 2012, 46 months", "0.7", "112")}
        {False}
        """
        return any(
            any(_is(amount, number, FEWEST) for amount in self.amounts)
            or any(_is(amount, number, FEWEST_CONVERTED) for amount in self.converted)
            for number in _numbers(text)
        )


@dataclass(frozen=True)
class _Number:
    """A number in a text: its value, decimals, and digits that count."""

    value: float
    decimals: int
    digits: int


def _numbers(text: str) -> Iterator[_Number]:
    """Numbers in a text, thousands set apart or not, with a point or a comma for the decimals."""
    for found in NUMBER.findall(text):
        for plain in {SPACE.sub("", found), *SPACE.split(found)}:
            for point, other in (".,", ",."):
                reading = plain.replace(other, "").replace(point, ".").strip(".")
                if reading and reading.count(".") <= 1:
                    whole, _, decimals = reading.partition(".")
                    yield _Number(float(reading), len(decimals), len((whole + decimals).lstrip("0")))


def _is(amount: float, number: _Number, fewest: int) -> bool:
    """Whether a number is an amount, in per cent or thousands too, or the amount rounded to enough digits."""
    if number.digits < 2:
        return False
    for scaled in (amount, 100.0 * amount, 0.001 * amount):
        gap = abs(abs(scaled) - number.value)
        if gap <= 1e-9 * number.value or (number.digits >= fewest and gap <= 0.5000001 * 10.0**-number.decimals):
            return True
    return False


# --------------------------------------------------------------------------------------------- of a workbook


def secrets_of(inputs: Inputs, ids: Collection[str]) -> Secrets:
    """Confidential amounts of a workbook: values, base cases, errors, limits and scenarios; prices per unit and mg."""
    amounts, converted = set[float](), set[float]()
    for identifier in ids:
        p = inputs.parameters[identifier]
        own = {v for v in (p.value, p.base_case, p.se, p.low, p.high) if isinstance(v, (int, float)) and v}
        changes = (c.value for c in inputs.scenarios if c.id == identifier)
        own |= {value for value in changes if isinstance(value, (int, float)) and value}
        amounts |= own
        converted |= {value * factor for value in own for factor in _conversions(inputs, p)}
    return Secrets(tuple(sorted(amounts)), tuple(sorted(converted)))


def _conversions(inputs: Inputs, p: Parameter) -> Iterator[float]:
    yield from (MONTHS_PER_YEAR, 1.0 / MONTHS_PER_YEAR, DAYS_PER_YEAR / 28.0)
    if p.id.startswith("price."):
        product = p.id.split(".")[1]
        units, strength = (inputs.value(f"product.{name}.{product}") for name in ("units_per_pack", "strength"))
        for size in (units, strength):
            if isinstance(size, (int, float)) and size:
                yield from (1.0 / size, 28.0 / size, DAYS_PER_YEAR / size)
        if isinstance(units, (int, float)) and isinstance(strength, (int, float)) and units and strength:
            yield 1.0 / (units * strength)


def without_telling_words(inputs: Inputs, ids: Collection[str]) -> Inputs:
    """A workbook whose words hold no confidential number, and whose warnings are about no confidential value.

    Comments and sources of the confidential rows themselves are emptied as well.
    """
    tells = secrets_of(inputs, ids).told_by
    own = {
        identifier: replace(p, comment="", source="", page="", confidential=False) if identifier in ids else p
        for identifier, p in inputs.parameters.items()
    }
    changed: dict[str, Any] = {name: getattr(inputs, name) for name in FREE} | {"parameters": own}
    changed["scenarios"] = tuple(replace(c, reason="") if c.id in ids else c for c in inputs.scenarios)
    for table, columns in FREE.items():
        changed[table] = _emptied(changed[table], columns, tells)
    changed["parameters"] = {k: _named(p, "label", p.id, tells) for k, p in changed["parameters"].items()}
    changed["strategies"] = tuple(_named(s, "label", s.id, tells) for s in changed["strategies"])
    names = {c.scenario: f"Scenario {i}" for i, c in enumerate(inputs.scenarios, start=1) if tells(c.scenario)}
    changed["scenarios"] = tuple(replace(c, scenario=names.get(c.scenario, c.scenario)) for c in changed["scenarios"])
    places = {p.cell for identifier, p in inputs.parameters.items() if identifier in ids}
    named = re.compile("|".join(re.escape(word) for word in (*ids, *filter(None, places))))
    return replace(
        inputs,
        **changed,
        title=BLANK if tells(inputs.title) else inputs.title,
        changes=() if any(tells(text) for row in inputs.changes for text in row) else inputs.changes,
        analyst_words={k: BLANK if tells(text) else text for k, text in inputs.analyst_words.items()},
        warnings=tuple(w for w in inputs.warnings if not named.search(str(w)) and not tells(str(w))),
        sha256=BLANK,
    )


def _emptied(table: Any, columns: Collection[str], tells: Callable[[str], bool]) -> Any:
    """A table of the workbook with its free columns emptied of numbers where one of their cells tells a secret."""
    rows = list(table.values()) if isinstance(table, Mapping) else list(table)
    known = {field.name for field in fields(rows[0])} if rows else set()
    for column in known.intersection(columns):
        if any(tells(getattr(row, column)) for row in rows):
            rows = [replace(r, **{column: BLANK}) if re.search(r"\d", getattr(r, column)) else r for r in rows]
    return dict(zip(table, rows, strict=True)) if isinstance(table, Mapping) else tuple(rows)


def _named(row: Row, field: str, otherwise: str, tells: Callable[[str], bool]) -> Row:
    """A row whose name is its id where its name tells a secret."""
    return replace(row, **{field: otherwise}) if tells(getattr(row, field)) else row
