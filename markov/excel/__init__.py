"""How an Excel file is written whole: its look, its cells, and its way to its place."""
