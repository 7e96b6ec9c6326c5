from importlib import import_module

from django.db import migrations

FIRST = import_module("apps.attendance.migrations.0001_initial")

# As attendance_summary_on_update of 0001, but the first and last attended day are read again from
# the records only where a change took an attended day away; else the new days are compared.
ON_UPDATE = """
CREATE OR REPLACE FUNCTION attendance_summary_on_update() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    -- A record that moved to another student or course may need a summary that is not there yet.
    INSERT INTO attendance_attendancesummary (
        campus_id, course_id, student_id, total_sessions, attended_sessions, late_sessions,
        absent_sessions, excused_sessions, attendance_percentage, created_at, updated_at
    )
    SELECT DISTINCT n.campus_id, n.course_id, n.student_id, 0, 0, 0, 0, 0, 0, now(), now()
    FROM new_records n
    LEFT JOIN old_records o ON o.campus_id = n.campus_id AND o.id = n.id
    WHERE (o.course_id, o.student_id) IS DISTINCT FROM (n.course_id, n.student_id)
    ORDER BY n.course_id, n.student_id
    ON CONFLICT (campus_id, course_id, student_id) DO NOTHING;

    PERFORM 1 FROM attendance_attendancesummary summary
    WHERE (summary.campus_id, summary.course_id, summary.student_id) IN (
        SELECT r.campus_id, r.course_id, r.student_id FROM old_records r
        UNION SELECT r.campus_id, r.course_id, r.student_id FROM new_records r
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
            SELECT least(summary.first_attendance_on, d.first_on),
                greatest(summary.last_attendance_on, d.last_on)
            WHERE NOT d.lost
            UNION ALL
            SELECT min((s.starts_at AT TIME ZONE c.time_zone)::date),
                max((s.starts_at AT TIME ZONE c.time_zone)::date)
            FROM attendance_attendancerecord r
            JOIN class_sessions_classsession s
                ON s.campus_id = r.campus_id AND s.id = r.session_id
            JOIN tenants_campus c ON c.id = r.campus_id
            LEFT JOIN attendance_customstatus l
                ON l.campus_id = r.campus_id AND l.id = r.label_id
            WHERE d.lost AND r.campus_id = summary.campus_id AND r.student_id = summary.student_id
                AND r.course_id = summary.course_id AND {counts_as} = 'attended'
            HAVING d.lost
        ),
        updated_at = now()
    FROM (
        SELECT x.campus_id, x.course_id, x.student_id,
            sum(x.total) AS total, sum(x.attended) AS attended, sum(x.late) AS late,
            sum(x.absent) AS absent, sum(x.excused) AS excused,
            bool_or(x.attended < 0) AS lost,
            min((s.starts_at AT TIME ZONE c.time_zone)::date) FILTER (WHERE x.attended > 0)
                AS first_on,
            max((s.starts_at AT TIME ZONE c.time_zone)::date) FILTER (WHERE x.attended > 0)
                AS last_on
        FROM (
            SELECT r.campus_id, r.course_id, r.student_id, r.session_id,
                coalesce(sum(r.sign) FILTER (WHERE r.counts <> 'neutral'), 0) AS total,
                coalesce(sum(r.sign) FILTER (WHERE r.counts = 'attended'), 0) AS attended,
                coalesce(sum(r.sign) FILTER (WHERE r.status = 'late'), 0) AS late,
                coalesce(sum(r.sign) FILTER (WHERE r.status = 'absent'), 0) AS absent,
                coalesce(sum(r.sign) FILTER (WHERE r.status = 'excused'), 0) AS excused
            FROM ({changes}) r
            GROUP BY r.campus_id, r.course_id, r.student_id, r.session_id
        ) x
        JOIN class_sessions_classsession s ON s.campus_id = x.campus_id AND s.id = x.session_id
        JOIN tenants_campus c ON c.id = x.campus_id
        GROUP BY x.campus_id, x.course_id, x.student_id
    ) d
    WHERE summary.campus_id = d.campus_id AND summary.course_id = d.course_id
        AND summary.student_id = d.student_id;
    RETURN NULL;
END $$;
"""
CHANGES = f"{FIRST.AS_IT_WAS} UNION ALL {FIRST.AS_IT_IS}"
SUMMARY = ON_UPDATE.replace("{changes}", CHANGES).replace("{counts_as}", FIRST.COUNTS_AS)
SUMMARY_BEFORE = FIRST.on_change("attendance_summary_on_update", CHANGES).replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)

