"""Builds every shipped workbook from the readable text in `inputs/sources`: python inputs/build.py."""

from pathlib import Path

from markov.inputs.template import build, sources_folder, worked_names


def main() -> None:
    """Write `inputs/NAME.xlsx` for each folder of sources."""
    for name in worked_names():
        build(sources_folder() / name, Path(__file__).parent / f"{name}.xlsx")
        print(f"inputs/{name}.xlsx")


if __name__ == "__main__":
    main()
