"""What others may send, and where files may not be written: a sentence, an exit code, and nothing half written."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import openpyxl
import pytest

from markov import base_case, write_report
from markov.analysis.base_case import BaseCase
from markov.cli import main
from markov.excel.files import ABANDONED_AFTER, PART, ReportError, check_place, write_whole
from markov.inputs.cells import RawCell
from markov.inputs.definitions.schema import Sheet
from markov.inputs.parameters import Inputs
from markov.inputs.problems import InputError
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.sources import CoverText, read_sources, sources_folder
from markov.inputs.writing.template import shipped, write_workbook
from tests import ROOT
from tests.fuzz import oracle
from tests.fuzz.__main__ import run_block
from tests.hostile.files import ELSEWHERE, FILES, changed
from tests.inputs.rules.broken_inputs.editing import good_book
from tests.kills import kill_many

HEAVY = (
    *("a part of 300 MB in 300 kB", "30 parts of 10 MB", "a million blank rows with a format", "6,000,000 blank cells"),
    *("600,000 filled cells in a table", "100,000 sheets", "100,000 defined names", "500,000 shared texts"),
    *("200,000 merged ranges", "elements nested a million deep", "6,000 parts"),
)
"""Files that take seconds: two of them are read here, all of them by `python -m tests.hostile`."""
MEMORY = 1_500_000_000


# Files that others send -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in FILES if name not in HEAVY])
def test_a_hostile_file_is_refused_in_a_sentence_or_read_as_if_nothing_were_wrong(name: str, tmp_path: Path) -> None:
    hostile, path = FILES[name], tmp_path / "hostile.xlsx"
    hostile.make(path)
    if not hostile.words:
        warned = [str(warning) for warning in read_inputs(path).warnings if ELSEWHERE in warning.rule]
        assert len(warned) == bool(hostile.warning)
        assert not warned or "hostile.xlsx, Costs!" in warned[0]
    else:
        with pytest.raises(InputError) as caught:
            read_inputs(path)
        (problem,) = caught.value.problems
        assert all(word in str(problem) for word in ("hostile.xlsx", *hostile.words)), str(problem)
        assert problem.remedy
    assert [file.name for file in tmp_path.iterdir()] == ["hostile.xlsx"]
    assert not Path("/tmp/evil.txt").exists()


@pytest.mark.parametrize("name", ["a million blank rows with a format", "600,000 filled cells in a table"])
def test_memory_stays_bounded_whatever_a_file_unfolds_to(name: str, tmp_path: Path) -> None:
    hostile, path = FILES[name], tmp_path / "hostile.xlsx"
    hostile.make(path)
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))"
    code = f"{limit}\nfrom markov.cli import main\nmain(['check', {str(path)!r}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == (2 if hostile.words else 0), done.stderr
    assert all(word in done.stderr for word in hostile.words)
    assert "Traceback" not in done.stderr


def test_a_name_that_is_too_long_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["check", f"{'x' * 300}.xlsx"])
    assert left.value.code == 2
    assert "cannot be read (File name too long)" in capsys.readouterr().err


# Texts that look like formulas ----------------------------------------------------------------------------------------

EVIL = (
    *(
        "=1+1",
        "=cmd|'/C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(1)",
        "\t=1+1",
        "{=1+1}",
        "http://127.0.0.1/",
        "internal:'Cover'!A1",
    ),
    *(
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "javascript:alert(1)",
        "../../../etc/passwd",
        "C:\\x:y?*[]'",
    ),
    *("x" * 300, "\u202etxt.exe", "_x0041_", "&amp;"),
)


@pytest.fixture(scope="module")
def evil(calgb: Inputs) -> BaseCase:
    """A base case in which every label, remark and title could be taken for something else."""
    words = iter(EVIL * 100)
    rows = {
        key: replace(row, comment=next(words), source=next(words), page=next(words), label=next(words))
        for key, row in calgb.parameters.items()
    }
    strategies = tuple(replace(s, label="=cmd|'/C calc'!A0", description=next(words)) for s in calgb.strategies)
    named = replace(calgb, title="=1+1", parameters=rows, strategies=strategies, name="../=evil.xlsx")
    return base_case(named)


def formulas_and_links(path: Path) -> Iterator[str]:
    """What a spreadsheet program would calculate or follow, charts included, without names of sheets in quotes."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith((".xml", ".rels")):
                for element in ElementTree.fromstring(archive.read(name)).iter():
                    kind = element.tag.rpartition("}")[2]
                    if kind == "f":
                        yield re.sub(r"'(?:[^']|'')*'!", "", element.text or "")
                    if kind == "Relationship" and element.get("TargetMode") == "External":
                        yield element.get("Target", "")


