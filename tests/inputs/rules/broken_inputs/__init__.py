"""Broken workbooks, made in code from a good one."""
