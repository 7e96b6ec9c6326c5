"""The campus's keys for SAML: a first one, a new one, and the end of old ones."""

from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from django.db import connection, transaction
from django.utils.translation import gettext as _

from apps.audit.services import Actor, log_event
from apps.common.errors import Refused
from apps.identity_providers.models import SamlKey
from apps.identity_providers.saml.keys import shown_keys
from apps.identity_providers.sealing import sealed_key
from apps.saml.keys import new_key
from apps.tenants.addresses import campus_host
from apps.tenants.scope import current_campus_id

# Federations pass metadata on within a day or two; providers read it a few times a day.
READ_WITHIN: Final = timedelta(days=3)
BOTH_SHOWN_FOR: Final = timedelta(days=14)
LOCK_CLASS: Final = 0x53414D4C  # "SAML": first key of the advisory lock


@transaction.atomic
def saml_key_ensure(*, now: datetime, actor: Actor) -> None:
    """The campus's first key, which signs at once."""
    if shown_keys(now=now).exists():
        return
    _one_at_a_time()
    if not shown_keys(now=now).exists():
        _make(now=now, signs_from=now, actor=actor)


@transaction.atomic
def saml_key_replace(*, now: datetime, actor: Actor) -> SamlKey:
    """A new key beside the one in force: shown at once, signing after three days, when the other
    one is shown for eleven more. Raises `Refused` (two_keys) while there are two."""
    _one_at_a_time()
    shown = list(shown_keys(now=now))
    if len(shown) > 1:
        message = _("There are two keys already. The older one ends by itself.")
        raise Refused("two_keys", message, status=409)
    made = _make(now=now, signs_from=now + READ_WITHIN if shown else now, actor=actor)
    SamlKey.objects.filter(pk__in=[key.pk for key in shown], shown_until=None).update(
        shown_until=now + BOTH_SHOWN_FOR
    )
    return made


def _one_at_a_time() -> None:
    """Two at once would make two keys without an end. Held until the transaction's."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_CLASS, current_campus_id()])


def _make(*, now: datetime, signs_from: datetime, actor: Actor) -> SamlKey:
    key_id, made = uuid4(), new_key(name=campus_host(), now=now)
    key = SamlKey.objects.create(
        id=key_id,
        sealed_key=sealed_key(key_id, made.private),
        certificate=made.certificate,
        created_at=now,
        signs_from=signs_from,
    )
    log_event(actor=actor, action="identity_providers.saml_key.made", now=now, target=key)
    return key


@transaction.atomic
def saml_keys_purge(*, now: datetime) -> int:
    """Delete keys that are shown to nobody any more."""
    return int(SamlKey.objects.filter(shown_until__lte=now).delete()[0])
