"""The Contents sheet: what each sheet shows, with a link, and what the colours mean."""

from collections.abc import Sequence

from markov.analysis.base_case import BaseCase
from markov.excel.style import BAD, CHANGED, CONFIDENTIAL, GOOD, WARN, WEAK
from markov.report.page import CONTENTS, STATE_COLOURS, Cell, Column, Page, Table, Text
from markov.report.sheets.base_charts import colour
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
QUESTIONS = (
    ("Summary", "What is compared, in whom, for whom?", "Title, question and answer"),
    ("Summary", "What does it cost and gain, at which price?", "Headline: every price set side by side"),
    (
        "Summary",
        "What if patients die otherwise after progression?",
        "Three readings of mortality after progression",
    ),
    ("Incremental", "Which strategy is good value, which is dominated?", "Full incremental analysis; net benefit"),
    ("Disaggregated", "What do the costs consist of, and where do QALYs arise?", "By category, state and component"),
    (
        "Bridge",
        "Where does the gain in survival come from: the trial, or beyond it?",
        "Where the gain arises; year by year",
    ),
    (
        "Survival",
        "What does the trial report, and what does the model?",
        "Model against trial, with reasons",
    ),
    (
        "Scenarios",
        "What if the effect on survival vanished, or a price fell?",
        "One row for each scenario",
    ),
    ("Threshold", "At which price would it be cost-effective?", "Value-based price, with the discount on list"),
    ("Assumptions", "Which inputs are assumed, and does it matter?", "Every one, by its effect on net benefit"),
    ("Inputs used", "Which value, from where, of what status?", "Every value with its source, page and cell"),
    ("Treatment", "How long are patients treated, and why do they stop?", "Treatment in the model"),
    ("Second malignancies", "How are second malignancies counted?", "In the model; inputs behind it"),
    ("Severity", "Which severity weight applies?", "QALY shortfall, and the weight"),
    ("Benefit and risk", "What do patients gain and suffer, money aside?", "Q-TWiST; numbers needed to treat"),
    ("Applicability", "Does it hold for patients and practice here?", "Scenarios by topic"),
    ("Tornado", "Which input moves the answer most?", "The longest bars, by strategy and threshold"),
    ("CEAC and CEAF", "How likely is it that the decision is right?", "Acceptability by threshold"),
    ("Follow-up value", "Is it worth waiting for more evidence?", "Answer at each threshold"),
    ("Reference case", "Does it follow the agency's rules?", "What is asked, and what was done"),
    ("CHEERS 2022", "Which perspective, horizon and discount rates?", "Items 8 to 10, of 28 on how it is reported"),
    ("Checks", "Was the model checked?", "Expected, observed, verdict"),
    ("Live guide", "May I change a number and see what happens?", "Where to type, and what answers"),
)
"""What reviewers ask, and where it is answered."""


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
        "Every sheet of this report, then where reviewers find their answers; click a name to go there, and "
        "“Contents” at its top to come back.",
        (
            Text(reading),
            Table("Sheets", columns, (*rows, *linked), "sheets", spread=True),
            _questions({str(name) for name, _ in (*rows, *linked)}),
            _colours(result),
        ),
        widths=(26.0, 74.0, 80.0),
    )


def _told(page: Page) -> str:
    """What a page shows: of a page whose title is the workbook's, that it is the answer."""
    if page.name == "Summary":
        return "The question, the answer in words, and what stands behind it, on one page."
    stop = "" if page.title.endswith("?") else "."
    return page.subtitle if page.title == page.name else f"{page.title}{stop} {page.subtitle}"


def _questions(names: set[str]) -> Table:
    """Questions that the sheets of this report answer."""
    columns = (Column("Sheet", "link"), Column("Question"), Column("Where on it"))
    rows = tuple(row for row in QUESTIONS if row[0] in names)
    return Table("Where to find an answer", columns, rows, "questions")


def _colours(result: BaseCase) -> Table:
    """One colour a strategy and a state, the same on every chart, and the marks of cells."""
    key = [(f"Strategy: {label}", colour(i)) for i, label in enumerate(result.labels)]
    key += [(f"State: {STATE_LABELS[state]}", STATE_COLOURS[i]) for i, state in enumerate(State)]
    key += [(f"Cell: {words}", painted) for words, painted in MARKS]
    tints = tuple((painted, "") for _, painted in key)
    rows = tuple((None, words) for words, _ in key)
    return Table("Colours", (Column("Colour"), Column("What it stands for")), rows, "colours", tints=tints)
