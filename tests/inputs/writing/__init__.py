"""Tests of `markov.inputs.writing`."""
