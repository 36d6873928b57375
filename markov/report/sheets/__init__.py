"""The sheets of the report, one file each, under the name of the sheet."""
