"""Every text as its readers get it, filled in with sample values: for people who check wording."""

from dataclasses import dataclass
from typing import Any

from apps.common.ids import FIRST
from apps.notifications.channels.base import OutgoingMessage
from apps.notifications.channels.sms import text_of
from apps.notifications.rendering import email_bodies, in_language
from apps.notifications.texts import TEXTS

STUDENT = "Ada Lovelace"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One text in one language, over every channel."""

    is_for_contact: bool
    title: str
    body: str
    sms: str
    email_text: str
    email_html: str


def shown(*, code: str, language: str, campus_name: str) -> list[Shown]:
    """As the person reads it and, where there is such a version, as guardians and advisers do.

    Raises `KeyError` for a text that is not in the table.
    """
    text = TEXTS[code]
    reader = _Reader(text.kind, language, campus_name)
    versions = [reader.shown(text.title, text.body, text.sample)]
    if text.contact_title:
        sample = {**text.sample, "student": STUDENT}
        versions.append(
            reader.shown(text.contact_title, text.contact_body, sample, is_for_contact=True)
        )
    return versions


@dataclass(frozen=True)
class _Reader:
    kind: str
    language: str
    campus_name: str

    def shown(
        self, title: str, body: str, sample: dict[str, Any], *, is_for_contact: bool = False
    ) -> Shown:
        title, body = in_language(
            kind=self.kind, title=title, body=body, data=sample, language=self.language
        )
        outgoing = OutgoingMessage(
            delivery_id=FIRST,
            address="",
            title=title,
            body=body,
            tag="preview",
            kind=self.kind,
            language=self.language,
            campus_name=self.campus_name,
            data=sample,
            is_for_contact=is_for_contact,
        )
        email_text, email_html = email_bodies(outgoing)
        return Shown(
            is_for_contact=is_for_contact,
            title=title,
            body=body,
            sms=text_of(outgoing),
            email_text=email_text,
            email_html=email_html,
        )
