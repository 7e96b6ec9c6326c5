"""The language in which a browser shows the pages, and a person gets their messages."""

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from apps.accounts.services import member_language_set


@require_POST
def language(request: HttpRequest) -> HttpResponseBase:
    """Remember the language in a cookie; of who is signed in also for this campus's messages."""
    chosen = request.POST.get("language", "")
    if chosen in dict(settings.LANGUAGES) and request.user.is_authenticated:
        member_language_set(user=request.user, language=chosen, now=timezone.now())
    return set_language(request)
