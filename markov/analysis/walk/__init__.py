"""How one base case becomes another, step by step."""
