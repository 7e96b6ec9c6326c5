"""Password rules of NIST SP 800-63B-4: length and known-bad words, no composition."""

from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

MIN_ALONE: Final = 15
MIN_WITH_SECOND_FACTOR: Final = 8
MAX_LENGTH: Final = 128


class LengthValidator:
    """At least 15 characters alone, 8 beside a second factor, at most 128."""

    def validate(self, password: str, user: Any = None) -> None:
        shortest = MIN_WITH_SECOND_FACTOR if _has_second_factor(user) else MIN_ALONE
        if len(password) < shortest:
            raise ValidationError(
                _("Use at least %(n)d characters."), code="too_short", params={"n": shortest}
            )
        if len(password) > MAX_LENGTH:
            raise ValidationError(
                _("Use at most %(n)d characters."), code="too_long", params={"n": MAX_LENGTH}
            )

    def get_help_text(self) -> str:
        return _("At least %(alone)d characters, or %(second)d when you use a second factor.") % {
            "alone": MIN_ALONE,
            "second": MIN_WITH_SECOND_FACTOR,
        }


def _has_second_factor(user: Any) -> bool:
    from allauth.mfa.utils import is_mfa_enabled

    return user is not None and user.pk is not None and is_mfa_enabled(user)
