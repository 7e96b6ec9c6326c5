"""The live board's answer: one conditional document for projector, session page and API."""

from datetime import datetime
from typing import Any

import segno
from django.http import HttpRequest
from rest_framework import status
from rest_framework.response import Response

from apps.attendance.selectors import board_counts, board_rows, board_version
from apps.qr_otp.selectors import ShownCode, shown_code
from apps.sessions.models import ClassSession
from apps.sessions.services import CHECK_IN, subject_of

QR_ERROR_LEVEL = "m"  # 15 % of the modules may be lost: a projector's glare


def code_svg(text: str) -> str:
    """The QR code as an SVG without fixed size, style or script, with its quiet zone."""
    qr = segno.make(text, error=QR_ERROR_LEVEL, micro=False)
    return qr.svg_inline(scale=1, border=4, omitsize=True, dark="#000", light="#fff")


def board_answer(request: HttpRequest, *, session: ClassSession, now: datetime) -> Any:
    """304 while neither the code nor a row changed; rows only when they changed since `?since=`.

    The version lives in the cache and is renewed after each commit, so that an idle poll asks the
    database nothing about the board.
    """
    version = board_version(session.pk)
    code = (
        shown_code(purpose=CHECK_IN, subject=subject_of(session.pk), now=now)
        if session.status == ClassSession.Status.OPEN
        else None
    )
    etag = f'"{version}-{session.status}-{code.window if code else 0}"'
    if request.headers.get("If-None-Match") == etag:
        return Response(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": etag})
    unchanged = request.GET.get("since") == version
    rows = None if unchanged else board_rows(session_id=session.pk, course_id=session.course_id)
    body = {
        "version": version,
        "session": _session_facts(session),
        "code": _code_facts(code) if code else None,
        "counts": board_counts(rows) if rows is not None else None,
        "rows": rows,
    }
    return Response(body, headers={"ETag": etag, "Cache-Control": "private, no-cache"})


def _session_facts(session: ClassSession) -> dict[str, Any]:
    return {
        "id": session.pk,
        "status": session.status,
        "title": str(session.course),
        "room": str(session.classroom) if session.classroom else "",
        "topic": session.topic,
    }


def _code_facts(code: ShownCode) -> dict[str, Any]:
    return {
        "svg": code_svg(code.token),
        "text": f"{code.text[:4]} {code.text[4:]}",
        "window": code.window,
        "expires_in_ms": code.expires_in_ms,
        "period_ms": code.period_ms,
    }
