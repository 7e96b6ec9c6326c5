"""One text of the platform, for the tables of `texts` and `account_texts`."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Text:
    """`kind`: the type of message it belongs to. `sample`: values of all placeholders, for
    previews.

    `contact_title` and `contact_body` are what guardians and advisers read; theirs may also name
    the `%(student)s`.
    """

    kind: str
    title: str
    body: str
    contact_title: str = ""
    contact_body: str = ""
    sample: dict[str, Any] = field(default_factory=dict)
