"""The Live guide sheet: one page on how to read the live model, what moves, and what does not."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markov.report.live.model import LiveModel

NAME = "Live guide"
Line = tuple[str, str]


def guide(model: "LiveModel") -> list[tuple[str, list[Line]]]:
    """Titled paragraphs: name and sentence."""
    return [
        ("How to read it", _reading(model)),
        ("What moves", _switches(model)),
        ("What does not move", _fixed()),
    ]


def _reading(model: "LiveModel") -> list[Line]:
    stops = "Live stop rates, Live stops" if model.stops else ""
    lines = [
        ("Live inputs", "Change a value in the input colour. Its cell bears the parameter's id as its name."),
        ("Live results", "Costs, QALYs, ICERs and net benefit, all formulas."),
        (
            "Live check",
            "The engine's numbers against the formulas'. It says when inputs were changed, or rows are missing.",
        ),
        ("Live trace …", "One sheet a strategy, a row a cycle. The words above a column say what its formula does."),
        ("Live cycles", "What strategies share: time, background mortality, discounting, weights of time in state."),
        ("Live values", "What is worked out once: parameters of curves, cost of a dispensing, the horizon."),
        ("Live tables", "Life table, population utilities and price index, which may be changed too."),
    ]
    if stops:
        lines.append((stops, "Newton's steps from a proportion who stopped to a rate, as in the engine."))
    lines.append(
        ("Recalculation", "Excel and LibreOffice recalculate by themselves; there is no macro, add-in or hidden sheet.")
    )
    return lines


def _switches(model: "LiveModel") -> list[Line]:
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


def _fixed() -> list[Line]:
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
