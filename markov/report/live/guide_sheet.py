"""The Live guide sheet: one page on how to read the live model, what moves, and what does not."""

from collections.abc import Iterator

from markov.report.live.check_sheet import NAME as CHECK
from markov.report.live.inputs_sheet import NAME as INPUTS
from markov.report.live.model import LiveModel
from markov.report.live.results_sheet import NAME as RESULTS
from markov.report.live.tables_sheet import NAME as TABLES

NAME = "Live guide"
EFFECTS = ("os.hazard_ratio.", "pfs.hazard_ratio.", "os.time_ratio.", "pfs.time_ratio.", "pfs.median.")
Line = tuple[str, str, str]
"""Name, sentence, and the cell or sheet that a click on the name leads to; nothing where it leads nowhere."""

FIXED: tuple[Line, ...] = (
    ("Strategies", "Which strategies are compared, their order, and which of them give a drug.", ""),
    ("References", "Which strategy's curve a ratio multiplies or an effect wanes to.", ""),
    ("Longer than written", "A longer horizon, a shorter cycle or interval than the rows hold.", ""),
    (
        "Other curves",
        "Splines, the generalised F and curves from progression where the base case has none; a spline's knots.",
        "",
    ),
    ("Administration", "Which route a product takes, and whether a dose is by body surface.", ""),
)


def guide(model: LiveModel) -> list[tuple[str, list[Line]]]:
    """Titled paragraphs.

    >>> from markov.inputs.given_values import with_values
    >>> from markov.report.live.model import live_model
    >>> [title for title, _ in guide(live_model(with_values(calgb, {"settings.horizon_years": 2.0})))]
    ['Try it', 'Where things stand', 'What moves', 'What does not move']
    """
    return [
        ("Try it", [*_trying(model)]),
        ("Where things stand", _reading(model)),
        ("What moves", _switches(model)),
        ("What does not move", [*FIXED]),
    ]


def _trying(model: LiveModel) -> Iterator[Line]:
    rows, labels = model.live.rows, model.results.labels
    price = next((i for i in rows if i.startswith("price.") and i.endswith(".brand")), "")
    effect = next((i for kind in EFFECTS for i in rows if i.startswith(kind) and rows[i].value), "")
    for name, identifier in (("1. Type a price", price), ("Or an effect", effect)):
        if identifier:
            cell = f"{identifier} ({rows[identifier].unit})"
            yield name, f"Live inputs: type over the yellow cell of {cell}. It turns orange.", identifier
    ends = "; ".join(f"{label} against {labels[0]}" for label in labels[1:])
    yield "2. See the answer move", f"The cost per QALY stands above the inputs: {ends}.", "check.answer"
    yield "3. See all of it", "Live results holds every total, the incremental analysis and net benefit.", RESULTS
    words = "Copy the engine's value from beside the cell. Live check then says equal again."
    yield "4. Go back", words, "check.verdict"


def _reading(model: LiveModel) -> list[Line]:
    first = next(iter(model.traces.values())).grid.name
    words = {
        INPUTS: "Every parameter of the base case once. Its cell bears the parameter's id as its name.",
        RESULTS: "Totals by category and state, ICERs and net benefit, all formulas.",
        CHECK: "The engine's numbers against the formulas'. It says when inputs were changed, or rows are missing.",
        "Live trace …": "One a strategy, a row a cycle. Above a column, in words, what its formula does.",
        "Live cycles": "What strategies share: time, background mortality, discounting, weights of time in state.",
        "Live values": "What is worked out once: parameters of curves, cost of a dispensing, the horizon.",
        TABLES: "Life table, population utilities and price index, which may be changed too.",
    }
    lines = [(name, told, first if name == "Live trace …" else name) for name, told in words.items()]
    if model.stops:
        told = "Newton's steps from a proportion who stopped to a rate, as in the engine."
        lines.append(("Live stop rates, Live stops …", told, model.stop_rates.name))
    told = "Excel and LibreOffice recalculate by themselves; there is no macro, add-in or hidden sheet."
    return [*lines, ("Recalculation", told, "")]


def _switches(model: LiveModel) -> list[Line]:
    choices = " or ".join(model.live.rows["settings.post_progression"].choices)
    words = {
        "Curve families": "Type another family in pfs.family or os.family, and its parameters, or the median in place "
        "of the first. hazard_ratio and time_ratio build on the reference strategy's curve.",
        "Waning": "waning_start and waning_end, in months: the effect falls to the reference's hazard in between.",
        "Mortality after progression": f"settings.post_progression: {choices}. Under rate, "
        "settings.post_progression_rate says whether one holds for all strategies. time_since_progression is live "
        "where the base case uses it.",
        "Curves that cross": "settings.crossing: cap_hazard or cap_curve; error leaves the curves as they are.",
        "Treatment": "Start, planned stop, stops for toxicity as a proportion by a time or as a rate, other stops or "
        "the median time on treatment, progression after stopping, lag of second malignancies.",
        "Within a cycle": "settings.within_cycle and settings.correction.",
        "Discounting": "Rates, whole years or exact time, and later rates after a number of years.",
        "Prices": "Price set, prices, doses, intervals, vials, intensity, price year and price index.",
        "Utilities": "Values, decrements, age adjustment and cap.",
        "Cycle and horizon": "A shorter horizon or a longer cycle moves; Live check says when rows are missing.",
    }
    return [(name, told, "") for name, told in words.items()]
