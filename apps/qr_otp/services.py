"""Writing codes: secrets of rotating codes, one-time codes and their tries, the scan log."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import F, Q

from apps.common.cache import invalidate
from apps.common.crypto import keyed_hash
from apps.common.ids import uuid7
from apps.qr_otp import tokens
from apps.qr_otp.models import OneTimeCode, QrSecret, Scan, Tries
from apps.qr_otp.problems import Problem
from apps.qr_otp.selectors import Check, sealed_secret, secret_cache_key
from apps.qr_otp.stamps import LIFETIME, Stamp, Visitor
from apps.tenants.inserts import row_insert, row_insert_once
from apps.tenants.scope import current_campus_id

OTP_DIGITS: Final = 6
OTP_LIFETIME: Final = timedelta(minutes=5)
OTP_MAX_TRIES: Final = 5
TRIES_KEPT: Final = timedelta(minutes=15)  # after that long without a failure the count starts anew
ISSUE_ROUNDS: Final = 20
FOR: Final = ":"  # "<subject>:<who>" is the subject's code for one person alone
KEPT_OF_FIRST: Final = ("at", "delay_ms", "window")  # of the first of several scans that are one
USED_AGAIN: Final = timedelta(seconds=90)  # how long a repeated use gets the first answer


def secret_start(*, purpose: str, subject: str, now: datetime) -> None:
    """Give the subject a fresh secret; codes of an earlier one are dead from here on."""
    fresh = sealed_secret(secrets.token_bytes(tokens.SECRET_BYTES), subject=subject)
    QrSecret.objects.update_or_create(
        purpose=purpose,
        subject=subject,
        defaults={"sealed_secret": fresh, "created_at": now, "ended_at": None},
    )
    invalidate(secret_cache_key(purpose, subject))


def codes_end(*, purposes: list[str], subject: str, now: datetime) -> None:
    """End every code of this subject: rotating and one-time, those for one person included."""
    QrSecret.objects.filter(purpose__in=purposes, subject=subject, ended_at__isnull=True).update(
        ended_at=now
    )
    theirs = Q(subject=subject) | Q(subject__startswith=f"{subject}{FOR}")
    OneTimeCode.objects.filter(theirs, purpose__in=purposes, ended_at__isnull=True).update(
        ended_at=now
    )
    for purpose in purposes:
        invalidate(secret_cache_key(purpose, subject))


def _code_hash(purpose: str, code: str) -> bytes:
    """Keyed hash without the subject, so that two live codes of a campus are never the same."""
    return keyed_hash("one-time-code", current_campus_id(), f"{purpose}\n{code}".encode())


def one_time_code_issue(
    *,
    purpose: str,
    subject: str,
    now: datetime,
    single_use: bool = True,
    address: str | None = None,
    user_agent: str = "",
) -> tuple[str, datetime]:
    """A fresh six-digit code and its expiry; the subject's code before it ends.

    The code is returned once and stored only as a keyed hash. No two live codes of one purpose are
    equal on a campus: the database refuses the second, and another one is drawn.
    """
    OneTimeCode.objects.filter(purpose=purpose, ended_at__isnull=True, expires_at__lte=now).update(
        ended_at=F("expires_at")
    )
    earlier = OneTimeCode.objects.filter(purpose=purpose, subject=subject, ended_at__isnull=True)
    for _round in range(ISSUE_ROUNDS):
        earlier.update(ended_at=now)  # in each round: another request may have been faster
        code = f"{secrets.randbelow(10**OTP_DIGITS):0{OTP_DIGITS}d}"
        try:
            with transaction.atomic():
                row = OneTimeCode.objects.create(
                    purpose=purpose,
                    subject=subject,
                    code_hash=_code_hash(purpose, code),
                    single_use=single_use,
                    created_at=now,
                    expires_at=now + OTP_LIFETIME,
                    address=address,
                    user_agent=user_agent[:300],
                )
        except IntegrityError:
            continue
        return code, row.expires_at
    message = "No free six-digit code was found; are thousands of codes live at once?"
    raise RuntimeError(message)


def counted_try(
    *, purpose: str, subject: str, who: str, now: datetime, judge: Callable[[], Problem]
) -> Problem:
    """Run `judge` unless this person failed five times.

    Failures are counted per (purpose, subject, who) whatever the code, and a new code does not
    reset them: after five even the right code is refused (`TOO_MANY_TRIES`), until 15 minutes
    pass without a try. The row is locked, so tries at the same time are counted one by one.
    """
    tries, _created = Tries.objects.select_for_update().get_or_create(
        purpose=purpose, subject=subject, who=who, defaults={"last_at": now}
    )
    failed = 0 if now - tries.last_at > TRIES_KEPT else tries.count
    if failed >= OTP_MAX_TRIES:
        return Problem.TOO_MANY_TRIES
    problem = judge()
    Tries.objects.filter(pk=tries.pk).update(count=failed + 1 if problem else 0, last_at=now)
    return problem


def person_subject(subject: str, who: str) -> str:
    """The subject of codes for one person alone; they end with the subject's own."""
    return f"{subject}{FOR}{who}"


