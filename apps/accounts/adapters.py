"""How allauth behaves here: people of the campus only, no open sign-up, limits that suit a NAT."""

from datetime import timedelta
from typing import Any, Final, NoReturn

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.google.provider import GoogleProvider
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.google import GOOGLE, CampusGoogleProvider
from apps.accounts.models import User
from apps.accounts.permissions import may_enter
from apps.accounts.services import password_set, sign_in_record
from apps.accounts.session_store import CAMPUS_KEY
from apps.audit.actors import request_actor
from apps.common.errors import Forbidden, Refused
from apps.common.http import client_address
from apps.tenants.middleware import refuse, request_campus
from apps.tenants.scope import entered_campus_id

LOGIN_WINDOW: Final = timedelta(minutes=1)  # of ACCOUNT_RATE_LIMITS["login_failed"]
LOCAL_PEER: Final = "127.0.0.1"
GMAIL: Final = "gmail.com"


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are made by administrators and imports, never by visitors."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """As everywhere in the project; a peer on a unix socket is local."""
        return client_address(request) or LOCAL_PEER

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Failed sign-ins count per campus, account and address.

        Without the address anybody could lock anybody out; with the address alone one person
        could lock out the whole campus behind a NAT.
        """
        account = str(credentials.get("email") or credentials.get("username") or "").lower()
        return f"{entered_campus_id()}:{account}:{self.get_client_ip(request)}"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Answer 429 with Retry-After where allauth would answer 400 or show the form again."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError as error:
            response = refuse(request, too_many_attempts())
            response["Retry-After"] = str(int(LOGIN_WINDOW.total_seconds()))
            raise ImmediateHttpResponse(response) from error

    def login(self, request: HttpRequest, user: Any) -> None:
        """The last step of every way in: whoever has no role on this campus stays outside.

        Asked here again because a sign-in that began on one campus could be finished on another.
        """
        if not may_enter(user):
            stop(request, _("Nobody on this campus has this account."))
        super().login(request, user)
        request.session[CAMPUS_KEY] = entered_campus_id()
        sign_in_record(user=user, actor=request_actor(request), now=timezone.now())  # noqa: TID251

    def set_password(self, user: Any, password: str) -> None:
        password_set(
            user=user,
            password=password,
            actor=request_actor(self.request),
            now=timezone.now(),  # noqa: TID251
        )

    def send_password_reset_mail(self, user: Any, email: str, context: dict[str, Any]) -> None:
        """Only to people of this campus; the page says the same to everybody."""
        if may_enter(user):
            super().send_password_reset_mail(user, email, context)


class SocialAdapter(DefaultSocialAccountAdapter):
    """Google signs in people whom the campus already knows; it makes no accounts."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return False

    def get_requests_session(self) -> Any:
        """For the token endpoint: over our client, like everything that leaves the platform."""
        return GOOGLE.session()

    def get_provider(self, request: HttpRequest, provider: Any, client_id: Any = None) -> Any:
        """Google through our verification; 404 for pages of a provider that is not set up.

        With a client id it is a phone that asks, and allauth itself answers 400 to it.
        """
        try:
            found = super().get_provider(request, provider, client_id=client_id)
        except SocialApp.DoesNotExist as error:
            if client_id is None:
                raise Http404 from error
            raise
        if isinstance(found, GoogleProvider):
            return CampusGoogleProvider(request, app=found.app)
        return found

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Check the claims, verified before by `accounts.google`, and connect the known person."""
        email = campus_address(
            sociallogin.account.extra_data, request_campus(request).email_domains
        )
        if not email:
            stop(request, _("Sign in with your campus e-mail address."))
        user = User.objects.filter(email=email, is_active=True).first()
        if user is None or not may_enter(user):
            stop(request, _("Nobody on this campus has this e-mail address."))
        if request.user.is_authenticated and request.user != user:
            stop(request, _("You are signed in as somebody else."))
        if not sociallogin.is_existing:
            sociallogin.connect(request, user)
        elif sociallogin.user != user:
            stop(request, _("This Google account belongs to somebody else."))


def campus_address(claims: dict[str, Any], email_domains: list[str]) -> str:
    """The verified e-mail address of these claims if one of the campus's domains vouches for it.

    Google speaks for a Workspace's addresses (`hd` is set) and for gmail.com; for any other
    address it only says that somebody once received a mail there. Empty when it does not hold.
    """
    allowed = {domain.lower() for domain in email_domains}
    email = str(claims.get("email") or "").strip().lower()
    domain = email.rpartition("@")[2]
    vouched = str(claims.get("hd") or "").lower() or (domain if domain == GMAIL else "")
    verified = claims.get("email_verified") is True
    return email if verified and domain in allowed and vouched in allowed else ""


def too_many_attempts() -> Refused:
    return Refused(
        "too_many_attempts", _("Too many attempts. Wait a minute and try again."), status=429
    )


def stop(request: HttpRequest, message: str) -> NoReturn:
    """End this sign-in with 403 `sign_in_refused`."""
    raise ImmediateHttpResponse(refuse(request, Forbidden("sign_in_refused", message)))
