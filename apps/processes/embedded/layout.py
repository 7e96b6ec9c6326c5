"""Where the embedded servers of one checkout keep their files, and their addresses."""

import hashlib
import os
import re
import stat
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from apps.processes.embedded.errors import EmbeddedError

# sockaddr_un holds 107 usable bytes on Linux and 103 on macOS; the shorter fits both.
SOCKET_PATH_LIMIT = 103
POSTGRES_PORT = 5432  # no TCP port is opened: PostgreSQL names its socket after it
POSTGRES_SOCKET = f".s.PGSQL.{POSTGRES_PORT}"
VALKEY_SOCKET = "valkey.sock"
SUPERUSER, OWNER, APPLICATION, DATABASE = "postgres", "campus_owner", "campus_app", "campus"
# What every client library takes in a URL without escaping; they disagree about the rest.
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


class Layout:
    """Paths and addresses below `var`, which decides everything: same `var`, same answers.

    Creating a Layout touches no file; `make_directories` does.
    """

    def __init__(self, var: Path) -> None:
        self.var = Path(var).resolve()
        self.postgres_data = self.var / "postgres"
        self.valkey_data = self.var / "valkey"
        self.wal_spool = self.var / "wal"  # segments of the log on their way to the backups
        self.logs = self.var / "log"
        self.postgres_log = self.logs / "postgres.log"
        self.valkey_log = self.logs / "valkey.log"

    @cached_property
    def socket_directory(self) -> Path:
        """`var/run`, or a private directory of /tmp where that path does not suit a socket URL.

        /tmp and not $TMPDIR: two terminals must agree on it.
        """
        inside = self.var / "run"
        longest = len(os.fsencode(inside / POSTGRES_SOCKET))
        if longest <= SOCKET_PATH_LIMIT and PLAIN_PATH.fullmatch(str(inside)):
            return inside
        key = hashlib.sha256(os.fsencode(self.var)).hexdigest()[:16]
        return Path("/tmp") / f"campus-{key}"  # noqa: S108  (owner and mode are checked)

    @property
    def app_url(self) -> str:
        """The database as the application role."""
        return self._postgres_url(APPLICATION, DATABASE)

    @property
    def owner_url(self) -> str:
        """The database as the role that owns the tables and runs the migrations."""
        return self._postgres_url(OWNER, DATABASE)

    @property
    def superuser_url(self) -> str:
        """The maintenance database as superuser: for setup and for tests that make databases."""
        return self._postgres_url(SUPERUSER, "postgres")

    @property
    def redis_url(self) -> str:
        return f"unix://{self.socket_directory / VALKEY_SOCKET}"

    def _postgres_url(self, role: str, database: str) -> str:
        host = quote(str(self.socket_directory), safe="")
        return f"postgresql://{role}@{host}/{database}"

    def make_directories(self) -> None:
        """Create what the servers need, readable by this user only.

        Raises EmbeddedError where a directory belongs to somebody else.
        """
        for directory in (self.var, self.logs, self.socket_directory):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._check_private(self.socket_directory)

    @staticmethod
    def _check_private(directory: Path) -> None:
        facts = directory.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid():
            message = (
                f"{directory} is not a directory of this user: remove it or choose CAMPUS_VAR."
            )
            raise EmbeddedError(message)
        if stat.S_IMODE(facts.st_mode) & 0o077:
            directory.chmod(0o700)
