"""Texts as people read them: in their language, with the values filled in."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.template.loader import render_to_string, select_template
from django.utils import translation
from django.utils.translation import gettext

from apps.common.languages import spoken
from apps.notifications.message_types import message_type_of
from apps.notifications.models import Message
from apps.notifications.placeholders import filled
from apps.notifications.texts import FACTS

if TYPE_CHECKING:
    from apps.notifications.channels.base import OutgoingMessage


def in_language(
    *, kind: str, title: str, body: str, data: dict[str, Any], language: str
) -> tuple[str, str]:
    """Title and text for one reader. Texts that people wrote are passed on as they are."""
    if message_type_of(kind).verbatim:
        return title, body
    with translation.override(spoken(language)):
        return filled(gettext(title), data), filled(gettext(body), data) if body else ""


def facts_of(data: dict[str, Any]) -> list[tuple[str, str]]:
    """What e-mails list below the text: name and value."""
    return [
        (label, str(data[key])) for key, label in FACTS.items() if data.get(key) not in ("", None)
    ]


def email_bodies(outgoing: "OutgoingMessage") -> tuple[str, str]:
    """Plain text and HTML: `emails/<kind>.txt|html` where the kind has its own, else `message`."""
    is_verbatim = message_type_of(outgoing.kind).verbatim
    context = {
        "message": outgoing,
        "campus": {"name": outgoing.campus_name},
        "facts": [] if is_verbatim else facts_of(outgoing.data),
    }
    with translation.override(spoken(outgoing.language)):
        text, html = (
            render_to_string(
                select_template(
                    [f"emails/{outgoing.kind}.{ending}", f"emails/message.{ending}"]
                ).template.name,
                context,
            )
            for ending in ("txt", "html")
        )
    return text.strip() + "\n", html


@dataclass(frozen=True, kw_only=True)
class Preview:
    language: str
    title: str
    body: str


def previews(message: Message) -> list[Preview]:
    """The message in every language of the platform; once where a person wrote it."""
    shown: list[Preview] = []
    for code, name in settings.LANGUAGES:
        title, body = in_language(
            kind=message.kind,
            title=message.title,
            body=message.body,
            data=message.data,
            language=code,
        )
        if not any((title, body) == (other.title, other.body) for other in shown):
            shown.append(Preview(language=name, title=title, body=body))
    return shown
