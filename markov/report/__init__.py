"""What we tell the payer: tables and charts as data, and the one writer of reports."""
