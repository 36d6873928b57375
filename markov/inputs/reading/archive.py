"""A workbook's file, opened with care: what it unfolds to is bounded, and no part of it may declare entities.

An .xlsx file is an archive of XML parts. A few kilobytes of either can unfold to gigabytes, and XML can name other
files to be read; a workbook of this model is about 100 kB and unfolds to 1 MB. Nothing is unpacked to disk, archives
within the archive are not opened, and a part never gives more bytes than it declares.
"""

import io
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING
from xml.parsers import expat

from markov.inputs.problems import InputError, Problem

if TYPE_CHECKING:
    from openpyxl.workbook.workbook import Workbook as OpenpyxlBook

MB = 1_000_000
LARGEST_FILE = 100 * MB
LARGEST_UNFOLDED = 256 * MB
LARGEST_EDITED = 40 * MB
"""Unfolded size up to which a workbook is read whole, formats and notes included, to write a copy of it."""
MOST_PARTS = 5_000
PROLOG = 65_536  # bytes within which the first element of a part begins

OTHER_FORMATS = {
    "xl/workbook.bin": "is a binary workbook (.xlsb)",
    "content.xml": "is an OpenDocument file",
    "word/document.xml": "is a Word document",
    "ppt/presentation.xml": "is a PowerPoint presentation",
}
SLIM = "Delete sheets, pictures and formatted empty rows that it does not need, and save it again."


def content_of(path: Path) -> bytes:
    """The bytes of a workbook that is safe to read; raises InputError for anything else, saying what it is.

    >>> from markov.inputs.writing.template import shipped
    >>> content_of(shipped("calgb_100104"))[:2]
    b'PK'
    """
    _refuse_no_file(path)
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise refusal(path, f"is larger than {LARGEST_FILE // MB} MB", SLIM, f"{size / MB:,.0f} MB")
        content = path.read_bytes()
    except OSError as error:
        words = f"cannot be read ({error.strerror or error})"
        raise refusal(path, words, "Close it elsewhere, or mend its rights.") from error
    if not content:
        raise refusal(path, "is empty", "Save the workbook again.")
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise refusal(path, "is encrypted, or an old .xls", "Save it as .xlsx without a password.")
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise refusal(path, "is not an Excel workbook", "Save it as .xlsx or .xlsm.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _refuse_unsafe(path, archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        if isinstance(error, InputError):
            raise
        raise damaged(path, error) from error
    return content


def whole_book(path: Path) -> "OpenpyxlBook":
    """A workbook with all that is in it, to be copied; raises InputError where it is too large for that, or damaged."""
    import openpyxl

    content = content_of(path)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        unfolded = sum(part.file_size for part in archive.infolist())
    if unfolded > LARGEST_EDITED:
        found = f"{unfolded / MB:,.0f} MB when unfolded"
        raise refusal(path, f"is too large to be copied: more than {LARGEST_EDITED // MB} MB", SLIM, found)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on extensions that openpyxl loses: the copy says so
            return openpyxl.load_workbook(io.BytesIO(content))
    except Exception as error:  # openpyxl raises whatever its parsers raise on a damaged part
        raise damaged(path, error) from error


def refusal(path: Path, rule: str, remedy: str, found: object = None) -> InputError:
    """One problem of the file as a whole."""
    return InputError([Problem(str(path), rule, found, remedy)])


def damaged(path: Path, error: Exception) -> InputError:
    """What is said of a file that a parser stumbles over."""
    words = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    remedy = f"Open it in Excel and save it again ({words})."
    return InputError([Problem(path.name, "is damaged and cannot be read", remedy=remedy)])


def _refuse_no_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise refusal(path, "is a folder", "Name the workbook in it.")
        if not path.exists():
            raise refusal(path, "does not exist", "Check the spelling and the folder.")
        if not path.is_file():
            raise refusal(path, "is not a file but a pipe or a device", "Name an Excel workbook.")
    except OSError as error:  # a name that is too long, a folder that may not be entered
        words = f"cannot be read ({error.strerror or error})"
        raise refusal(path, words, "Check the spelling and the folder.") from error


# ------------------------------------------------------------------------------------------------ what is within


def _refuse_unsafe(path: Path, archive: zipfile.ZipFile) -> None:
    """What the file holds, part by part, before any of it is believed."""
    parts = archive.infolist()
    names = {part.filename for part in parts}
    other = next((words for member, words in OTHER_FORMATS.items() if member in names), None)
    if other:
        raise refusal(path, other, "Save it as .xlsx or .xlsm.")
    if len(parts) > MOST_PARTS:
        raise refusal(path, f"has more than {MOST_PARTS:,} parts", SLIM, f"{len(parts):,} parts")
    if len(names) < len(parts):
        raise refusal(path, "holds two parts of one name", "Open it in Excel and save it again.")
    unfolded = sum(part.file_size for part in parts)
    if unfolded > LARGEST_UNFOLDED:
        found = f"{unfolded / MB:,.0f} MB in a file of {sum(part.compress_size for part in parts) / MB:,.1f} MB"
        raise refusal(path, f"unfolds to more than {LARGEST_UNFOLDED // MB} MB", SLIM, found)
    for part in parts:
        _refuse_part(path, archive, part)


def _refuse_part(path: Path, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    with archive.open(part) as stream:
        start = stream.read(PROLOG)
    if start.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<") and _declares_entities(start):
        rule = f"declares entities in its part {part.filename}, which no spreadsheet program does"
        raise refusal(path, rule, "Do not trust the file; ask its author for one that Excel has saved.")


class _PrologOverError(Exception):
    """The prolog of a part is over."""


def _declares_entities(start: bytes) -> bool:
    """Whether a document type stands before the first element, in whatever encoding; damage is found by readers.

    >>> _declares_entities(b'<!DOCTYPE a [<!ENTITY b "c">]><a/>'), _declares_entities(b"<a/>")
    (True, False)
    """
    found: list[str] = []

    def over(*_: object) -> None:
        raise _PrologOverError

    def declared(name: str, *_: object) -> None:
        found.append(name)
        raise _PrologOverError

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.StartDoctypeDeclHandler = over, declared
    try:
        parser.Parse(start, False)
    except _PrologOverError:
        return bool(found)
    except (expat.ExpatError, LookupError):  # the readers say what is damaged
        return False
    return len(start) == PROLOG  # a prolog that never ends hides what follows
