"""A workbook to start from: blank, or a worked one with the strategies that are wanted."""

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from markov.inputs.cells import EMPTY, Row, Sheets, row_of
from markov.inputs.definitions.schema import PARAMETER_SHEETS, USES, Sheet, name_in
from markov.inputs.problems import InputError, Problem
from markov.inputs.writing.template import blank_sheets
from markov.terms import Status

MOST = 20  # strategies that a number may ask for
OF_A_TRIAL = "follow_up."  # patients of a trial's arm, which a new strategy has none of
Rows = dict[Sheet, list[Row]]


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

    >>> from markov.inputs.writing.sources import read_sources, sources_folder
    >>> _, worked = read_sources(sources_folder() / "calgb_100104")
    >>> chosen(worked, ("no_maintenance", "lenalidomide", "new_drug")).remarks[0]
    'new_drug: its rows are empty and wait for values'
    """
    known = [row["id"].text() for row in worked.rows[Sheet.STRATEGIES]]
    _refuse_unknown(like, known, worked.name)
    empty = [name for name in strategies if name not in known and name not in like]
    gone = [name for name in known if name not in strategies]
    rows = {sheet: [row for row in worked.rows.get(sheet, ()) if _owner(row) not in gone] for sheet in Sheet}
    _refuse_what_others_rest_on(rows, gone, worked.name)
    _add_empty(rows, strategies, empty)
    _add_alike(rows, worked, like)
    listed = sorted(rows[Sheet.STRATEGIES], key=lambda row: strategies.index(row["id"].text()))
    rows[Sheet.STRATEGIES] = [{**row, **row_of({"included": "yes", "base case": "yes"}, "chosen")} for row in listed]
    dropped = _scenarios(rows, worked.rows.get(Sheet.SCENARIOS, ()), gone)
    idle = _idle(rows)
    _clear_lonely_groups(rows)
    remarks = (
        *(f"{name}: its rows are empty and wait for values" for name in empty),
        *(f"{name}: as {parent}, every figure an assumption; change what differs" for name, parent in like.items()),
        *([f"{len(dropped)} scenarios that name a strategy left out: {', '.join(dropped)}"] if dropped else ()),
        *(f"rows of {name}, which no strategy uses" for name in idle),
    )
    return Start(replace(worked, rows={sheet: tuple(table) for sheet, table in rows.items()}), remarks)


def _owner(row: Row) -> str:
    """The strategy that a row is about; on the sheet of strategies, its id."""
    if "strategy" in row:
        return row["strategy"].text()
    identifier = row.get("id", EMPTY).text()
    return name_in(identifier, "strategy") if "." in identifier else identifier


def _refuse_unknown(like: Mapping[str, str], known: Container[str], name: str) -> None:
    for new, parent in like.items():
        if parent not in known or new in known:
            rule, remedy = f"{new}={parent} asks for a new strategy like a known one", "Write NEW=KNOWN"
            raise InputError([Problem(name, rule, remedy=f"{remedy}, with an id that is there on the right only.")])


def _refuse_what_others_rest_on(rows: Rows, gone: Sequence[str], name: str) -> None:
    """A ratio is read against its reference: without that strategy the others' curves would mean something else."""
    for row in (*rows[Sheet.SETTINGS], *rows[Sheet.SURVIVAL]):
        identifier, value = row["id"].text(), row["value"].text()
        if value in gone and (identifier == "settings.reference" or ".reference." in identifier):
            rule = f"{value} is named by {identifier}, and cannot be left out"
            raise InputError([Problem(name, rule, remedy=f"Add {value} to the strategies.")])


def _add_empty(rows: Rows, strategies: Sequence[str], empty: Sequence[str]) -> None:
    """Rows of a blank workbook, in the currency of this one."""
    settings = {row["id"].text(): row["value"].text() for row in rows[Sheet.SETTINGS]}
    currency = settings.get("settings.currency") or "GBP"
    for sheet, table in blank_sheets(strategies, currency).rows.items():
        rows[sheet] += [row for row in table if _owner(row) in empty]


def _add_alike(rows: Rows, worked: Sheets, like: Mapping[str, str]) -> None:
    """Rows of other strategies as those of new ones, but for what is of a trial's arm."""
    for sheet in (*PARAMETER_SHEETS, Sheet.STRATEGIES):
        for name, parent in like.items():
            mine = [row for row in worked.rows.get(sheet, ()) if _owner(row) == parent]
            rows[sheet] += [_like(row, name) for row in mine if not row["id"].text().startswith(OF_A_TRIAL)]


def _like(row: Row, name: str) -> Row:
    """A row of another strategy as that of a new one; a figure that was read for the other is assumed for this."""
    identifier, owner = row["id"].text(), _owner(row)
    if identifier == owner:
        described = f"As {(row['label'].text() or owner).lower()}: say what differs."
        new = {"id": name, "label": name.replace("_", " ").capitalize(), "description": described}
    else:
        new = {"id": f"{identifier.removesuffix(owner)}{name}", "comment": f"Assumed as for {owner}."}
        new |= {"status": Status.ASSUMPTION.value} if row.get("status", EMPTY).text() else {}
    return {**row, "label": EMPTY, **row_of(new, "copied")}


def _scenarios(rows: Rows, table: Sequence[Row], gone: Sequence[str]) -> list[str]:
    """Take away whole scenarios that name a strategy which is gone, and correlations of its parameters."""
    names = dict.fromkeys(row["scenario"].text() for row in table if _owner(row) in gone or row["value"].text() in gone)
    rows[Sheet.SCENARIOS] = [row for row in table if row["scenario"].text() not in names]
    ids = {row["id"].text() for sheet in PARAMETER_SHEETS for row in rows[sheet]}
    pairs = rows[Sheet.CORRELATIONS]
    rows[Sheet.CORRELATIONS] = [row for row in pairs if {row["first"].text(), row["second"].text()} <= ids]
    return list(names)


def _idle(rows: Rows) -> list[str]:
    """Take away products, events, courses and routes that only strategies which are gone use."""
    told = [row for sheet in (*PARAMETER_SHEETS, Sheet.SCENARIOS) for row in rows[sheet]]
    given = [row["id"].text() for row in told if row["value"].value != 0]
    used = {kind: {name_in(key, kind) for key in given if key.startswith(start)} for kind, start in USES.items()}
    used["route"] = {row["value"].text() for row in told if row["id"].text().startswith("dose.route.")}
    ids = [row["id"].text() for sheet in PARAMETER_SHEETS for row in rows[sheet]]
    names = ((name_in(key, kind), kind) for kind in used for key in ids)
    idle = dict.fromkeys(name for name, kind in names if name and name not in used[kind])
    for sheet in PARAMETER_SHEETS:
        rows[sheet] = [row for row in rows[sheet] if not any(name_in(row["id"].text(), kind) in idle for kind in used)]
    return list(idle)


def _clear_lonely_groups(rows: Rows) -> None:
    """Clear groups of which one member is left."""
    groups = Counter(row.get("group", EMPTY).text() for sheet in PARAMETER_SHEETS for row in rows[sheet])
    for sheet in PARAMETER_SHEETS:
        rows[sheet] = [
            {**row, "group": EMPTY} if groups[row.get("group", EMPTY).text()] == 1 else row for row in rows[sheet]
        ]
