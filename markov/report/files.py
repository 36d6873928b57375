"""A report file is either whole or not there; how, stands beside the writer of workbooks."""

from markov.excel.files import ReportError, write_packed, write_whole

__all__ = ["ReportError", "write_packed", "write_whole"]
