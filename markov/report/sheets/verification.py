"""The Verification sheet: every test of the bank with what was done, expected and observed, and its verdict."""

from collections.abc import Sequence

from markov.analysis.bank.bench import Bench
from markov.analysis.bank.registry import Tested
from markov.analysis.bank.run import BANK, count
from markov.report.page import Block, Cell, Column, Page, Table, Text
from markov.terms import Verdict

HEADERS = (
    Column("Test: what should hold", "strong"),
    Column("What was done"),
    Column("Expected"),
    Column("Observed"),
    Column("Verdict"),
    Column("Reason or question"),
    Column("Source"),
)
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
    """All tests by theme, those that failed or warned first."""
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


def short_form_table(tested: Sequence[Tested]) -> Table:
    """The tests of the bank that cost next to nothing, for the Checks sheet of every report."""
    columns = (Column("Test", "strong"), Column("Expected"), Column("Observed"), Column("Verdict"), Column("Note"))
    rows = tuple((_named(t), *_outcome(t), t.check.note) for t in tested)
    rest = len(BANK) - len(tested)
    note = f"The other {rest} tests of the verification bank perturb the workbook and run it again: markov verify."
    title = f"Verification bank, short form: {verification_words(tested)[0].removesuffix('.')}"
    return Table(title, columns, rows, "bank", (note,), verdict=3)


def verification_words(tested: Sequence[Tested]) -> list[str]:
    """Tests by verdict in one sentence, then every failure and warning with its reason."""
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
    columns = (Column("Theme", "strong"), *(Column(word.capitalize(), "integer") for word in WORDS.values()))
    rows: list[tuple[Cell, ...]] = []
    for theme in dict.fromkeys(each.test.theme for each in tested):
        counts = count(each for each in tested if each.test.theme == theme)
        rows.append((theme, *(counts[verdict] for verdict in WORDS)))
    total = count(tested)
    rows.append(("All", *(total[verdict] for verdict in WORDS)))
    return Table("Tests by verdict", columns, tuple(rows), "counts", bold=frozenset({len(rows) - 1}))


def _table(title: str, tested: Sequence[Tested], key: str) -> Table:
    rows = tuple((_named(t), t.test.done, *_outcome(t), t.check.note, t.test.source.split(":")[0]) for t in tested)
    return Table(title, HEADERS, rows, key, verdict=4)


def _named(tested: Tested) -> str:
    return f"{tested.test.id}  {tested.check.title}"


def _outcome(tested: Tested) -> tuple[str, str, str]:
    return tested.check.expected or "–", tested.check.observed or "–", tested.check.verdict.value
