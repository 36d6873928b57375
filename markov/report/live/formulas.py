"""A formula and its value, made together: what a cell says in Excel, and what it shows before anything moves.

A `Term` is a piece of a formula. Operators and functions join terms to longer ones, and their values with them, so
that every cell of the live model is written with the value it has. Only 0, 1, 2 and words may be typed into a
formula; every other number is a named cell.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

OWN_ROW = 0xE100  # private characters that stand for a row's number: this one is the cell's own row
CONCATENATE, COMPARE, ADD, MULTIPLY, POWER, ATOM = range(6)
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

    def __and__(self, other: "Operand") -> "Term":
        """Join texts, as Excel's & does."""
        last = term(other)
        return Term(f"{self.at(CONCATENATE)}&{last.at(COMPARE + 1)}", f"{self.value}{last.value}", CONCATENATE)


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
    """What a value counts for in arithmetic: an empty cell 0, a word nothing at all."""
    if value is None:
        return 0.0
    return np.nan if isinstance(value, str) else value


def _join(
    left: Term, sign: str, right: Operand, level: int, rule: Callable[..., Any], *, one_sided: bool = False
) -> Term:
    last = term(right)
    text = f"{left.at(level)}{sign}{last.at(level + 1 if one_sided else level)}"
    return Term(text, rule(number(left.value), number(last.value)), level)


def _call(name: str, rule: Callable[..., Any], *operands: Operand) -> Term:
    terms = [term(operand) for operand in operands]
    return Term(f"{name}({','.join(t.text for t in terms)})", rule(*(number(t.value) for t in terms)))


# ------------------------------------------------------------------------------------------------- functions


def exp(x: Operand) -> Term:
    """e^x."""
    return _call("EXP", np.exp, x)


def ln(x: Operand) -> Term:
    """Natural logarithm."""
    return _call("LN", np.log, x)


def sqrt(x: Operand) -> Term:
    """Square root."""
    return _call("SQRT", np.sqrt, x)


def absolute(x: Operand) -> Term:
    """Size without sign."""
    return _call("ABS", np.abs, x)


def whole(x: Operand) -> Term:
    """The largest whole number not above x."""
    return _call("INT", np.floor, x)


def whole_above(x: Operand) -> Term:
    """The smallest whole number not below x, −INT(−x)."""
    return -whole(-term(x))


def larger(first: Operand, second: Operand) -> Term:
    """The larger of two."""
    return _call("MAX", np.maximum, first, second)


def smaller(first: Operand, second: Operand) -> Term:
    """The smaller of two."""
    return _call("MIN", np.minimum, first, second)


def within(x: Operand, low: Operand, high: Operand) -> Term:
    """x, held between two limits."""
    return smaller(larger(x, low), high)


def normal(z: Operand) -> Term:
    """Standard normal distribution function; of −z for an upper tail, which does not cancel."""
    return Term(f"_xlfn.NORM.S.DIST({term(z).text},TRUE)", special.ndtr(number(term(z).value)))


def gamma_below(x: Operand, shape: Operand) -> Term:
    """Regularised lower incomplete gamma function."""
    a, b = term(x), term(shape)
    value = special.gammainc(number(b.value), number(a.value))
    return Term(f"_xlfn.GAMMA.DIST({a.text},{b.text},1,TRUE)", value)


def gamma_density(x: Operand, shape: Operand) -> Term:
    """x^(shape − 1)·e^−x/Γ(shape)."""
    a, b = term(x), term(shape)
    t, k = number(a.value), number(b.value)
    value = np.exp(special.xlogy(k - 1.0, t) - t - special.gammaln(k))
    return Term(f"_xlfn.GAMMA.DIST({a.text},{b.text},1,FALSE)", value)


def gamma_median(shape: Operand) -> Term:
    """Median of a gamma distribution of scale 1."""
    a = term(shape)
    return Term(f"_xlfn.GAMMA.INV(1/2,{a.text},1)", special.gammaincinv(number(a.value), 0.5))


def beta_below(y: Operand, first: Operand, second: Operand) -> Term:
    """Regularised incomplete beta function I_y(first, second)."""
    a, b, c = (term(x) for x in (y, first, second))
    value = special.betainc(number(b.value), number(c.value), number(a.value))
    return Term(f"_xlfn.BETA.DIST({a.text},{b.text},{c.text},TRUE)", value)


