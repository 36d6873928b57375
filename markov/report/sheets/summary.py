"""The Summary: one page with the question, the answer in words, the headline, and what stands behind it."""

from collections.abc import Iterator

from markov.analysis.base_case import BaseCase
from markov.analysis.sensitivity.everything import Deterministic
from markov.analysis.uncertainty.everything import Uncertainty
from markov.report import words
from markov.report.page import Block, Cell, Column, Page, Table, Text
from markov.report.sheets.base_charts import frontier_chart, survival_charts
from markov.report.sheets.probabilistic import lead
from markov.report.sheets.scenarios import balance_in_words
from markov.report.sheets.threshold import price_in_words
from markov.report.sheets.tornado import in_words
from markov.terms import PriceSet


def summary_page(
    result: BaseCase, deterministic: Deterministic | None = None, uncertainty: Uncertainty | None = None
) -> Page:
    """One page: question, answer, headline, the three readings, how sure it is, checks, and what is assumed."""
    inputs = result.inputs
    changed = [p for p in inputs.parameters.values() if p.is_changed]
    blocks: list[Block] = [
        Text("Question", "section"),
        Text(inputs.text("settings.question") or "Not stated in the workbook (settings.question).", "lead"),
        Text("Answer", "section"),
        *(Text(paragraph, "lead") for paragraph in words.answer_by_strategy(result)),
        _headline_table(result),
        Text(words.range_of_alternatives(result)),
        _alternatives_table(result),
        *(Text(paragraph) for paragraph in (_sensitivity(result, deterministic) if deterministic else ())),
        *([Text(_over_all_draws(result, uncertainty))] if uncertainty else []),
        (frontier_chart(result), survival_charts(result)[1]),
        Text("What stands behind it", "section"),
        Text(words.checks_counted(result)),
        Text(words.evidence_counted(result)),
        Text(words.assumed(result)),
    ]
    if changed:
        listed = "; ".join(f"{p.label or p.id}: {p.value} instead of {p.base_case}" for p in changed[:12])
        more = f"; and {len(changed) - 12} more, on Inputs used" if len(changed) > 12 else ""
        blocks.append(Text(f"Changed from the workbook's base case: {listed}{more}.", "changed"))
    context = [inputs.text(f"settings.{key}") for key in ("population", "perspective", "jurisdiction")]
    return Page(
        "Summary",
        inputs.title,
        " · ".join(c for c in context if c),
        tuple(blocks),
        widths=(36.0, 16.0, 16.0, 15.0, 23.0, 23.0, 23.0, 23.0, 23.0),
        one_page=True,
        portrait=True,
    )


def _sensitivity(result: BaseCase, found: Deterministic) -> Iterator[str]:
    """Scenarios counted for and against, the most influential input and the value-based price of each strategy."""
    inputs = result.inputs
    yield " ".join(balance_in_words(found.scenarios, 1))
    bars = ((inputs.labels[s], found.most_influential(s)) for s in found.one_way.strategies[1:])
    yield " ".join(f"{label}: {in_words(bar, inputs.currency)}." for label, bar in bars if bar is not None)
    if found.prices:
        first = [price for price in found.prices if price.threshold == inputs.thresholds[0]]
        yield f"Price at which it would be good value. {' '.join(price_in_words(inputs, first))}"


def _over_all_draws(result: BaseCase, found: Uncertainty) -> str:
    """How sure the answer is when every uncertain input varies at once."""
    runs = found.probabilistic.sample.runs
    return f"Over {runs:,} random draws of all uncertain inputs: {' '.join(lead(result.inputs, found.probabilistic))}"


def _headline_table(result: BaseCase) -> Table:
    inputs, outcomes, currency = result.inputs, result.outcomes, result.inputs.currency
    base = next((h for h in result.headlines if h.is_base and h.outcomes), None)
    sets = base.outcomes if base else {PriceSet(inputs.text("settings.price_set")): outcomes}
    columns = [Column("Strategy", "strong"), Column("Life-years (undiscounted)", "years"), Column("QALYs", "qaly")]
    columns += [Column(f"Cost, {s} price ({currency})", "money") for s in sets]
    columns += [Column("QALYs gained", "qaly")]
    columns += [Column(f"Against {inputs.labels[inputs.reference].lower()}, {s} price") for s in sets]
    rows: list[tuple[Cell, ...]] = []
    reference = outcomes.strategies.index(inputs.reference)
    for i, strategy in enumerate(outcomes.strategies):
        gained = None if i == reference else float(outcomes.qaly[0, i] - outcomes.qaly[0, reference])
        ratios = ["reference" if i == reference else words.comparison(o, inputs, strategy) for o in sets.values()]
        costs = [float(o.cost[0, i]) for o in sets.values()]
        years = float(outcomes.life_years[0, i, 0].sum())
        rows.append((inputs.labels[strategy], years, float(outcomes.qaly[0, i]), *costs, gained, *ratios))
    rates = [f"{inputs.number(f'settings.discount_rate.{k}'):.1%}" for k in ("costs", "effects")]
    note = f"Costs discounted at {rates[0]}, QALYs at {rates[1]} a year. Full incremental analysis: Incremental."
    prices = words.prices(inputs)
    notes = (note, f"Prices of a pack: {prices}.") if prices else (note,)
    return Table("Headline", tuple(columns), tuple(rows), "headline", notes)


def _alternatives_table(result: BaseCase) -> Table:
    inputs, currency = result.inputs, result.inputs.currency
    columns = [
        Column("Mortality after progression", "strong"),
        Column("Strategy"),
        Column("Life-years gained (undiscounted)", "years"),
        Column("QALYs gained", "qaly"),
    ]
    columns += [Column(f"Ratio at the {s} price ({currency})") for s in PriceSet]
    columns += [Column("Base case")]
    rows: list[tuple[Cell, ...]] = []
    for headline in result.headlines:
        if not headline.outcomes:
            rows.append((headline.name, f"not available: {headline.reason}", None, None, None, None, ""))
            continue
        first = next(iter(headline.outcomes.values()))
        r = first.strategies.index(inputs.reference)
        for strategy in first.strategies:
            if strategy == inputs.reference:
                continue
            i = first.strategies.index(strategy)
            years = float((first.life_years[0, i, 0] - first.life_years[0, r, 0]).sum())
            ratios = [
                words.comparison(headline.outcomes[s], inputs, strategy) if s in headline.outcomes else "no price"
                for s in PriceSet
            ]
            gained = float(first.qaly[0, i] - first.qaly[0, r])
            mark = "base case" if headline.is_base else ""
            rows.append((headline.name, inputs.labels[strategy], years, gained, *ratios, mark))
    bold = frozenset(i for i, row in enumerate(rows) if row[-1])
    return Table("Three readings of mortality after progression", tuple(columns), tuple(rows), "readings", bold=bold)
