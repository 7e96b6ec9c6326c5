"""Which languages are spoken: those of `settings.LANGUAGES`, and those alone.

A language joins the setting when its catalogue is whole: a system check and a test see to that.
Django and allauth bring translations of their own texts in a hundred languages; a page in one of
them would be a mixture, and right-to-left around English words.
"""

import gettext
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import Error, register


def spoken(code: str | None) -> str:
    """This language, or the platform's own where it is not offered (any more)."""
    return code if code and code in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def translated(language: str, *, folder: Path) -> set[str]:
    """The message ids that the compiled catalogue of this language translates."""
    path = folder / language / "LC_MESSAGES" / "django.mo"
    if not path.exists():
        return set()
    with path.open("rb") as file:
        catalogue: dict[Any, str] = vars(gettext.GNUTranslations(file))["_catalog"]
    return {key[0] if isinstance(key, tuple) else key for key, text in catalogue.items() if text}


@register()
def every_language_has_a_catalogue(**_kwargs: Any) -> list[Error]:
    """The quick half of the promise; the test compares with every text of the source."""
    return [
        Error(
            f"The language “{code}” is offered without a compiled catalogue below locale/.",
            hint="Take it out of LANGUAGES until its translation is complete.",
            id="campus.E101",
        )
        for code, _name in settings.LANGUAGES
        if code != settings.LANGUAGE_CODE
        and not any(translated(code, folder=Path(folder)) for folder in settings.LOCALE_PATHS)
    ]
