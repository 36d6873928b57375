"""A formula and its value, made together: what a cell says in Excel, and what it shows before anything moves.

A `Term` is a piece of a formula. Operators and functions join terms to longer ones, and their values with them, so
that every cell of the live model is written with the value it has. Only 0, 1, 2 and words may be typed into a
formula; every other number is a named cell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from scipy import special

OWN_ROW = 0xE100  # private characters that stand for a row's number: this one is the cell's own row
COMPARE, ADD, MULTIPLY, POWER, ATOM = range(5)
TYPED = (0, 1, 2)

Value = Any  # a number, a word, nothing, or an array with one entry a row of the sheet


@dataclass(frozen=True, eq=False)
class Term:
    """A piece of a formula: its text, its value, and how tightly its outermost operator binds."""

    text: str
    value: Value
    level: int = ATOM

    def at(self, level: int) -> str:
        """The text, in brackets where an operator of that level needs them."""
        return self.text if self.level >= level else f"({self.text})"

    def __add__(self, other: "Operand") -> "Term":
        return _join(self, "+", other, ADD, np.add)

    def __radd__(self, other: "Operand") -> "Term":
        return term(other) + self

    def __sub__(self, other: "Operand") -> "Term":
        return _join(self, "-", other, ADD, np.subtract, one_sided=True)

    def __rsub__(self, other: "Operand") -> "Term":
        return term(other) - self

    def __mul__(self, other: "Operand") -> "Term":
        return _join(self, "*", other, MULTIPLY, np.multiply)

    def __rmul__(self, other: "Operand") -> "Term":
        return term(other) * self

    def __truediv__(self, other: "Operand") -> "Term":
        return _join(self, "/", other, MULTIPLY, np.divide, one_sided=True)

    def __rtruediv__(self, other: "Operand") -> "Term":
        return term(other) / self

    def __pow__(self, other: "Operand") -> "Term":
        exponent = term(other)
        text = f"{self.at(ATOM)}^{exponent.at(ATOM)}"
        return Term(text, np.power(number(self.value), number(exponent.value)), POWER)

    def __neg__(self) -> "Term":
        return Term(f"-{self.at(POWER)}" if self.level > POWER else f"-({self.text})", -number(self.value), ADD)

    def __lt__(self, other: "Operand") -> "Term":
        return _join(self, "<", other, COMPARE, np.less, one_sided=True)

    def __le__(self, other: "Operand") -> "Term":
        return _join(self, "<=", other, COMPARE, np.less_equal, one_sided=True)

    def __gt__(self, other: "Operand") -> "Term":
        return _join(self, ">", other, COMPARE, np.greater, one_sided=True)

    def __ge__(self, other: "Operand") -> "Term":
        return _join(self, ">=", other, COMPARE, np.greater_equal, one_sided=True)

    @property
    def in_rows(self) -> "Term":
        """A row's own cell beside ranges that differ by row: its values stand across, not along."""
        value = self.value[:, None] if np.ndim(self.value) == 1 else self.value
        return Term(self.text, value, self.level)


Operand = Term | int | str


def term(operand: Operand) -> Term:
    """A typed 0, 1 or 2, or a word in quotes, as a term; a term as it is.

    >>> (term(1) - term("a") * 2).text
    '1-"a"*2'
    """
    if isinstance(operand, Term):
        return operand
    if isinstance(operand, str):
        return Term(f'"{operand}"', operand)
    if operand not in TYPED:
        raise ValueError(f"{operand} is typed into a formula: only 0, 1 and 2 may be, the rest are named cells")
    return Term(str(operand), float(operand))


def number(value: Value) -> Any:
    """What a value counts for in arithmetic: an empty cell 0, a word nothing at all.

    >>> number(None), number("weibull"), number(2.5)
    (0.0, nan, 2.5)
    """
    if value is None:
        return 0.0
    return np.nan if isinstance(value, str) else value


def _join(
    left: Term, sign: str, right: Operand, level: int, rule: Callable[..., Any], *, one_sided: bool = False
) -> Term:
    last = term(right)
    text = f"{left.at(level)}{sign}{last.at(level + 1 if one_sided else level)}"
    return Term(text, rule(number(left.value), number(last.value)), level)


THREE, FOUR = term(1) + 2, term(2) + 2


def _texts(terms: Sequence[Term]) -> str:
    return ",".join(t.text for t in terms)


# ------------------------------------------------------------------------------------------------- functions


