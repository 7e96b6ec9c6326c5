"""How allauth behaves here: people of the campus only, no open sign-up, limits that suit a NAT."""

from typing import Any, Final, NoReturn

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse, ReauthenticationRequired
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.google.provider import GoogleProvider
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.notices import account_notice
from apps.accounts.open_sessions import CAMPUS_KEY
from apps.accounts.permissions import may_enter
from apps.accounts.services import password_set, sign_in_record
from apps.audit.actors import request_actor
from apps.common.errors import Forbidden
from apps.common.http import client_address
from apps.signin.bound import (
    BEGUN,
    PROVIDER_BACKEND,
    PROVIDER_KEY,
    SIGNED_OUT,
    begun_by,
    name_hold,
    note_begun,
    vouched_of,
)
from apps.signin.google import GOOGLE, CampusGoogleProvider
from apps.signin.guesses import PASSWORD, guess_or_stop, guess_right
from apps.signin.known_devices import device_remember
from apps.signin.mails import CLOSED, MAILS, NOT_SENT, text_data
from apps.signin.mfa import factor_owed, sign_in_confirms
from apps.signin.registry import closed_way
from apps.tenants.addresses import asked_place
from apps.tenants.middleware import refuse, request_campus
from apps.tenants.scope import campus_scope, entered_campus_id

UNKNOWN_PEER: Final = "0.0.0.0"  # noqa: S104  (lists of sessions want an address)
GMAIL: Final = "gmail.com"
BEGUN_KEY: Final = "sign_in_begun"  # of the session: under which password
FACTOR_STAGE: Final = "allauth.mfa.stages.AuthenticateStage"


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are made by administrators and imports, never by visitors."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """As everywhere in the project. Limits do not use it: see `accounts.guesses`."""
        return client_address(request) or UNKNOWN_PEER

    def is_safe_url(self, url: str) -> bool:
        """Whether to lead on to that address: of this very host alone, and not back to plain HTTP.

        The library also leads to every other host of the installation, to another campus's.
        """
        place = asked_place(self.request)
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts={place}, require_https=self.request.is_secure()
        )

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Our limits instead of allauth's: 429 with Retry-After."""
        guess_or_stop(request, secret=PASSWORD, account=_account_of(credentials))

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        user = super().authenticate(request, **credentials)
        if user is not None:
            guess_right(request, secret=PASSWORD, account=_account_of(credentials))
        return user

    def reauthenticate(self, user: Any, password: str) -> bool:
        """By the account's own address, as at sign-in: see `CampusBackend`."""
        found = self.authenticate(self.request, email=user.email, password=password)
        return found is not None and found.pk == user.pk

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Who has a second factor confirms by it: the password alone is refused."""
        required = bool(super().is_reauthentication_required(app=app, **kwargs))
        if required and sign_in_confirms(self.request):
            return False
        if required and factor_owed(self.request):
            raise ReauthenticationRequired
        return required

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """The library leads to the first one."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        has_factor = user.is_authenticated and get_mfa_adapter().is_mfa_enabled(user)
        return [one for one in methods if not has_factor or one["id"] != "reauthenticate"]

    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> Any:
        """The first step of every way in, before the code is asked for."""
        self.begin(request, user)
        return super().pre_login(request, user, **kwargs)

    def begin(self, request: HttpRequest, user: Any) -> None:
        """Note the password under which a sign-in begins: `login` ends it when it was changed."""
        self._stop_closed_way(request, user, provider=vouched_of(request) is not None)
        request.session[BEGUN_KEY] = user.get_session_auth_hash()
        note_begun(request, user)

    def _stop_closed_way(self, request: HttpRequest, user: Any, *, provider: bool) -> None:
        why = "" if provider else closed_way(user)
        if why:
            stop(request, why)

    def get_login_stages(self) -> list[str]:
        """Without the code where the campus's provider asked for a second factor itself."""
        stages: list[str] = super().get_login_stages()
        vouched = vouched_of(self.request)
        if vouched is None or not vouched.multi_factor:
            return stages
        return [stage for stage in stages if stage != FACTOR_STAGE]

    def get_logout_redirect_url(self, request: HttpRequest) -> str:
        provider = request.session.get(PROVIDER_KEY)
        if provider:
            ticket = name_hold(request.session)
            page = reverse(SIGNED_OUT, args=[provider])
            return f"{page}?name={ticket}" if ticket else page
        return str(super().get_logout_redirect_url(request))

    def login(self, request: HttpRequest, user: Any) -> None:
        """The last step of every way in: without a role on this campus it is refused.

        Asked here again because a sign-in that began on one campus could be finished on another. A
        password that was changed in between ends it as it ends what is signed in.
        """
        begun = request.session.pop(BEGUN_KEY, "")
        if not constant_time_compare(begun, user.get_session_auth_hash()):
            stop(request, _("The password was changed meanwhile. Sign in again."))
        if not may_enter(user):
            stop(request, _("Nobody on this campus has this account."))
        begun_at = begun_by(request, user)
        provider = begun_at.provider
        if provider and begun_at.campus_id != entered_campus_id():  # another campus's provider
            stop(request, _("This sign-in began on another campus. Begin again."))
        self._stop_closed_way(request, user, provider=bool(provider))
        if provider:  # good on this campus alone: see `bound`
            user.bound_to, user.backend = entered_campus_id(), PROVIDER_BACKEND
        super().login(request, user)
        for key in (BEGUN, PROVIDER_KEY):
            request.session.pop(key, None)
        request.session[CAMPUS_KEY] = entered_campus_id()
        begun_at.keep_name(request.session)
        if provider:
            request.session[PROVIDER_KEY] = provider
        else:
            device_remember(request, account=user.email)
        sign_in_record(user=user, actor=request_actor(request), now=timezone.now())  # noqa: TID251

    def set_password(self, user: Any, password: str) -> None:
        """By the link of an e-mail or with the old password: the owner's device either way."""
        device_remember(self.request, account=user.email)
        password_set(
            user=user,
            password=password,
            actor=request_actor(self.request),
            now=timezone.now(),  # noqa: TID251
        )

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Every mail that allauth would send itself: none. E-mails go through the outbox."""
        if MAILS[template_prefix] != CLOSED:
            message = f"{template_prefix} was not sent: it is the outbox that sends."
            raise NotImplementedError(message)

    def send_notification_mail(
        self,
        template_prefix: str,
        user: Any,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """In our words, through the outbox; allauth calls it after the commit too."""
        text = MAILS[template_prefix]
        campus_id = getattr(self.request, "campus_id", None)
        if text in NOT_SENT or campus_id is None:
            return
        with campus_scope(campus_id):
            now = timezone.now()  # noqa: TID251
            account_notice(user=user, text=text, data=text_data(context or {}), now=now)


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


def _account_of(credentials: dict[str, Any]) -> str:
    return str(credentials.get("email") or credentials.get("username") or "")


def stop(request: HttpRequest, message: str) -> NoReturn:
    """End this sign-in with 403 `sign_in_refused`."""
    raise ImmediateHttpResponse(refuse(request, Forbidden("sign_in_refused", message)))
