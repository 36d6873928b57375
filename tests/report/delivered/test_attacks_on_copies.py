"""Redacted copies under attack: several secrets at once, all formats, words, coincidences, and what is not a copy."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from markov.inputs.parameters import Inputs, ScenarioChange
from markov.inputs.problems import InputError, Problem
from markov.inputs.writing.template import shipped
from markov.report.delivered.redact import confidential, write_redacted
from markov.report.delivered.secrets_in_words import without_telling_words
from markov.report.page import Page
from markov.report.sheets.inputs_in_full import fingerprint
from tests.report.delivered.test_redaction import PRICE, found_in, numbers, pages_of, texts
from tests.support.command import markov

GENERIC = "price.lenalidomide_10mg.generic"
INTENSITY = "dose.relative_intensity.lenalidomide"
RATIO, NOTHING = "os.hazard_ratio.lenalidomide", "adverse_event.proportion.infection.no_maintenance"
SECRETS = (
    {PRICE: 2347.61, GENERIC: 411.17, INTENSITY: 0.8731, "utility.maintenance": 1.0, RATIO: 0.6134, NOTHING: 0.0},
    {PRICE: 1912.43, GENERIC: 233.89, INTENSITY: 0.9257, "utility.maintenance": 0.8127, RATIO: 0.7219, NOTHING: 0.0},
)
"""Two prices, one of them paid in scenarios only, a multiplier of packs, values at both limits, and a curve."""
BUILT: dict[str, list[Page]] = {}


def marked(inputs: Inputs, values: Mapping[str, float], comment: str = "") -> Inputs:
    """The workbook with confidential values, their limits emptied, and a word about them."""
    rows = {
        key: replace(inputs.parameters[key], value=v, base_case=v, low=None, high=None, confidential=True)
        for key, v in values.items()
    }
    rows = {key: replace(p, distribution="fixed", se=None, comment=comment) for key, p in rows.items()}
    return replace(inputs, parameters={**inputs.parameters, **rows})


def built(inputs: Inputs) -> list[Page]:
    """Pages of a report of these inputs, made once."""
    key = fingerprint(inputs)
    BUILT[key] = BUILT.get(key) or pages_of(inputs, tested=False)
    return BUILT[key]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three other sets of secrets are enough here."""
    monkeypatch.setattr("markov.report.delivered.redact.FACTORS", (0.2, 1.6, 4.0))


@pytest.mark.parametrize("kind", ["xlsx", "html", "docx"])
def test_copies_of_two_sets_of_secrets_are_the_same_file(kind: str, calgb: Inputs, tmp_path: Path) -> None:
    """So nothing in it tells which set it was: no cell, no cache of a chart, no property, no format, no size."""
    copies = [
        write_redacted(marked(calgb, values, f"Agreed: {values}"), tmp_path / f"{i}.{kind}", built, kind)
        for i, values in enumerate(SECRETS)
    ]
    assert copies[0].read_bytes() == copies[1].read_bytes()
    secrets = [v for values in SECRETS for v in values.values() if v not in (0.0, 1.0)]
    per = (1.0, 1 / 21, 1 / 210, 28 / 21, 365.25 / 21)
    assert found_in(texts(copies[0]), [secret * factor for secret in secrets for factor in per]) == []


def test_a_number_that_is_the_secret_by_chance_stays(calgb: Inputs, tmp_path: Path) -> None:
    """Whoever knows the workbook would see from its absence what the secret is."""
    copies = [
        write_redacted(marked(calgb, {PRICE: price}), tmp_path / f"{price}.xlsx", built) for price in (2000.0, 2137.43)
    ]
    assert calgb.number("cost.state.spm_solid") == 2000.0
    assert 2000.0 in numbers(copies[0])
    assert numbers(copies[0]) == numbers(copies[1])


def test_a_secret_of_a_strategy_that_is_not_compared_is_blanked_as_well(tmp_path: Path, calgb: Inputs) -> None:
    out = replace(calgb.parameters["strategy.included.lenalidomide"], value="no")
    alone = marked(replace(calgb, parameters={**calgb.parameters, out.id: out}, scenarios=()), {PRICE: 2347.61})
    assert found_in(texts(write_redacted(alone, tmp_path / "copy.xlsx", built)), [2347.61]) == []


# Words ---------------------------------------------------------------------------------------------------------------


