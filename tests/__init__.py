"""Claims about the program, in the rooms of the package; what takes longer has commands of its own."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
"""The folder of the project."""
