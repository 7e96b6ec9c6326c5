"""Binding a phone or browser to a student: one active device each, proved by its key.

To bind another one, a student asks for it and waits for 48 hours, in which the owner can object
and phones are not passed around a class; the office can release the old one at once, and so can
whatever else the caller of `device_bind` knows to be as good (`signin.services.replacement`).
"""

import hmac
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts.models import Device, Student
from apps.accounts.notices import device_changed, rebind_requested
from apps.accounts.selectors import device_of
from apps.accounts.services.accounts import log
from apps.audit.services import Actor
from apps.common.crypto import keyed_hash
from apps.common.errors import Invalid, NotFound, Refused
from apps.common.moments import moment_text
from apps.common.signatures import binding_message, device_signature_valid
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id

CHALLENGE_LIFETIME: Final = timedelta(minutes=5)
CHALLENGE_PURPOSE: Final = "device-challenge"
REBIND_AFTER: Final = timedelta(hours=48)
# Asked with the student's row locked and the message that the new key signed; raises unless another
# device may be replaced at once, and says what the log keeps of it.
ReplacementCheck = Callable[[bytes], dict[str, Any]]
ELSEWHERE: Final = ("device_uuid_unique", "device_key_unique")
OTHERS_BROWSER: Final = "device_browser_unique"


@dataclass(frozen=True, kw_only=True)
class DeviceFacts:
    """What an app says about its device. Only the push token is ever used; the rest is shown."""

    kind: str
    name: str = ""
    model: str = ""
    os_version: str = ""
    app_version: str = ""
    push_token: str = ""
    biometric_enabled: bool = False
    location_permission: bool = False
    bluetooth_permission: bool = False
    browser: str = ""  # not what the app says: the cookie's


def challenge_issue(*, student: Student, now: datetime) -> str:
    """A nonce for one student, good for five minutes.

    It carries its own expiry under the campus's key, so a restarted cache loses none. It need not
    be spent: signing it again could only repeat the very same binding.
    """
    expires = int((now + CHALLENGE_LIFETIME).timestamp())
    body = f"{expires}.{secrets.token_urlsafe(16)}"
    return f"{body}.{_challenge_mac(student, body)}"


def _challenge_mac(student: Student, body: str) -> str:
    message = f"{student.pk}\n{body}".encode()
    return keyed_hash(CHALLENGE_PURPOSE, current_campus_id(), message).hex()


def _challenge_check(student: Student, nonce: str, now: datetime) -> None:
    body, _dot, mac = nonce.rpartition(".")
    genuine = hmac.compare_digest(mac.encode(), _challenge_mac(student, body).encode())
    if not genuine or datetime.fromtimestamp(int(body.partition(".")[0]), tz=UTC) <= now:
        raise Invalid("challenge_expired", _("Ask for a new challenge and sign that one."))


@transaction.atomic
def device_bind(
    *,
    student: Student,
    device_uuid: str,
    public_key: bytes,
    nonce: str,
    signature: bytes,
    facts: DeviceFacts,
    now: datetime,
    actor: Actor,
    replaces: ReplacementCheck | None = None,
) -> tuple[Device, bool]:
    """Bind the device that holds this key (SPKI DER); returns it and whether it is new.

    `signature` is made with the new key over `binding_message(...)`. The same device again
    updates its facts. Raises `Invalid` (challenge_expired, bad_signature) or `Refused`:
    device_already_bound unless the other device was asked to be replaced 48 hours ago
    (`rebind_request`) or `replaces` lets it, device_bound_elsewhere where key or id belong to
    somebody else, device_is_anothers in a browser in which somebody else's is bound.
    """
    _challenge_check(student, nonce, now)
    message = binding_message(nonce=nonce, student_id=student.pk, device_uuid=device_uuid)
    if not device_signature_valid(public_key=public_key, message=message, signature=signature):
        raise Invalid("bad_signature", _("The device did not prove that it holds this key."))
    # One binding of a student at a time; the constraints settle it between students.
    Student.objects.select_for_update().get(pk=student.pk)
    current, shown = device_of(student=student), {}
    if current is not None:
        if current.device_uuid == device_uuid and bytes(current.public_key) == public_key:
            return _refresh(current, facts, now), False
        shown = _let_go(current, replaces, message, now)
    device = _insert(
        Device(
            student=student,
            device_uuid=device_uuid,
            public_key=public_key,
            bound_at=now,
            last_seen_at=now,
            bound_by_passkey=bool(shown),
            **asdict(facts),
        )
    )
    replaced = current.pk if current is not None else None
    log(
        actor=actor,
        action="accounts.device.bound",
        now=now,
        target=device,
        replaced=replaced,
        **shown,
    )
    if replaced is not None:
        device_changed(device=device, is_replaced=True, passkey=bool(shown), now=now)
    return device, True


