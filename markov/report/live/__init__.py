"""The deterministic model as live Excel formulas: change an input and see the answer move."""
