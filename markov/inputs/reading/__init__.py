"""From the bytes of a workbook to rows by header, safely."""