def beta_median(first: Operand, second: Operand) -> Term:
    """The y at which I_y(first, second) is one half."""
    a, b = term(first), term(second)
    value = special.betaincinv(number(a.value), number(b.value), 0.5)
    return Term(f"_xlfn.BETA.INV(1/2,{a.text},{b.text})", value)


# ------------------------------------------------------------------------------------------------- conditions


def same(left: Operand, right: Operand) -> Term:
    """Whether two cells hold the same; an empty cell equals an empty text."""
    a, b = term(left), term(right)
    if isinstance(a.value, np.ndarray) or isinstance(b.value, np.ndarray):
        value = np.equal(number(a.value), number(b.value))
    else:
        value = _plain(a.value) == _plain(b.value)
    return Term(f"{a.at(COMPARE)}={b.at(COMPARE + 1)}", value, COMPARE)


def _plain(value: Value) -> Value:
    return "" if value is None else value


def given(cell: Term) -> Term:
    """Whether anything stands in a cell."""
    return Term(f'{cell.text}<>""', _plain(cell.value) != "", COMPARE)


def is_one_of(cell: Operand, *words: str) -> Term:
    """Whether a cell holds one of some words."""
    tests = [same(cell, word) for word in words]
    return tests[0] if len(tests) == 1 else any_of(*tests)


def all_of(*conditions: Operand) -> Term:
    """Whether all hold."""
    return _logical("AND", np.logical_and, *conditions)


def any_of(*conditions: Operand) -> Term:
    """Whether one of them holds."""
    return _logical("OR", np.logical_or, *conditions)


def _logical(name: str, rule: Callable[..., Any], *conditions: Operand) -> Term:
    terms = [term(condition) for condition in conditions]
    value = number(terms[0].value)
    for condition in terms[1:]:
        value = rule(value, number(condition.value))
    return Term(f"{name}({','.join(t.text for t in terms)})", value)


def where(condition: Term, then: Operand, otherwise: Operand) -> Term:
    """IF(condition, then, otherwise)."""
    a, b = term(then), term(otherwise)
    if isinstance(condition.value, np.ndarray):
        value = np.where(condition.value, number(a.value), number(b.value))
    else:
        value = a.value if condition.value else b.value
    return Term(f"IF({condition.text},{a.text},{b.text})", value)


def choose(*cases: tuple[Term, Operand], otherwise: Operand) -> Term:
    """The operand of the first condition that holds."""
    result = term(otherwise)
    for condition, operand in reversed(cases):
        result = where(condition, operand, result)
    return result


def pick(number_of: Term, *operands: Operand) -> Term:
    """CHOOSE: the first operand for 1, the second for 2, and so on."""
    terms = [term(operand) for operand in operands]
    chosen = terms[int(number_of.value) - 1]
    return Term(f"CHOOSE({number_of.text},{','.join(t.text for t in terms)})", chosen.value)


# ------------------------------------------------------------------------------------------------- ranges


def sum_of(cells: Term) -> Term:
    """Sum of a range."""
    return Term(f"SUM({cells.text})", float(np.sum(cells.value)))


def sum_product(*ranges: Term) -> Term:
    """Sum over rows of the product of ranges (or of what is made of them)."""
    value = np.sum(np.prod(np.broadcast_arrays(*(number(r.value) for r in ranges)), axis=0), axis=-1)
    return Term(f"SUMPRODUCT({','.join(r.text for r in ranges)})", value)


def item(cells: Term, position: Operand) -> Term:
    """The entry of a range at a position counted from 1."""
    place = term(position)
    found = np.nan_to_num(np.asarray(number(place.value), dtype=float), nan=1.0)
    index = np.clip(found.astype(int) - 1, 0, len(cells.value) - 1)
    value = cells.value[index]
    return Term(f"INDEX({cells.text},{place.text})", value if np.ndim(value) else value.item())


def position_of(value: Operand, cells: Term) -> Term:
    """Position of a value in a range, counted from 1."""
    sought = term(value)
    found = np.flatnonzero(cells.value == sought.value)
    return Term(f"MATCH({sought.text},{cells.text},0)", float(found[0]) + 1.0 if len(found) else np.nan)


def first_where(condition: Term, places: Term, last: Term) -> Term:
    """The first of some places, counted up to `last`, at which a condition holds; `last` where it holds nowhere.

    SUMPRODUCT lets MAX look at the whole range without an array formula.
    """
    product = condition * (last - places)
    return last - Term(f"SUMPRODUCT(MAX({product.text}))", np.max(product.value, axis=-1))
