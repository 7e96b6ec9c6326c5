"""Keeping the ids that a OneRoster service gives."""

import re
from collections.abc import Mapping

from apps.enrollments.models import SourcedId
from apps.enrollments.roster_rows import OWN

BATCH = 2_000


def sourced_ids_keep(*, given: Mapping[str, Mapping[int, str]]) -> None:
    """`given`: owner (`student`, `course` …) → id of the row → `sourcedId`.

    The first one stays. One that looks like an id of our own, or that something else of the campus
    has already, is not kept: the row goes on with ours.
    """
    rows = [
        SourcedId(**{f"{owner}_id": pk}, sourced_id=sourced_id)
        for owner, ids in given.items()
        for pk, sourced_id in ids.items()
        if not re.fullmatch(OWN, sourced_id)
    ]
    SourcedId.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)
