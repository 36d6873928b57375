"""Reports that were sent: read back, computed again, and copied without what is confidential."""
