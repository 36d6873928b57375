"""The commands on workbooks themselves: markov check, parameters, new, diff, upgrade."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from markov.cli.shared import BAD_INPUT, NOT_WRITTEN, Changes, Workbook, check_new, read, stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markov.inputs.cells import Sheets
    from markov.inputs.comparison import Comparison, Difference, Fields
    from markov.inputs.parameters import Inputs
    from markov.inputs.problems import Problem

MANY = 12  # rows of one table that differ before the rest of them is only counted
FEW = 3
WIDEST = 100  # characters of a text that a line shows


def check(
    workbook: Workbook,
    changes: Changes = None,
    annotate: Annotated[
        bool, typer.Option("--annotate", help="Also write a copy with each problem marked on its cell, and a list.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Name of the marked copy.", show_default="NAME.problems.xlsx beside it"),
    ] = None,
) -> None:
    """Check a workbook without running it: every problem with its cell, the rule and the remedy."""
    from markov.inputs.problems import InputError, raise_errors

    try:
        inputs = read(workbook, changes)
        problems = raise_errors([*inputs.warnings, *_crossings(inputs)])
    except InputError as error:
        if not annotate or not _is_readable(workbook):
            raise
        errors = [str(problem) for problem in error.problems if not problem.warning]
        copy = _annotate(workbook, error.problems, out)
        stop(BAD_INPUT, "\n".join([*errors, f"{len(errors)} problems found.", *copy]))
    for warning in problems:
        print(f"warning: {warning}")
    strategies = ", ".join(inputs.labels[s] for s in inputs.compared)
    scenarios = len({change.scenario for change in inputs.scenarios})
    print(f"{workbook.name} is sound: {len(inputs.parameters)} values, {scenarios} scenarios, strategies {strategies}.")
    if annotate:
        print("\n".join(_annotate(workbook, problems, out)))


def _crossings(inputs: "Inputs") -> "list[Problem]":
    """Where PFS would rise above OS under the policy that forbids it, in the base case and in scenarios."""
    from dataclasses import replace

    from markov.inputs.parameters import with_values
    from markov.inputs.rules.between_values import scenario_changes, scenario_names
    from markov.model.hazards import crossing_problems

    found = crossing_problems(inputs)
    base = replace(inputs, scenarios=())
    for name in scenario_names(inputs):
        row = next(change for change in inputs.scenarios if change.scenario == name)
        told = crossing_problems(with_values(base, scenario_changes(inputs, name)))
        place = f"{inputs.name}, {row.cell}"
        known = {problem.rule for problem in found if problem.place != place}
        found += [replace(p, place=place, rule=f'scenario "{name}": {p.rule}') for p in told if p.rule not in known]
    return found


def _is_readable(workbook: Path) -> bool:
    """Whether there are cells at all on which problems can be marked."""
    from markov.inputs.problems import InputError
    from markov.inputs.reading.file import read_file

    try:
        read_file(workbook)
    except InputError:
        return False
    return True


def _annotate(workbook: Path, problems: "Sequence[Problem]", out: Path | None) -> list[str]:
    """Write the marked copy, and say what it is for; a file that is no marked copy is never replaced."""
    from markov.inputs.writing.annotate import annotate, is_marked_copy

    target = out or workbook.with_name(f"{workbook.stem}.problems.xlsx")
    if target.suffix.lower() != ".xlsx":
        stop(NOT_WRITTEN, f"{target}: a marked copy is an .xlsx file.")
    if target.exists() and not is_marked_copy(target):
        stop(NOT_WRITTEN, f"{target} exists already and is no marked copy: choose another name with --out.")
    cells = annotate(workbook, problems, target)
    return [
        f"Marked copy: {target} ({cells} cells marked, all problems listed on its first sheet).",
        f"It is for finding the cells; mend them in {workbook.name}, which was not touched: the copy may lack "
        "drawings, validations and the values of formulas.",
    ]


def parameters(
    workbook: Workbook,
    search: Annotated[str, typer.Argument(help="Only ids or labels that contain this.", show_default=False)] = "",
) -> None:
    """List a workbook's parameters: id, value, unit, evidence status and cell."""
    inputs = read(workbook, None)
    found = [p for p in inputs.parameters.values() if search.lower() in f"{p.id} {p.label}".lower()]
    width = max((len(p.id) for p in found), default=0)
    for p in found:
        value = f"{p.value:.10g}" if isinstance(p.value, float) else p.value or ""
        print(f"{p.id:<{width}}  {value:>14}  {p.unit:<22}  {p.status:<22}  {p.cell}")
    if not found:
        stop(BAD_INPUT, f'No id or label of {workbook.name} contains "{search}".')


