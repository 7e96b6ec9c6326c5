"""What was found in head turns, for pages on which somebody decides."""

from typing import Any

from django import template

from apps.liveness.selectors import second_opinions

register = template.Library()


@register.filter
def with_second_opinions(waiting: list[Any]) -> list[tuple[Any, str]]:
    """Check-ins that wait, each with what a program thinks of its head turns, "" for nothing."""
    opinions = second_opinions(references=[str(one.attempt.pk) for one in waiting])
    return [(one, opinions.get(str(one.attempt.pk), "")) for one in waiting]
