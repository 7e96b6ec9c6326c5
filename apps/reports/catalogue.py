"""The reports by name: columns, rows, and what is said about them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from apps.reports.asked import Asked
from apps.reports.selectors import attendance, overview, registers, risk
from apps.reports.tables import Column, ColumnType, PagedRows

RULE: Final = _(
    "Percentage: attended sessions of those that count. Late counts as attended; excused sessions "
    "do not count."
)
BELOW: Final = _("Students below the limit are listed; students exactly at it are not.")


def number(key: str, label: Any, width: int = 8, **options: Any) -> Column:
    return Column(key=key, label=label, kind=ColumnType.WHOLE, width=width, **options)


def identity(key: str) -> Column:
    """For programs only."""
    return Column(key=key, label=key, kind=ColumnType.WHOLE, in_files=False)


def percent(key: str, label: Any) -> Column:
    return Column(key=key, label=label, kind=ColumnType.DECIMAL, width=10)


PERCENTAGE: Final = percent("percentage", _("Attendance (%)"))
COUNTERS: Final = (
    number("sessions", _("Counting sessions")),
    number("attended", _("Attended")),
    number("late", _("Late")),
    number("absent", _("Absent")),
    number("excused", _("Excused")),
    PERCENTAGE,
)
CODE: Final = Column(key="code", label=_("Number"), width=12)
NAME: Final = Column(key="name", label=_("Name"), width=24)
COURSE: Final = (
    identity("course"),
    Column(key="course_code", label=_("Course"), width=12),
    Column(key="course_name", label=_("Subject"), width=20),
)
PERSON: Final = (identity("student"), CODE, NAME, *COURSE)
OUTLOOK: Final = (
    percent("limit", _("Limit (%)")),
    number("remaining", _("Planned sessions left")),
    percent("highest", _("Highest still reachable (%)")),
    number("must_attend", _("Must attend of those left")),
    number("may_miss", _("May miss")),
    number("in_a_row", _("Next in a row until safe")),
)
STARTS: Final = Column(key="starts_at", label=_("Session"), kind=ColumnType.MOMENT, width=16)
STUDENT_COURSES: Final = (
    *COURSE,
    Column(key="term", label=_("Term"), width=16),
    Column(key="first_attended", label=_("First attended"), kind=ColumnType.DAY, width=11),
    Column(key="last_attended", label=_("Last attended"), kind=ColumnType.DAY, width=11),
    *COUNTERS,
    *OUTLOOK,
)


@dataclass(frozen=True, kw_only=True)
class ReportDefinition:
    """`groups`: what `group_by` may be, the first unless said otherwise."""

    name: str
    title: Any
    columns: Sequence[Column]
    rows: Callable[[Asked], PagedRows]
    notes: Sequence[Any] = ()
    groups: Sequence[str] = ()


REPORTS: Final = {
    report.name: report
    for report in (
        ReportDefinition(
            name="attendance",
            title=_("Attendance"),
            rows=attendance.attendance,
            groups=attendance.GROUP_NAMES,
            notes=[RULE],
            columns=(
                identity("id"),
                CODE,
                NAME,
                number("students", _("Students"), idle_for=("student",)),
                number("held", _("Classes held"), idle_for=("student",)),
                *COUNTERS,
            ),
        ),
        ReportDefinition(
            name="defaulters",
            title=_("Defaulters"),
            rows=risk.defaulters,
            notes=[RULE, BELOW],
            columns=(*PERSON, *COUNTERS, *OUTLOOK),
        ),
        ReportDefinition(
            name="consecutive-absences",
            title=_("Absences in a row"),
            rows=risk.consecutive_absences,
            notes=[_("Excused sessions neither count nor end a row.")],
            columns=(
                *PERSON,
                number("missed", _("Missed in a row")),
                Column(key="since", label=_("Since"), kind=ColumnType.MOMENT, width=16),
                Column(
                    key="last_attended", label=_("Last attended"), kind=ColumnType.DAY, width=11
                ),
                PERCENTAGE,
            ),
        ),
        ReportDefinition(
            name="statistics",
            title=_("Statistics"),
            rows=overview.statistics,
            groups=overview.STATISTICS_GROUPS,
            notes=[RULE, _("Students are counted where they are placed now.")],
            columns=(
                identity("id"),
                number("year", _("Year")),
                Column(key="department", label=_("Department"), width=14),
                Column(key="section", label=_("Section"), width=10),
                number("students", _("Students")),
                number("marked", _("With a mark")),
                *COUNTERS,
            ),
        ),
        ReportDefinition(
            name="methods",
            title=_("How students checked in"),
            rows=overview.methods,
            columns=(
                Column(key="method", label=_("Method"), width=16),
                number("marks", _("Marks")),
                number("face", _("Face verified")),
                number("place", _("Place verified")),
                number("beacon", _("Beacon verified")),
                number("person", _("Checked by the phone")),
                Column(key="mean_score", label=_("Mean score"), kind=ColumnType.DECIMAL),
                number("score_low", _("Score below 0.60")),
                number("score_middle", _("0.60 to 0.79")),
                number("score_high", _("0.80 and above")),
            ),
        ),
        ReportDefinition(
            name="check-ins",
            title=_("Marks with their proofs"),
            rows=overview.check_ins,
            columns=(
                identity("session"),
                STARTS,
                identity("course"),
                Column(key="course_code", label=_("Course"), width=12),
                identity("student"),
                CODE,
                NAME,
                Column(key="status", label=_("Meaning"), in_files=False),
                Column(key="label", label=_("Status"), width=12),
                Column(key="method", label=_("Method"), width=12),
                Column(key="factors", label=_("Proven"), width=20),
                Column(key="score", label=_("Score"), kind=ColumnType.DECIMAL, width=7),
                Column(key="recorded_at", label=_("Recorded"), kind=ColumnType.MOMENT, width=16),
                number("minutes_late", _("Minutes late")),
            ),
        ),
        ReportDefinition(
            name="not-taken",
            title=_("Registers not taken"),
            rows=registers.not_taken,
            columns=(
                identity("session"),
                STARTS,
                Column(key="ends_at", label=_("Ends"), kind=ColumnType.MOMENT, width=16),
                *COURSE,
                Column(key="lecturer", label=_("Lecturer"), width=20),
                Column(key="room", label=_("Room"), width=14),
                Column(key="topic", label=_("Topic"), width=20),
            ),
        ),
        ReportDefinition(
            name="signing-sheet",
            title=_("Sheet to sign"),
            rows=registers.signing_sheet,
            columns=(
                number("number", _("No."), width=5),
                identity("student"),
                CODE,
                NAME,
                Column(key="signature", label=_("Signature"), kind=ColumnType.BLANK, width=34),
            ),
        ),
    )
}