def test_a_text_is_never_a_formula_or_a_link_in_a_report(evil: BaseCase, tmp_path: Path) -> None:
    path = write_report(evil, tmp_path / "evil.xlsx")
    assert not [text for text in formulas_and_links(path) if "cmd" in text or "1+1" in text or "127.0.0.1" in text]
    book = openpyxl.load_workbook(path)
    held = [cell for page in book for row in page.iter_rows() for cell in row if isinstance(cell.value, str)]
    assert {cell.data_type for cell in held} == {"s"}
    texts = {str(cell.value) for cell in held}
    assert {"=1+1", "=cmd|'/C calc'!A0", "@SUM(1)", "http://127.0.0.1/"} <= texts
    assert len(set(book.sheetnames)) == len(book.sheetnames)


def test_the_live_model_takes_no_text_for_a_formula(evil: BaseCase, tmp_path: Path) -> None:
    path = write_report(evil, tmp_path / "evil.xlsx", live=True)
    assert not [text for text in formulas_and_links(path) if "cmd|" in text or "127.0.0.1" in text]


def test_a_web_page_runs_nothing_that_a_label_says(evil: BaseCase, tmp_path: Path) -> None:
    text = write_report(evil, tmp_path / "evil.html", kind="html").read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert 'href="javascript:' not in text


def test_a_word_document_holds_no_field_that_a_label_says(evil: BaseCase, tmp_path: Path) -> None:
    path = write_report(evil, tmp_path / "evil.docx", kind="docx")
    with zipfile.ZipFile(path) as archive:
        text = archive.read("word/document.xml").decode()
        told = [e.text or "" for e in ElementTree.fromstring(text).iter() if e.tag.endswith("}instrText")]
    assert not [words for words in told if "cmd" in words or "127.0.0.1" in words]
    assert "cmd|" in text


def test_a_new_workbook_gives_back_every_text_as_it_was(tmp_path: Path) -> None:
    _, sheets = read_sources(sources_folder() / "calgb_100104")
    words = [text for text in EVIL if text == text.strip()]
    costs = [{**row, "comment": RawCell(words[i % len(words)], "")} for i, row in enumerate(sheets.rows[Sheet.COSTS])]
    labels = [{**row, "label": RawCell(words[i], "")} for i, row in enumerate(sheets.rows[Sheet.STRATEGIES])]
    rows = {**sheets.rows, Sheet.COSTS: tuple(costs), Sheet.STRATEGIES: tuple(labels)}
    write_workbook(tmp_path / "new.xlsx", CoverText("=1+1", "=2+2", ("http://127.0.0.1/",)), replace(sheets, rows=rows))
    assert not [text for text in formulas_and_links(tmp_path / "new.xlsx") if "cmd" in text or "127.0.0.1" in text]
    found = read_inputs(tmp_path / "new.xlsx")
    assert found.title == "=1+1"
    assert [s.label for s in found.strategies] == words[: len(found.strategies)]
    comments = [found.parameters[row["id"].text()].comment for row in costs]
    assert comments == [row["comment"].text() for row in costs]


# Places that cannot be written ----------------------------------------------------------------------------------------


def _full(file: Path) -> None:
    file.write_text("half of the")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = write_whole(tmp_path / "a.xlsx", lambda file: file.write_text("old"))
    with pytest.raises(ReportError, match=r"a\.xlsx: cannot be written \(No space left on device\)\. Free some space"):
        write_whole(target, _full)
    assert target.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.xlsx"]


