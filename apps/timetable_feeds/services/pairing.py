"""Which meeting of now is which of before: by key and week, then by course and start."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from apps.timetable_feeds.models import FeedMeeting
from apps.timetable_feeds.services.resolving import WantedMeeting

Pair = tuple[FeedMeeting, WantedMeeting]


@dataclass
class Pairing:
    pairs: list[Pair] = field(default_factory=list)
    gone: list[FeedMeeting] = field(default_factory=list)
    new: list[WantedMeeting] = field(default_factory=list)


def paired(known: Sequence[FeedMeeting], wanted: Sequence[WantedMeeting]) -> Pairing:
    """A lesson that meets several times a week under one key is told apart by its times: those that
    are the same stay, the rest follow in their order. What got another key is known by course and
    start. A meeting of another course is another meeting."""
    found = Pairing(gone=list(known), new=list(wanted))
    for same_of_known, same_of_wanted in (
        (
            lambda m: (m.key, m.week, m.course_id, m.starts_at, m.ends_at, m.classroom_id),
            lambda w: (
                *(w.key, w.week, w.course.pk, w.starts_at, w.ends_at, w.room and w.room.pk),
            ),
        ),
        (
            lambda m: (m.key, m.week, m.course_id, m.starts_at),
            lambda w: (w.key, w.week, w.course.pk, w.starts_at),
        ),
        (lambda m: (m.key, m.week, m.course_id), lambda w: (w.key, w.week, w.course.pk)),
        (lambda m: (m.course_id, m.starts_at), lambda w: (w.course.pk, w.starts_at)),
    ):
        _take_pairs(found, same_of_known, same_of_wanted)
    return found


def _take_pairs(
    found: Pairing,
    same_of_known: Callable[[FeedMeeting], Hashable],
    same_of_wanted: Callable[[WantedMeeting], Hashable],
) -> None:
    """Those with the same value, the earliest first."""
    waiting: defaultdict[Hashable, list[FeedMeeting]] = defaultdict(list)
    for meeting in sorted(found.gone, key=lambda m: (m.starts_at, m.pk), reverse=True):
        waiting[same_of_known(meeting)].append(meeting)
    left: list[WantedMeeting] = []
    for one in sorted(found.new, key=lambda w: w.starts_at):
        candidates = waiting.get(same_of_wanted(one))
        if candidates:
            found.pairs.append((candidates.pop(), one))
        else:
            left.append(one)
    found.new = left
    found.gone = [meeting for meetings in waiting.values() for meeting in meetings]
