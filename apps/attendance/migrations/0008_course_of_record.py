"""A mark counts for a course: of a session that several courses attend, the student's own.

Until now the summary went by the session's course; now it goes by the record's.
"""

import django.db.models.deletion
from django.db import migrations, models
from importlib import import_module

import apps.tenants.fields
from apps.tenants.operations import IsolateByCampus

BEFORE = import_module("apps.attendance.migrations.0002_summary_triggers")

# Every campus's rows: the owner is let through, and no summary changes by this.
FILL = """
ALTER TABLE class_sessions_classsession NO FORCE ROW LEVEL SECURITY;
ALTER TABLE attendance_attendancerecord NO FORCE ROW LEVEL SECURITY;
ALTER TABLE attendance_attendancerecord DISABLE TRIGGER USER;
UPDATE attendance_attendancerecord r SET course_id = s.course_id
    FROM class_sessions_classsession s WHERE s.id = r.session_id;
ALTER TABLE attendance_attendancerecord ENABLE TRIGGER USER;
ALTER TABLE attendance_attendancerecord FORCE ROW LEVEL SECURITY;
ALTER TABLE class_sessions_classsession FORCE ROW LEVEL SECURITY;
"""
# The course of the session in which the student was enrolled that day; of several the leading one.
CHOOSE = """
CREATE FUNCTION attendance_record_course() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.course_id := (
        SELECT c.course_id FROM class_sessions_sessioncourse c
        WHERE c.campus_id = NEW.campus_id AND c.session_id = NEW.session_id
        ORDER BY EXISTS (
            SELECT FROM enrollments_enrollment e
            JOIN enrollments_enrollmentperiod p
                ON p.campus_id = e.campus_id AND p.enrollment_id = e.id
            WHERE e.campus_id = c.campus_id AND e.course_id = c.course_id
                AND e.student_id = NEW.student_id AND p.enrolled_on <= c.held_on
                AND (p.ended_on IS NULL OR p.ended_on > c.held_on)
        ) DESC, c.id
        LIMIT 1
    );
    RETURN NEW;
END $$;
CREATE TRIGGER attendance_record_course BEFORE INSERT ON attendance_attendancerecord
    FOR EACH ROW WHEN (NEW.course_id IS NULL) EXECUTE FUNCTION attendance_record_course();
CREATE TRIGGER attendance_record_moved BEFORE UPDATE OF session_id, course_id
    ON attendance_attendancerecord FOR EACH ROW
    WHEN (NEW.course_id IS NULL
        OR (OLD.session_id <> NEW.session_id AND OLD.course_id = NEW.course_id))
    EXECUTE FUNCTION attendance_record_course();
ALTER TABLE attendance_attendancerecord
    ADD CONSTRAINT attendance_attendancerecord_course_of_session
    FOREIGN KEY (campus_id, session_id, course_id)
    REFERENCES class_sessions_sessioncourse (campus_id, session_id, course_id)
    ON UPDATE CASCADE;
"""
UNCHOOSE = """
ALTER TABLE attendance_attendancerecord
    DROP CONSTRAINT attendance_attendancerecord_course_of_session;
DROP TRIGGER attendance_record_moved ON attendance_attendancerecord;
DROP TRIGGER attendance_record_course ON attendance_attendancerecord;
DROP FUNCTION attendance_record_course();
"""
ON_INSERT = """
CREATE OR REPLACE FUNCTION attendance_summary_on_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO attendance_attendancesummary AS summary (
        campus_id, course_id, student_id, total_sessions, attended_sessions, late_sessions,
        absent_sessions, excused_sessions, attendance_percentage, first_attendance_on,
        last_attendance_on, created_at, updated_at
    )
    SELECT
        r.campus_id, r.course_id, r.student_id,
        count(*) FILTER (WHERE r.counts <> 'neutral') AS total,
        count(*) FILTER (WHERE r.counts = 'attended') AS attended,
        count(*) FILTER (WHERE r.status = 'late'),
        count(*) FILTER (WHERE r.status = 'absent'),
        count(*) FILTER (WHERE r.status = 'excused'),
        coalesce(round(100.0 * count(*) FILTER (WHERE r.counts = 'attended')
            / nullif(count(*) FILTER (WHERE r.counts <> 'neutral'), 0), 2), 0),
        min((s.starts_at AT TIME ZONE c.time_zone)::date) FILTER (WHERE r.counts = 'attended'),
        max((s.starts_at AT TIME ZONE c.time_zone)::date) FILTER (WHERE r.counts = 'attended'),
        now(), now()
    FROM ({counted}) r
    JOIN class_sessions_classsession s ON s.id = r.session_id AND s.campus_id = r.campus_id
    JOIN tenants_campus c ON c.id = r.campus_id
    GROUP BY r.campus_id, r.course_id, r.student_id
    ORDER BY r.course_id, r.student_id
    ON CONFLICT (campus_id, course_id, student_id) DO UPDATE SET
        total_sessions = summary.total_sessions + excluded.total_sessions,
        attended_sessions = summary.attended_sessions + excluded.attended_sessions,
        late_sessions = summary.late_sessions + excluded.late_sessions,
        absent_sessions = summary.absent_sessions + excluded.absent_sessions,
        excused_sessions = summary.excused_sessions + excluded.excused_sessions,
        attendance_percentage = coalesce(round(
            100.0 * (summary.attended_sessions + excluded.attended_sessions)
            / nullif(summary.total_sessions + excluded.total_sessions, 0), 2), 0),
        first_attendance_on =
            least(summary.first_attendance_on, excluded.first_attendance_on),
        last_attendance_on =
            greatest(summary.last_attendance_on, excluded.last_attendance_on),
        updated_at = now();
    RETURN NULL;
END $$;
"""

