"""Look of the admin."""

from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

UNFOLD = {
    "SITE_TITLE": "Campus",
    "SITE_HEADER": "Campus",
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
    "LOGIN": {"image": None},
    "SIDEBAR": {"show_search": True, "show_all_applications": True},
    "EXTENSIONS": {},
    "SITE_SUBHEADER": _("Administration"),
}
