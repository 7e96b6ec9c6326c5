"""The live board: one conditional document for projector, session page and API."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse

from apps.attendance.selectors.register import board_version
from apps.board.selectors import board_counts, board_rows
from apps.checkin.models import CHALLENGE_CODES
from apps.checkin.selectors.rapid_codes import challenge_cache_key
from apps.qr_otp.drawing import code_svg
from apps.qr_otp.selectors import ShownCode, shown_code, shown_rapid_code
from apps.qr_otp.tokens import RAPID_PERIOD, age_ms, link_text
from apps.sessions.models import ClassSession
from apps.sessions.services import CHECK_IN, RAPID_CODE, subject_of
from apps.tenants.middleware import campus_origin


def board_answer(
    request: HttpRequest, *, session_id: int, load: Callable[[], ClassSession], now: datetime
) -> HttpResponse:
    """304 while neither the code nor a row changed; rows only when they did since `?since=`.

    Version and secret live in the cache, so that an idle poll asks no table of the register;
    `load` brings the session when there is something to tell. Whether the asker may watch is the
    caller's to check.
    """
    version = board_version(session_id)
    code = _code(session_id, now)
    etag = f'"{version}-{code.window if code else 0}"'
    headers = {"ETag": etag}
    # Compressed on its way, the answer got a weak tag.
    if request.headers.get("If-None-Match", "").removeprefix("W/") == etag:
        return HttpResponseNotModified(headers=headers)
    unchanged = request.GET.get("since") == version
    document = _document(
        load(),
        version=version,
        code=code,
        origin=campus_origin(request),
        with_rows=not unchanged,
    )
    return JsonResponse(document, headers=headers)


def board_document(*, session: ClassSession, now: datetime, origin: str) -> dict[str, Any]:
    """The whole document, for the first paint of a page. `origin` is where its link leads."""
    version = board_version(session.pk)
    code = _code(session.pk, now)
    return _document(session, version=version, code=code, origin=origin, with_rows=True)


def _code(session_id: int, now: datetime) -> ShownCode | None:
    """The code to show, or None when the session is not open: its codes end with it.

    While a challenge runs it is the challenge's. Before, the usual one runs out when the challenge
    begins, so that the page asks again at that very moment.
    """
    usual = shown_code(purpose=CHECK_IN, subject=subject_of(session_id), now=now)
    first = cache.get(challenge_cache_key(session_id))
    if usual is None or first is None:
        return usual
    until_ms = -age_ms(now, first, period=RAPID_PERIOD)
    if until_ms > 0:
        return replace(usual, expires_in_ms=min(usual.expires_in_ms, until_ms))
    if until_ms <= -CHALLENGE_CODES * RAPID_PERIOD * 1000:
        return usual
    return shown_rapid_code(purpose=RAPID_CODE, subject=subject_of(session_id), now=now) or usual


def _document(
    session: ClassSession,
    *,
    version: str,
    code: ShownCode | None,
    origin: str,
    with_rows: bool,
) -> dict[str, Any]:
    rows = board_rows(session_id=session.pk) if with_rows else None
    return {
        "version": version,
        "session": {
            "id": session.pk,
            "status": session.status,
            "title": session.title,
            "room": str(session.classroom) if session.classroom else "",
            "topic": session.topic,
        },
        "code": _code_facts(code, origin) if code else None,
        "counts": board_counts(rows) if rows is not None else None,
        "rows": rows,
    }


def _code_facts(code: ShownCode, origin: str) -> dict[str, Any]:
    return {
        "svg": code_svg(link_text(code.token, origin=origin)),
        "text": f"{code.text[:4]} {code.text[4:]}" if code.text else "",
        "text_expires_in_ms": code.text_expires_in_ms,
        "window": code.window,
        "expires_in_ms": code.expires_in_ms,
        "period_ms": code.period_ms,
    }
