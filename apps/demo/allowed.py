"""Where made-up people may be loaded at all."""

from django.conf import settings


def demo_allowed() -> bool:
    """Whether these settings say so; production settings do not, and silence is a no."""
    return bool(getattr(settings, "DEMO_ALLOWED", False))
