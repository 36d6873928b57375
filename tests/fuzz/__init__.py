"""A fuzzer that knows what a workbook is: it edits the shipped ones at random and judges what the program makes of it.

    python -m tests.fuzz --cases 20000 --seed 1 --workers 2 --log fuzz.jsonl

A case is one to four mutations of a shipped workbook, by its seed and number alone, so that it can be run again. The
program must either say what is wrong, each problem with its place, or run to finite results that keep what must hold.
Mutations that mean nothing must change no result; a number that was written must be the number that is read.
"""
