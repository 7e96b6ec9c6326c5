"""Browsers and apps in words, in the place of the strings that they send about themselves."""

import re
from typing import Final

from django.utils.translation import gettext as _

LONGEST: Final = 60  # characters of a name that is none of a browser
# The first that is found counts: browsers name those that they resemble, too.
BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("FxiOS", "Firefox"),
    ("Firefox", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Chromium", "Chromium"),
    ("Safari", "Safari"),
)
SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)


def browser_words(user_agent: str) -> str:
    """Like “Firefox on Windows”; an app by its name; "" where the string says nothing."""
    if not user_agent.startswith("Mozilla/"):
        name = re.split(r"[/(]", user_agent, maxsplit=1)[0].strip()
        return name[:LONGEST]
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    if not browser:
        return system
    if not system:
        return browser
    return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