# That an archived term is read-only, asked once a statement instead of once a record. Notes are
# none of what is kept, as in 0006; the owner passes.
REFUSE = """
DROP TRIGGER term_archived ON attendance_attendancerecord;
DROP TRIGGER term_archived_update ON attendance_attendancerecord;
CREATE FUNCTION attendance_refuse_archived() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (
            SELECT FROM touched r
            JOIN enrollments_course c ON c.campus_id = r.campus_id AND c.id = r.course_id
            JOIN enrollments_term t ON t.campus_id = c.campus_id AND t.id = c.term_id
            WHERE t.archived_at IS NOT NULL
        )
        AND NOT pg_has_role(
            session_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'MEMBER')
    THEN
        RAISE check_violation USING
            CONSTRAINT = 'term_archived', MESSAGE = 'the term is archived';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION attendance_refuse_archived_update() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    -- Asked first: as a rule there are none, and nothing has to be compared.
    archived bigint[] := ARRAY(
        SELECT c.id FROM (
            SELECT campus_id, course_id FROM old_records
            UNION SELECT campus_id, course_id FROM new_records
        ) r
        JOIN enrollments_course c ON c.campus_id = r.campus_id AND c.id = r.course_id
        JOIN enrollments_term t ON t.campus_id = c.campus_id AND t.id = c.term_id
        WHERE t.archived_at IS NOT NULL
    );
BEGIN
    IF archived <> '{}'
        AND EXISTS (
            SELECT FROM old_records o
            LEFT JOIN new_records n ON n.campus_id = o.campus_id AND n.id = o.id
            WHERE (o.course_id = ANY (archived) OR n.course_id = ANY (archived))
                AND (o.session_id, o.student_id, o.course_id, o.status, o.label_id, o.minutes_late)
                    IS DISTINCT FROM
                    (n.session_id, n.student_id, n.course_id, n.status, n.label_id, n.minutes_late)
        )
        AND NOT pg_has_role(
            session_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'MEMBER')
    THEN
        RAISE check_violation USING
            CONSTRAINT = 'term_archived', MESSAGE = 'the term is archived';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER term_archived_insert AFTER INSERT ON attendance_attendancerecord
    REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION attendance_refuse_archived();
CREATE TRIGGER term_archived_delete AFTER DELETE ON attendance_attendancerecord
    REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION attendance_refuse_archived();
CREATE TRIGGER term_archived_update AFTER UPDATE ON attendance_attendancerecord
    REFERENCING OLD TABLE AS old_records NEW TABLE AS new_records
    FOR EACH STATEMENT EXECUTE FUNCTION attendance_refuse_archived_update();
"""
ALLOW = """
DROP TRIGGER term_archived_insert ON attendance_attendancerecord;
DROP TRIGGER term_archived_delete ON attendance_attendancerecord;
DROP TRIGGER term_archived_update ON attendance_attendancerecord;
DROP FUNCTION attendance_refuse_archived();
DROP FUNCTION attendance_refuse_archived_update();
"""
REFUSE_BEFORE = import_module("apps.attendance.migrations.0006_archived_terms").REFUSE


class Migration(migrations.Migration):

    dependencies = [
        ('attendance', '0011_labels_by_campus'),
    ]

    operations = [
        migrations.RunSQL(SUMMARY, SUMMARY_BEFORE),
        migrations.RunSQL(REFUSE, ALLOW + REFUSE_BEFORE),
    ]