def _function(text: str, rule: Callable[..., Any]) -> Callable[..., Term]:
    """A function of numbers: its text in Excel with places for operands, and what it gives for their values.

    >>> half = _function("_xlfn.GAMMA.INV(1/2,{},1)", lambda shape: special.gammaincinv(shape, 0.5))
    >>> half(term(1) + 1).text
    '_xlfn.GAMMA.INV(1/2,1+1,1)'
    """

    def made(*operands: Operand) -> Term:
        """The function of these operands, as a formula with its value."""
        terms = [term(operand) for operand in operands]
        return Term(text.format(*(t.text for t in terms)), rule(*(number(t.value) for t in terms)))

    return made


exp, ln, sqrt = _function("EXP({})", np.exp), _function("LN({})", np.log), _function("SQRT({})", np.sqrt)
absolute, whole = _function("ABS({})", np.abs), _function("INT({})", np.floor)
larger, smaller = _function("MAX({},{})", np.maximum), _function("MIN({},{})", np.minimum)
normal = _function("_xlfn.NORM.S.DIST({},TRUE)", special.ndtr)  # of −z for an upper tail, which does not cancel
gamma_below = _function("_xlfn.GAMMA.DIST({},{},1,TRUE)", lambda x, shape: special.gammainc(shape, x))
gamma_density = _function(
    "_xlfn.GAMMA.DIST({},{},1,FALSE)",
    lambda x, shape: np.exp(special.xlogy(shape - 1.0, x) - x - special.gammaln(shape)),
)
gamma_median = _function("_xlfn.GAMMA.INV(1/2,{},1)", lambda shape: special.gammaincinv(shape, 0.5))
beta_below = _function("_xlfn.BETA.DIST({},{},{},TRUE)", lambda y, first, second: special.betainc(first, second, y))
beta_median = _function("_xlfn.BETA.INV(1/2,{},{})", lambda first, second: special.betaincinv(first, second, 0.5))


def whole_above(x: Operand) -> Term:
    """The smallest whole number not below x.

    >>> whole_above(term(1) / 2).text, float(whole_above(term(1) / 2).value)
    ('-INT(-(1/2))', 1.0)
    """
    return -whole(-term(x))


def within(x: Operand, low: Operand, high: Operand) -> Term:
    """x, held between two limits.

    >>> within(Term("age", 120.0), 0, Term("oldest", 100.0)).text
    'MIN(MAX(age,0),oldest)'
    """
    return smaller(larger(x, low), high)


# ------------------------------------------------------------------------------------------------- conditions


def same(left: Operand, right: Operand) -> Term:
    """Whether two cells hold the same; an empty cell equals an empty text.

    >>> same(Term("pfs.family.placebo", "gamma"), "weibull").text
    'pfs.family.placebo="weibull"'
    """
    a, b = term(left), term(right)
    if isinstance(a.value, np.ndarray) or isinstance(b.value, np.ndarray):
        value = np.equal(number(a.value), number(b.value))
    else:
        value = _plain(a.value) == _plain(b.value)
    return Term(f"{a.at(COMPARE)}={b.at(COMPARE + 1)}", value, COMPARE)


def _plain(value: Value) -> Value:
    return "" if value is None else value


def given(cell: Term) -> Term:
    """Whether anything stands in a cell.

    >>> given(Term("settings.horizon_years", None)).text, given(Term("settings.horizon_years", None)).value
    ('settings.horizon_years<>""', False)
    """
    return Term(f'{cell.text}<>""', _plain(cell.value) != "", COMPARE)


def is_one_of(cell: Operand, *words: str) -> Term:
    """Whether a cell holds one of some words.

    >>> is_one_of(Term("family", "gamma"), "gamma", "weibull").text
    'OR(family="gamma",family="weibull")'
    """
    tests = [same(cell, word) for word in words]
    return tests[0] if len(tests) == 1 else any_of(*tests)


def all_of(*conditions: Operand) -> Term:
    """Whether all hold.

    >>> all_of(Term("aged", True), Term("capped", False)).text
    'AND(aged,capped)'
    """
    return _logical("AND", np.logical_and, conditions)


def any_of(*conditions: Operand) -> Term:
    """Whether one of them holds.

    >>> any_of(term(1) < 2, Term("aged", False)).text
    'OR(1<2,aged)'
    """
    return _logical("OR", np.logical_or, conditions)


