"""The live model recalculated by others: by LibreOffice with spoilt stored values, and by formulas read in Python."""
