"""What an old system left behind, read: a database, a dump, a JSON file, a folder of images, a
live server. Knows no campus and none of our tables."""

from apps.old_databases.opening import SourceLimits, source_open
from apps.old_databases.servers import is_address, server_open
from apps.old_databases.spool import OldData, OldRow, OldValue

__all__ = [
    "OldData",
    "OldRow",
    "OldValue",
    "SourceLimits",
    "is_address",
    "server_open",
    "source_open",
]