@dataclass(frozen=True, kw_only=True)
class CodeUse:
    """Outcome of one try: right, `WRONG_CODE` or `EXPIRED`."""

    problem: Problem
    code_id: int | None = None


def one_time_code_use(*, purpose: str, subject: str, code: str, now: datetime) -> CodeUse:
    """Use the subject's code, tries not counted: call it inside `counted_try`.

    A single-use code is used up by a conditional update, so that of two tries at once one wins.
    """
    code_hash = _code_hash(purpose, code)
    live = OneTimeCode.objects.filter(purpose=purpose, subject=subject, ended_at__isnull=True)
    row = live.first()
    if row is None or now >= row.expires_at:
        return CodeUse(problem=Problem.EXPIRED)
    if not hmac.compare_digest(bytes(row.code_hash), code_hash):
        live.update(attempts=F("attempts") + 1)
        return CodeUse(problem=Problem.WRONG_CODE)
    ended = {"ended_at": now} if row.single_use else {}
    used = live.filter(pk=row.pk).update(used_at=now, **ended)
    return CodeUse(problem=Problem.NONE if used else Problem.EXPIRED, code_id=row.pk)


def one_time_code_used(*, purpose: str, subject: str, code: str, now: datetime) -> int | None:
    """The id of this very code, where it was used up within the last 90 seconds: an answer that
    got lost on its way is asked for again."""
    used = OneTimeCode.objects.filter(
        purpose=purpose, subject=subject, single_use=True, used_at__gt=now - USED_AGAIN
    )
    for row in used.order_by("-used_at"):
        if hmac.compare_digest(bytes(row.code_hash), _code_hash(purpose, code)):
            return row.pk
    return None


def one_time_code_try(*, purpose: str, subject: str, who: str, code: str, now: datetime) -> Problem:
    """Try a one-time code: right, `WRONG_CODE`, `EXPIRED` or `TOO_MANY_TRIES`."""

    def judge() -> Problem:
        return one_time_code_use(purpose=purpose, subject=subject, code=code, now=now).problem

    return counted_try(purpose=purpose, subject=subject, who=who, now=now, judge=judge)


def stamp_use(stamp: Stamp | None, visitor: Visitor, *, who: str, now: datetime) -> Check:
    """Whether this person may redeem the stamp in this browser; None is one that nobody signed.

    One that was taken before any sign-in is the first person's. That is noted in the cache alone:
    without it, what else binds the stamp still holds.
    """
    if stamp is None:
        return Check(problem=Problem.FORGED)
    problem = stamp.problem(visitor, now=now)
    if not problem and not stamp.sign_in:
        key = f"stamp:{current_campus_id()}:{stamp.subject}:{stamp.window}:{stamp.holder}"
        if not cache.add(key, who, int(LIFETIME.total_seconds())) and cache.get(key, who) != who:
            problem = Problem.SEEN_ELSEWHERE
    return Check(
        problem=problem, subject=stamp.subject, window=stamp.window, delay_ms=stamp.delay_ms
    )


def scan_save(
    *,
    purpose: str,
    check: Check,
    scanner: str,
    method: str,
    reason: str,
    now: datetime,
    address: str | None,
    once: str = "",
) -> Scan:
    """Log one redeem. `reason` is "" for an accepted one, else why it was refused.

    `once` names what was redeemed and by what: an accepted scan of the same scanner and name is
    one row, and the first one is returned, however many come at once.
    """
    scan = scan_of(
        purpose=purpose,
        check=check,
        scanner=scanner,
        method=method,
        reason=reason,
        now=now,
        address=address,
        once=once,
    )
    if once and not reason:
        first = row_insert_once(scan, returning=KEPT_OF_FIRST)
        scan.at, scan.delay_ms, scan.window = first
    else:
        row_insert(scan)
    return scan


def scan_of(
    *,
    purpose: str,
    check: Check,
    scanner: str,
    method: str,
    reason: str,
    now: datetime,
    address: str | None,
    once: str = "",
) -> Scan:
    """The scan that `scan_save` saves."""
    is_one = bool(once) and not reason
    return Scan(
        id=_scan_id(check, purpose, scanner, method, once) if is_one else uuid7(),
        purpose=purpose,
        subject=check.subject,
        scanner=scanner,
        method=method,
        window=check.window,
        accepted=not reason,
        reason=reason,
        at=now,
        delay_ms=check.delay_ms,
        address=address,
    )


def _scan_id(check: Check, *names: str) -> UUID:
    """The same for the same code and names; of the code's window, where it has one."""
    text = "\n".join((str(current_campus_id()), check.subject, *names))
    digest = hashlib.sha256(text.encode()).digest()
    period = tokens.TEXT_PERIOD if "text" in names else tokens.QR_PERIOD
    seconds = (check.window or 0) * period
    return uuid7(seconds * 10**9, random=int.from_bytes(digest[:8], "big"))
