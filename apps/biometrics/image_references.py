"""Who refers to stored images. The references are removed before the images are deleted.

Other apps add theirs in `ready()`; this one knows none of them.
"""

from collections.abc import Callable, Collection
from uuid import UUID

ClearReferences = Callable[[Collection[UUID]], object]
"""Sets the references to these images to NULL, in the caller's transaction."""

_references: list[ClearReferences] = []


def add_reference(clear: ClearReferences) -> None:
    """Call `clear` before images are deleted. Adding twice counts once."""
    if clear not in _references:
        _references.append(clear)


def clear_references(image_ids: Collection[UUID]) -> None:
    for clear in _references:
        clear(image_ids)
