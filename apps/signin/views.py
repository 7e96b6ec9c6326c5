"""The library's pages of passkeys, with what they keep and do being ours."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.utils import get_next_redirect_url
from allauth.mfa.webauthn.internal.auth import begin_registration
from allauth.mfa.webauthn.views import AddWebAuthnView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.html import format_html

from apps.signin.mfa import passkey_add


class PasskeyAddView(AddWebAuthnView):
    """Makes passkeys that sign in by themselves, never keys for use after a password alone.

    Leads on to `next`. To a script of our pages it gives the options alone.
    """

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if get_adapter().is_ajax(request):
            return JsonResponse(self.options())
        answer: HttpResponse = super().get(request, *args, **kwargs)
        return answer

    def options(self) -> dict[str, Any]:
        return {"creation_options": begin_registration(self.request.user, passwordless=True)}

    def get_success_url(self) -> str:
        return get_next_redirect_url(self.request) or reverse("mfa_list_webauthn")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        url = self.get_success_url()
        field = format_html('<input type="hidden" name="next" value="{}">', url)
        return {**context, "js_data": self.options(), "next": url, "redirect_field": field}

    def form_valid(self, form: Any) -> HttpResponse:
        passkey_add(self.request, form.passkey)
        return HttpResponseRedirect(self.get_success_url())
