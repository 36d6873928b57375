"""A run beside an agency's reference case: in what respects it is as asked for, and where it departs."""

from collections.abc import Iterator
from dataclasses import dataclass

from markov.inputs.agencies import RATES, Reference
from markov.inputs.parameters import Inputs
from markov.terms import ReferenceItem, money

LABELS = {
    ReferenceItem.DISCOUNT_COSTS: "Discount rate, costs",
    ReferenceItem.DISCOUNT_EFFECTS: "Discount rate, effects",
    ReferenceItem.THRESHOLDS: "Thresholds per QALY",
    ReferenceItem.CURRENCY: "Currency",
    ReferenceItem.PERSPECTIVE: "Perspective",
    ReferenceItem.HORIZON: "Time horizon",
    ReferenceItem.VALUE_SET: "Utility value set",
    ReferenceItem.AGE_ADJUSTMENT: "Age adjustment of utilities",
}
LIFETIME = "lifetime"
OLDEST = 100.0  # the age to which a run without a horizon goes


@dataclass(frozen=True)
class Respect:
    """One respect: what is asked for and what the run does, in words; `departs` is None where nothing is asked for."""

    label: str
    asked: str
    done: str
    departs: bool | None
    source: str = ""
    status: str = ""
    comment: str = ""


def respects(inputs: Inputs) -> tuple[Respect, ...]:
    """Every respect in which a run is set against the reference case of `settings.agency`.

    >>> from markov.inputs.parameters import with_values
    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> found = respects(with_values(read_inputs(shipped("calgb_100104")), {"settings.discount_rate.costs": 0.015}))
    >>> [(row.label, row.asked, row.done) for row in found if row.departs]
    [('Discount rate, costs', '3.5%', '1.5%')]
    """
    return tuple(_respects(inputs))


def _respects(inputs: Inputs) -> Iterator[Respect]:
    agency = inputs.text("settings.agency")
    asked = {row.item: row for row in inputs.reference_cases if row.agency == agency}
    for item in ReferenceItem:
        row = asked.get(item, Reference(agency, item, "", comment="The workbook has no row for it."))
        done = _done(inputs, item)
        if not row.value:
            yield Respect(LABELS[item], "", done, None, row.source, row.status, row.comment)
            continue
        yield Respect(
            LABELS[item], _asked(inputs, row), done, not _alike(inputs, row, done), row.source, row.status, row.comment
        )


def _done(inputs: Inputs, item: ReferenceItem) -> str:
    """What the run does, in words."""
    if item in RATES:
        return _rate(inputs, item)
    if item is ReferenceItem.THRESHOLDS:
        return _amounts(inputs.thresholds, inputs.currency)
    if item is ReferenceItem.HORIZON:
        years = _years(inputs)
        return f"{LIFETIME}, to age {OLDEST:g}" if years is None else f"{years:g} years"
    if item is ReferenceItem.VALUE_SET:
        return "; ".join(dict.fromkeys(p.value_set for p in inputs.parameters.values() if p.value_set)) or "not named"
    return inputs.text(f"settings.{item}") or "not stated"


def _rate(inputs: Inputs, item: ReferenceItem) -> str:
    """A discount rate, and the one that follows it where the workbook has one."""
    kind = item.rpartition(".")[2]
    words = _percent(inputs.number(f"settings.{item}"))
    later = f"settings.discount_rate_later.{kind}"
    if inputs.given("settings.discount_change_years") and inputs.given(later):
        words += (
            f", then {_percent(inputs.number(later))} after {inputs.number('settings.discount_change_years'):g} years"
        )
    return words


def _percent(rate: float) -> str:
    return f"{100.0 * rate:.4g}%"


def _years(inputs: Inputs) -> float | None:
    """The horizon in years; None where it reaches the oldest age."""
    if not inputs.given("settings.horizon_years"):
        return None
    years = inputs.number("settings.horizon_years")
    return None if inputs.number("cohort.age") + years >= OLDEST else years


def _amounts(amounts: tuple[float, ...], currency: str) -> str:
    return " and ".join(money(amount, currency) for amount in amounts)


def _asked(inputs: Inputs, row: Reference) -> str:
    """What is asked for, in the words in which the run is told."""
    if row.item in RATES:
        return _percent(row.number)
    if row.item == ReferenceItem.THRESHOLDS:
        named = (r.value for r in inputs.reference_cases if (r.agency, r.item) == (row.agency, ReferenceItem.CURRENCY))
        return _amounts(row.amounts, next(named, "") or inputs.currency)
    return row.value


def _alike(inputs: Inputs, row: Reference, done: str) -> bool:
    """Whether the run does what is asked: numbers exactly, a text where the run's words contain it."""
    if row.item in RATES:
        return done == _percent(row.number) and row.number == inputs.number(f"settings.{row.item}")
    if row.item == ReferenceItem.THRESHOLDS:
        return _asked(inputs, row) == done and row.amounts == inputs.thresholds
    return any(part.strip().lower() in done.lower() for part in row.value.split(";") if part.strip())
