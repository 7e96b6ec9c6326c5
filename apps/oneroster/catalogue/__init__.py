"""What we give others by OneRoster 1.2: the collections, and reading a page of one."""

from apps.oneroster.catalogue.collections import (
    GRADEBOOK_LISTS,
    ROSTER_CORE,
    ROSTER_LISTS,
    Collection,
    RosterField,
)
from apps.oneroster.catalogue.nested import LISTS_OF, narrowed
from apps.oneroster.catalogue.paging import RosterPage, found_in, page_of
from apps.oneroster.catalogue.writing import written

__all__ = [
    "GRADEBOOK_LISTS",
    "LISTS_OF",
    "ROSTER_CORE",
    "ROSTER_LISTS",
    "Collection",
    "RosterField",
    "RosterPage",
    "found_in",
    "narrowed",
    "page_of",
    "written",
]
