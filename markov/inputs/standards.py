"""The items of two checklists: CHEERS 2022 for reporting and AdViSHE for validation, with guidance in our own words.

Sources: Husereau et al., BMC Medicine, 2022 (CHEERS 2022); Vemer et al., PharmacoEconomics, 2016 (AdViSHE).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from markov.inputs.cells import RawCell, Row
from markov.inputs.definitions.sheets import Sheet


@dataclass(frozen=True)
class Item:
    """An item of a checklist: its number, the part it belongs to, its title, and what a reader looks for."""

    number: str
    part: str
    title: str
    asks: str


CHEERS = (
    Item("1", "Title", "Title", "Say that this is an economic evaluation, and name what is compared."),
    Item("2", "Abstract", "Abstract", "A structured summary: context, methods, results, other analyses."),
    Item("3", "Introduction", "Background and objectives", "Why the question matters to policy or practice."),
    Item("4", "Methods", "Health economic analysis plan", "Whether there was a plan, and where it can be read."),
    Item("5", "Methods", "Study population", "Who is treated: age, sex, disease, earlier treatment."),
    Item("6", "Methods", "Setting and location", "Country, health service and circumstances that may matter."),
    Item("7", "Methods", "Comparators", "Each alternative, and why it was chosen."),
    Item("8", "Methods", "Perspective", "Whose costs and effects count, and why."),
    Item("9", "Methods", "Time horizon", "How long costs and effects are followed, and why that is enough."),
    Item("10", "Methods", "Discount rate", "The rates for costs and for effects, and the reason for them."),
    Item("11", "Methods", "Selection of outcomes", "Which measures of benefit and harm are used."),
    Item("12", "Methods", "Measurement of outcomes", "How benefit and harm were measured, and in which studies."),
    Item("13", "Methods", "Valuation of outcomes", "Whose values they are, and how these were obtained."),
    Item("14", "Methods", "Measurement and valuation of resources and costs", "How use was counted and priced."),
    Item("15", "Methods", "Currency, price date and conversion", "Year of use and of prices, currency, conversion."),
    Item("16", "Methods", "Rationale and description of model", "What the model is, why, and where it can be had."),
    Item("17", "Methods", "Analytics and assumptions", "Methods of analysis, extrapolation, checks of the model."),
    Item("18", "Methods", "Characterising heterogeneity", "How results were estimated for subgroups."),
    Item("19", "Methods", "Characterising distributional effects", "How effects on different people were weighed."),
    Item("20", "Methods", "Characterising uncertainty", "How uncertainty in values and in structure was studied."),
    Item(
        "21",
        "Methods",
        "Approach to engagement with patients and others affected by the study",
        "How patients, the public, clinicians or payers took part in the design.",
    ),
    Item("22", "Results", "Study parameters", "Every input: value, range, distribution, source."),
    Item("23", "Results", "Summary of main results", "Mean costs and effects, and one overall measure."),
    Item("24", "Results", "Effect of uncertainty", "How far uncertainty, discount rate and horizon move the result."),
    Item(
        "25",
        "Results",
        "Effect of engagement with patients and others affected by the study",
        "What their part changed in the approach or in the findings.",
    ),
    Item(
        "26",
        "Discussion",
        "Study findings, limitations, generalisability and current knowledge",
        "Findings, limits, ethics or equity left out, and what they mean for patients, policy and practice.",
    ),
    Item("27", "Other relevant information", "Source of funding", "Who paid, and what part the funder took."),
    Item("28", "Other relevant information", "Conflicts of interest", "Interests of the authors."),
)

_CONCEPT, _INPUT = "A. Conceptual model", "B. Input data"
_COMPUTER, _OUTCOME, _OTHER = "C. Computerised model", "D. Model outcomes", "E. Other"

ADVISHE = (
    Item("A1", _CONCEPT, "Face validity testing", "Did experts judge the concept, and what justified their choice?"),
    Item("A2", _CONCEPT, "Cross validity testing", "Was the concept compared with other models, and with what result?"),
    Item("B1", _INPUT, "Face validity testing", "Did experts judge whether the input data are appropriate?"),
    Item("B2", _INPUT, "Model fit testing", "Were fitted curves and regressions tested against their data?"),
    Item("C1", _COMPUTER, "External review", "Did somebody outside the team examine the program?"),
    Item("C2", _COMPUTER, "Extreme value testing", "Were extreme inputs run to see whether results make sense?"),
    Item("C3", _COMPUTER, "Testing of traces", "Was the cohort followed through its states cycle by cycle?"),
    Item("C4", _COMPUTER, "Unit testing", "Were parts of the program tested by themselves?"),
    Item("D1", _OUTCOME, "Face validity testing", "Did experts judge whether the outcomes are plausible?"),
    Item("D2", _OUTCOME, "Cross validation testing", "Were outcomes compared with those of other models?"),
    Item("D3", _OUTCOME, "Validation against outcomes using alternative input data", "What do other inputs give?"),
    Item("D4", _OUTCOME, "Validation against empirical data", "Do outcomes agree with the data used, and with others?"),
    Item("E1", _OTHER, "Other validation techniques", "Walk-throughs, double programming and the like."),
)


def items() -> Iterator[tuple[str, Item]]:
    """Every item of both checklists under the name that it has in a workbook.

    >>> [name for name, _ in items()][::28]
    ['CHEERS 1', 'AdViSHE A1']
    """
    for name, checklist in (("CHEERS", CHEERS), ("AdViSHE", ADVISHE)):
        for item in checklist:
            yield f"{name} {item.number}", item


def default_rows() -> tuple[Row, ...]:
    """Every item, its text still to be written, as rows of the sheet."""
    place = f"default, {Sheet.REPORTING}"
    return tuple(
        {"item": RawCell(name, place), "title": RawCell(item.title, place), "text": RawCell(None, place)}
        for name, item in items()
    )
