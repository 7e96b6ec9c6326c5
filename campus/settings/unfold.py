"""Look of the administration."""

from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from campus.settings.navigation import NAVIGATION

UNFOLD = {
    "SITE_TITLE": "Campus",
    "SITE_HEADER": "Campus",
    "SITE_SUBHEADER": _("Administration"),
    "SITE_SYMBOL": "school",
    "SITE_URL": "/",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _request: static("img/favicon.svg"),
        }
    ],
    "COMMAND": {"search_models": False},
    "STYLES": [
        lambda _request: static("css/admin.css"),
        lambda _request: static("css/admin-forms.css"),
    ],
    "SCRIPTS": [lambda _request: static("js/admin/names.js")],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": NAVIGATION,
    },
    # The pages' own indigo (static/css/tokens.css), as lightness, chroma and hue.
    "COLORS": {
        "primary": {
            "50": "oklch(96% .02 275)",
            "100": "oklch(93% .04 275)",
            "200": "oklch(87% .07 275)",
            "300": "oklch(79% .11 275)",
            "400": "oklch(68% .16 275)",
            "500": "oklch(58% .2 275)",
            "600": "oklch(50% .2 275)",
            "700": "oklch(44% .18 275)",
            "800": "oklch(38% .15 275)",
            "900": "oklch(34% .12 275)",
            "950": "oklch(25% .09 275)",
        }
    },
}
