"""Live databases, by their address: the same rows, in the same form, as of a dump of them.

For commands alone: whoever names the address lets this machine ask it, inside any network that the
machine is in. Every server is read in one transaction that may not write and sees one state.
"""

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from django.utils.translation import gettext as _

from apps.common.errors import Invalid
from apps.old_databases.mysql import mysql_read
from apps.old_databases.postgresql import postgresql_read
from apps.old_databases.spool import OldData, OldValue, Spool

_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]*:/", re.IGNORECASE)
_READERS: Final[dict[str, Callable[[str, str | None, Spool], None]]] = {
    **dict.fromkeys(("postgresql", "postgres"), postgresql_read),
    **dict.fromkeys(("mysql", "mariadb"), mysql_read),
}


def is_address(source: str) -> bool:
    """Whether this names a server, and no file."""
    return _ADDRESS.match(source) is not None


@contextmanager
def server_open(
    address: str, *, password: str | None = None, folder: Path | None = None
) -> Iterator[OldData]:
    """The tables of a live PostgreSQL or MySQL database, copied into a temporary SQLite file.

    `address`: `postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full`, or `mysql://…`, as old
    settings have it (`postgresql+psycopg2://…`). `password`: instead of the address's. `folder`:
    where the files are that rows name. The digest is of the rows. Raises `Invalid`, whose message
    has neither the address nor a password.
    """
    scheme = address.partition(":")[0].lower().partition("+")[0]
    if scheme not in _READERS:
        message = _("Servers are named by postgresql://… or mysql://…")
        raise Invalid("bad_address", message)
    plain = scheme + address[address.index(":") :]
    with tempfile.TemporaryDirectory(prefix="campus-legacy-") as place:
        spool = _HashedSpool(Path(place) / "tables.sqlite")
        try:
            _READERS[scheme](plain, password, spool)
        except Invalid as refused:
            raise Invalid(refused.code, _without(refused, plain, password)) from None
        connection = spool.done()
        digest = spool.digest.hexdigest()
        with closing(OldData(connection, folder=folder, digest=digest)) as old:
            if not old.tables:
                message = _("There is no table in this source.")
                raise Invalid("source_empty", message)
            yield old


def _without(refused: Invalid, address: str, password: str | None) -> str:
    """What a server or driver says, without a password, should it repeat one."""
    said = str(refused.message)
    try:
        named = urlsplit(address).password or ""
    except ValueError:
        named = ""
    for secret in filter(None, (named, unquote(named), password)):
        said = said.replace(secret, "…")
    return said


class _HashedSpool(Spool):
    """Knows the SHA-256 of what was written."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.digest = hashlib.sha256()

    def add_table(self, table: str, columns: Iterable[str]) -> None:
        columns = list(columns)
        self.digest.update(repr((table, columns)).encode())
        super().add_table(table, columns)

    def add(self, table: str, columns: Sequence[str], values: Sequence[OldValue]) -> None:
        self.digest.update(repr((table, list(values))).encode(errors="surrogatepass"))
        super().add(table, columns, values)
