"""OneRoster services: asking them, comparing with what is known, saving; readers of our roster."""

from apps.oneroster.services.clients import client_revoke, client_secret_renew
from apps.oneroster.services.connections import connection_test, secret_give
from apps.oneroster.services.runs import (
    nightly_start,
    run_confirm,
    run_refuse,
    run_start,
    runs_purge,
)

__all__ = [
    "client_revoke",
    "client_secret_renew",
    "connection_test",
    "nightly_start",
    "run_confirm",
    "run_refuse",
    "run_start",
    "runs_purge",
    "secret_give",
]
