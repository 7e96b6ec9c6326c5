"""The link in an invitation's mail: which campus, and whose address it was sent to.

It is made while the mail is written and stands nowhere else: those who administer the campus must
not find it in a table and accept in somebody's place.
"""

from typing import Final

from django.core import signing
from django.urls import reverse

from apps.common.errors import Refused
from apps.tenants.addresses import campus_url

SALT: Final = "accounts.invitation"
GOOD_FOR_SECONDS: Final = 14 * 24 * 3600


def invitation_token(*, campus_id: int, email: str) -> str:
    return signing.dumps([campus_id, email], salt=SALT)


def invitation_link(*, campus_id: int, email: str) -> str:
    """Where to answer; "" where the campus has no host name of its own."""
    token = invitation_token(campus_id=campus_id, email=email)
    try:
        return campus_url(reverse("portal:invitation", args=[token]), campus_id=campus_id)
    except Refused:
        return ""


def read_token(token: str) -> tuple[int, str] | None:
    """The campus and the address in a genuine token that is not too old."""
    try:
        campus_id, email = signing.loads(token, salt=SALT, max_age=GOOD_FOR_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return int(campus_id), str(email)
