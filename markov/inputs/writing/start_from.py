"""A workbook to start from: blank, or a worked one with the strategies that are wanted."""

from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from markov.inputs.cells import EMPTY, RawCell, Row, Sheets
from markov.inputs.definitions.schema import PARAMETER_SHEETS, Sheet, match
from markov.inputs.problems import InputError, Problem
from markov.inputs.writing.template import blank_sheets
from markov.terms import Status

MOST = 20  # strategies that a number may ask for
OF_A_TRIAL = "follow_up."  # patients of a trial's arm, which a new strategy has none of


@dataclass(frozen=True)
class Start:
    """The tables to start from, and what was left out of the worked ones or is still to be filled, in words."""

    sheets: Sheets
    remarks: tuple[str, ...]


def strategy_ids(text: str) -> tuple[str, ...]:
    """Ids from a list with commas, or as many as a number says: the reference, then one for each maintenance.

    >>> strategy_ids("3"), strategy_ids("observation, new_drug")
    (('no_maintenance', 'maintenance_1', 'maintenance_2'), ('observation', 'new_drug'))
    """
    if text.strip().isdecimal() and 2 <= int(text) <= MOST:
        return ("no_maintenance", *(f"maintenance_{i}" for i in range(1, int(text))))
    return tuple(name.partition("=")[0].strip() for name in text.split(","))


def parents(text: str) -> dict[str, str]:
    """Strategies that a list makes like another one: new=known.

    >>> parents("no_maintenance, lenalidomide, two_years=lenalidomide")
    {'two_years': 'lenalidomide'}
    """
    pairs = (name.partition("=") for name in text.split(","))
    return {new.strip(): known.strip() for new, sign, known in pairs if sign}


def chosen(worked: Sheets, strategies: Sequence[str], like: Mapping[str, str] = MappingProxyType({})) -> Start:
    """A worked problem with these strategies, in their order.

    Rows, scenarios and trial results of the others are left out; a strategy that the worked problem does not have
    gets copies of the rows of the one that it is `like`, marked as assumptions, else the empty rows of a blank
    workbook. Raises InputError where one left out is the reference of another, or where there is none to be like.
    """
    known = {row["id"].text(): row for row in worked.rows[Sheet.STRATEGIES]}
    _refuse_unknown(like, known, worked.name)
    new = [name for name in strategies if name not in known]
    empty = [name for name in new if name not in like]
    gone = [name for name in known if name not in strategies]
    rows = {sheet: list(table) for sheet, table in worked.rows.items()}
    for sheet in PARAMETER_SHEETS:
        rows[sheet] = [row for row in rows.get(sheet, []) if _strategy_of(row) not in gone]
    _refuse_what_others_rest_on(rows, gone, worked.name)
    blank = blank_sheets(strategies)
    for sheet in (*PARAMETER_SHEETS, Sheet.STRATEGIES):
        added = [row for row in blank.rows.get(sheet, ()) if (_strategy_of(row) or row["id"].text()) in empty]
        rows[sheet] += [_in_currency(row, _currency(worked)) for row in added]
        for name, parent in like.items():
            mine = [row for row in worked.rows.get(sheet, ()) if _owner(row) == parent]
            rows[sheet] += [_like(row, name) for row in mine if not row["id"].text().startswith(OF_A_TRIAL)]
    order = {name: i for i, name in enumerate(strategies)}
    listed = [row for row in rows[Sheet.STRATEGIES] if row["id"].text() in order]
    rows[Sheet.STRATEGIES] = [_included(row) for row in sorted(listed, key=lambda row: order[row["id"].text()])]
    for sheet in (Sheet.TRIAL_RESULTS, Sheet.CURVE_POINTS, Sheet.CURVE_CHOICE):
        rows[sheet] = [row for row in rows.get(sheet, []) if row["strategy"].text() not in gone]
    dropped = _scenarios(rows, gone)
    idle = _idle(rows)
    _without_lonely_groups(rows)
    remarks = (
        *(f"{name}: its rows are empty and wait for values" for name in empty),
        *(f"{name}: as {parent}, every figure an assumption; change what differs" for name, parent in like.items()),
        *([f"{len(dropped)} scenarios that name a strategy left out: {', '.join(dropped)}"] if dropped else ()),
        *(f"rows of {name}, which no strategy uses" for name in idle),
    )
    return Start(replace(worked, rows={sheet: tuple(table) for sheet, table in rows.items()}), remarks)


def _refuse_unknown(like: Mapping[str, str], known: Container[str], name: str) -> None:
    for new, parent in like.items():
        if parent not in known or new in known:
            rule = f"{new}={parent} asks for a new strategy like a known one"
            raise InputError(
                [Problem(name, rule, remedy="Write NEW=KNOWN, with an id that is there on the right only.")]
            )


