"""The Verification sheet: every test of the bank with what was done, expected and observed, and its verdict."""

from collections.abc import Sequence

from markov.analysis.bank.bench import Bench
from markov.analysis.bank.registry import Tested
from markov.analysis.bank.run import BANK, count
from markov.report.page import Block, Page, Table, Text
from markov.report.sheets.tables import Told, by_column
from markov.terms import Verdict

WIDTHS = (44.0, 46.0, 30.0, 38.0, 15.0, 46.0, 11.0)
SOURCES = (
    "Ids TV: Büyükkaramikli, Rutten-van Mölken, Severens, Al 2019, PharmacoEconomics 37:1391 (TECH-VER), in our words; "
    "tests that the paper lists twice are one here. Ids FT: further tests, half of them against a second calculation."
)
VERDICTS = (
    "fail: something is wrong, do not use the results. warn: as expected of a sound model only if the reason beside it "
    "can be given. not applicable: the test needs another kind of model, or something that this workbook does not have."
)


def verification_page(bench: Bench, tested: Sequence[Tested]) -> Page:
    """All tests by theme, those that failed or warned first.

    >>> from markov.analysis.bank.run import verify_workbook
    >>> bench = Bench(calgb)
    >>> verification_page(bench, verify_workbook(bench, BANK[:1])).subtitle
    '1 tests: 1 passed, 0 failed.'
    """
    noticed = [each for each in tested if each.check.verdict in (Verdict.FAIL, Verdict.WARN)]
    facts = (
        f"{bench.draws:,} random draws with seed {bench.seed} in the tests of probabilistic analysis. Every test "
        "starts from a clean copy of the workbook; the workbook itself is not changed."
    )
    blocks: list[Block] = [Text(facts), Text(VERDICTS), Text(SOURCES), _counted(tested)]
    if noticed:
        blocks.append(_table("To be explained", noticed, "noticed"))
    for theme in dict.fromkeys(each.test.theme for each in tested):
        blocks.append(_table(theme, [each for each in tested if each.test.theme == theme], theme))
    return Page("Verification", "Verification", verification_words(tested)[0], tuple(blocks), WIDTHS)


OUTCOME: tuple[Told[Tested], ...] = (
    ("Expected", "text", lambda each: each.check.expected or "–"),
    ("Observed", "text", lambda each: each.check.observed or "–"),
    ("Verdict", "text", lambda each: each.check.verdict.value),
)


def _named(each: Tested) -> str:
    return f"{each.test.id}  {each.check.title}"


def short_form_table(tested: Sequence[Tested]) -> Table:
    """The tests of the bank that cost next to nothing, for the Checks sheet of every report.

    >>> short_form_table([]).title
    'Verification bank, short form: 0 tests: 0 passed, 0 failed'
    """
    columns = by_column(tested, ("Test", "strong", _named), *OUTCOME, ("Note", "text", lambda each: each.check.note))
    rest = len(BANK) - len(tested)
    note = f"The other {rest} tests of the verification bank perturb the workbook and run it again: markov verify."
    title = f"Verification bank, short form: {verification_words(tested)[0].removesuffix('.')}"
    return Table(title, *columns, "bank", (note,), verdict=3)


def verification_words(tested: Sequence[Tested]) -> list[str]:
    """Tests by verdict in one sentence, then every failure and warning with its reason.

    >>> verification_words([])
    ['0 tests: 0 passed, 0 failed.']
    """
    counts = count(tested)
    parts = [f"{counts[v]} {word}" for v, word in WORDS.items() if counts[v] or v in (Verdict.PASS, Verdict.FAIL)]
    words = [f"{len(tested)} tests: {', '.join(parts)}."]
    for verdict in (Verdict.FAIL, Verdict.WARN):
        for each in (t for t in tested if t.check.verdict is verdict):
            check = each.check
            reason = f" ({check.note})" if check.note else ""
            words.append(f"{verdict.value}  {check.id}  {check.title}: {check.observed}{reason}")
    return words


WORDS = {
    Verdict.PASS: "passed",
    Verdict.WARN: "to be explained",
    Verdict.FAIL: "failed",
    Verdict.ANALYST: "for the analyst to answer",
    Verdict.NOT_APPLICABLE: "not applicable",
}


def _counted(tested: Sequence[Tested]) -> Table:
    themes = dict.fromkeys(each.test.theme for each in tested)
    lines = [(theme, count(each for each in tested if each.test.theme == theme)) for theme in themes]
    lines.append(("All", count(tested)))
    columns, rows = by_column(
        lines,
        ("Theme", "strong", lambda line: line[0]),
        ([word.capitalize() for word in WORDS.values()], "integer", lambda line: [line[1][v] for v in WORDS]),
    )
    return Table("Tests by verdict", columns, rows, "counts", bold=frozenset({len(rows) - 1}))


def _table(title: str, tested: Sequence[Tested], key: str) -> Table:
    columns = by_column(
        tested,
        ("Test: what should hold", "strong", _named),
        ("What was done", "text", lambda each: each.test.done),
        *OUTCOME,
        ("Reason or question", "text", lambda each: each.check.note),
        ("Source", "text", lambda each: each.test.source.split(":")[0]),
    )
    return Table(title, *columns, key, verdict=4)
