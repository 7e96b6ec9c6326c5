"""Reading consents, the campus's rules, and who somebody is."""

import hmac
from dataclasses import dataclass
from typing import Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.models import Faculty, Member, Student, User
from apps.common.crypto import campus_key
from apps.common.errors import NotFound
from apps.notifications.models import CampusMessages
from apps.privacy.models import Consent, ErasureRequest, PrivacyRules, SearchPermission
from apps.privacy.registry import KnownPerson, addenda_of
from apps.privacy.search_problems import NEEDED, SearchProblem
from apps.privacy.wording import PART, SEARCH_MARK, WORDINGS, Wording, parts, search_text
from apps.tenants.scope import campus_scope, current_campus_id
from apps.tenants.selectors import every_campus

Covers = SearchPermission.Covers

HEAD_TURNS_DAYS: Final = 90  # fingerprints of frames, and what a worker found


def active_consent(*, student: Student, kind: str) -> Consent | None:
    """The consent that holds now, in whichever wording it was given."""
    return Consent.objects.filter(student=student, kind=kind, withdrawn_at__isnull=True).first()


def active_consents(*, student: Student) -> dict[str, Consent]:
    """All that hold now, by kind."""
    held = Consent.objects.filter(student=student, withdrawn_at__isnull=True)
    return {consent.kind: consent for consent in held}


def privacy_rules() -> PrivacyRules:
    """Those of the entered campus, or the defaults (not saved)."""
    return PrivacyRules.objects.first() or PrivacyRules()


def search_permission() -> SearchPermission | None:
    """The entered campus's newest version, withdrawn or not."""
    return SearchPermission.objects.order_by("-version").first()


def search_problem(*, covers: str = Covers.ROSTER) -> SearchProblem | None:
    """Why faces may not be searched among so many now; None where they may. One statement."""
    return problem_in(search_permission(), covers)


def search_require(*, covers: str = Covers.ROSTER) -> SearchPermission:
    """The permission in force; raises `Refused` (403, a code of `SearchProblem`) without one."""
    permission = search_permission()
    problem = problem_in(permission, covers)
    if permission is None or problem is not None:
        raise (problem or SearchProblem.NOT_WRITTEN).error()
    return permission


def problem_in(
    permission: SearchPermission | None, covers: str = Covers.ROSTER
) -> SearchProblem | None:
    """Why this version, were it the newest, permits no search; None where it does."""
    if permission is None:
        return SearchProblem.NOT_WRITTEN
    if permission.withdrawn_at is not None:
        return SearchProblem.WITHDRAWN
    if covers == Covers.CAMPUS and permission.covers != Covers.CAMPUS:
        return SearchProblem.ROSTER_ONLY
    return next((NEEDED[name] for name in NEEDED if not getattr(permission, name)), None)


def camera_problem_in(permission: SearchPermission | None) -> SearchProblem | None:
    """The same for cameras, which are a use of their own."""
    problem = problem_in(permission)
    if problem is not None or permission is None:
        return problem or SearchProblem.NOT_WRITTEN
    if not permission.cameras:
        return SearchProblem.NOT_BY_CAMERAS
    return None if permission.camera_notice.strip() else SearchProblem.NO_CAMERA_NOTICE


def wording_of(*, kind: str) -> Wording:
    """What students of the entered campus agree to: the wording, what the campus does besides, and
    where faces may be searched. The version names each of them, searching by the version of the
    permission since which consents hold."""
    wording = WORDINGS[kind]
    versions, texts = [wording.version], [wording.text]
    for addendum in addenda_of(kind):
        if addendum.is_in_use():
            versions.append(addendum.mark)
            texts.append(addendum.text())
    permission = search_permission() if kind == Consent.Kind.FACE else None
    if permission is not None and problem_in(permission) is None:
        versions.append(_search_part(permission))
        texts.append(search_text(permission))
    if len(texts) == 1:
        return wording
    return Wording(version=PART.join(versions), text=" ".join(str(text) for text in texts))


def _search_part(permission: SearchPermission) -> str:
    return f"{SEARCH_MARK}{permission.asked_anew}"


def agreed_to_search(permission: SearchPermission) -> QuerySet[Consent]:
    """The consents of those who may be searched under it: they were shown its text."""
    kind = Consent.Kind.FACE
    shown = [WORDINGS[kind].version]
    for addendum in addenda_of(kind):
        shown += [f"{version}{PART}{addendum.mark}" for version in shown]
    versions = [f"{version}{PART}{_search_part(permission)}" for version in shown]
    return Consent.objects.filter(kind=kind, version__in=versions, withdrawn_at__isnull=True)


def is_up_to_date(held: Consent | None, wording: Wording) -> bool:
    """Whether a consent covers this wording: it says as much, or more."""
    return held is not None and parts(wording.version) <= parts(held.version)