def test_words_that_tell_a_secret_in_full_or_rounded_are_emptied_before_anything_is_made(calgb: Inputs) -> None:
    told = "Offer of 2.35 thousand for the pack"
    named = tuple(replace(s, label=f"{s.label} at 2347.6", description="2 347,61 per pack") for s in calgb.strategies)
    odd = Problem(f"x.xlsx, {calgb.parameters[PRICE].cell}", "odd"), Problem("x.xlsx, Costs!C5", "odd", "2.3e3")
    other = replace(calgb.parameters["cost.state.spm_solid"], comment=told, source="about 2,348 a pack")
    inputs = marked(calgb, {PRICE: 2347.61})
    inputs = replace(
        inputs,
        title="Price 2347.61",
        parameters={**inputs.parameters, other.id: other},
        strategies=named,
        scenarios=(ScenarioChange("Price of 2347.61", "utility.progression", 0.6, "as agreed, 111.79 a capsule"),),
        changes=(("2026-01-01", "price from 3780 to 2347.61"),),
        warnings=odd,
        analyst_words={"cheers 4": "we paid 2348", "cheers 5": "none"},
    )
    public = without_telling_words(inputs, confidential(inputs))
    assert public.title == "confidential"
    row = public.parameters[other.id]
    assert (row.comment, row.source, row.value) == ("confidential", "confidential", other.value)
    assert [s.label for s in public.strategies] == [s.id for s in inputs.strategies]
    assert {s.description for s in public.strategies} == {"confidential"}
    assert [(c.scenario, c.reason, c.value) for c in public.scenarios] == [("Scenario 1", "confidential", 0.6)]
    assert public.changes == ()
    assert [warning.place for warning in public.warnings] == ["x.xlsx, Costs!C5"]
    assert public.analyst_words == {"cheers 4": "confidential", "cheers 5": "none"}
    assert (public.confidential, public.sha256) == ((), "confidential")


def test_where_one_comment_tells_all_with_numbers_are_emptied(calgb: Inputs) -> None:
    """A reader who knows the comments would else see which number is the secret."""
    inputs = marked(calgb, {PRICE: 2347.61})
    teller = replace(inputs.parameters["cost.state.spm_solid"], comment="2348")
    public = without_telling_words(replace(inputs, parameters={**inputs.parameters, teller.id: teller}), [PRICE])
    kept = {p.comment for p in public.parameters.values()}
    assert not [comment for comment in kept if any(c.isdigit() for c in comment)]
    assert "confidential" in kept
    assert {p.comment for p in inputs.parameters.values() if p.comment and p.comment.isalpha()} <= kept


def test_a_file_name_that_tells_a_secret_is_refused(calgb: Inputs) -> None:
    with pytest.raises(InputError, match="the name of the file holds a confidential number"):
        confidential(replace(marked(calgb, {PRICE: 2347.61}), name="offer 2347.61.xlsx"))


# What is no copy says so ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shipped workbook with a confidential price."""
    book = openpyxl.load_workbook(shipped("calgb_100104"))
    page = book["Drugs and dosing"]
    column = next(c.column for c in page[4] if c.value == "confidential")
    rows = {str(c.value): c.row for c in page["A"]}
    page.cell(rows[PRICE], 3).value = page.cell(rows[PRICE], 4).value = 2347.61
    page.cell(rows[PRICE], column).value = "yes"
    path = tmp_path_factory.mktemp("marked") / "marked.xlsx"
    book.save(path)
    return path


@pytest.mark.parametrize(
    "command",
    [
        ("run", "--base-only", "--no-live"),
        ("psa", "--runs", 20),
        ("sobol", "--points", 4, "--resamples", 10, "--no-second-order"),
        ("voi", "--runs", 200, "--years", "1"),
        ("verify", "--only", "TV-36"),
    ],
    ids=lambda command: command[0],
)
def test_every_other_output_says_that_it_is_confidential(
    command: tuple[object, ...], workbook: Path, tmp_path: Path
) -> None:
    word, *options = command
    done = markov(word, workbook, *options, "--out", tmp_path, "--json", tmp_path / "found.json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"Confidential: {PRICE} of marked.xlsx." in done.stderr
    assert json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["confidential"] == [PRICE]
    (report,) = tmp_path.glob("*.xlsx")
    facts = {row[0]: row[1] for row in openpyxl.load_workbook(report)["Provenance"].iter_rows(values_only=True)}
    assert str(facts["Confidential values"]).startswith(f"{PRICE}: this file gives them away")
    if word == "run":
        again = markov("verify", report, folder=tmp_path)
        assert f"Confidential: {PRICE}." in again.stdout, again.stderr
        assert again.returncode == 0


def test_a_batch_says_so_too(workbook: Path, tmp_path: Path) -> None:
    done = markov("batch", workbook, "--scenarios", "base", "--out", tmp_path / "out", folder=tmp_path)
    assert f"Confidential: {PRICE} of marked.xlsx." in done.stderr


def test_a_copy_by_the_command_says_nothing_of_the_workbook_that_could_be_tried(workbook: Path, tmp_path: Path) -> None:
    """Prices of two decimals can all be tried against a fingerprint, so that a copy holds none."""
    done = markov("run", workbook, "--base-only", "--no-live", "--redact", "--out", tmp_path, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    copy, full = texts(tmp_path / "marked.base.redacted.xlsx"), texts(tmp_path / "marked.base.xlsx")
    hashes = [word for word in set(full.replace("<", ">").split(">")) if len(word) == 64 and word.isalnum()]
    assert len(hashes) >= 2
    assert not [word for word in hashes if word in copy]
    assert "Confidential values</t>" in full
    assert "gives them away" not in copy