def _like(row: Row, name: str) -> Row:
    """A row of another strategy as that of a new one; a figure that was read for the other is assumed for this."""
    owner = _owner(row)
    identifier = row["id"].text()
    copy = {**row, "id": RawCell(f"{identifier.removesuffix(owner)}{name}", "copied"), "label": RawCell(None, "copied")}
    if identifier == owner:
        told = row["label"].text() or owner
        return {
            **copy,
            "label": RawCell(name.replace("_", " ").capitalize(), "copied"),
            "description": RawCell(f"As {told.lower()}: say what differs.", "copied"),
        }
    if row.get("status", EMPTY).text():
        copy["status"] = RawCell(Status.ASSUMPTION.value, "copied")
    return {**copy, "comment": RawCell(f"Assumed as for {owner}.", "copied")}


def _owner(row: Row) -> str:
    """The strategy that a row is about; on the sheet of strategies, its id."""
    identifier = row["id"].text()
    return _strategy_of(row) if "." in identifier else identifier


def _strategy_of(row: Row) -> str:
    found = match(row["id"].text())
    return found[1].get("strategy", "") if found else ""


def _currency(sheets: Sheets) -> str:
    told = (row["value"].text() for row in sheets.rows[Sheet.SETTINGS] if row["id"].text() == "settings.currency")
    return next(told, "") or "GBP"


def _in_currency(row: Row, currency: str) -> Row:
    if "unit" not in row:
        return row
    return {**row, "unit": RawCell(row["unit"].text().replace("GBP", currency) or None, "blank")}


def _included(row: Row) -> Row:
    """A strategy that was asked for is compared, also where the worked problem keeps it for scenarios."""
    return {**row, "included": RawCell("yes", "chosen"), "base case": RawCell("yes", "chosen")}


def _scenarios(rows: dict[Sheet, list[Row]], gone: Sequence[str]) -> list[str]:
    """Take away whole scenarios that name a strategy which is gone, and correlations of its parameters."""
    table = rows.get(Sheet.SCENARIOS, [])
    names = dict.fromkeys(
        row["scenario"].text() for row in table if _strategy_of(row) in gone or row["value"].text() in gone
    )
    rows[Sheet.SCENARIOS] = [row for row in table if row["scenario"].text() not in names]
    ids = {row["id"].text() for sheet in PARAMETER_SHEETS for row in rows[sheet]}
    pairs = rows.get(Sheet.CORRELATIONS, [])
    rows[Sheet.CORRELATIONS] = [row for row in pairs if {row["first"].text(), row["second"].text()} <= ids]
    return list(names)


def _refuse_what_others_rest_on(rows: dict[Sheet, list[Row]], gone: Sequence[str], name: str) -> None:
    """A ratio is read against its reference: without that strategy the others' curves would mean something else."""
    for row in (*rows[Sheet.SETTINGS], *rows[Sheet.SURVIVAL]):
        identifier, value = row["id"].text(), row["value"].text()
        if value in gone and (identifier == "settings.reference" or ".reference." in identifier):
            rule = f"{value} is named by {identifier}, and cannot be left out"
            raise InputError([Problem(name, rule, remedy=f"Add {value} to the strategies.")])


def _without_lonely_groups(rows: dict[Sheet, list[Row]]) -> None:
    """Clear groups of which one member is left."""
    groups = Counter(row["group"].text() for sheet in PARAMETER_SHEETS for row in rows[sheet] if "group" in row)
    for sheet in PARAMETER_SHEETS:
        for i, row in enumerate(rows[sheet]):
            if "group" in row and row["group"].text() and groups[row["group"].text()] == 1:
                rows[sheet][i] = {**row, "group": RawCell(None, "chosen")}


def _idle(rows: dict[Sheet, list[Row]]) -> list[str]:
    """Take away products, events and courses that only strategies which are gone use."""
    uses = {"product": "dose.amount.", "event": "adverse_event.proportion.", "course": "subsequent.share."}
    table = [row for sheet in PARAMETER_SHEETS for row in rows[sheet]]
    scenarios = rows.get(Sheet.SCENARIOS, [])
    ids = [row["id"].text() for row in table]
    given = [row["id"].text() for row in (*table, *scenarios) if row["value"].value != 0]
    idle: dict[str, None] = {}
    for kind, start in uses.items():
        used = {_name(key, kind) for key in given if key.startswith(start)}
        idle |= dict.fromkeys(n for key in ids if (n := _name(key, kind)) and n not in used)
    doses = [row for row in (*table, *scenarios) if row["id"].text().startswith("dose.route.")]
    routes = {row["value"].text() for row in doses}
    idle |= dict.fromkeys(n for key in ids if (n := _name(key, "route")) and n not in routes)
    for sheet in PARAMETER_SHEETS:
        rows[sheet] = [row for row in rows[sheet] if not _any_name(row["id"].text(), idle.__contains__)]
    return list(idle)


def _name(identifier: str, kind: str) -> str:
    found = match(identifier)
    return found[1].get(kind, "") if found else ""


def _any_name(identifier: str, wanted: Callable[[str], bool]) -> bool:
    return any(wanted(name) for kind in ("product", "event", "course", "route") if (name := _name(identifier, kind)))
