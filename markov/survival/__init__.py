"""Time to event: pure functions of arrays. Nothing here knows of workbooks."""
