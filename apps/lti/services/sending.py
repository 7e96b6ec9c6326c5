"""Attendance as scores of a platform (LTI Assignment and Grade Services 2.0).

What the platform knows is compared with the register every few minutes, and what differs is sent:
so a correction is sent like a first score, by whatever way it was made, and nothing twice. As with
webhooks requests are made outside of any transaction by a worker that holds the course, and a
worker that is killed leaves a hold that runs out.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit
from uuid import UUID, uuid4

from django.utils import translation
from django.utils.translation import gettext as _

from apps.common.languages import spoken
from apps.common.measures import count
from apps.lti.models import ADDRESS_LENGTH, LtiLink, LtiScore
from apps.lti.selectors import WantedScore, column_name, due_link_ids, scores_to_send
from apps.lti.services.asking import PlatformProblem, address_problem, ask, token_of
from apps.tenants.scope import campus_scope

logger = logging.getLogger(__name__)

EVERY: Final = timedelta(minutes=5)  # between two comparisons of a course
HOLD: Final = timedelta(minutes=8)  # more than a run may take
RUN: Final = timedelta(minutes=4)
# Seconds after the first, second … failure in a row; the last one from then on.
WAITS: Final = (60, 300, 1800, 7200, 18_000, 43_200)
SCOPES: Final = (
    "https://purl.imsglobal.org/spec/lti-ags/scope/lineitem",
    "https://purl.imsglobal.org/spec/lti-ags/scope/score",
)
LINE_ITEM: Final = "application/vnd.ims.lis.v2.lineitem+json"
LINE_ITEMS: Final = "application/vnd.ims.lis.v2.lineitemcontainer+json"
SCORE: Final = "application/vnd.ims.lis.v1.score+json"
TAG: Final = "attendance"
Clock = Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One course that is held, with what is to be sent."""

    link: LtiLink
    lease: UUID
    wanted: list[WantedScore]
    label: str


def scores_send(*, campus_id: int, clock: Clock, until: datetime) -> int:
    """Compare and send what is due on one campus; returns how many scores were sent."""
    with campus_scope(campus_id):
        due = due_link_ids(now=clock())
    sent = 0
    for link_id in due:
        if clock() >= until:
            break
        with campus_scope(campus_id):
            run = _hold(link_id, clock())
        if run is not None:
            sent += _sent_apart(campus_id, run, clock)
    return sent


def _sent_apart(campus_id: int, run: _Run, clock: Clock) -> int:
    """Whatever one platform answers, the courses of others are sent."""
    try:
        return _work(campus_id, run, clock)
    except Exception:
        logger.exception("The scores of course %s could not be sent.", run.link.course_id)
        return 0


def _hold(link_id: Any, now: datetime) -> _Run | None:
    """The course, if nobody else holds it; where nothing is to be sent it is done already."""
    lease = uuid4()
    rows = LtiLink.objects.filter(pk=link_id)
    if not rows.filter(next_run_at__lte=now).update(lease=lease, next_run_at=now + HOLD):
        return None
    link = rows.select_related("platform", "course__subject", "campus").get()
    wanted = scores_to_send(link)
    if not wanted:
        _done(link, lease, now)
        return None
    with translation.override(spoken(link.campus.language)):
        label = _("Attendance")
    return _Run(link=link, lease=lease, wanted=wanted, label=label)


def _work(campus_id: int, run: _Run, clock: Clock) -> int:
    """Send until something concerns all, or the time is over; returns how many were taken."""
    ends, sent = clock() + RUN, 0
    link = run.link
    try:
        if not link.line_items_url:
            text = "The platform has named no address for grades. Switch on grades there, and open"
            raise PlatformProblem(text=f"{text} the link once.")
        token = _token(campus_id, run, clock())
        column = link.line_item_url or _column(campus_id, run, token)
        for wanted in run.wanted:
            if clock() >= ends:
                break
            sent += _send(campus_id, run, wanted, column=column, token=token, clock=clock)
    except PlatformProblem as problem:
        count("campus_lti_scores", "failed")
        with campus_scope(campus_id):
            _failed(run, problem, clock())
        return sent
    with campus_scope(campus_id):
        is_whole = clock() < ends
        _done(link, run.lease, clock(), again=None if is_whole else clock())
    return sent


def _token(campus_id: int, run: _Run, now: datetime) -> str:
    """An access token; the key that signs for it is read inside the campus."""
    with campus_scope(campus_id):
        return token_of(run.link.platform, scopes=SCOPES, now=now)


