"""Keys of a campus that others read: a first one, a new one beside it, and the end of old ones."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self, TypeVar

from django.db import models, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.crypto import seal, unseal
from apps.common.errors import Refused
from apps.tenants.locks import lock
from apps.tenants.models import CampusModel
from apps.tenants.scope import current_campus_id


class PublishedKey(CampusModel):
    """It signs from `signs_from` on, when others have read its public half, which is shown to them
    until `shown_until` (None: no end yet). `SEAL`: for what the private half is sealed."""

    SEAL: ClassVar[str]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sealed_key = models.BinaryField(gettext_lazy("private key"), editable=False)
    created_at = models.DateTimeField(gettext_lazy("made"))
    signs_from = models.DateTimeField(gettext_lazy("signs from"))
    shown_until = models.DateTimeField(gettext_lazy("shown until"), null=True, blank=True)

    class Meta:
        abstract = True
        ordering = ["-created_at", "id"]

    def __str__(self) -> str:
        return str(self.pk)

    @classmethod
    def shown(cls, *, now: datetime) -> QuerySet[Self]:
        """The newest first."""
        found: Any = cls._default_manager.filter(Q(shown_until=None) | Q(shown_until__gt=now))
        return found

    def seal(self, private: bytes) -> None:
        self.sealed_key = seal(self.SEAL, current_campus_id(), private, context=self._context)

    def opened(self) -> bytes:
        """The private half. Raises `SealBroken`."""
        value = bytes(self.sealed_key)
        return unseal(self.SEAL, current_campus_id(), value, context=self._context)

    @property
    def _context(self) -> bytes:
        return str(self.pk).encode()


K = TypeVar("K", bound=PublishedKey)
Make = Callable[[datetime], K]
"""Make and save a key that signs from this moment on."""


@transaction.atomic
def published_key_ensure(kind: type[K], make: Make[K], *, now: datetime) -> None:
    """The campus's first key, which signs at once."""
    if kind.shown(now=now).exists():
        return
    lock("KEYS")
    if not kind.shown(now=now).exists():
        make(now)


@transaction.atomic
def published_key_replace(
    kind: type[K], make: Make[K], *, now: datetime, read_within: timedelta, both_for: timedelta
) -> K:
    """A new key beside the one in force: shown at once, signing after `read_within`, in which
    others read it. The one before is shown for `both_for`. Raises `Refused` (two_keys) while there
    are two: one at a time, else neither of two that are made at once would ever end."""
    lock("KEYS")
    shown = list(kind.shown(now=now))
    if len(shown) > 1:
        message = _("There are two keys already. The older one ends by itself.")
        raise Refused("two_keys", message, status=409)
    made = make(now + read_within if shown else now)
    before = kind._default_manager.filter(pk__in=[key.pk for key in shown], shown_until=None)
    before.update(shown_until=now + both_for)
    return made


@transaction.atomic
def published_keys_purge(kind: type[K], *, now: datetime) -> int:
    """Delete keys that are shown to nobody any more."""
    return int(kind._default_manager.filter(shown_until__lte=now).delete()[0])
