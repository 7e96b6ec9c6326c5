"""How a campus shows itself: its logo, and the page on which its administrators choose it."""

from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from apps.audit.actors import request_actor
from apps.common.errors import NotFound
from apps.ops.forms import LogoForm
from apps.ops.logos import logo_read, logo_set
from apps.ops.views.first_hour import for_administrators
from apps.tenants.middleware import refuse, request_campus

# The address names the content, so that it never changes.
FOR_GOOD: Final = "public, max-age=31536000, immutable"


@require_http_methods(["GET", "POST"])
@for_administrators
def look(request: HttpRequest) -> HttpResponse:
    """The logo, and whether the list of first steps is shown."""
    form = LogoForm(request.POST or None, request.FILES or None)
    if request.method == "POST":
        removes = "remove" in request.POST
        if removes or form.is_valid():
            png = None if removes else form.cleaned_data["logo"]
            logo_set(png=png, now=timezone.now(), actor=request_actor(request))
            messages.success(request, _("Saved."))
            return redirect("campus_look")
    context = {"form": form, "campus": request_campus(request)}
    return render(request, "ops/look.html", context, status=400 if form.errors else 200)


@require_GET
def logo(request: HttpRequest, sha256: str) -> HttpResponse:
    """For everybody, also before they sign in; the platform's where the storage is away."""
    try:
        png = logo_read(campus=request_campus(request), sha256=sha256)
    except NotFound as refusal:
        return refuse(request, refusal)
    except OSError:
        return HttpResponseRedirect(static("img/logo.svg"))
    return HttpResponse(png, content_type="image/png", headers={"Cache-Control": FOR_GOOD})
