"""The Reference case sheet: where a run departs from what an agency asks for; it lists, and does not judge."""

from markov.analysis.interpretation.reference_case import Respect, respects
from markov.inputs.parameters import Inputs
from markov.report.page import Page, Table, Text
from markov.report.sheets.tables import by_column
from markov.terms import AGENCY_LABELS, Agency

AS_ASKED, NOTHING_ASKED = "as in the reference case", "nothing on record"


def reference_case_page(inputs: Inputs) -> Page:
    """Every respect with what is asked for, what the run does, and whether the two differ.

    >>> reference_case_page(calgb).subtitle
    'The run set against the reference case: NICE (England).'
    """
    found = respects(inputs)
    label = AGENCY_LABELS[Agency(inputs.text("settings.agency"))]
    note = (
        "Rates are those of a year. A text counts as asked where the run's own words contain it. Figures and texts "
        "of every agency can be edited on the sheet Reference case of the workbook; settings.agency chooses one."
    )
    columns = by_column(
        found,
        ("Respect", "strong", lambda respect: respect.label),
        ("Reference case", "text", lambda respect: respect.asked or None),
        ("This run", "text", lambda respect: respect.done),
        ("Finding", "text", _finding),
        (["Status", "Source"], "text", lambda respect: (respect.status, respect.source)),
        ("Comment", "text", lambda respect: respect.comment),
    )
    table = Table(f"Reference case of {label}, respect by respect", *columns, "respects", (note,), weak=4)
    return Page(
        "Reference case",
        "Reference case",
        f"The run set against the reference case: {label}.",
        (Text(_counted(found, label), "lead"), table),
        widths=(28.0, 30.0, 34.0, 40.0, 18.0, 34.0, 44.0),
        one_page=True,
    )


def _finding(respect: Respect) -> str:
    if respect.departs is None:
        return NOTHING_ASKED
    return f"departs: {respect.done} instead of {respect.asked}; justify" if respect.departs else AS_ASKED


def _counted(found: tuple[Respect, ...], label: str) -> str:
    """How many respects are as asked for and which depart, in words."""
    departing = [respect.label.lower() for respect in found if respect.departs]
    alike = sum(respect.departs is False for respect in found)
    silent = sum(respect.departs is None for respect in found)
    if silent == len(found):
        return "No reference case is on record: choose an agency with settings.agency, or fill the rows of your own."
    listed = f" ({', '.join(departing)})" if departing else ""
    weak = sum(respect.status.startswith("unverified") for respect in found)
    checked = f" {weak} of the figures were not checked against a guideline." if weak else ""
    return (
        f"{len(found)} respects: {alike} as in the reference case of {label}, {len(departing)} depart{listed}, "
        f"nothing on record for {silent}.{checked}"
    )
