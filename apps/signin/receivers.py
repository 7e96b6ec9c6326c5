"""Second factors change on allauth's own pages: what happens there is written down here."""

from typing import Any

from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from django.utils import timezone

from apps.accounts.services import second_factor_record
from apps.audit.actors import request_actor
from apps.signin.passkeys import facts_of


def note(action: str) -> Any:
    def receive(*, request: Any, user: Any, authenticator: Any, **_: Any) -> None:
        second_factor_record(
            user=user,
            action=action,
            now=timezone.now(),  # noqa: TID251
            actor=request_actor(request),
            **facts_of(authenticator),
        )

    return receive


def connect() -> None:
    for signal, action in (
        (authenticator_added, "accounts.second_factor.added"),
        (authenticator_removed, "accounts.second_factor.removed"),
        (authenticator_reset, "accounts.second_factor.renewed"),
    ):
        signal.connect(note(action), weak=False, dispatch_uid=action)