def agreed_besides(mark: str, *, student_id: int) -> bool:
    """Whether a student's consent to faces holds that covers the addendum of this mark."""
    held = Consent.objects.filter(
        student_id=student_id, kind=Consent.Kind.FACE, withdrawn_at__isnull=True
    )
    return any(mark in parts(version) for version in held.values_list("version", flat=True))


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One line of how long what is kept, in words."""

    what: str
    how_long: str


def kept_for() -> list[Kept]:
    """How long the entered campus keeps what of a person."""
    rules = privacy_rules()
    messages_days = CampusMessages.objects.values_list("kept_days", flat=True).first()
    days = {
        _("network addresses of check-ins"): rules.addresses_days,
        _("photos taken at check-ins"): rules.selfies_days,
        _("pictures of head turns at check-ins"): rules.selfies_days,
        _("what was found in head turns at check-ins"): HEAD_TURNS_DAYS,
        _("documents handed in with requests"): rules.documents_days,
        _("messages"): CampusMessages().kept_days if messages_days is None else messages_days,
    }
    after = ngettext(
        "until %(count)d day after your last enrolment ended, or until you withdraw the consent",
        "until %(count)d days after your last enrolment ended, or until you withdraw the consent",
        rules.faces_days,
    )
    return [
        Kept(
            what=_("photos and templates of your face"),
            how_long=after % {"count": rules.faces_days},
        ),
        Kept(
            what=_("photos of a class, and whom they show"),
            how_long=_("until the lecturer has finished, at most %(time)s")
            % {"time": _hours(rules.class_photos_hours)},
        ),
        Kept(what=_("coordinates"), how_long=_hours(rules.coordinates_hours)),
        *(
            Kept(what=what, how_long=ngettext("%(count)d day", "%(count)d days", n) % {"count": n})
            for what, n in days.items()
        ),
        Kept(
            what=_("marks, and the log of what was done"),
            how_long=_("as long as the campus keeps its registers; your name goes when you do"),
        ),
    ]


def _hours(number: int) -> str:
    return ngettext("%(count)d hour", "%(count)d hours", number) % {"count": number}


def erasure_waiting(*, person: KnownPerson) -> ErasureRequest | None:
    """The request for this person's erasure that is not done yet."""
    waiting = ErasureRequest.objects.filter(status=ErasureRequest.Status.WAITING)
    for column, pk in (
        ("student_id", person.student_id),
        ("faculty_id", person.faculty_id),
        ("account_id", person.user_id),
    ):
        if pk and (found := waiting.filter(**{column: pk}).first()):
            return found
    return None


def person_of(
    *,
    student: Student | None = None,
    faculty: Faculty | None = None,
    user_id: int | None = None,
) -> KnownPerson:
    """Everything by which the entered campus knows one person; name any one of the three."""
    if user_id is None:
        user_id = next((row.user_id for row in (student, faculty) if row and row.user_id), None)
    if user_id is not None:
        student = student or Student.objects.filter(user_id=user_id).first()
        faculty = faculty or Faculty.objects.filter(user_id=user_id).first()
    emails = {row.email.lower() for row in (student, faculty) if row is not None}
    emails |= set(Member.objects.filter(user_id=user_id or 0).values_list("email", flat=True))
    return KnownPerson(
        user_id=user_id,
        student_id=student.pk if student else None,
        faculty_id=faculty.pk if faculty else None,
        emails=frozenset(emails),
        pseudonym=_pseudonym(student, faculty, user_id),
    )


def person_numbered(*, number: str) -> KnownPerson:
    """By a student's or faculty member's number, or an address of an account of this campus.

    Raises `NotFound` (no_such_person).
    """
    if student := Student.objects.filter(code__iexact=number).first():
        return person_of(student=student)
    if faculty := Faculty.objects.filter(code__iexact=number).first():
        return person_of(faculty=faculty)
    if member := Member.objects.filter(email=number.lower()).first():
        return person_of(user_id=member.user_id)
    raise NotFound("no_such_person", _("There is nobody of this number or address here."))


def _pseudonym(student: Student | None, faculty: Faculty | None, user_id: int | None) -> str:
    """The same for the same person of this campus, and not to be computed without its key."""
    numbers = [student.pk if student else None, faculty.pk if faculty else None, user_id]
    key = campus_key("pseudonym", current_campus_id())
    return "erased-" + hmac.digest(key, repr(numbers).encode(), "sha256").hex()[:12]


def known_elsewhere(*, user_id: int) -> bool:
    """Whether another campus knows this account, or it is the platform's."""
    if User.objects.filter(pk=user_id, is_superuser=True).exists():
        return True
    here = current_campus_id()
    for campus in every_campus(reason="is the account of an erased person used", also_closed=True):
        if campus.pk == here:
            continue
        with campus_scope(campus):
            if Member.objects.filter(user_id=user_id).exists():
                return True
    return False
