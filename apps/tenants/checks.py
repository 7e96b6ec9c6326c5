"""What `manage.py check --deploy` says about the master key."""

from typing import Any

from django.core import checks
from django.db import DEFAULT_DB_ALIAS, Error, connections

from apps.tenants.master_key import MasterKeyRefused, recorded_value


@checks.register(deploy=True)
def master_key_check(**_: Any) -> list[checks.CheckMessage]:
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        connection.close()
        connection.ensure_connection()
        known = recorded_value(connection.connection)
    except MasterKeyRefused as error:
        return [checks.Error(str(error), id="tenants.E001")]
    except Error:
        text = "The database does not answer: CAMPUS_MASTER_KEY could not be compared with it."
        return [checks.Info(text, id="tenants.I001")]
    if known is None:
        text = "The database has no check value of CAMPUS_MASTER_KEY: run manage.py migrate."
        return [checks.Warning(text, id="tenants.W001")]
    return []