def _column(campus_id: int, run: _Run, token: str) -> str:
    """The address of our column: the one that a lost answer left behind, else a new one."""
    link = run.link
    resource = column_name(link)
    asked = _with_query(link.line_items_url, resource_id=resource, tag=TAG)
    known = ask("GET", asked, token=token, headers={"Accept": LINE_ITEMS})
    try:
        listed = known.json()
    except ValueError:
        listed = []
    ours = [
        item
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, dict) and item.get("resourceId") == resource
    ]
    if ours:
        found = ours[0].get("id")
    else:
        content = {
            "label": run.label,
            "scoreMaximum": float(run.wanted[0].maximum),
            "resourceId": resource,
            "tag": TAG,
        }
        answer = ask(
            "POST", link.line_items_url, token=token, content=content, content_type=LINE_ITEM
        )
        found = answer.object().get("id")
    fits = isinstance(found, str) and len(found) <= ADDRESS_LENGTH and not address_problem(found)
    if not fits:
        raise PlatformProblem(text="The platform made a grade column without a usable address.")
    with campus_scope(campus_id):
        LtiLink.objects.filter(pk=link.pk, lease=run.lease).update(line_item_url=found)
    return str(found)


def _send(
    campus_id: int, run: _Run, wanted: WantedScore, *, column: str, token: str, clock: Clock
) -> bool:
    """One score. A refusal that concerns this student alone is written down, and the rest go on;
    raises `PlatformProblem` for any other."""
    now = clock()
    content: dict[str, Any] = {
        "userId": wanted.subject,
        "timestamp": now.astimezone(UTC).isoformat(timespec="milliseconds"),
        "activityProgress": "InProgress",
        "gradingProgress": "NotReady" if wanted.score is None else "FullyGraded",
        "comment": wanted.comment,
    }
    if wanted.score is not None:
        content |= {"scoreGiven": float(wanted.score), "scoreMaximum": float(wanted.maximum)}
    told: dict[str, Any] = {"refused": "", "error": "", "sent_at": now}
    told |= {"score": wanted.score, "maximum": wanted.maximum}
    try:
        ask("POST", _scores_of(column), token=token, content=content, content_type=SCORE)
    except PlatformProblem as problem:
        if problem.status == 404 and run.link.line_item_url:
            _check_column(campus_id, run, column=column, token=token)
        if problem.is_general:
            raise
        told = {"refused": wanted.mark, "error": _storable(problem.text)}
    count("campus_lti_scores", "refused" if told["refused"] else "sent")
    with campus_scope(campus_id):
        if not _is_held(run):
            raise PlatformProblem(text="The course was disconnected, or taken over, meanwhile.")
        LtiScore.objects.update_or_create(
            link=run.link,
            student_id=wanted.student_id,
            defaults={"subject": wanted.subject, **told},
        )
    return not told["refused"]


def _is_held(run: _Run) -> bool:
    """Whether the course is still connected and ours; it stays so until the transaction ends."""
    rows = LtiLink.objects.select_for_update(no_key=True)
    return rows.filter(pk=run.link.pk, lease=run.lease).exists()


def _check_column(campus_id: int, run: _Run, *, column: str, token: str) -> None:
    """After a 404: is it the person or our column that is gone? A lost column is made anew at the
    next try, and everything is sent to it; raises `PlatformProblem` then."""
    try:
        ask("GET", column, token=token, headers={"Accept": LINE_ITEM})
    except PlatformProblem as problem:
        if problem.status != 404:
            raise
        with campus_scope(campus_id):
            LtiLink.objects.filter(pk=run.link.pk, lease=run.lease).update(line_item_url="")
            LtiScore.objects.filter(link=run.link).delete()
        text = "Our grade column is gone there. It is made anew."
        raise PlatformProblem(text=text) from problem


def _failed(run: _Run, problem: PlatformProblem, now: datetime) -> None:
    """Later and later; the column and what was sent stay."""
    failures = run.link.failures + 1
    wait = WAITS[min(failures, len(WAITS)) - 1] * random.uniform(0.8, 1.2)  # noqa: S311
    logger.warning("scores of course %s on a platform: %s", run.link.course_id, problem.text)
    LtiLink.objects.filter(pk=run.link.pk, lease=run.lease).update(
        lease=None,
        failures=failures,
        failing_since=run.link.failing_since or now,
        error=_storable(problem.text),
        next_run_at=now + timedelta(seconds=wait),
    )


def _done(link: LtiLink, lease: UUID, now: datetime, *, again: datetime | None = None) -> None:
    """Compared: again in a few minutes, or at `again`. Too slow a worker writes nothing."""
    LtiLink.objects.filter(pk=link.pk, lease=lease).update(
        lease=None, failures=0, failing_since=None, error="", next_run_at=again or now + EVERY
    )


def _storable(text: str) -> str:
    return text.replace("\x00", "")[:300]


def _scores_of(column: str) -> str:
    """`…/lineitem/scores?…`: the path grows, the query stays (AGS 2.0 §3.4)."""
    parts = urlsplit(column)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/scores"))


def _with_query(url: str, **added: str) -> str:
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode(added))))
    return urlunsplit(parts._replace(query=query))
