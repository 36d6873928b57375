"""The walk from one base case to another as pages: step by step, in other orders, and every input that differs."""

import math
from collections.abc import Iterator, Sequence

from markov.analysis.walk.walk import EQUAL, NET_BENEFIT, QALY, Path, Walk
from markov.excel.style import WARN
from markov.report import words
from markov.report.page import Block, Cell, Chart, Column, Page, Table, Text, in_currency
from markov.report.sheets.inputs_that_differ import inputs_page, others_page, settled
from markov.report.sheets.walk_chart import PAGE as DATA_PAGE
from markov.report.sheets.walk_chart import waterfall
from markov.terms import Array, PriceSet

LARGEST = 3  # steps that the lead names


def walk_pages(walk: Walk) -> list[Page]:
    """Every page of a walk, the summary first."""
    drawn = [(path, waterfall(walk, path, _prices(p))) for p in _views(walk) for path in walk.of(p)]
    data = Page(
        DATA_PAGE,
        "Chart data",
        "The numbers behind the bars of the sheet Walk: a bar floats on a part that is not drawn.",
        tuple(table for _, (_, table) in drawn),
        (34.0, *(18.0,) * 6),
    )
    pages = [_summary_page(walk, drawn), _orders_page(walk), inputs_page(walk), others_page(walk), data]
    return [in_currency(page, walk.first.currency) for page in pages]


def answer(walk: Walk) -> list[str]:
    """The walk in sentences: what becomes of each strategy, and which steps move it most."""
    return [sentence for path in walk.of(_views(walk)[0]) for sentence in _answer(walk, path)]


def _answer(walk: Walk, path: Path) -> Iterator[str]:
    currency, threshold = walk.first.currency, walk.terms.thresholds[0]
    start, end = (words.money(float(path.standing[k, NET_BENEFIT]), currency) for k in (0, -1))
    prices, at = _prices(path.price_set), words.per_qaly(threshold, currency)
    yield (
        f"{path.label}, {prices}: {path.ratios[0]} in {walk.first.name}, {path.ratios[-1]} in {walk.second.name}. "
        f"Net benefit at {at} goes from {start} to {end}."
    )
    effects = path.effects[:, NET_BENEFIT]
    ranked = sorted(range(len(walk.steps)), key=lambda k: -abs(float(effects[k])))[:LARGEST]
    told = ", ".join(f"{walk.steps[k].name} ({words.money(float(effects[k]), currency)})" for k in ranked)
    yield f"The steps that move it most: {told}."
    yield from _against_the_ratio(path)


def _against_the_ratio(path: Path) -> Iterator[str]:
    """Why ratio and net benefit may disagree on which workbook is the more favourable."""
    (cost, qaly, benefit), (later_cost, later_qaly, later_benefit) = (path.standing[k, :3].tolist() for k in (0, -1))
    if min(cost, qaly, later_cost, later_qaly) <= 0.0:
        return
    dearer, better = later_cost / later_qaly > cost / qaly, later_benefit > benefit
    if dearer == better:
        less = "fall" if later_cost < cost else "rise"
        yield (
            f"The ratio {'rises' if dearer else 'falls'} although net benefit {'rises' if better else 'falls'} too, "
            f"because the differences in cost and in QALYs both {less}."
        )


def _views(walk: Walk) -> list[PriceSet | None]:
    """Price sets to show: the one that both workbooks pay first; where they differ, as paid, then each."""
    sets = [path.price_set for path in walk.paths if path.strategy == walk.terms.strategies[0]]
    paid = {PriceSet(side.text("settings.price_set")) for side in (walk.first, walk.second)}
    if len(paid) > 1 or not paid <= set(sets):
        return sets
    (own,) = paid
    return [own, *(p for p in sets if p not in (own, None))]


def _prices(price_set: PriceSet | None) -> str:
    return "at the prices paid" if price_set is None else f"at the {price_set} price"


# --------------------------------------------------------------------------------------------- step by step


def _summary_page(walk: Walk, drawn: Sequence[tuple[Path, tuple[Chart, Table]]]) -> Page:
    views = _views(walk)
    missing = [f"the {p} price" for p in PriceSet if p not in views]
    absent = f"Not shown: {', '.join(missing)}; a product on the way has no such price."
    charts = [tuple(chart for path, (chart, _) in drawn if path.strategy == s) for s in walk.terms.strategies]
    blocks: tuple[Block, ...] = (
        Text(" ".join(answer(walk)), "lead"),
        *(Text(remark) for remark in (*walk.remarks, *([absent] if missing else []))),
        *charts,
        *(_steps_table(walk, path) for p in views for path in walk.of(p)),
        _ends_table(walk),
        *_moved_together(walk),
    )
    subtitle = (
        f"From {walk.first.name} ({walk.first.title}) to {walk.second.name} ({walk.second.title}) in "
        f"{len(walk.steps)} steps, against {walk.first.labels[walk.terms.reference].lower()}."
    )
    money = len(walk.terms.thresholds)
    widths = (34.0, 9.0, 15.0, 13.0, 34.0, *(16.0,) * money, 15.0, 13.0, *(16.0,) * money)
    return Page("Walk", "From one base case to another", subtitle, blocks, widths)


