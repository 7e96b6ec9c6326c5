"""The summary follows the records: statement-level triggers on insert, update and delete.

Inserts add their counts in one upsert. Updates and deletes first lock the summaries they touch, in
key order (no deadlocks between bulk changes), then apply the difference and read the first and
last attended day again from the records: by then every earlier writer has committed.
"""

from django.db import migrations

# The rule of a record (r): its label's (l), else its meaning's.
COUNTS_AS = """coalesce(l.counts_as, CASE r.status
            WHEN 'present' THEN 'attended' WHEN 'late' THEN 'attended'
            WHEN 'excused' THEN 'neutral' ELSE 'missed' END)"""

# {counted}: the records, each with `counts`, what it does to the percentage.
ON_INSERT = """
CREATE FUNCTION attendance_summary_on_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO attendance_attendancesummary AS summary (
        campus_id, course_id, student_id, total_sessions, attended_sessions, late_sessions,
        absent_sessions, excused_sessions, attendance_percentage, first_attendance_on,
        last_attendance_on, created_at, updated_at
    )
    SELECT
        r.campus_id, s.course_id, r.student_id,
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
    GROUP BY r.campus_id, s.course_id, r.student_id
    ORDER BY s.course_id, r.student_id
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
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A record that moved to another student or course may need a summary that is not there yet.
    INSERT INTO attendance_attendancesummary (
        campus_id, course_id, student_id, total_sessions, attended_sessions, late_sessions,
        absent_sessions, excused_sessions, attendance_percentage, created_at, updated_at
    )
    SELECT DISTINCT r.campus_id, s.course_id, r.student_id, 0, 0, 0, 0, 0, 0, now(), now()
    FROM ({changes}) r
    JOIN class_sessions_classsession s ON s.id = r.session_id AND s.campus_id = r.campus_id
    WHERE r.sign = 1
    ORDER BY s.course_id, r.student_id
    ON CONFLICT (campus_id, course_id, student_id) DO NOTHING;

    PERFORM 1 FROM attendance_attendancesummary summary
    WHERE (summary.course_id, summary.student_id) IN (
        SELECT s.course_id, r.student_id
        FROM ({changes}) r
        JOIN class_sessions_classsession s ON s.id = r.session_id AND s.campus_id = r.campus_id
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
                AND s.course_id = summary.course_id AND {counts_as} = 'attended'
        ),
        updated_at = now()
    FROM (
        SELECT s.course_id, r.student_id,
            coalesce(sum(r.sign) FILTER (WHERE r.counts <> 'neutral'), 0) AS total,
            coalesce(sum(r.sign) FILTER (WHERE r.counts = 'attended'), 0) AS attended,
            coalesce(sum(r.sign) FILTER (WHERE r.status = 'late'), 0) AS late,
            coalesce(sum(r.sign) FILTER (WHERE r.status = 'absent'), 0) AS absent,
            coalesce(sum(r.sign) FILTER (WHERE r.status = 'excused'), 0) AS excused
        FROM ({changes}) r
        JOIN class_sessions_classsession s ON s.id = r.session_id AND s.campus_id = r.campus_id
        GROUP BY s.course_id, r.student_id
    ) d
    WHERE summary.course_id = d.course_id AND summary.student_id = d.student_id;
    RETURN NULL;
END $$;
"""


def counted(table: str, *, sign: int) -> str:
    """The rows of a transition table with their rule and a sign: -1 as it was, 1 as it is now."""
    return (
        f"SELECT r.campus_id, r.session_id, r.student_id, r.status, {COUNTS_AS} AS counts, "  # noqa: S608
        f"{sign} AS sign FROM {table} r LEFT JOIN attendance_customstatus l ON l.id = r.label_id"
    )


AS_IT_WAS = counted("old_records", sign=-1)
AS_IT_IS = counted("new_records", sign=1)

# A labelled record means what its label means, and the meaning of a label in use cannot change.
MEANING = """
ALTER TABLE attendance_customstatus
    ADD CONSTRAINT attendance_customstatus_id_meaning UNIQUE (id, meaning);
ALTER TABLE attendance_attendancerecord
    ADD CONSTRAINT attendance_attendancerecord_label_meaning FOREIGN KEY (label_id, status)
    REFERENCES attendance_customstatus (id, meaning);
"""
TRIGGERS = """
CREATE TRIGGER attendance_summary_insert AFTER INSERT ON attendance_attendancerecord
    REFERENCING NEW TABLE AS new_records
    FOR EACH STATEMENT EXECUTE FUNCTION attendance_summary_on_insert();
CREATE TRIGGER attendance_summary_update AFTER UPDATE ON attendance_attendancerecord
    REFERENCING OLD TABLE AS old_records NEW TABLE AS new_records
    FOR EACH STATEMENT EXECUTE FUNCTION attendance_summary_on_update();
CREATE TRIGGER attendance_summary_delete AFTER DELETE ON attendance_attendancerecord
    REFERENCING OLD TABLE AS old_records
    FOR EACH STATEMENT EXECUTE FUNCTION attendance_summary_on_delete();
"""
BACKWARDS = """
DROP TRIGGER attendance_summary_insert ON attendance_attendancerecord;
DROP TRIGGER attendance_summary_update ON attendance_attendancerecord;
DROP TRIGGER attendance_summary_delete ON attendance_attendancerecord;
DROP FUNCTION attendance_summary_on_insert();
DROP FUNCTION attendance_summary_on_update();
DROP FUNCTION attendance_summary_on_delete();
ALTER TABLE attendance_attendancerecord DROP CONSTRAINT attendance_attendancerecord_label_meaning;
ALTER TABLE attendance_customstatus DROP CONSTRAINT attendance_customstatus_id_meaning;
"""


def on_change(name: str, changes: str) -> str:
    filled = ON_CHANGE.replace("{name}", name).replace("{changes}", changes)
    return filled.replace("{counts_as}", COUNTS_AS)


class Migration(migrations.Migration):
    dependencies = [
        ("attendance", "0001_initial"),
        ("class_sessions", "0001_initial"),
        ("tenants", "0001_initial"),
    ]
    operations = [
        migrations.RunSQL(
            [
                ON_INSERT.replace("{counted}", AS_IT_IS),
                on_change("attendance_summary_on_update", f"{AS_IT_WAS} UNION ALL {AS_IT_IS}"),
                on_change("attendance_summary_on_delete", AS_IT_WAS),
                TRIGGERS,
                MEANING,
            ],
            BACKWARDS,
        )
    ]
