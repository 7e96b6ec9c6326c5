"""How allauth behaves here: no open sign-up, Google only for the campus's own domains."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.permissions import roles_of
from apps.common.errors import Forbidden
from apps.tenants.middleware import refuse, request_campus


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are made by administrators and imports, never by visitors."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class SocialAdapter(DefaultSocialAccountAdapter):
    """Google signs in people whom the campus already knows; it makes no accounts."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Check the verified claims against the campus and connect to the known account.

        The ID token's signature, `aud`, `iss` and `exp` were verified by allauth before.
        """
        claims = sociallogin.account.extra_data
        email = str(claims.get("email", "")).lower()
        domain = email.rpartition("@")[2]
        allowed = [d.lower() for d in request_campus(request).email_domains]
        if not claims.get("email_verified") or domain not in allowed:
            self._refuse(request, _("Sign in with your campus e-mail address."))
        if claims.get("hd") not in (None, domain):
            self._refuse(request, _("Sign in with your campus e-mail address."))
        user = User.objects.filter(email__iexact=email, is_active=True).first()
        if user is None or not roles_of(user):
            self._refuse(request, _("Nobody on this campus has this e-mail address."))
        if not sociallogin.is_existing:
            sociallogin.connect(request, user)

    @staticmethod
    def _refuse(request: HttpRequest, message: str) -> None:
        refusal = Forbidden("google_account_refused", message)
        raise ImmediateHttpResponse(refuse(request, refusal))
