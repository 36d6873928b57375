"""The hostile files: how each is made, whether it is read, and the words that are said of it."""

import io
import os
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from markov.inputs.writing.template import shipped

Parts = dict[str, bytes]
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
COSTS = "xl/worksheets/sheet6.xml"
BOOK, STYLES, TEXTS = "xl/workbook.xml", "xl/styles.xml", "xl/sharedStrings.xml"
LAUGHS = '<!DOCTYPE x [<!ENTITY a0 "ha">{}]>'.format(
    "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 11))
)


@dataclass(frozen=True)
class Hostile:
    """A file, and what is said of it; without words it is read as if nothing were wrong."""

    make: Callable[[Path], object]
    words: tuple[str, ...] = ()
    warning: str = ""


@lru_cache
def _good() -> Parts:
    with zipfile.ZipFile(shipped("calgb_100104")) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sheet_part(name: str) -> str:
    """The part in which a sheet of the good workbook stands."""
    titles = [line.partition(b'"')[0].decode() for line in _good()[BOOK].split(b'<sheet name="')[1:]]
    return f"xl/worksheets/sheet{titles.index(name) + 1}.xml"


def write(path: Path, parts: Parts, more: tuple[tuple[str, bytes], ...] = ()) -> None:
    """A compressed archive of these parts; `more` may repeat a name."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in (*parts.items(), *more):
            archive.writestr(name, content)


def changed(part: str, before: bytes, after: bytes) -> Callable[[Path], None]:
    """The good workbook with the first occurrence of some bytes of one part replaced."""

    def make(path: Path) -> None:
        parts = dict(_good())
        assert before in parts[part], (part, before)
        write(path, {**parts, part: parts[part].replace(before, after, 1)})

    return make


def added(name: str, content: Callable[[], bytes]) -> Callable[[Path], None]:
    """The good workbook with one more part."""
    return lambda path: write(path, {**_good(), name: content()})


def with_rows(sheet: str, rows: Callable[[], bytes]) -> Callable[[Path], None]:
    """The good workbook with more rows at the end of a sheet."""
    return lambda path: changed(sheet_part(sheet), b"</sheetData>", rows() + b"</sheetData>")(path)


def doctype(part: str, declaration: str, reference: str = "&a10;", encoding: str = "utf-8") -> Callable[[Path], None]:
    """The good workbook with a document type before a part's first element, and a reference to one of its entities."""

    def make(path: Path) -> None:
        parts = dict(_good())
        text = parts[part].decode().partition("?>")[2].strip()
        start, end, rest = text.partition(">")
        xml = f'<?xml version="1.0" encoding="{encoding}"?>{declaration}{start}{end}{reference}{rest}'
        write(path, {**parts, part: xml.encode(encoding)})

    return make


def bytes_of(number: int, pattern: str) -> bytes:
    """Many pieces of XML in a row, numbered."""
    return "".join(pattern.format(i) for i in range(1000, 1000 + number)).encode()


def _false_size(path: Path) -> None:
    """A part of 50 MB that says it has 100 bytes."""
    write(path, {**_good(), "xl/worksheets/sheet1.xml": b"<a>" + bytes(50_000_000)})
    content = bytearray(path.read_bytes())
    for mark, offset, name in ((b"PK\x01\x02", 24, 46), (b"PK\x03\x04", 22, 30)):
        at = -1
        while (at := content.find(mark, at + 1)) >= 0:
            if content[at + name : at + name + 24] == b"xl/worksheets/sheet1.xml":
                struct.pack_into("<L", content, at + offset, 100)
    path.write_bytes(content)


def _nested() -> bytes:
    """An archive of an archive of an archive, of 4 GB in all."""
    content = bytes(4_000_000)
    for copies in (10, 10, 10):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for i in range(copies):
                archive.writestr(f"{i}.zip", content)
        content = stream.getvalue()
    return content


def _sheets(number: int) -> Iterator[str]:
    return (f'<sheet name="extra {i}" sheetId="{i + 100}" r:id="rId1"/>' for i in range(number))


def _encrypted_part(path: Path) -> None:
    write(path, _good())
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = content.find(mark)
        struct.pack_into("<H", content, at + offset, 1)
    path.write_bytes(content)


def _strict(path: Path) -> None:
    parts = {
        name: part.replace(MAIN.encode(), b"http://purl.oclc.org/ooxml/spreadsheetml/main")
        for name, part in _good().items()
    }
    write(path, parts)


def _formula(text: str) -> Callable[[Path], None]:
    """A formula behind the cost of death, whose value is kept beside it."""
    return changed(sheet_part("Costs"), b"<v>8714</v>", f"<f>{text}</f><v>8714</v>".encode())


ELSEWHERE = "from another file or program"
DAMAGED, ENTITIES = "is damaged and cannot be read", "declares entities"
MB = 1_000_000

