"""Known answers: cases whose expected numbers come from algebra, a publication or an independent program."""
