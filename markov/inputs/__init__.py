"""What we were told: from a workbook to checked, typed values, each of which remembers its cell."""
