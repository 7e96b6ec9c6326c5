"""The link in the mail of an invitation."""

from typing import Any

from django import template

from apps.accounts.invitation_links import invitation_link

register = template.Library()


@register.simple_tag
def link_of(outgoing: Any) -> str:
    """Where the reader of this e-mail answers; "" in previews, and where no host name is known."""
    if not outgoing.campus_id:
        return ""
    return invitation_link(campus_id=outgoing.campus_id, email=outgoing.address)
