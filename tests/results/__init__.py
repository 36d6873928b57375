"""Everything the program was put through, run by one command that writes docs/verification_results.md from its logs.

    python -m tests.results --workers 2

Parts: `bank` (the verification bank on every shipped workbook), `bugs` (on one of them with each bug planted),
`reports` (every report is computed again), `fuzz` and `kills`. Every part is cut into pieces; what a piece gave stands
on one line of a log, with the state of the program, so that a run goes on where it was stopped.
"""