LIMITED = """
import resource, signal, sys
from markov import base_case, read_inputs
from markov.cli import main
from markov.inputs.writing.template import shipped
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
main(["run", str(shipped("calgb_100104")), "--base-only", "--no-live", "--out", sys.argv[1], *sys.argv[2:]])
"""


@pytest.mark.parametrize("kind", ["xlsx", "docx"])
def test_a_disk_on_which_no_file_can_grow_is_told_and_left_clean(kind: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path / f"a.{kind}"), "--format", kind]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith(f"{tmp_path / 'a'}.{kind}: cannot be written (File too large)")
    assert done.stderr.count("\n") == 1, "one sentence"
    assert not list(tmp_path.iterdir())


PLACES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a folder": (lambda folder: folder, "it is a folder"),
    "a device": (lambda folder: Path("/dev/null"), "it is a device or a pipe"),
    "below a file": (
        lambda folder: write_whole(folder / "file", lambda f: f.write_text("x")) / "a.xlsx",
        "Choose another folder",
    ),
    "a name that is too long": (lambda folder: folder / f"{'x' * 300}.xlsx", "Choose a shorter name"),
    "a name with a NUL": (lambda folder: folder / "a\0b.xlsx", "null byte"),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_place_that_takes_no_file_is_told_before_anything_is_written(name: str, tmp_path: Path) -> None:
    make, words = PLACES[name]
    target = make(tmp_path)
    with pytest.raises(ReportError, match="cannot be written") as caught:
        write_whole(target, lambda file: file.write_text("never"))
    assert words in str(caught.value)
    assert Path("/dev/null").is_char_device()


def test_a_folder_without_the_right_to_write_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(ReportError, match=r"cannot be written \(Permission denied\)\. Choose another folder"):
        check_place(tmp_path / "a.xlsx")


def test_new_names_a_place_that_cannot_be_written_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SystemExit) as left:
        main(["new", str(tmp_path / "file" / "a.xlsx")])
    assert left.value.code == 3
    assert capsys.readouterr().err.count("cannot be written") == 1


