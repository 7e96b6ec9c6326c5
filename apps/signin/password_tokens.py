"""What is in a link for a new password: good once, for a time, and on the campus that sent it."""

from typing import Any

from django.contrib.auth.tokens import PasswordResetTokenGenerator

from apps.tenants.models import Domain
from apps.tenants.scope import entered_campus_id


class CampusTokenGenerator(PasswordResetTokenGenerator):
    """Django's, bound to a campus as well.

    The account is the same on every campus, but the log of the campus that mailed the link is where
    its use belongs, and another campus's page has no business with it. Campuses without a domain
    share the platform's host, where no campus is known.
    """

    key_salt = "apps.signin.password_tokens"

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}{_campus_of_host()}"


def _campus_of_host() -> int:
    campus_id = entered_campus_id()
    has_host = campus_id and Domain.objects.filter(campus_id=campus_id).exists()
    return campus_id if campus_id and has_host else 0
