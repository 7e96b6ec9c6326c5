"""The keys by which the campus signs what it sends to platforms."""

from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from django.db import transaction

from apps.audit.services import Actor, log_event
from apps.common.crypto import seal
from apps.lti.models import LtiKey
from apps.lti.selectors import LTI_SEAL, seal_context, shown_keys
from apps.lti.tokens import new_key
from apps.tenants.scope import current_campus_id

READ_WITHIN: Final = timedelta(hours=1)  # in which platforms read a new key before it signs
BOTH_SHOWN_FOR: Final = timedelta(days=1)


@transaction.atomic
def key_ensure(*, now: datetime, actor: Actor) -> None:
    """The campus's first key, which signs at once."""
    if not shown_keys(now=now).exists():
        _make(now=now, signs_from=now, actor=actor)


@transaction.atomic
def key_replace(*, now: datetime, actor: Actor) -> LtiKey:
    """A new key. Platforms see it at once; it signs after an hour. The others are shown a day."""
    is_first = not shown_keys(now=now).exists()
    made = _make(now=now, signs_from=now if is_first else now + READ_WITHIN, actor=actor)
    others = LtiKey.objects.filter(shown_until=None).exclude(pk=made.pk)
    others.update(shown_until=now + BOTH_SHOWN_FOR)
    return made


def _make(*, now: datetime, signs_from: datetime, actor: Actor) -> LtiKey:
    key_id = uuid4()
    made = new_key(key_id)
    context = seal_context(key_id)
    key = LtiKey.objects.create(
        id=key_id,
        sealed_key=seal(LTI_SEAL, current_campus_id(), made.private, context=context),
        public_jwk=made.jwk,
        created_at=now,
        signs_from=signs_from,
    )
    log_event(actor=actor, action="lti.key.made", now=now, target=key)
    return key


@transaction.atomic
def keys_purge(*, now: datetime) -> int:
    """Delete keys that are shown to nobody any more."""
    return int(LtiKey.objects.filter(shown_until__lte=now).delete()[0])
