"""Keeping the ids that a OneRoster service gives."""

import re
from collections.abc import Mapping

from apps.enrollments.models import SourcedId
from apps.enrollments.roster_rows import OWN

BATCH = 2_000
LONGEST = SourcedId._meta.get_field("sourced_id").max_length or 0


def sourced_ids_keep(*, given: Mapping[str, Mapping[int, str]]) -> None:
    """`given`: owner (`student`, `course` …) → id of the row → `sourcedId`.

    The first one stays. One that looks like an id of our own, that something else of the campus has
    already, or that is none at all, is not kept: the row goes on with ours.
    """
    rows = [
        SourcedId(**{f"{owner}_id": pk}, sourced_id=sourced_id)
        for owner, ids in given.items()
        for pk, sourced_id in ids.items()
        if LONGEST >= len(sourced_id.strip()) == len(sourced_id) > 0
        and sourced_id.isprintable()
        and not re.fullmatch(OWN, sourced_id)
    ]
    SourcedId.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)
