"""Hostile workbooks, made in code from a good one, and what the program must make of each.

    python -m tests.hostile

checks each of them in a process of its own, with its memory and time measured, and prints the table.
"""
