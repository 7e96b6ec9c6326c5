"""The page with the scanner, which is also what a phone without network gets for a code's link."""

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.accounts.selectors import student_of
from apps.checkin.models.challenge import CHALLENGE_CODES
from apps.checkin.selectors.rapid_codes import challenge_cache_key
from apps.common.fields import row_number
from apps.qr_otp.tokens import RAPID_PERIOD, window_at
from apps.sessions.models import ClassSession
from apps.sessions.selectors import session_facts


@require_safe
def scan(request: HttpRequest) -> HttpResponse:
    """The same for everybody: browsers keep it, and nobody finds another person in it."""
    return render(request, "portal/student/scan.html")


@require_safe
def scan_state(request: HttpRequest) -> JsonResponse:
    """Who is signed in, the token against forgery, whether `session` is open, and whether it has a
    challenge now.

    Pages ask every two seconds while they wait for a challenge: the answer costs no statement of
    its own beyond the sign-in's, but one in ten minutes for each session.
    """
    student = student_of(user=request.user) if request.user.is_authenticated else None
    session_id = row_number(request.GET.get("session", ""))
    asked = session_id if student is not None else None
    return JsonResponse(
        {
            "student": student.pk if student else None,
            "csrf": get_token(request),
            "open": asked is not None and _is_open(asked),
            "challenge": asked is not None and _is_challenged(asked),
        }
    )


def _is_open(session_id: int) -> bool:
    facts = session_facts(session_id=session_id)
    return facts is not None and facts["status"] == ClassSession.Status.OPEN


def _is_challenged(session_id: int) -> bool:
    """From its announcement, three seconds before the first code, until its last one is over."""
    first = cache.get(challenge_cache_key(session_id))
    now = window_at(timezone.now(), period=RAPID_PERIOD)
    return first is not None and now <= first + CHALLENGE_CODES