def scenarios(
    workbook: Workbook,
    search: Annotated[str, typer.Argument(help="Only scenarios whose name contains this.", show_default=False)] = "",
) -> None:
    """List a workbook's scenarios: what each changes, from which value to which, and why."""
    inputs = read(workbook, None)
    told: dict[str, list[str]] = {}
    for change in inputs.scenarios:
        if search.lower() in change.scenario.lower():
            lines = told.setdefault(change.scenario, [f"  {change.reason}"] if change.reason else [])
            parameter = inputs.parameters.get(change.id)
            before = "" if parameter is None else _short(parameter.value)
            lines.append(f"    {change.id}: {before or 'none'} → {_short(change.value) or 'none'}")
    for name, lines in told.items():
        print("\n".join([name, *lines]))
    if not told:
        stop(BAD_INPUT, f"No scenario of {workbook.name}{f' contains {search!r}' if search else ''}.")
    print(f"{len(told)} scenarios. markov run {workbook} runs all of them and sets them side by side.")


# ---------------------------------------------------------------------------------------- writing workbooks


def new(
    workbook: Annotated[Path, typer.Argument(help="Workbook to write.", show_default=False)],
    example: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="NAME or FILE", help="Start from a worked decision problem, or from a workbook of yours."
        ),
    ] = None,
    strategies: Annotated[
        str | None,
        typer.Option(
            "--strategies",
            metavar="IDS or NUMBER",
            help="Ids of the strategies, the reference first, or their number. From a worked problem, others are left "
            "out and new ones get empty rows; NEW=KNOWN copies the rows of a known one.",
            show_default="two for a blank workbook, all of a worked one",
        ),
    ] = None,
) -> None:
    """Write a blank workbook, or a copy of a worked one, with the strategies that are wanted."""
    check_new(workbook, "a new workbook")
    if example is not None and example.lower().endswith((".xlsx", ".xlsm")):
        remarks = _from_own(Path(example), workbook, strategies)
    else:
        remarks = _from_worked(example, workbook, strategies)
    for remark in remarks:
        print(f"  {remark}")
    print(f"Wrote {workbook}. Edit it in Excel, then: markov check {workbook}")


def _from_worked(example: str | None, target: Path, strategies: str | None) -> tuple[str, ...]:
    """Write a workbook from a worked problem, or a blank one; and what to say about it."""
    from markov.inputs.writing.sources import read_sources, sources_folder
    from markov.inputs.writing.template import BLANK_COVER, blank_sheets, worked_names
    from markov.inputs.writing.template import write_workbook as write

    if example is not None and example not in worked_names():
        stop(BAD_INPUT, f'There is no worked workbook "{example}". There are: {", ".join(worked_names())}.')
    remarks: tuple[str, ...] = ()
    if example is None:
        cover, sheets = BLANK_COVER, blank_sheets(_wanted(strategies or "no_maintenance,maintenance"))
    else:
        cover, sheets = read_sources(sources_folder() / example)
        sheets, remarks = _with_strategies(sheets, strategies)
    write(target, cover, sheets)
    return remarks


def _from_own(source: Path, target: Path, strategies: str | None) -> tuple[str, ...]:
    """Write a workbook from another of the analyst's, which is not touched; and what was left behind."""
    from markov.inputs.problems import raise_errors
    from markov.inputs.workbook import read_sheets
    from markov.inputs.writing.change_rows import regenerate

    sheets, problems = read_sheets(source)
    raise_errors(problems)
    sheets, remarks = _with_strategies(sheets, strategies)
    left = regenerate(source, sheets, target)
    return (*remarks, *(f"not carried over: {lost}" for lost in left))


def _with_strategies(sheets: "Sheets", strategies: str | None) -> "tuple[Sheets, tuple[str, ...]]":
    from markov.inputs.definitions.schema import Sheet
    from markov.inputs.writing.start_from import chosen, parents

    if strategies is None:
        return sheets, ()
    known = [row["id"].text() for row in sheets.rows[Sheet.STRATEGIES]]
    start = chosen(sheets, _of_worked(strategies, known), parents(strategies))
    return start.sheets, start.remarks