def _measure_columns(walk: Walk, before: str = "") -> tuple[Column, ...]:
    currency = walk.first.currency
    gained = [f"{before}net benefit at {t:,.0f} per QALY ({currency})" for t in walk.terms.thresholds]
    names = (f"{before}difference in cost ({currency})", f"{before}difference in QALYs", *gained)
    looks = ("money", "qaly", *("money" for _ in gained))
    return tuple(
        Column(_capital(n), "qaly" if look == "qaly" else "money") for n, look in zip(names, looks, strict=True)
    )


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _steps_table(walk: Walk, path: Path) -> Table:
    after, change = _measure_columns(walk), _measure_columns(walk, "Step: ")
    columns = (
        Column("Step", "strong"),
        Column("Inputs", "integer"),
        *after[:NET_BENEFIT],
        Column("Cost-effectiveness ratio"),
        *after[NET_BENEFIT:],
        *change,
    )
    nothing = (None,) * len(change)
    sums = [math.fsum(path.effects[:, m].tolist()) for m in range(len(change))]
    rows = [
        (walk.first.name, None, *_after(path.standing[0], path.ratios[0]), *nothing),
        *(
            (step.name, len(step.ids), *_after(path.standing[k + 1], path.ratios[k + 1]), *_cells(path.effects[k]))
            for k, step in enumerate(walk.steps)
        ),
        ("Sum of the steps", sum(len(step.ids) for step in walk.steps), *(None,) * (1 + len(after)), *sums),
        (f"{walk.second.name}, its own run", None, *_after(path.own[1], path.ratios[-1]), *nothing),
        ("Difference between the own runs", None, *(None,) * (1 + len(after)), *_cells(path.own[1] - path.own[0])),
    ]
    notes = (
        "Discounted, per patient, against the reference. Each row holds what has changed so far; “Step” columns are "
        "what that step adds to the row above. The ratio does not add up; cost, QALYs and net benefit do.",
    )
    title = f"{path.label}, {_prices(path.price_set)}: step by step"
    bold = frozenset({0, len(rows) - 3, len(rows) - 2, len(rows) - 1})
    return Table(title, columns, tuple(rows), f"steps_{path.strategy}_{path.price_set or 'paid'}", notes, bold=bold)


def _after(values: Array, ratio: str) -> tuple[Cell, ...]:
    found = _cells(values)
    return (*found[:NET_BENEFIT], ratio, *found[NET_BENEFIT:])


def _cells(values: Array) -> tuple[Cell, ...]:
    """Measures of a row; what could not be run is empty, and what is only rounding is 0."""
    return tuple(
        None if math.isnan(value) else settled(value, money=m != QALY) for m, value in enumerate(values.tolist())
    )


def _ends_table(walk: Walk) -> Table:
    """Whether the walk begins and ends where the workbooks themselves do."""
    columns = (Column("Check", "strong"), Column("Verdict"), Column("Observed"))
    rows = [
        (
            f"The walk {verb} at {side.name}'s own run",
            "pass" if gap <= EQUAL else "fail",
            f"largest relative distance {_size(gap)}, at most {_size(EQUAL)} allowed",
        )
        for verb, side, gap in zip(("begins", "ends"), (walk.first, walk.second), walk.gaps, strict=True)
    ]
    worst = max(_unexplained(path) for path in walk.paths)
    told = f"largest rest {_size(worst)}, relative to the numbers added; anything but 0 is rounding of the last digit"
    rows.append(("The steps add up to the difference", "pass" if worst <= EQUAL else "fail", told))
    notes = (
        "Compared are costs by category and QALYs and life-years by state, of all strategies at all price sets, with "
        "each workbook run by itself. A distance would mean that an input that differs was missed.",
    )
    return Table("Nothing was missed", columns, tuple(rows), "ends", notes, verdict=1, spread=True)


def _size(distance: float) -> str:
    """A relative distance in few digits.

    >>> _size(0.0), _size(1.28e-16)
    ('0', '1.3e-16')
    """
    return f"{distance:.2g}" if distance else "0"


