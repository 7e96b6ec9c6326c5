"""The campus's providers for the sign-in page."""

from django import template

from apps.identity_providers.models import IdentityProvider
from apps.identity_providers.selectors import active_providers
from apps.tenants.scope import entered_campus_id

register = template.Library()


@register.simple_tag
def campus_providers() -> list[IdentityProvider]:
    """By name, and nothing else of them; none outside every campus."""
    return [] if entered_campus_id() is None else list(active_providers().only("name"))