def _let_go(
    current: Device, replaces: ReplacementCheck | None, message: bytes, now: datetime
) -> dict[str, Any]:
    """Release the device that is bound so far, if it may be; what the log says of the reason."""
    if replaces is None:
        _release_for_rebinding(current, now)
        return {}
    shown = replaces(message)
    _release(current, now)
    return shown


def _refresh(device: Device, facts: DeviceFacts, now: datetime) -> Device:
    """Not worth an audit entry: nothing that counts has changed."""
    changes: dict[str, Any] = {**asdict(facts), "last_seen_at": now}
    for field, value in changes.items():
        setattr(device, field, value)
    with _one_student_each():
        device.save(update_fields=list(changes))
    return device


def rebind_at(device: Device) -> datetime | None:
    """From when another device may take this one's place; None while nobody asked for it."""
    asked_at = device.rebind_requested_at
    return asked_at + REBIND_AFTER if asked_at else None


def _release_for_rebinding(device: Device, now: datetime) -> None:
    """Let go of a binding whose replacement was asked for long enough ago."""
    free_at = rebind_at(device)
    if free_at is None:
        raise Refused(
            "device_already_bound",
            _(
                "Another device is bound to you. Ask for a replacement and bind this one 48 hours "
                "later, or have the office release the other one."
            ),
        )
    if now < free_at:
        raise Refused(
            "device_already_bound",
            _(
                "Another device is bound to you. You can bind this one from %(when)s on, or have "
                "the office release the other one."
            )
            % {"when": _on_campus(free_at)},
        )
    _release(device, now)


def _on_campus(at: datetime) -> str:
    return moment_text(at, Campus.objects.get(pk=current_campus_id()).zone)


def _release(device: Device, now: datetime) -> int:
    return Device.objects.filter(pk=device.pk, is_active=True).update(
        is_active=False, released_at=now, push_token=""
    )


def _insert(device: Device) -> Device:
    """Save a new binding; the unique constraints decide where two arrive at once."""
    with _one_student_each():
        device.save(force_insert=True)
    return device


@contextmanager
def _one_student_each() -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if OTHERS_BROWSER in str(error):
            raise Refused(
                "device_is_anothers",
                _(
                    "This browser is the bound device of somebody else. Check in with your own "
                    "phone, or ask your lecturer to mark you."
                ),
            ) from error
        if any(name in str(error) for name in ELSEWHERE):
            raise Refused(
                "device_bound_elsewhere",
                _(
                    "This device is bound to somebody else. Use your own; if this one has become "
                    "yours, the office can release it."
                ),
            ) from error
        raise Refused(
            "device_already_bound",
            _("Another device was bound to you a moment ago. The office can release it."),
        ) from error


@transaction.atomic
def device_reset(*, student: Student, reason: str, now: datetime, actor: Actor) -> Device:
    """Release the student's device, so that another one can be bound, and tell the student.

    Raises `NotFound` (no_device) where none is bound.
    """
    device = device_of(student=student)
    if device is None or not _release(device, now):
        raise NotFound("no_device", _("No device is bound to this student."))
    log(actor=actor, action="accounts.device.reset", now=now, target=device, reason=reason)
    device_changed(device=device, is_replaced=False, now=now)
    return device


@transaction.atomic
def rebind_request(*, student: Student, now: datetime, actor: Actor) -> Device:
    """The student wants to bind another device: allowed 48 hours from now. They are told.

    Asked again, the first request stands. Raises `NotFound` (no_device): nothing to replace.
    """
    device = _held(student)
    if device.rebind_requested_at is None:
        device.rebind_requested_at = now
        device.save(update_fields=["rebind_requested_at"])
        log(actor=actor, action="accounts.device.rebind_requested", now=now, target=device)
        rebind_requested(device=device, free_at=_on_campus(now + REBIND_AFTER), now=now)
    return device


@transaction.atomic
def rebind_cancel(*, student: Student, now: datetime, actor: Actor) -> Device:
    """Keep the device that is bound. Raises `NotFound` (no_device)."""
    device = _held(student)
    if device.rebind_requested_at is not None:
        device.rebind_requested_at = None
        device.save(update_fields=["rebind_requested_at"])
        log(actor=actor, action="accounts.device.rebind_cancelled", now=now, target=device)
    return device


def _held(student: Student) -> Device:
    """The bound device, with the student's row locked as in every change of the binding."""
    Student.objects.select_for_update().get(pk=student.pk)
    device = device_of(student=student)
    if device is None:
        raise NotFound("no_device", _("No device is bound to you: just bind this one."))
    return device
