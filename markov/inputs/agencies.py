"""Reference cases of agencies: the rates, thresholds and choices that each asks for, editable in the workbook.

What an older workbook does not hold is taken from here. A figure that nobody has read in the agency's own guideline
is marked as unverified.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from markov.inputs.cells import RawCell, Row
from markov.inputs.definitions.sheets import Sheet
from markov.terms import Agency, ReferenceItem, Status

RATES = (ReferenceItem.DISCOUNT_COSTS, ReferenceItem.DISCOUNT_EFFECTS)


@dataclass(frozen=True)
class Reference:
    """What one agency asks for in one respect; `value` is empty where no figure is on record."""

    agency: str
    item: str
    value: str
    source: str = ""
    status: str = ""
    comment: str = ""
    place: str = ""

    @property
    def number(self) -> float:
        """A rate."""
        return float(self.value)

    @property
    def amounts(self) -> tuple[float, ...]:
        """Thresholds per QALY."""
        return amounts(self.value)


def amounts(text: str) -> tuple[float, ...]:
    """Amounts with semicolons between them.

    >>> amounts("25,000; 35000")
    (25000.0, 35000.0)
    """
    return tuple(float(part) for part in text.replace(",", "").split(";"))


_MANUAL = "NICE health technology evaluations manual (PMG36)"
_THRESHOLDS = "NICE, changes to cost-effectiveness thresholds, 2026"
_ZIN = "Zorginstituut Nederland, guideline for economic evaluations, 2024, section 2.6.1.2"
_RECALLED = "Recalled; not read in the guideline. Check it before a submission."
_EXCERPT = "Read in an excerpt or a paraphrase of the manual."
_NO_FIGURE = "No figure is on record: fill it in, if the agency has one."


def _row(
    agency: Agency, item: ReferenceItem, value: str, source: str, comment: str = "", read: bool = False
) -> Reference:
    """A row; without `read` the figure is recalled, and nobody has looked it up."""
    status = Status.READ if read else Status.UNVERIFIED_LOW
    return Reference(agency, item, value, source, status if value else "", comment or (_EXCERPT if read else _RECALLED))


def _rates(agency: Agency, costs: str, effects: str, source: str, status: Status, comment: str) -> Iterator[Reference]:
    """Discount rates for costs and effects, a year."""
    yield Reference(agency, ReferenceItem.DISCOUNT_COSTS, costs, source, status, comment)
    yield Reference(agency, ReferenceItem.DISCOUNT_EFFECTS, effects, source, status, comment)


def _defaults() -> Iterator[Reference]:
    a, i = Agency, ReferenceItem
    unchecked = "The rate was not checked against the manual."
    yield from _rates(a.NICE, "0.035", "0.035", _MANUAL, Status.UNVERIFIED_HIGH, unchecked)
    yield _row(a.NICE, i.THRESHOLDS, "25000; 35000", _THRESHOLDS, "Since 31 March 2026; read in an excerpt.", read=True)
    yield _row(a.NICE, i.CURRENCY, "GBP", _THRESHOLDS, read=True)
    yield _row(a.NICE, i.PERSPECTIVE, "NHS and personal social services", _MANUAL, read=True)
    years = "As long as alternatives differ: in oncology a lifetime."
    yield _row(a.NICE, i.HORIZON, "lifetime", _MANUAL, years, read=True)
    yield _row(
        a.NICE,
        i.VALUE_SET,
        "EQ-5D",
        _MANUAL,
        "One value set. In 2026 NICE consulted on moving from the 3L to the 5L set: check which holds.",
        read=True,
    )
    yield _row(
        a.NICE, i.AGE_ADJUSTMENT, "on", "NICE renal cell carcinoma model, 2025", "Base case of that model.", read=True
    )
    for agency, rate in ((a.CDA_AMC, "0.015"), (a.ICER, "0.03"), (a.HAS, "0.025")):
        yield from _rates(agency, rate, rate, "", Status.UNVERIFIED_LOW, _RECALLED)
    yield _row(a.CDA_AMC, i.THRESHOLDS, "", "", _NO_FIGURE)
    yield _row(a.CDA_AMC, i.PERSPECTIVE, "public payer", "ISPOR summary of the Canadian guideline", read=True)
    yield _row(a.ICER, i.THRESHOLDS, "100000; 150000", "")
    yield _row(a.ICER, i.CURRENCY, "USD", "")
    yield _row(a.ICER, i.PERSPECTIVE, "health care", "", f"{_RECALLED} A modified societal one stands beside it.")
    yield _row(a.HAS, i.THRESHOLDS, "", "", "An efficiency frontier instead of a threshold (recalled, not read).")
    yield _row(a.HAS, i.PERSPECTIVE, "collective", "")
    yield from _rates(a.ZIN, "0.03", "0.015", _ZIN, Status.READ, _EXCERPT)
    yield _row(a.ZIN, i.THRESHOLDS, "", "", "Thresholds by burden of disease (recalled, not read): fill them in.")
    yield _row(
        a.ZIN, i.PERSPECTIVE, "societal", _ZIN, "Unrelated medical costs in years of life gained count too.", read=True
    )
    for item in i:
        yield Reference(a.OWN, item, "", comment="Your own reference case: fill in what should hold.")


def _place(row: Reference) -> tuple[int, int]:
    return list(Agency).index(Agency(row.agency)), list(ReferenceItem).index(ReferenceItem(row.item))


DEFAULTS = tuple(sorted(_defaults(), key=_place))
"""What the program knows of each agency, in the order of agencies and items."""


def default_rows() -> tuple[Row, ...]:
    """What the program knows, as rows of the sheet."""
    headers = ("agency", "item", "value", "source", "status", "comment")
    return tuple(
        {header: RawCell(_typed(row, getattr(row, header)), f"default, {Sheet.REFERENCE_CASE}") for header in headers}
        for row in DEFAULTS
    )


def _typed(row: Reference, text: str) -> object:
    """A rate as a number, so that Excel can show it as one."""
    if row.item in RATES and text and text == row.value:
        return float(text)
    return str(text) or None
