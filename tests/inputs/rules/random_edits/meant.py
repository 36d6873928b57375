"""Edits that mean something: one field of one row is another, or a row is gone."""

from .case import Case, Edit, definition, is_number


def scale_value(case: Case) -> bool:
    found = case.row(lambda key, fields: is_number(fields, "value"))
    if found is None:
        return False
    sheet, key = found
    scaled = float(str(case.book.get(key, sheet=sheet))) * case.random.choice([0.9, 0.97, 1.02, 1.1])
    value = float(f"{scaled:.15g}")  # openpyxl, with which the files are made, writes 16 digits
    case.book.put(key, value, sheet=sheet)
    case.changes[key, "value"] = value
    return True


def write_remark(case: Case) -> bool:
    found = case.row()
    if found is None:
        return False
    words = case.random.choice(["Ünïcode “quotes” 李 <&>", "x" * 5000, "two\nlines", "'=not a formula", "☃ −1,5 %"])
    case.book.put(found[1], words, "comment", found[0])
    case.changes[found[1], "comment"] = words
    return True


def change_choice(case: Case) -> bool:
    found = case.row(lambda key, fields: key.startswith("settings.") and bool(definition(key).choices))
    if found is None:
        return False
    value = case.random.choice(definition(found[1]).choices)
    case.book.put(found[1], value, sheet=found[0])
    case.changes[found[1], "value"] = value
    return True


def delete_row(case: Case) -> bool:
    found = case.row()
    if found is None:
        return False
    title = found[0]
    _, (row, _) = case.book.find(found[1], "id", title)
    if any(mark[0] == row for mark in case.book[title].marks) or case.book[title].merged:
        return False
    case.book[title].shift_rows(row, -1)
    case.removed.add(found[1])
    return True


def empty_value(case: Case) -> bool:
    """A value that was there is empty: its default is used, and that is told."""
    found = case.row(lambda key, fields: fields.get("base case") not in (None, ""))
    if found is None or case.book.get(found[1], sheet=found[0]) is None:
        return False
    case.book.put(found[1], None, sheet=found[0])
    case.changes[found[1], "value"] = None
    case.must_tell(found[1], "value", found[0])
    return True


MEANT: tuple[Edit, ...] = (scale_value, write_remark, change_choice, delete_row, empty_value)
