"""The Contents sheet: what each sheet shows, with a link, and what the colours mean."""

from collections.abc import Sequence

from markov.analysis.base_case import BaseCase
from markov.inputs.style import BAD, CHANGED, CONFIDENTIAL, GOOD, WARN, WEAK
from markov.report.charts import colour
from markov.report.pages import CONTENTS, STATE_COLOURS, Cell, Column, Page, Table, Text
from markov.terms import STATE_LABELS, State

READING = (
    "Numbers are rounded as agencies round them. Every cell holds all digits: click it and read them in the formula "
    "bar. Units stand in the headers; amounts are per patient, in prices of {year:.0f}. Differences are against "
    "{reference}."
)
MARKS = (
    ("A check that passed, a value within its published interval, a gain", GOOD),
    ("A check that warned, a difference from the published interval, a decision that changes", WARN),
    ("A check that failed, a loss", BAD),
    ("A value that is derived, unverified or assumed", WEAK),
    ("A value that was changed from the workbook's base case", CHANGED),
    ("A confidential value, on Inputs used and Inputs in full: not to be passed on", CONFIDENTIAL),
)


def contents_page(result: BaseCase, pages: Sequence[Page], linked: Sequence[tuple[str, str]] = ()) -> Page:
    """Every page by name with what it shows, more sheets as names with a sentence, and the key to the colours."""
    rows: list[tuple[Cell, ...]] = [(page.name, _told(page)) for page in pages]
    columns = (Column("Sheet", "link"), Column("What it shows"))
    inputs = result.inputs
    reference = inputs.labels[inputs.reference].lower()
    reading = READING.format(year=inputs.number("settings.price_year"), reference=reference)
    return Page(
        CONTENTS,
        "Contents",
        "Every sheet of this report; click a name to go there, and “Contents” at its top to come back.",
        (
            Text(reading),
            Table("Sheets", columns, (*rows, *linked), "sheets"),
            _colours(result),
        ),
        widths=(30.0, 140.0),
    )


def _told(page: Page) -> str:
    """What a page shows: of a page whose title is the workbook's, that it is the answer."""
    if page.name == "Summary":
        return "The question, the answer in words, and what stands behind it, on one page."
    return page.subtitle if page.title == page.name else f"{page.title}. {page.subtitle}"


def _colours(result: BaseCase) -> Table:
    """One colour a strategy and a state, the same on every chart, and the marks of cells."""
    key = [(f"Strategy: {label}", colour(i)) for i, label in enumerate(result.labels)]
    key += [(f"State: {STATE_LABELS[state]}", STATE_COLOURS[i]) for i, state in enumerate(State)]
    key += [(f"Cell: {words}", painted) for words, painted in MARKS]
    tints = tuple((painted, "") for _, painted in key)
    rows = tuple((None, words) for words, _ in key)
    return Table("Colours", (Column("Colour"), Column("What it stands for")), rows, "colours", tints=tints)
