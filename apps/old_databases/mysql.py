"""A live MySQL or MariaDB database: the values that `mysqldump` writes.

The driver is an extra (`campus-platform[mysql]`) and is imported when a server is asked.
"""

from collections.abc import Callable
from contextlib import closing
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from django.utils.translation import gettext as _

from apps.common.errors import Invalid
from apps.old_databases.server_problems import SECONDS, bad_address, server_problem
from apps.old_databases.spool import OldValue, Spool
from apps.old_databases.sql_dumps import moment_in_utc, number_of
from apps.old_databases.sql_tokens import LONGEST, too_long

EXAMPLE: Final = "mysql://user@host:3306/database?ssl_mode=REQUIRED"
SILENT_SECONDS: Final = 600  # that a server may take for the next part of its answer
PORT: Final = 3306
# One state of all tables, which nothing here may change. Moments in UTC, as `mysqldump` has them.
_BEGIN: Final = (
    "SET time_zone = '+00:00'",
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
)
_FILES: Final = ("ssl_ca", "ssl_cert", "ssl_key")
_NO: Final = ("", "0", "false", "no")
_MODES: Final = ("disabled", "preferred", "required", "verify_ca", "verify_identity")


def mysql_read(address: str, password: str | None, spool: Spool) -> None:
    """Every table of the database, in one read-only transaction (repeatable read), row by row.

    Options of the address: `ssl_mode` (as of MySQL's programs), `ssl_ca`, `ssl_cert`, `ssl_key`,
    `unix_socket`, `connect_timeout`. Raises `Invalid`.
    """
    options = connect_options(address, password)
    try:
        import pymysql
        from pymysql.converters import encoders
        from pymysql.cursors import SSCursor
    except ImportError:
        message = _("Reading MySQL needs its driver: pip install campus-platform[mysql].")
        raise Invalid("no_driver", message) from None
    try:
        # Without decoders: values as the server writes them; `_reader` says what they are.
        server = pymysql.connect(**options, conv=encoders, cursorclass=SSCursor)
        with closing(server):
            with server.cursor() as cursor:
                for statement in _BEGIN:
                    cursor.execute(statement)
                cursor.execute("SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'")
                tables = [str(name) for name, _kind in cursor.fetchall()]
            for table in tables:
                with server.cursor() as cursor:
                    _table(cursor, table, spool)
    except (pymysql.Error, OSError, UnicodeError) as error:
        said = str(error.args[-1] if error.args else error)
        raise server_problem(said) from None


def _table(cursor: Any, table: str, spool: Spool) -> None:
    name = table.replace("`", "``")
    cursor.execute(f"SELECT * FROM `{name}`")  # noqa: S608  (names are quoted)
    columns = [str(column[0]) for column in cursor.description]
    readers = [_reader(column[1]) for column in cursor.description]
    spool.add_table(table, columns)
    for row in cursor:
        if any(value is not None and len(value) > LONGEST for value in row):
            raise too_long()
        values = [read(value) for read, value in zip(readers, row, strict=True)]
        spool.add(table, columns, values)


def _reader(kind: int) -> Callable[[Any], OldValue]:
    """What a value of this type is in a dump: a number, a moment in UTC, else as it is."""
    from pymysql.constants import FIELD_TYPE as TYPE

    numbers = {
        *(TYPE.TINY, TYPE.SHORT, TYPE.LONG, TYPE.LONGLONG, TYPE.INT24, TYPE.YEAR),
        *(TYPE.DECIMAL, TYPE.NEWDECIMAL, TYPE.FLOAT, TYPE.DOUBLE),
    }
    if kind in numbers:
        return lambda value: None if value is None else number_of(value)
    return moment_in_utc if kind == TYPE.TIMESTAMP else lambda value: value


def connect_options(address: str, password: str | None) -> dict[str, Any]:
    """What the driver is told of an address like EXAMPLE, with a password or without.

    Raises `Invalid` for what is no such address, and for options that would be passed over.
    """
    try:
        parts = urlsplit(address)
        port = parts.port or PORT
        given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise bad_address(EXAMPLE) from None
    database = unquote(parts.path.lstrip("/"))
    if not database or "/" in database:
        raise bad_address(EXAMPLE)
    named = {name.lower().replace("-", "_"): value for name, value in given}
    secret = unquote(parts.password or "") if password is None else password
    options: dict[str, Any] = {
        "host": parts.hostname or "localhost",
        "port": port,
        "user": unquote(parts.username or ""),
        "password": secret.encode(),  # the driver itself would write it in Latin-1
        "database": database,
        "charset": "utf8mb4",
        "connect_timeout": SECONDS,
        "read_timeout": SILENT_SECONDS,
        **_tls(named),
    }
    named.pop("charset", None)
    if "unix_socket" in named:
        options["unix_socket"] = named.pop("unix_socket")
    if (seconds := named.pop("connect_timeout", None)) is not None:
        if not (seconds.isascii() and seconds.isdecimal() and 0 < int(seconds[:6]) <= 3600):
            raise Invalid("bad_address", _("connect_timeout is a number of seconds up to 3600."))
        options["connect_timeout"] = int(seconds[:6])
    if named:
        message = _("The address has options that are not known here: %s.")
        raise Invalid("bad_address", message % ", ".join(sorted(named)))
    return options


def _tls(named: dict[str, str]) -> dict[str, Any]:
    """The driver's words for the address's, which it takes out of `named`: never a weaker
    connection than they ask for."""
    files = {name: named.pop(name) for name in _FILES if name in named}
    mode = named.pop("ssl_mode", named.pop("sslmode", "")).lower()
    if named.pop("ssl_disabled", "").lower() not in _NO:
        mode = mode or "disabled"
    if named.pop("ssl_verify_identity", "").lower() not in _NO:
        mode = "verify_identity"
    elif named.pop("ssl_verify_cert", "").lower() not in _NO:
        mode = mode or "verify_ca"
    named.pop("ssl_verify_cert", None)
    mode = mode or ("verify_ca" if "ssl_ca" in files else "required" if files else "preferred")
    if mode not in _MODES:
        message = _("ssl_mode is one of %s.") % ", ".join(name.upper() for name in _MODES)
        raise Invalid("bad_address", message)
    if mode == "disabled":
        return {"ssl_disabled": True}
    if mode == "preferred":
        return {}
    verifies = mode.startswith("verify")
    if verifies and "ssl_ca" not in files:
        message = _("Name the file of the certificate authority: ssl_ca=/path/ca.pem.")
        raise Invalid("bad_address", message)
    found = {name.removeprefix("ssl_"): path for name, path in files.items()}
    return {"ssl": {**found, "verify_mode": verifies, "check_hostname": mode == "verify_identity"}}
