"""Builds every shipped workbook from the readable text in `inputs/sources`, and a blank one: python inputs/build.py."""

from pathlib import Path

from markov.inputs.writing.sources import sources_folder
from markov.inputs.writing.template import BLANK_COVER, blank_sheets, build, worked_names, write_workbook


def main() -> None:
    """Write `inputs/NAME.xlsx` for each folder of sources, and `inputs/blank.xlsx`."""
    for name in worked_names():
        build(sources_folder() / name, Path(__file__).parent / f"{name}.xlsx")
        print(f"inputs/{name}.xlsx")
    write_workbook(Path(__file__).parent / "blank.xlsx", BLANK_COVER, blank_sheets(["no_maintenance", "maintenance"]))
    print("inputs/blank.xlsx")


if __name__ == "__main__":
    main()
