"""Random edits of good workbooks, each of which knows its own meaning."""