def _unexplained(path: Path) -> float:
    """What the sum of the steps leaves of the difference, relative to the largest number that was added."""
    rests = [
        abs(math.fsum(path.effects[:, m].tolist()) - float(path.own[1, m] - path.own[0, m]))
        / max(1.0, float(abs(path.standing[:, m]).max()))
        for m in range(path.standing.shape[1])
    ]
    return max(rests)


def _moved_together(walk: Walk) -> Iterator[Table]:
    """Inputs that had to move with a step of theirs, and why."""
    rows = tuple((step.name, remark) for step in walk.steps for remark in step.remarks)
    if rows:
        columns = (Column("Step", "strong"), Column("What moved with it, and why"))
        yield Table("Inputs moved together", columns, rows, "together", spread=True)


# ------------------------------------------------------------------------------------------------ other orders


def _orders_page(walk: Walk) -> Page:
    views = _views(walk)
    blocks: tuple[Block, ...] = (
        Text(
            "Inputs act on each other: a longer treatment weighs more at a higher price. What a step adds therefore "
            "depends on what has changed before it, although the whole difference does not.",
            "lead",
        ),
        *(_orders_table(walk, path) for p in views for path in walk.of(p)),
        *_not_alone(walk),
        Text(
            "In sequence: after all steps above it. Alone: in the first workbook with nothing else changed. "
            "Interaction: in sequence less alone, so it is 0 for the first step. In reverse order: after all steps "
            "below it. Average: over all orders in which the steps can be taken, each as likely (Shorrocks, J Econ "
            "Inequal, 2013; the Shapley value). The columns in sequence, in reverse and on average each add up to the "
            "difference; the column alone does not.",
            "note",
        ),
    )
    subtitle = "What each step weighs in this order, by itself, and in other orders."
    few = len(views) * len(walk.terms.strategies) <= 2
    return Page("Order of steps", "Does the order matter?", subtitle, blocks, (34.0, *(16.0,) * 7), one_page=few)


def _orders_table(walk: Walk, path: Path) -> Table:
    """Net benefit at the first threshold, and the interaction in cost and QALYs."""
    currency, averaged = walk.first.currency, not walk.orders
    heads = [
        "In sequence",
        "Alone",
        "Interaction",
        "In reverse order",
        *(["Average over all orders"] if averaged else []),
    ]
    columns = (
        Column("Step", "strong"),
        *(Column(f"{head} ({currency})", "money") for head in heads),
        Column(f"Interaction in cost ({currency})", "money"),
        Column("Interaction in QALYs", "qaly"),
    )
    rows = [(step.name, *_orders_row(path, k, averaged)) for k, step in enumerate(walk.steps)]
    totals = [_total([row[1 + i] for row in rows]) for i in range(len(columns) - 1)]
    rows.append(("Sum", *totals))
    tints = tuple((*("",) * 3, _marked(row), *("",) * (len(columns) - 4)) for row in rows)
    notes = [f"Net benefit gained at {words.per_qaly(walk.terms.thresholds[0], currency)}."]
    notes += ["Shaded: the interaction is larger than the step alone."] if any(t[3] for t in tints) else []
    notes += [] if averaged else [f"No average over all orders: {walk.orders}."]
    title = f"{path.label}, {_prices(path.price_set)}: what each step weighs"
    key = f"orders_{path.strategy}_{path.price_set or 'paid'}"
    bold = frozenset({len(rows) - 1})
    return Table(title, columns, tuple(rows), key, tuple(notes), bold=bold, tints=tints)


def _orders_row(path: Path, k: int, averaged: bool) -> tuple[Cell, ...]:
    interaction = path.effects[k] - path.alone[k]
    benefit = [path.effects[k], path.alone[k], interaction, path.reverse[k], *([path.average[k]] if averaged else [])]
    return (*(_cells(each)[NET_BENEFIT] for each in benefit), *_cells(interaction)[:NET_BENEFIT])


def _total(values: Sequence[Cell]) -> float | None:
    """The sum of a column, nothing where a number is missing."""
    known = [float(value) for value in values if isinstance(value, float)]
    return math.fsum(known) if len(known) == len(values) else None


def _marked(row: Sequence[Cell]) -> str:
    """The tint of an interaction that outweighs the step itself by more than rounding."""
    alone, interaction = row[2], row[3]
    known = isinstance(alone, float) and isinstance(interaction, float) and row[0] != "Sum"
    return WARN if known and abs(float(interaction or 0.0)) > max(abs(float(alone or 0.0)), 1.0) else ""


def _not_alone(walk: Walk) -> Iterator[Table]:
    """Steps that cannot be taken in the first workbook as it is."""
    if walk.alone:
        columns = (Column("Step", "strong"), Column("Why it cannot be taken alone"))
        yield Table("Steps without an effect of their own", columns, tuple(walk.alone.items()), "alone", spread=True)