def test_json_into_a_device_is_refused_and_the_device_is_still_there(capsys: pytest.CaptureFixture[str]) -> None:
    from markov.cli.shared import write_text

    with pytest.raises(ReportError, match="device or a pipe"):
        write_text("/dev/null", "{}")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    "command", [["psa", "--runs", "100"], ["run", "--base-only"], ["run", "--base-only", "--json"]]
)
def test_no_command_writes_over_the_workbook_it_reads(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    book = Path(shutil.copy(shipped("calgb_100104"), tmp_path / "my.xlsx"))
    name, *options = command
    with pytest.raises(SystemExit) as left:
        main(
            [name, "my.xlsx", *options, "./my.xlsx"]
            if "--json" in options
            else [*command, "--out", "my.xlsx", "my.xlsx"]
        )
    assert left.value.code == 3
    assert "choose another name" in capsys.readouterr().err
    assert book.read_bytes() == shipped("calgb_100104").read_bytes()


def test_a_file_that_is_replaced_keeps_its_rights(tmp_path: Path) -> None:
    target = write_whole(tmp_path / "a.txt", lambda file: file.write_text("one"))
    assert target.stat().st_mode & 0o777 == 0o666 & ~_umask()
    target.chmod(0o640)
    write_whole(target, lambda file: file.write_text("two"))
    assert target.stat().st_mode & 0o777 == 0o640


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


# Kills ----------------------------------------------------------------------------------------------------------------

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@forks
def test_a_killed_writer_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    found = kill_many(6, 7, tmp_path)
    assert found["kills"] == 6
    assert found["whole"] + found["absent"] == 30


def test_what_a_killed_writer_left_is_removed_later_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    left, held = tmp_path / f".a.txt.0000{PART}", tmp_path / f".a.txt.1111{PART}"
    for file in (left, held):
        file.write_text("half")
        os.utime(file, (time.time() - 2 * ABANDONED_AFTER,) * 2)
    fcntl = pytest.importorskip("fcntl")
    with held.open("r+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        write_whole(tmp_path / "a.txt", lambda file: file.write_text("whole"))
        assert sorted(file.name for file in tmp_path.iterdir()) == [held.name, "a.txt"]


# Fuzzing --------------------------------------------------------------------------------------------------------------

TINY = 5e-324  # the smallest number above 0
LEN = "lenalidomide"
FOUND: dict[str, tuple[str, dict[tuple[str, str], float]]] = {
    "a cycle of a billionth of a day": ("calgb_100104", {("settings.cycle_days", "value"): 1e-9}),
    "a cycle of the smallest number": ("calgb_100104", {("settings.cycle_days", "value"): TINY}),
    "everybody stops for toxicity": ("calgb_100104", {(f"toxicity.proportion.{LEN}", "value"): 1.0}),
    "nobody who has stopped progresses": (
        "myeloma_ix",
        {("toxicity.progression_ratio.thalidomide", "value"): 0.0, ("pfs.p.no_maintenance", "value"): 365.25},
    ),
    "a median of the smallest number": ("post_transplant_uk", {("pfs.median.no_maintenance", "value"): TINY}),
    "a time ratio of the smallest number": ("post_transplant_uk", {(f"pfs.time_ratio.{LEN}", "value"): TINY}),
    "a median of almost nothing": ("myeloma_ix", {("os.median.no_maintenance", "value"): 1e-300}),
    "a strength of the smallest number": ("calgb_100104", {(f"product.strength.{LEN}_10mg", "value"): TINY}),
    "a pack of the smallest number": ("calgb_100104", {(f"product.units_per_pack.{LEN}_10mg", "value"): TINY}),
    "a dispensing interval of the smallest number": (
        "calgb_100104",
        {(f"dose.interval.{LEN}_10mg.{LEN}", "value"): 1e-300},
    ),
    "a period of the smallest number": ("calgb_100104", {(f"toxicity.period.{LEN}", "value"): TINY}),
    "a dose of the smallest number": ("hovon65", {("dose.amount.bortezomib_3500mcg.bortezomib", "value"): TINY}),
    "vials of the smallest strength": ("hovon65", {("product.strength.bortezomib_3500mcg", "value"): 1e-300}),
    "a standard error of the smallest number": ("calgb_100104", {("utility.maintenance", "se"): TINY}),
}
"""What failed once: a workbook, and the cells that were changed."""


@pytest.mark.parametrize("name", FOUND)
def test_what_the_fuzzer_once_found_is_refused_at_its_cell_or_run(name: str) -> None:
    workbook, changes = FOUND[name]
    book = good_book(workbook)
    places = [book.put(identifier, value, header) for (identifier, header), value in changes.items()]
    try:
        inputs = book.read()
    except InputError as error:
        assert {problem.place for problem in error.problems if not problem.warning} <= set(places)
    else:
        outcomes = oracle.run(inputs)
        assert np.isfinite([outcomes.cost, outcomes.qaly, outcomes.life_year]).all()


def test_a_part_in_an_encoding_that_is_none_is_damage(tmp_path: Path) -> None:
    changed("xl/workbook.xml", b'encoding="UTF-8"', b'encoding="UTF-z"')(tmp_path / "a.xlsx")
    with pytest.raises(InputError, match="is damaged and cannot be read"):
        read_inputs(tmp_path / "a.xlsx")


@pytest.mark.parametrize("start", range(0, 250, 50))
def test_mutated_workbooks_are_refused_with_places_or_run_to_sound_results(start: int) -> None:
    block = run_block((20_261_126, start, start + 50))
    assert block["failures"] == []
    assert sum(block["counts"].values()) == 50


def test_a_case_of_the_fuzzer_can_be_run_again() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--seed", "1", "--case", "285"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert "settings.cycle_days must be at least 1" in done.stdout


def test_the_fuzzer_notices_what_must_not_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = range(40)
    monkeypatch.setattr(oracle, "_equal", lambda *_: (_ for _ in ()).throw(oracle.FailureError("not the base")))
    assert any(failure["error"].endswith("not the base") for failure in run_block((1, 0, len(numbers)))["failures"])
    with pytest.raises(oracle.FailureError, match="took more than"), oracle.in_time(0.01):
        while True:
            json.dumps("x")