# {changes}: the changed rows, signed (see `counted`); {counts_as}: the rule of a record.
ON_CHANGE = """
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A record that moved to another student or course may need a summary that is not there yet.
    INSERT INTO attendance_attendancesummary (
        campus_id, course_id, student_id, total_sessions, attended_sessions, late_sessions,
        absent_sessions, excused_sessions, attendance_percentage, created_at, updated_at
    )
    SELECT DISTINCT r.campus_id, r.course_id, r.student_id, 0, 0, 0, 0, 0, 0, now(), now()
    FROM ({changes}) r
    WHERE r.sign = 1
    ORDER BY r.course_id, r.student_id
    ON CONFLICT (campus_id, course_id, student_id) DO NOTHING;

    PERFORM 1 FROM attendance_attendancesummary summary
    WHERE (summary.course_id, summary.student_id) IN (
        SELECT r.course_id, r.student_id
        FROM ({changes}) r
    )
    ORDER BY summary.course_id, summary.student_id
    FOR UPDATE;

    UPDATE attendance_attendancesummary summary SET
        total_sessions = total_sessions + d.total,
        attended_sessions = attended_sessions + d.attended,
        late_sessions = late_sessions + d.late,
        absent_sessions = absent_sessions + d.absent,
        excused_sessions = excused_sessions + d.excused,
        attendance_percentage = coalesce(round(100.0 * (attended_sessions + d.attended)
            / nullif(total_sessions + d.total, 0), 2), 0),
        (first_attendance_on, last_attendance_on) = (
            SELECT min((s.starts_at AT TIME ZONE c.time_zone)::date),
                   max((s.starts_at AT TIME ZONE c.time_zone)::date)
            FROM attendance_attendancerecord r
            JOIN class_sessions_classsession s ON s.id = r.session_id
            JOIN tenants_campus c ON c.id = r.campus_id
            LEFT JOIN attendance_customstatus l ON l.id = r.label_id
            WHERE r.campus_id = summary.campus_id AND r.student_id = summary.student_id
                AND r.course_id = summary.course_id AND {counts_as} = 'attended'
        ),
        updated_at = now()
    FROM (
        SELECT r.course_id, r.student_id,
            coalesce(sum(r.sign) FILTER (WHERE r.counts <> 'neutral'), 0) AS total,
            coalesce(sum(r.sign) FILTER (WHERE r.counts = 'attended'), 0) AS attended,
            coalesce(sum(r.sign) FILTER (WHERE r.status = 'late'), 0) AS late,
            coalesce(sum(r.sign) FILTER (WHERE r.status = 'absent'), 0) AS absent,
            coalesce(sum(r.sign) FILTER (WHERE r.status = 'excused'), 0) AS excused
        FROM ({changes}) r
        GROUP BY r.course_id, r.student_id
    ) d
    WHERE summary.course_id = d.course_id AND summary.student_id = d.student_id;
    RETURN NULL;
END $$;
"""


def counted(table: str, *, sign: int) -> str:
    """The rows of a transition table with their rule and a sign: -1 as it was, 1 as it is now."""
    return (
        f"SELECT r.campus_id, r.session_id, r.student_id, r.course_id, r.status, "  # noqa: S608
        f"{BEFORE.COUNTS_AS} AS counts, {sign} AS sign FROM {table} r "
        "LEFT JOIN attendance_customstatus l ON l.id = r.label_id"
    )


def on_change(name: str, changes: str, template: str = ON_CHANGE) -> str:
    filled = template.replace("{name}", name).replace("{changes}", changes)
    return filled.replace("{counts_as}", BEFORE.COUNTS_AS)


AS_IT_WAS = counted("old_records", sign=-1)
AS_IT_IS = counted("new_records", sign=1)
SUMMARY = [
    ON_INSERT.replace("{counted}", AS_IT_IS),
    on_change("attendance_summary_on_update", f"{AS_IT_WAS} UNION ALL {AS_IT_IS}"),
    on_change("attendance_summary_on_delete", AS_IT_WAS),
]
SUMMARY_BEFORE = [
    statement.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    for statement in (
        BEFORE.ON_INSERT.replace("{counted}", BEFORE.AS_IT_IS),
        BEFORE.on_change(
            "attendance_summary_on_update", f"{BEFORE.AS_IT_WAS} UNION ALL {BEFORE.AS_IT_IS}"
        ),
        BEFORE.on_change("attendance_summary_on_delete", BEFORE.AS_IT_WAS),
    )
]


class Migration(migrations.Migration):
    dependencies = [
        ("attendance", "0007_closing_by_itself"),
        ("class_sessions", "0001_initial"),
        ("enrollments", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="attendancerecord",
            name="course",
            field=apps.tenants.fields.CampusForeignKey(
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="records",
                to="enrollments.course",
                verbose_name="course",
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="attendancerecord",
            name="course",
            field=apps.tenants.fields.CampusForeignKey(
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="records",
                to="enrollments.course",
                verbose_name="course",
            ),
        ),
        migrations.AddIndex(
            model_name="attendancerecord",
            index=models.Index(fields=["campus", "course"], name="record_course"),
        ),
        IsolateByCampus("attendancerecord"),
        migrations.RunSQL([CHOOSE, *SUMMARY], [*SUMMARY_BEFORE, UNCHOOSE]),
    ]
