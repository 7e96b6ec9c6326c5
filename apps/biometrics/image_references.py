"""Who refers to stored images, and lets go of them when their time is over.

Other apps register in `ready()`; this one knows none of them.
"""

from collections.abc import Callable, Collection
from uuid import UUID

Forget = Callable[[Collection[UUID]], object]
"""Sets the references to these images to NULL, in the caller's transaction."""

_forgetters: list[Forget] = []


def register(forget: Forget) -> None:
    """Ask `forget` before images are deleted. Registering twice counts once."""
    if forget not in _forgetters:
        _forgetters.append(forget)


def unregister(forget: Forget) -> None:
    _forgetters.remove(forget)


def forget(image_ids: Collection[UUID]) -> None:
    for forgetter in _forgetters:
        forgetter(image_ids)