def _logical(name: str, rule: Callable[..., Any], conditions: Sequence[Operand]) -> Term:
    terms = [term(condition) for condition in conditions]
    return Term(f"{name}({_texts(terms)})", reduce(rule, (number(t.value) for t in terms)))


def where(condition: Term, then: Operand, otherwise: Operand) -> Term:
    """IF(condition, then, otherwise).

    >>> where(Term("horizon", 30.0) > 0, Term("horizon", 30.0), "none").text
    'IF(horizon>0,horizon,"none")'
    """
    a, b = term(then), term(otherwise)
    if isinstance(condition.value, np.ndarray):
        value = np.where(condition.value, number(a.value), number(b.value))
    else:
        value = a.value if condition.value else b.value
    return Term(f"IF({condition.text},{_texts((a, b))})", value)


def choose(*cases: tuple[Term, Operand], otherwise: Operand) -> Term:
    """The operand of the first condition that holds.

    >>> family = Term("family", "gamma")
    >>> choose((same(family, "gamma"), "rate"), (same(family, "weibull"), "scale"), otherwise="mu").text
    'IF(family="gamma","rate",IF(family="weibull","scale","mu"))'
    """
    result = term(otherwise)
    for condition, operand in reversed(cases):
        result = where(condition, operand, result)
    return result


def pick(number_of: Term, *operands: Operand) -> Term:
    """CHOOSE: the first operand for 1, the second for 2, and so on.

    >>> pick(Term("kind", 2.0), "power", "normal", "beta").value
    'normal'
    """
    terms = [term(operand) for operand in operands]
    return Term(f"CHOOSE({number_of.text},{_texts(terms)})", terms[int(number_of.value) - 1].value)


# ------------------------------------------------------------------------------------------------- ranges


def sum_of(cells: Term) -> Term:
    """Sum of a range.

    >>> sum_of(Term("occupancy", np.array([0.25, 0.75]))).value
    1.0
    """
    return Term(f"SUM({cells.text})", float(np.sum(cells.value)))


def sum_product(*ranges: Term) -> Term:
    """Sum over rows of the product of ranges (or of what is made of them).

    >>> float(sum_product(Term("weight", np.array([0.5, 1.0])), Term("present", np.array([1.0, 0.25]))).value)
    0.75
    """
    value = np.sum(np.prod(np.broadcast_arrays(*(number(r.value) for r in ranges)), axis=0), axis=-1)
    return Term(f"SUMPRODUCT({_texts(ranges)})", value)


def total_of(parts: Sequence[Term]) -> Term:
    """Terms added one after another.

    >>> total_of([Term("women", 0.4), Term("men", 0.5)]).text
    'women+men'
    """
    return reduce(lambda total, part: total + part, parts)


def item(cells: Term, position: Operand) -> Term:
    """The entry of a range at a position counted from 1.

    >>> item(Term("norm.age", np.array([60.0, 61.0])), 2).text, item(Term("norm.age", np.array([60.0, 61.0])), 2).value
    ('INDEX(norm.age,2)', 61.0)
    """
    place = term(position)
    found = np.nan_to_num(np.asarray(number(place.value), dtype=float), nan=1.0)
    index = np.clip(found.astype(int) - 1, 0, len(cells.value) - 1)
    value = cells.value[index]
    return Term(f"INDEX({cells.text},{place.text})", value if np.ndim(value) else value.item())


def position_of(value: Operand, cells: Term) -> Term:
    """Position of a value in a range, counted from 1.

    >>> position_of(Term("settings.price_year", 2024.0), Term("price_index.year", np.array([2023.0, 2024.0]))).value
    2.0
    """
    sought = term(value)
    found = np.flatnonzero(cells.value == sought.value)
    return Term(f"MATCH({sought.text},{cells.text},0)", float(found[0]) + 1.0 if len(found) else np.nan)


def first_where(condition: Term, places: Term, last: Term) -> Term:
    """The first of some places, counted up to `last`, at which a condition holds; `last` where it holds nowhere.

    SUMPRODUCT lets MAX look at the whole range without an array formula.

    >>> ages = Term("age", np.array([0.0, 1.0, 2.0]))
    >>> first_where(ages > 0, ages, Term("last", 3.0)).text
    'last-SUMPRODUCT(MAX((age>0)*(last-age)))'
    """
    product = condition * (last - places)
    return last - Term(f"SUMPRODUCT(MAX({product.text}))", np.max(product.value, axis=-1))
