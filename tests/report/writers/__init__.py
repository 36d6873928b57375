"""Tests of `markov.report.writers`."""
