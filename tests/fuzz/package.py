"""Mutations of a workbook's file: its bytes, its parts, elements, attributes, values and defined names."""

import io
import random
import re
import struct
import zipfile
from collections.abc import Callable

Parts = dict[str, bytes]
Mutation = Callable[[Parts, random.Random], object]

JUNK = (
    b"",
    b"-1",
    b"0",
    b"A0",
    b"999999999",
    b"nan",
    b"1e999",
    b"\xc3\xa9",
    b"XFE1",
    b"A1048577",
    b"true",
    b"s",
    b"n",
    b"e",
)
VALUES = (
    b"",
    b"1e999",
    b"-1e999",
    b"nan",
    b"1_000",
    b"0x10",
    b"\xd9\xa3",
    b" 1 ",
    b"1,5",
    b"9" * 400,
    b"1e-400",
    b"-0",
    b"1.0.0",
)
ATTRIBUTE = re.compile(rb' [\w:]+="[^"]*"')
ELEMENT = re.compile(rb"<(\w+)(?: [^<>]*)?(?:/>|>[^<>]*</\1>)")
VALUE = re.compile(rb"<v>([^<]*)</v>")
ENTITY = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b SYSTEM "file:///etc/passwd">]>'


def _part(parts: Parts, chance: random.Random) -> str:
    """A part at random; sheets and what they share more often."""
    names = list(parts)
    read = [n for n in names if "worksheets/sheet" in n or n.endswith(("workbook.xml", "Strings.xml", "styles.xml"))]
    return chance.choice(read if read and chance.random() < 0.7 else names)


def _in_part(pattern: "re.Pattern[bytes]", make: Callable[["re.Match[bytes]", random.Random], bytes]) -> Mutation:
    def mutation(parts: Parts, chance: random.Random) -> None:
        name = _part(parts, chance)
        start = chance.randrange(max(len(parts[name]), 1))
        found = pattern.search(parts[name], start) or pattern.search(parts[name])
        if found:
            parts[name] = parts[name][: found.start()] + make(found, chance) + parts[name][found.end() :]

    return mutation


def _new_attribute(found: "re.Match[bytes]", chance: random.Random) -> bytes:
    return found[0].partition(b"=")[0] + b'="' + chance.choice(JUNK) + b'"'


MUTATIONS: dict[str, Mutation] = {
    "change_attribute": _in_part(ATTRIBUTE, _new_attribute),
    "drop_attribute": _in_part(ATTRIBUTE, lambda found, chance: b""),
    "repeat_attribute": _in_part(ATTRIBUTE, lambda found, chance: found[0] * 2),
    "drop_element": _in_part(ELEMENT, lambda found, chance: b""),
    "repeat_element": _in_part(ELEMENT, lambda found, chance: found[0] * chance.choice([2, 3000])),
    "change_value": _in_part(VALUE, lambda found, chance: b"<v>" + chance.choice(VALUES) + b"</v>"),
    "formula": _in_part(
        VALUE, lambda found, chance: b"<f>" + chance.choice([b"1+", b"[1]S!A1", b"A1"]) + b"</f>" + found[0]
    ),
}


def truncate(parts: Parts, chance: random.Random) -> None:
    name = _part(parts, chance)
    parts[name] = parts[name][: chance.randrange(len(parts[name]) + 1)]


def corrupt(parts: Parts, chance: random.Random) -> None:
    name = _part(parts, chance)
    content = bytearray(parts[name])
    for _ in range(chance.choice([1, 1, 20]) if content else 0):
        content[chance.randrange(len(content))] = chance.randrange(256)
    parts[name] = bytes(content)


def swap(parts: Parts, chance: random.Random) -> None:
    one, other = _part(parts, chance), _part(parts, chance)
    parts[one], parts[other] = parts[other], parts[one]


def drop(parts: Parts, chance: random.Random) -> None:
    del parts[_part(parts, chance)]


def entities(parts: Parts, chance: random.Random) -> None:
    name = _part(parts, chance)
    head, end, rest = parts[name].partition(b"?>")
    parts[name] = head + end + ENTITY + rest if end else ENTITY + head


def names(parts: Parts, chance: random.Random) -> None:
    """Defined names that lead nowhere."""
    book = parts.get("xl/workbook.xml", b"")
    junk = b"".join(b'<definedName name="n%d">#REF!</definedName>' % i for i in range(chance.choice([1, 500])))
    parts["xl/workbook.xml"] = book.replace(b"<definedNames>", b"<definedNames>" + junk, 1)


def no_names(parts: Parts, chance: random.Random) -> None:
    parts["xl/workbook.xml"] = re.sub(
        rb"<definedNames>.*</definedNames>", b"", parts.get("xl/workbook.xml", b""), flags=re.S
    )


def restyle(parts: Parts, chance: random.Random) -> None:
    """Another style for each cell of a sheet: a number may become a date."""
    name = _part(parts, chance)
    style = b' s="%d"' % chance.randrange(12)
    parts[name] = re.sub(rb' s="\d+"', style, parts[name])


MUTATIONS |= {f.__name__: f for f in (truncate, corrupt, swap, drop, entities, names, no_names, restyle)}
HARMLESS = ("names", "no_names")


def mutate(original: Parts, chance: random.Random) -> tuple[bytes, list[str]]:
    """A file after one to three mutations of its parts, now and then of its bytes too; and what was done."""
    parts, log = dict(original), chance.choices(list(MUTATIONS), k=chance.choice([1, 1, 2, 3]))
    for name in log:
        if parts:
            MUTATIONS[name](parts, chance)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    content = stream.getvalue()
    if chance.random() < 0.1:
        content, kind = _bytes(bytearray(content), chance)
        log.append(kind)
    return content, log


def _bytes(content: bytearray, chance: random.Random) -> tuple[bytes, str]:
    """The file cut, with bytes changed, or with another size declared for one of its parts."""
    kind = chance.choice(["cut_file", "corrupt_file", "false_size"])
    if kind == "cut_file":
        return bytes(content[: chance.randrange(len(content))]), kind
    if kind == "corrupt_file":
        for _ in range(20):
            content[chance.randrange(len(content))] = chance.randrange(256)
        return bytes(content), kind
    entries = [m.start() for m in re.finditer(b"PK\x01\x02", bytes(content))]
    struct.pack_into("<L", content, chance.choice(entries) + 24, chance.choice([0, 1, 10**6, 2**32 - 2]))
    return bytes(content), kind
