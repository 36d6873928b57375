"""The verification bank: tests that perturb a workbook, run it and compare, one small function each."""
