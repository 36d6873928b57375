"""The Live guide sheet: one page on how to read the live model, what moves, and what does not."""

from typing import TYPE_CHECKING

from markov.report.live.inputs_sheet import NAME as INPUTS
from markov.report.live.results_sheet import NAME as RESULTS
from markov.report.live.tables_sheet import NAME as TABLES

if TYPE_CHECKING:
    from markov.report.live.model import LiveModel

NAME = "Live guide"
CHECK = "Live check"
Line = tuple[str, str, str]
"""Name, sentence, and the cell or sheet that a click on the name leads to; nothing where it leads nowhere."""


def guide(model: "LiveModel") -> list[tuple[str, list[Line]]]:
    """Titled paragraphs."""
    return [
        ("Try it", _trying(model)),
        ("Where things stand", _reading(model)),
        ("What moves", [(name, words, "") for name, words in _switches(model)]),
        ("What does not move", [(name, words, "") for name, words in _fixed()]),
    ]


def _trying(model: "LiveModel") -> list[Line]:
    rows = model.live.rows
    price = next((i for i in rows if i.startswith("price.") and i.endswith(".brand")), "")
    effects = ("os.hazard_ratio.", "pfs.hazard_ratio.", "os.time_ratio.", "pfs.time_ratio.", "pfs.median.")
    effect = next((i for kind in effects for i in rows if i.startswith(kind) and rows[i].value), "")
    ends = [f"{label} against {model.results.labels[0]}" for label in model.results.labels[1:]]
    lines = [
        (
            words,
            f"Live inputs: type over the yellow cell of {identifier} ({rows[identifier].unit}). It turns orange.",
            identifier,
        )
        for words, identifier in (("1. Type a price", price), ("Or an effect", effect))
        if identifier
    ]
    return [
        *lines,
        ("2. See the answer move", f"The cost per QALY stands above the inputs: {'; '.join(ends)}.", "check.answer"),
        ("3. See all of it", "Live results holds every total, the incremental analysis and net benefit.", RESULTS),
        (
            "4. Go back",
            "Copy the engine's value from beside the cell. Live check then says equal again.",
            "check.verdict",
        ),
    ]


def _reading(model: "LiveModel") -> list[Line]:
    first = next(iter(model.traces.values())).grid.name
    lines = [
        (INPUTS, "Every parameter of the base case once. Its cell bears the parameter's id as its name.", INPUTS),
        (RESULTS, "Totals by category and state, ICERs and net benefit, all formulas.", RESULTS),
        (
            CHECK,
            "The engine's numbers against the formulas'. It says when inputs were changed, or rows are missing.",
            CHECK,
        ),
        (
            "Live trace …",
            "One a strategy, a row a cycle. Above a column, in words, what its formula does.",
            first,
        ),
        (
            "Live cycles",
            "What strategies share: time, background mortality, discounting, weights of time in state.",
            "Live cycles",
        ),
        (
            "Live values",
            "What is worked out once: parameters of curves, cost of a dispensing, the horizon.",
            model.values.name,
        ),
        ("Live tables", "Life table, population utilities and price index, which may be changed too.", TABLES),
    ]
    if model.stops:
        words = "Newton's steps from a proportion who stopped to a rate, as in the engine."
        lines.append(("Live stop rates, Live stops …", words, model.stop_rates.name))
    words = "Excel and LibreOffice recalculate by themselves; there is no macro, add-in or hidden sheet."
    return [*lines, ("Recalculation", words, "")]


def _switches(model: "LiveModel") -> list[tuple[str, str]]:
    choices = model.live.rows["settings.post_progression"].choices
    return [
        (
            "Curve families",
            "Type another family in pfs.family or os.family, and its parameters, or the median in place of the first. "
            "hazard_ratio and time_ratio build on the reference strategy's curve.",
        ),
        ("Waning", "waning_start and waning_end, in months: the effect falls to the reference's hazard in between."),
        (
            "Mortality after progression",
            f"settings.post_progression: {' or '.join(choices)}. Under rate, settings.post_progression_rate says "
            "whether one holds for all strategies. time_since_progression is live where the base case uses it.",
        ),
        ("Curves that cross", "settings.crossing: cap_hazard or cap_curve; error leaves the curves as they are."),
        (
            "Treatment",
            "Start, planned stop, stops for toxicity as a proportion by a time or as a rate, other stops or the median "
            "time on treatment, progression after stopping, lag of second malignancies.",
        ),
        ("Within a cycle", "settings.within_cycle and settings.correction."),
        ("Discounting", "Rates, whole years or exact time, and later rates after a number of years."),
        ("Prices", "Price set, prices, doses, intervals, vials, intensity, price year and price index."),
        ("Utilities", "Values, decrements, age adjustment and cap."),
        ("Cycle and horizon", "A shorter horizon or a longer cycle moves; Live check says when rows are missing."),
    ]


def _fixed() -> list[tuple[str, str]]:
    return [
        ("Strategies", "Which strategies are compared, their order, and which of them give a drug."),
        ("References", "Which strategy's curve a ratio multiplies or an effect wanes to."),
        ("Longer than written", "A longer horizon, a shorter cycle or interval than the rows hold."),
        (
            "Other curves",
            "Splines, the generalised F and curves from progression where the base case has none; a spline's knots.",
        ),
        ("Administration", "Which route a product takes, and whether a dose is by body surface."),
    ]
