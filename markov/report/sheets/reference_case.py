"""The Reference case sheet: where a run departs from what an agency asks for; it lists, and does not judge."""

from markov.analysis.interpretation.reference_case import Respect, respects
from markov.inputs.parameters import Inputs
from markov.report.page import Cell, Column, Page, Table, Text
from markov.terms import AGENCY_LABELS, Agency

AS_ASKED, NOTHING_ASKED = "as in the reference case", "nothing on record"


def reference_case_page(inputs: Inputs) -> Page:
    """Every respect with what is asked for, what the run does, and whether the two differ."""
    found = respects(inputs)
    agency = Agency(inputs.text("settings.agency"))
    columns = (
        Column("Respect", "strong"),
        Column("Reference case"),
        Column("This run"),
        Column("Finding"),
        Column("Status"),
        Column("Source"),
        Column("Comment"),
    )
    label = AGENCY_LABELS[agency]
    note = (
        "Rates are those of a year. A text counts as asked where the run's own words contain it. Figures and texts "
        "of every agency can be edited on the sheet Reference case of the workbook; settings.agency chooses one."
    )
    table = Table(
        f"Reference case of {label}, respect by respect", columns, tuple(map(_row, found)), "respects", (note,), weak=4
    )
    return Page(
        "Reference case",
        "Reference case",
        f"The run set against the reference case: {label}.",
        (Text(_counted(found, label), "lead"), table),
        widths=(28.0, 30.0, 34.0, 40.0, 18.0, 34.0, 44.0),
        one_page=True,
    )


def _row(respect: Respect) -> tuple[Cell, ...]:
    if respect.departs is None:
        finding = NOTHING_ASKED
    elif respect.departs:
        finding = f"departs: {respect.done} instead of {respect.asked}; justify"
    else:
        finding = AS_ASKED
    asked = respect.asked or None
    return (respect.label, asked, respect.done, finding, respect.status, respect.source, respect.comment)


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