FILES: dict[str, Hostile] = {
    "a part of 300 MB in 300 kB": Hostile(
        added("xl/media/a.bin", lambda: bytes(300 * MB)), ("unfolds to more than 256 MB", "300 kB")
    ),
    "30 parts of 10 MB": Hostile(
        lambda path: write(path, _good() | {f"xl/media/{i}.bin": bytes(10 * MB) for i in range(30)}),
        ("unfolds to more than 256 MB",),
    ),
    "6,000 parts": Hostile(
        lambda path: write(path, _good() | {f"xl/media/{i}.bin": b"" for i in range(6000)}), ("more than 5,000 parts",)
    ),
    "archives within archives, 4 GB in all": Hostile(added("xl/media/a.zip", _nested)),
    "a part that says it is small": Hostile(_false_size, (DAMAGED,)),
    "two parts of one name": Hostile(lambda path: _two_parts(path), ("two parts of one name", "Open it in Excel")),
    "a part with a password": Hostile(_encrypted_part, (DAMAGED, "encrypted")),
    "part names that climb out of the folder": Hostile(
        lambda path: write(path, _good() | {"../../evil.txt": b"x", "/tmp/evil.txt": b"x", "..\\evil.txt": b"x"})
    ),
    "entities that grow tenfold ten times, in a sheet": Hostile(
        doctype(sheet_part("Costs"), LAUGHS), (ENTITIES, "Do not trust")
    ),
    "the same in the shared texts": Hostile(doctype(TEXTS, LAUGHS), (ENTITIES, TEXTS)),
    "the same in the styles": Hostile(doctype(STYLES, LAUGHS), (ENTITIES, STYLES)),
    "the same in the workbook's own part": Hostile(doctype(BOOK, LAUGHS), (ENTITIES, BOOK)),
    "the same in UTF-16": Hostile(doctype(TEXTS, LAUGHS, encoding="utf-16"), (ENTITIES,)),
    "the same behind a comment of 100 kB": Hostile(doctype(TEXTS, f"<!--{'x' * 100_000}-->{LAUGHS}"), (ENTITIES,)),
    "one long entity a thousand times": Hostile(
        doctype(TEXTS, f'<!DOCTYPE x [<!ENTITY a "{"x" * 50_000}">]>', "&a;" * 1000), (ENTITIES,)
    ),
    "an entity that is a file of this machine": Hostile(
        doctype(TEXTS, '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>', "&a;"), (ENTITIES,)
    ),
    "a document type from the network": Hostile(
        doctype(BOOK, '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">', ""), (ENTITIES,)
    ),
    "a million blank rows with a format": Hostile(
        with_rows("Costs", lambda: bytes_of(1_000_000, '<row r="{0}" s="1" customFormat="1"><c r="A{0}" s="1"/></row>'))
    ),
    "6,000,000 blank cells": Hostile(
        with_rows("Costs", lambda: b'<row r="2000">' + b"<c/>" * 6_000_000 + b"</row>"),
        ("is too large", "5,000,000 elements", "Delete"),
    ),
    "600,000 filled cells in a table": Hostile(
        with_rows("Costs", lambda: bytes_of(600_000, '<row r="{0}"><c r="Z{0}"><v>1</v></c></row>')),
        ("is too large", "500,000 filled cells", "Delete"),
    ),
    "a used range of 1,048,576 rows and 16,384 columns": Hostile(
        with_rows("Costs", lambda: b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    ),
    "a cell beyond the last one": Hostile(
        with_rows("Costs", lambda: b'<row r="1048577"><c r="A1048577"><v>1</v></c></row>'), (DAMAGED, "beyond the last")
    ),
    "a cell that is there twice": Hostile(
        changed(sheet_part("Costs"), b"<v>8714</v></c>", b'<v>8714</v></c><c r="C5"><v>1</v></c>'),
        (DAMAGED, "C5 is there twice"),
    ),
    "a number in Arabic digits": Hostile(
        changed(sheet_part("Costs"), b"<v>8714</v>", "<v>٨٧</v>".encode()), (DAMAGED, "as a number")
    ),
    "a text that is not there": Hostile(
        changed(sheet_part("Costs"), b't="s"><v>', b't="s"><v>-'), (DAMAGED, "a text that is not there")
    ),
    "100,000 sheets": Hostile(changed(BOOK, b"</sheets>", "".join(_sheets(100_000)).encode() + b"</sheets>")),
    "two sheets of one name": Hostile(
        changed(BOOK, b"</sheets>", b'<sheet name="Costs" sheetId="99" r:id="rId1"/></sheets>'),
        (DAMAGED, 'two sheets are called "Costs"'),
    ),
    "100,000 defined names": Hostile(
        changed(
            BOOK,
            b"<definedNames>",
            b"<definedNames>" + bytes_of(100_000, '<definedName name="n{}">Costs!$A$1</definedName>'),
        )
    ),
    "500,000 shared texts": Hostile(
        changed(TEXTS, b"</sst>", bytes_of(500_000, "<si><t>text {}</t></si>") + b"</sst>")
    ),
    "elements nested a million deep": Hostile(
        changed(sheet_part("Costs"), b"</sheetData>", b"</sheetData>" + b"<x>" * 1_000_000), (DAMAGED,)
    ),
    "200,000 merged ranges": Hostile(
        changed(
            sheet_part("Costs"),
            b"</sheetData>",
            b"</sheetData><mergeCells>" + bytes_of(200_000, '<mergeCell ref="X{0}:Y{0}"/>') + b"</mergeCells>",
        )
    ),
    "a link to another workbook": Hostile(_formula("[1]Prices!$B$2"), warning=ELSEWHERE),
    "a call of another program (DDE)": Hostile(_formula("cmd|'/C calc'!A0"), warning=ELSEWHERE),
    "a call of the network": Hostile(_formula('WEBSERVICE("http://127.0.0.1:9/")'), warning=ELSEWHERE),
    "Strict Open XML": Hostile(_strict, ("is saved as Strict Open XML", "Excel Workbook (.xlsx)")),
    "a folder": Hostile(lambda path: path.mkdir(), ("is a folder", "Name the workbook in it")),
    "a pipe": Hostile(lambda path: os.mkfifo(path), ("is not a file but a pipe or a device",)),
    "a device": Hostile(lambda path: path.symlink_to("/dev/zero"), ("is not a file but a pipe or a device",)),
    "a file of 150 MB": Hostile(lambda path: _sparse(path), ("is larger than 100 MB", "150 MB")),
}


def _two_parts(path: Path) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of what is done here on purpose
        write(path, _good(), ((COSTS, b"<worksheet/>"),))


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(150 * MB)
