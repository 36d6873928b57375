"""Edits that must be told at their cell."""

import datetime

from markov.inputs.definitions.schema import match

from .case import NUMERIC, Case, Edit, definition, is_number

NOT_NUMBERS: tuple[object, ...] = (
    *("0,57", "12 %", "5%", "0.61", "n/a", "about 3", "−5", "1.234,5", "1,890", "GBP 10", "<0.001", "1e5", "½", "٣"),
    *(
        datetime.datetime(2026, 3, 1),
        datetime.time(12, 30),
        True,
        False,
        "#REF!",
        "#DIV/0!",
        "=1/3",
        1e300,
        -1e300,
        10**40,
    ),
)


def break_number(case: Case) -> bool:
    header = case.random.choice(NUMERIC)
    found = case.row(lambda key, fields: definition(key).quantity is not None and fields.get(header) is not None)
    if found is None:
        return False
    case.book.put(found[1], case.random.choice(NOT_NUMBERS), header, found[0])
    case.must_tell(found[1], header, found[0])
    return True


def break_choice(case: Case) -> bool:
    found = case.row(lambda key, fields: bool(definition(key).choices))
    if found is None:
        return False
    junk = case.random.choice(["unknown", "Weibul", 3.0, "=A1", "#N/A", "on/off", "½", True])
    case.book.put(found[1], junk, sheet=found[0])
    case.must_tell(found[1], "value", found[0])
    return True


def break_word(case: Case) -> bool:
    header = case.random.choice(["unit", "distribution", "status"])
    found = case.row(
        lambda key, fields: (
            definition(key).quantity is not None and not definition(key).is_method and is_number(fields, "value")
        )
    )
    if found is None:
        return False
    case.book.put(found[1], case.random.choice(["per fortnight", "lognormal", "?", 7, "rëad"]), header, found[0])
    case.must_tell(found[1], "value", found[0])
    return True


def misspell_id(case: Case) -> bool:
    found = case.row()
    if found is None:
        return False
    sheet, key = found
    cut = case.random.randrange(len(key))
    slips = (
        key[:cut] + key[cut + 1 :],
        key.upper(),
        key.replace("a", "а", 1),
        key.replace(".", " ", 1),
        key[:-3],
        "",
        f"{key}.x",
    )
    slip = case.random.choice(slips)
    matched = match(slip)
    if slip == key or (matched and matched[1].get("strategy", "no_maintenance") in case.book.strategies()):
        return False
    title = sheet
    case.must_tell(key, "id", title)
    case.book.put(key, slip or None, "id", title)
    case.removed.add(key)
    return True


def repeat_row(case: Case) -> bool:
    found = case.row()
    if found is None:
        return False
    title = found[0]
    page = case.book[title]
    _, (row, column) = case.book.find(found[1], "id", title)
    last = page.last_row + 1
    page.cells |= {(last, c): v for (r, c), v in page.cells.items() if r == row}
    case.follow(title, (last, column))
    return True


def add_junk_row(case: Case) -> bool:
    sheet = case.sheet()
    page = case.book[sheet]
    if "id" not in page.columns:
        return False
    row = page.last_row + case.random.randint(1, 5)
    page.cells[row, page.columns["id"]] = case.random.choice(
        ["Total", "pfs", "x.y", "see note 3", 42, "PFS.shape.lenalidomide"]
    )
    page.cells[row, page.columns["value"]] = 1.0
    case.follow(sheet, (row, page.columns["id"]))
    return True


def misspell_header(case: Case) -> bool:
    sheet = case.sheet()
    page = case.book[sheet]
    header = case.random.choice(
        [h for h in ("value", "unit", "se", "low", "high", "distribution", "group") if h in page.columns] or [""]
    )
    if not header or any(mark for mark in page.marks):
        return False
    case.book.rename_header(
        sheet, header, case.random.choice(["my column", header[:-1] + "x", f"{header} (new)", None])
    )
    case.told.append(lambda: f"{case.book.name}, {case.book.renamed.get(sheet, sheet)}")
    case.unsure = True
    return True


def merge_cells(case: Case) -> bool:
    sheet = case.sheet()
    page = case.book[sheet]
    if page.merged or "value" not in page.columns or len(page.rows()) < 3:
        return False
    rows = page.rows()
    row, column = case.random.choice(rows[:-1]), page.columns["value"]
    if page.cells.get((row, column)) is None:
        return False
    page.merged.append((row, column, row + 1, column))
    case.follow(sheet, (row, column))
    case.unsure = True
    return True


def break_life_table(case: Case) -> bool:
    titles = [t for t in case.book.pages if case.book.renamed.get(t, t) in ("Life table", "Population utility")]
    if not titles:
        return False
    title = case.random.choice(titles)
    page = case.book[title]
    rows, columns = page.rows(), page.columns
    row = case.random.choice(rows[30:70])
    kind = case.random.choice(["gap", "twice", "text", "percent", "empty", "reverse"])
    value = page.columns["qx_male" if "qx_male" in columns else "male"]
    if kind == "gap":
        page.shift_rows(row, -1)
    elif kind == "twice":
        page.cells[row, columns["age"]] = page.cells.get((row - 1, columns["age"]), 0)
    elif kind == "reverse":
        ages = [page.cells[r, columns["age"]] for r in rows if (r, columns["age"]) in page.cells]
        for r, age in zip([r for r in rows if (r, columns["age"]) in page.cells], reversed(ages), strict=True):
            page.cells[r, columns["age"]] = age
    else:
        page.cells[row, value] = {"text": "0,01", "percent": 45.0, "empty": None}[kind]
    case.told.append(lambda: f"{case.book.name}, {case.book.renamed.get(title, title)}")
    case.unsure = True
    return True


def rename_sheet(case: Case) -> bool:
    name = case.sheet()
    case.book.pages = {"Old" if key == name else key: page for key, page in case.book.pages.items()}
    case.told = [lambda: case.book.name]
    case.unsure = True
    return True


HARMFUL: tuple[Edit, ...] = (
    break_number,
    break_number,
    break_choice,
    break_word,
    misspell_id,
    repeat_row,
    add_junk_row,
    misspell_header,
    merge_cells,
    break_life_table,
    rename_sheet,
)
