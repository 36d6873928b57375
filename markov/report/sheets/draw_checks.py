"""The sheets Draw checks and Drawn inputs: what must hold in every draw, and whether inputs were drawn as asked."""

from markov.analysis.uncertainty.invariants import CORRECTIONS, OUT_OF_REACH_WORDS
from markov.analysis.uncertainty.probabilistic import Probabilistic
from markov.inputs.definitions.schema import label_of
from markov.inputs.parameters import Inputs
from markov.report.page import Page, Table
from markov.report.sheets.tables import by_column


def draw_checks_pages(inputs: Inputs, result: Probabilistic) -> list[Page]:
    """What was checked in every draw, and, where it is known, whether every input was drawn as its row says.

    >>> from markov.analysis.uncertainty.probabilistic import draw_sample, summarise, totals
    >>> result = summarise(draw_sample(calgb, 20, 1, traced=False), calgb.thresholds, totals(calgb_base.outcomes))
    >>> [page.name for page in draw_checks_pages(calgb, result)]  # how inputs were drawn, `probabilistic` finds out
    ['Draw checks']
    """
    return [_checks_page(inputs, result), *([_drawn_page(inputs, result)] if result.drawn else [])]


def _checks_page(inputs: Inputs, result: Probabilistic) -> Page:
    """What was checked in every draw, and how often a declared rule changed a curve."""
    names = result.sample.strategies
    checks = by_column(
        (invariant.check for invariant in result.sample.invariants),
        ("What must hold in every draw", "strong", lambda check: check.title),
        (["Expected", "Observed"], "text", lambda check: (check.expected, check.observed)),
        ("Verdict", "text", lambda check: check.verdict.value),
    )
    corrected = by_column(
        result.sample.corrected.items(),
        ("Rule", "strong", lambda rule: CORRECTIONS.get(rule[0], OUT_OF_REACH_WORDS)),
        ([f"{inputs.labels[s]} (draws)" for s in names], "integer", lambda rule: map(int, rule[1])),
    )
    told = "No draw is dropped or drawn again."
    blocks = (
        Table("Invariants", *checks, "invariants", verdict=3),
        Table("Draws in which a declared rule changed a curve", *corrected, "corrected", (told,)),
    )
    subtitle = f"Checked in each of {result.sample.runs:,} draws; a breach is counted and named, never resampled."
    return Page("Draw checks", "Checks of every draw", subtitle, blocks, (56.0, 44.0, 44.0, 14.0))


def _drawn_page(inputs: Inputs, result: Probabilistic) -> Page:
    """Whether every input was drawn as its row says, and whether it is in use."""
    notes = (
        "In use: moved alone to its 10 and 90 % points, the input changes a cost, a QALY or a life-year. The value of "
        "a log-normal with limits is its median, so that its mean lies higher. Verdict: the two means agree within "
        "four standard errors.",
    )
    heads = ["Value", "Mean of its distribution", "Mean of the draws"]
    columns, rows = by_column(
        result.drawn,
        ("Uncertain input", "strong", lambda one: label_of(one.id, inputs.labels)),
        ("Id", "text", lambda one: one.id),
        ("In use", "text", lambda one: "no" if one.id in result.idle else "yes"),
        (heads, "exact", lambda one: [float(f"{v:.5g}") for v in (one.value, one.mean, one.drawn_mean)]),
        ("Verdict", "text", lambda one: "pass" if one.is_as_asked else "fail"),
    )
    idle = f"; {len(result.idle)} change nothing under the workbook's settings" if result.idle else "; all are in use"
    subtitle = f"{len(rows)} uncertain inputs{idle}."
    table = Table("Inputs as drawn", columns, rows, "drawn", notes, verdict=6)
    return Page("Drawn inputs", "Was everything drawn as asked?", subtitle, (table,), (58.0, 48.0, 9.0, *(16.0,) * 4))
