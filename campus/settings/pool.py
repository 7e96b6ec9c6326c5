"""Connections to PostgreSQL: kept one a thread, or shared in a pool of each process."""

import os
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured

# Names that other systems used: refused with ours, instead of being silently without effect.
OLD_NAMES = {
    "SQLALCHEMY_POOL_SIZE": "DB_POOL_SIZE",
    "SQLALCHEMY_MAX_OVERFLOW": "DB_MAX_OVERFLOW",
    "SQLALCHEMY_POOL_TIMEOUT": "DB_POOL_TIMEOUT",
    "SQLALCHEMY_POOL_RECYCLE": "DB_POOL_RECYCLE",
    "SQLALCHEMY_ENGINE_OPTIONS": "DB_POOL_SIZE, DB_MAX_OVERFLOW, DB_POOL_TIMEOUT, DB_POOL_RECYCLE",
    "SQLALCHEMY_DATABASE_URI": "DATABASE_URL",
    "DB_POOL_MIN_SIZE": "DB_POOL_SIZE",
    "DB_POOL_MAX_SIZE": "DB_POOL_SIZE plus DB_MAX_OVERFLOW",
    "DB_POOL_PRE_PING": "nothing: connections are always checked before they are used",
    "DB_CONN_MAX_AGE": "DB_POOL_RECYCLE",
}
DATABASE_ROUTERS = ["apps.tenants.replica.ReplicaRouter"]
# How long a report waits for a replica that is a little behind, before the primary answers it.
REPLICA_WAIT_SECONDS = 0.5
NAMES = ("DB_POOL_SIZE", "DB_MAX_OVERFLOW", "DB_POOL_TIMEOUT", "DB_POOL_RECYCLE", "DB_POOL_WAITING")


def pool_options(environment: Mapping[str, str] = os.environ) -> dict[str, Any] | None:
    """For psycopg_pool; None without DB_POOL_SIZE: then each thread keeps a connection of its own.

    Raises `ImproperlyConfigured` for names that are not ours and for values that make no sense.
    """
    for old, ours in OLD_NAMES.items():
        if environment.get(old):
            message = f"{old} is not read here; use {ours} (docs/guides/operators.md)."
            raise ImproperlyConfigured(message)
    values = {name: _number(name, environment[name]) for name in NAMES if environment.get(name)}
    if not values.get("DB_POOL_SIZE"):
        if any(values.values()):
            raise ImproperlyConfigured("DB_POOL_SIZE is 0 or not set: there is no pool to set up.")
        return None
    size = int(values["DB_POOL_SIZE"])
    return {
        "min_size": size,
        "max_size": size + int(values.get("DB_MAX_OVERFLOW", 0)),
        "timeout": values.get("DB_POOL_TIMEOUT", 5.0),
        "max_lifetime": values.get("DB_POOL_RECYCLE", 1800.0),
        "max_waiting": int(values.get("DB_POOL_WAITING", 0)),
    }


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise ImproperlyConfigured(f"{name} must be a number that is not negative.")
    return number
