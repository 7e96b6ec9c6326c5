"""How a sign-in at a provider can fail: each with its code, its status and its words.

And why a provider's SAML metadata is not taken.
"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from apps.common.errors import Refusal


class SignInRefusal(Refusal):
    AWAY = "provider_away", 424, _("%(provider)s does not answer. Try again in a minute.")
    CANCELLED = "cancelled", 403, _("You did not sign in at %(provider)s.")
    REFUSED = "provider_refused", 403, _("%(provider)s did not sign you in. Try again.")
    STALE = (
        "sign_in_stale",
        403,
        _("This sign-in has taken too long, or was used already. Try again."),
    )
    UNTRUSTED = (
        "answer_untrusted",
        403,
        _("The answer of %(provider)s could not be believed. Try again, and tell the office."),
    )
    KEYS_READ = (
        "keys_read_anew",
        403,
        _(
            "The answer of %(provider)s could not be believed. Perhaps it signs with a new key: "
            "what it publishes is read now. Try again in a minute; if it stays so, tell the office."
        ),
    )
    NOT_READY = (
        "provider_not_ready",
        424,
        _("%(provider)s cannot be used here at the moment. Tell the office."),
    )
    NO_ID = (
        "no_lasting_id",
        403,
        _("%(provider)s sent no id that stays yours. Tell the office."),
    )
    UNKNOWN = (
        "unknown_person",
        403,
        _(
            "You are signed in at %(provider)s, but this campus does not know you by it yet. Ask "
            "the office to enter the number or e-mail address that %(provider)s has of you."
        ),
    )
    AMBIGUOUS = (
        "ambiguous_person",
        403,
        _("What %(provider)s says of you fits two people here. Tell the office."),
    )
    OTHER_ADDRESS = (
        "other_address",
        403,
        _(
            "%(provider)s has another e-mail address of you than your account here. Tell the "
            "office: it gives your entry a sign-in by the right one."
        ),
    )
    NOT_ITS_OWN = (
        "not_its_own",
        403,
        _(
            "Your account here has an e-mail address for which %(provider)s does not speak. Sign "
            "in as before, or tell the office."
        ),
    )
    NO_LOGIN = (
        "no_login_yet",
        403,
        _(
            "Your entry has no sign-in yet. Answer the invitation in your mail first, or ask the "
            "office for one."
        ),
    )
    NO_ROLE = (
        "role_not_allowed",
        403,
        _("With your role on this campus you do not come in by %(provider)s."),
    )
    PLATFORM = (
        "platform_administrator",
        403,
        _("Administrators of the platform come in by their password."),
    )
    LINKED = (
        "linked_elsewhere",
        403,
        _("You come in by another account or another provider. The office can end that."),
    )


class SignInProblem(Exception):
    """Raised with what people are told; `detail` is for the log, and holds no token."""

    def __init__(self, problem: SignInRefusal, detail: str = "") -> None:
        super().__init__(f"{problem.value}: {detail}")
        self.problem = problem
        self.detail = detail


class MetadataProblem(TextChoices):
    AWAY = "away", _("does not answer")
    UNREADABLE = "unreadable", _("is no SAML metadata, or too large")
    UNSIGNED = "unsigned", _("is not signed by the certificate that is kept here")
    EXPIRED = "expired", _("is no longer valid")
    ENDLESS = "endless", _("names no end of its validity")
    MISSING = "missing", _("does not have this provider")
    UNUSABLE = "unusable", _("describes no provider that can be used")


class MetadataRefused(ValueError):
    """`detail` is for the log."""

    def __init__(self, problem: MetadataProblem, detail: str = "") -> None:
        super().__init__(f"{problem.value}: {detail}")
        self.problem = problem
