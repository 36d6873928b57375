"""Tests of `markov.report`."""