def _wanted(text: str) -> tuple[str, ...]:
    """Ids from a list or a number; or stop."""
    from markov.inputs.definitions.schema import NAME_PATTERN
    from markov.inputs.writing.start_from import MOST, strategy_ids

    names = strategy_ids(text)
    bad = [name for name in names if not NAME_PATTERN.fullmatch(name)]
    if bad or len(set(names)) < len(names):
        rule = f"Strategy ids are different short words of small letters, digits and _, or a number from 2 to {MOST}"
        stop(BAD_INPUT, f"{rule}: {text}")
    return names


def _of_worked(text: str, known: "Sequence[str]") -> tuple[str, ...]:
    """The ids wanted; a number takes that many of the worked problem's, and adds new ones where it has fewer."""
    names = _wanted(text)
    if not text.strip().isdecimal():
        return names
    return (*known, *(f"maintenance_{i}" for i in range(len(known), len(names))))[: len(names)]


def upgrade(
    workbook: Workbook,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Workbook to write.", show_default="NAME.upgraded.xlsx beside it"),
    ] = None,
) -> None:
    """Write a workbook again under the present schema, with all its values, and name what could not come along."""
    from markov.inputs.writing.upgrade import upgrade as write_upgrade

    target = out or workbook.with_name(f"{workbook.stem}.upgraded.xlsx")
    check_new(target, "a new workbook")
    done = write_upgrade(workbook, target)
    print(f"Schema {done.before} to {done.after}: {done.values} values carried over and read back.")
    for lost in done.left:
        print(f"  not carried over: {lost}")
    print(f"New workbook: {target}. {workbook.name} was not touched.")


# ------------------------------------------------------------------------------------------------ comparing


def diff(
    first: Annotated[Path, typer.Argument(help="A workbook, or a report.", show_default=False)],
    second: Annotated[Path, typer.Argument(help="Another one.", show_default=False)],
    every: Annotated[bool, typer.Option("--all", help="List every row, also of long tables.")] = False,
) -> None:
    """Say what differs between two workbooks or reports: by id, both values with their sources and statuses."""
    from markov.inputs.comparison import compare

    found = compare(first, second)
    names = (found.first, found.second) if found.first != found.second else (str(first), str(second))
    told: dict[str, int] = {}
    for difference in found.differences:
        table = difference.name.partition(" · ")[0] if " · " in difference.name else ""
        told[table] = told.get(table, 0) + 1
        if every or not table or told[table] <= FEW or _count(found, table) <= MANY:
            print("\n".join(_told(difference, names)))
    for table, count in told.items():
        if table and not every and count > MANY:
            print(f"{table}: {count - FEW} more rows differ; --all lists them.")
    if found.differences:
        print(f"{len(found.differences)} of {found.compared} rows differ.")
    else:
        print(f"No difference in {found.compared} rows.")


def _count(found: "Comparison", table: str) -> int:
    return sum(difference.name.startswith(f"{table} · ") for difference in found.differences)


def _told(difference: "Difference", names: tuple[str, str]) -> list[str]:
    """A row's name with what differs, and a line for each side."""
    sides = (difference.first, difference.second)
    lines = [f"{difference.name}: {', '.join(difference.fields) or 'in one of them only'}"]
    width = max(map(len, names))
    for name, side in zip(names, sides, strict=True):
        lines.append(f"  {name:<{width}}  {'not there' if side is None else _line(side, difference.fields)}")
    return lines


def _line(row: "Fields", differing: "Sequence[str]") -> str:
    """The value with its unit, what else differs, and always source and status."""
    value = " ".join(_short(row.get(key)) for key in ("value", "unit") if _short(row.get(key)))
    shown = [key for key in (differing or row) if key not in ("value", "unit", "source", "status")]
    parts = [value or ("empty" if "value" in row else "")]
    parts += [f"{key} {_short(row.get(key)) or 'empty'}" for key in shown if differing or _short(row.get(key))]
    parts += [f"{key}: {_short(row.get(key))}" for key in ("status", "source") if _short(row.get(key))]
    return " · ".join(part for part in parts if part) or "there"


def _short(value: object) -> str:
    text = "" if value is None else f"{value:.12g}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"
