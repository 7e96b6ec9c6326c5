"""What a phone reads when the site is put on its home screen."""

from typing import Final

from django.http import HttpRequest, JsonResponse
from django.templatetags.static import static
from django.utils.translation import get_language, get_language_bidi
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.tenants.middleware import request_campus

# --c-brand and --c-page of static/css/tokens.css.
THEME: Final = "#3f4fc4"
BACKGROUND: Final = "#f4f5f9"
ICONS: Final = (
    ("img/app/icon-192.png", "192x192", "any"),
    ("img/app/icon-512.png", "512x512", "any"),
    ("img/app/maskable-512.png", "512x512", "maskable"),
)


@require_GET
def manifest(request: HttpRequest) -> JsonResponse:
    """The web app manifest. The same for everybody on a campus: browsers ask without a sign-in."""
    campus = request_campus(request)
    icon = {"src": static(ICONS[0][0]), "sizes": ICONS[0][1], "type": "image/png"}
    content = {
        "id": "/",
        "name": campus.name,
        "short_name": campus.name if len(campus.name) <= 12 else "Campus",
        "description": _("Check in, and see your attendance."),
        "lang": get_language(),
        "dir": "rtl" if get_language_bidi() else "ltr",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "theme_color": THEME,
        "background_color": BACKGROUND,
        "icons": [
            {"src": static(path), "sizes": sizes, "type": "image/png", "purpose": purpose}
            for path, sizes, purpose in ICONS
        ],
        "shortcuts": [
            {"name": _("Check in"), "url": "/c", "icons": [icon]},
            {"name": _("Week"), "url": "/week/", "icons": [icon]},
        ],
    }
    return JsonResponse(
        content,
        content_type="application/manifest+json",
        headers={"Cache-Control": "public, no-cache"},
    )
