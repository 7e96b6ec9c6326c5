"""What an old system left behind: a database file, a dump, a JSON file, a folder of images."""

from apps.legacy.sources.opening import source_open
from apps.legacy.sources.spool import OldData, OldRow, OldValue

__all__ = ["OldData", "OldRow", "OldValue", "source_open"]
