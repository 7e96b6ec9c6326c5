import apps.attendance.models.policy
import apps.attendance.models.status
import apps.common.constraints
import apps.tenants.fields
import django.core.validators
import django.db.models.deletion
from decimal import Decimal
from django.db import migrations, models
from apps.tenants.operations import IsolateByCampus

# The summary follows the records: statement-level triggers on insert, update and delete.
#
# Inserts add their counts in one upsert. Updates and deletes first lock the summaries they touch,
# in key order (no deadlocks between bulk changes), then apply the difference and read the first
# and last attended day again from the records: by then every earlier writer has committed.

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
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
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
        f"{COUNTS_AS} AS counts, {sign} AS sign FROM {table} r "
        "LEFT JOIN attendance_customstatus l ON l.id = r.label_id"
    )


def on_change(name: str, changes: str) -> str:
    filled = ON_CHANGE.replace("{name}", name).replace("{changes}", changes)
    return filled.replace("{counts_as}", COUNTS_AS)


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
SUMMARY_BACKWARDS = """
DROP TRIGGER attendance_summary_insert ON attendance_attendancerecord;
DROP TRIGGER attendance_summary_update ON attendance_attendancerecord;
DROP TRIGGER attendance_summary_delete ON attendance_attendancerecord;
DROP FUNCTION attendance_summary_on_insert();
DROP FUNCTION attendance_summary_on_update();
DROP FUNCTION attendance_summary_on_delete();
ALTER TABLE attendance_attendancerecord DROP CONSTRAINT attendance_attendancerecord_label_meaning;
ALTER TABLE attendance_customstatus DROP CONSTRAINT attendance_customstatus_id_meaning;
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

AS_IT_WAS = counted("old_records", sign=-1)
AS_IT_IS = counted("new_records", sign=1)
SUMMARY = [
    ON_INSERT.replace("{counted}", AS_IT_IS),
    on_change("attendance_summary_on_update", f"{AS_IT_WAS} UNION ALL {AS_IT_IS}"),
    on_change("attendance_summary_on_delete", AS_IT_WAS),
    TRIGGERS,
    MEANING,
]


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('class_sessions', '0001_initial'),
        ('enrollments', '0001_initial'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='BulkChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('nonce', models.CharField(max_length=64, verbose_name='client nonce')),
                ('results', models.JSONField(default=list, verbose_name='answer')),
                ('actor_id', models.CharField(blank=True, max_length=64, verbose_name='actor id')),
                ('actor_label', models.CharField(max_length=254, verbose_name='actor')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('undone_at', models.DateTimeField(blank=True, null=True, verbose_name='undone')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('session', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='bulk_changes', to='class_sessions.classsession', verbose_name='session')),
            ],
            options={
                'verbose_name': 'bulk change',
                'verbose_name_plural': 'bulk changes',
                'ordering': ['-at', '-id'],
                'indexes': [models.Index(fields=['campus', 'session', 'at'], name='bulk_change_session')],
                'constraints': [models.UniqueConstraint(fields=('campus', 'nonce'), name='bulk_change_nonce')],
            },
        ),
        migrations.CreateModel(
            name='CustomStatus',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('code', models.SlugField(db_index=False, max_length=20, validators=[apps.attendance.models.status.validate_own_code], verbose_name='code')),
                ('name', models.CharField(max_length=60, verbose_name='name')),
                ('meaning', models.CharField(choices=[('present', 'present'), ('late', 'late'), ('absent', 'absent'), ('excused', 'excused'), ('invalid', 'invalid')], max_length=10, verbose_name='meaning')),
                ('points', models.DecimalField(decimal_places=2, help_text='What a session with this status is worth, from 0 to 1.', max_digits=3, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)], verbose_name='points')),
                ('counts_as', models.CharField(blank=True, choices=[('attended', 'attended'), ('missed', 'missed'), ('neutral', 'neither')], help_text='Empty: as its meaning does.', max_length=10, verbose_name='counts as')),
                ('colour', models.CharField(default='#64748b', max_length=7, validators=[django.core.validators.RegexValidator('^#[0-9a-f]{6}\\Z', 'Like #1f2937, in lower case.')], verbose_name='colour')),
                ('position', models.PositiveSmallIntegerField(default=0, verbose_name='position')),
                ('is_active', models.BooleanField(default=True, help_text='Only active ones can be given anew.', verbose_name='active')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
            ],
            options={
                'verbose_name': 'status',
                'verbose_name_plural': 'statuses',
                'ordering': ['position', 'code'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'code'), name='custom_status_code'), models.CheckConstraint(condition=models.Q(('meaning__in', ['present', 'late', 'absent', 'excused', 'invalid'])), name='custom_status_meaning'), models.CheckConstraint(condition=models.Q(('counts_as__in', ['attended', 'missed', 'neutral'])), name='custom_status_counts_as'), models.CheckConstraint(condition=models.Q(('points__range', (0, 1))), name='custom_status_points'), models.CheckConstraint(condition=models.Q(('code__in', ['present', 'late', 'absent', 'excused', 'invalid']), _negated=True), name='custom_status_own_code'), apps.common.constraints.Named(field='name', name='custom_status_name')],
            },
        ),
        migrations.CreateModel(
            name='Policy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(verbose_name='version')),
                ('weights', models.JSONField(default=apps.attendance.models.policy.default_weights, validators=[apps.attendance.models.policy.validate_weights], verbose_name='weights')),
                ('required', models.JSONField(blank=True, default=apps.attendance.models.policy.default_required, help_text='Must be proven.', validators=[apps.attendance.models.policy.validate_required], verbose_name='required factors')),
                ('decisive', models.JSONField(blank=True, default=apps.attendance.models.policy.default_decisive, help_text='A definite failure makes the check-in invalid; “could not tell” does not.', validators=[apps.attendance.models.policy.validate_factors], verbose_name='decisive factors')),
                ('face', models.CharField(choices=[('off', 'not used'), ('bonus', 'compared where a selfie is sent'), ('preferred', 'asked of students with an enrolled face'), ('required', 'asked of every student who agreed to it')], default='preferred', help_text='Only where the campus has turned faces on.', max_length=10, verbose_name='faces')),
                ('class_code_weight', models.DecimalField(blank=True, decimal_places=2, help_text='Empty: one-time codes are for one student each.', max_digits=3, null=True, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)], verbose_name='one-time codes for the whole class count (0 to 1)')),
                ('present_threshold', models.DecimalField(decimal_places=2, default=Decimal('0.60'), max_digits=3, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)], verbose_name='score needed')),
                ('late_after_minutes', models.PositiveSmallIntegerField(default=10, verbose_name='late after (min)')),
                ('open_before_minutes', models.PositiveSmallIntegerField(default=15, verbose_name='may be opened before its start (min)')),
                ('open_after_minutes', models.PositiveSmallIntegerField(default=60, verbose_name='may be opened after its start (min)')),
                ('close_after_minutes', models.PositiveSmallIntegerField(default=30, help_text='A session that nobody completes: unmarked students then become absent.', validators=[django.core.validators.MaxValueValidator(1440)], verbose_name='closes by itself after its end (min)')),
                ('grace_minutes', models.PositiveSmallIntegerField(default=10, help_text='A scan so soon after a session was opened late is not late.', verbose_name='nobody is late after the opening for (min)')),
                ('check_in_from_minutes', models.SmallIntegerField(blank=True, help_text='Negative: before its start. Empty: as soon as it is open.', null=True, validators=[django.core.validators.MinValueValidator(-1440), django.core.validators.MaxValueValidator(1440)], verbose_name='check-in from (min after its start)')),
                ('check_in_until_minutes', models.SmallIntegerField(blank=True, help_text='Empty: as long as it is open.', null=True, validators=[django.core.validators.MinValueValidator(-1440), django.core.validators.MaxValueValidator(1440)], verbose_name='check-in until (min after its start)')),
                ('edit_days', models.PositiveSmallIntegerField(default=14, help_text="After the session's end. Administrators correct until the lock.", verbose_name='lecturers correct for (days)')),
                ('locked_before', models.DateField(blank=True, help_text='Nobody changes registers of the days before this one.', null=True, verbose_name='locked before')),
                ('appeal_days', models.PositiveSmallIntegerField(default=7, help_text="After the session's end.", verbose_name='students appeal for (days)')),
                ('offline_factor', models.DecimalField(decimal_places=2, default=Decimal('0.80'), max_digits=3, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)], verbose_name='offline check-ins score (×)')),
                ('offline_limit', models.PositiveSmallIntegerField(default=2, help_text='Of a student in a course. Further ones wait for the lecturer.', verbose_name='offline check-ins that count by themselves')),
                ('waiting_hours', models.PositiveSmallIntegerField(default=48, help_text="After the session's end. Then they lapse, and the student is absent.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(720)], verbose_name='check-ins wait for the lecturer for (hours)')),
                ('defaulter_percent', models.DecimalField(decimal_places=2, default=Decimal('75.00'), help_text='Students below it are listed; students exactly at it are not.', max_digits=5, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100)], verbose_name='attendance needed (%)')),
                ('warn_percent', models.DecimalField(decimal_places=2, default=Decimal('80.00'), max_digits=5, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100)], verbose_name='warn below (%)')),
                ('consecutive_absences', models.PositiveSmallIntegerField(default=3, validators=[django.core.validators.MinValueValidator(1)], verbose_name='absences in a row to report')),
                ('created_at', models.DateTimeField(verbose_name='created')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('course', apps.tenants.fields.CampusForeignKey(blank=True, db_index=False, help_text='Empty: for the whole campus.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='policies', to='enrollments.course', verbose_name='course')),
            ],
            options={
                'verbose_name': 'attendance policy',
                'verbose_name_plural': 'attendance policies',
                'ordering': ['course_id', '-version'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'course', 'version'), name='policy_version_unique', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('present_threshold__range', (0, 1))), name='policy_threshold'), models.CheckConstraint(condition=models.Q(('offline_factor__range', (0, 1))), name='policy_offline_factor'), models.CheckConstraint(condition=models.Q(('face__in', ['off', 'bonus', 'preferred', 'required'])), name='policy_face'), models.CheckConstraint(condition=models.Q(('class_code_weight__isnull', True), ('class_code_weight__range', (0, 1)), _connector='OR'), name='policy_class_code_weight'), models.CheckConstraint(condition=models.Q(('waiting_hours__range', (1, 720))), name='policy_waiting_hours'), models.CheckConstraint(condition=models.Q(('close_after_minutes__range', (0, 1440))), name='policy_close_after'), models.CheckConstraint(condition=models.Q(('defaulter_percent__range', (0, 100)), ('warn_percent__range', (0, 100))), name='policy_percents'), models.CheckConstraint(condition=models.Q(('check_in_until_minutes__gt', models.F('check_in_from_minutes')), ('check_in_until_minutes__isnull', True), ('check_in_from_minutes__isnull', True), _connector='OR'), name='policy_check_in_span', violation_error_message='Check-in has to end after it begins.'), apps.common.constraints.Between(field='late_after_minutes', high=1440, name='policy_late_after'), apps.common.constraints.Between(field='open_before_minutes', high=1440, name='policy_open_before'), apps.common.constraints.Between(field='open_after_minutes', high=1440, name='policy_open_after'), apps.common.constraints.Between(field='grace_minutes', high=1440, name='policy_grace'), apps.common.constraints.Between(field='check_in_from_minutes', high=1440, low=-1440, name='policy_check_in_from'), apps.common.constraints.Between(field='check_in_until_minutes', high=1440, low=-1440, name='policy_check_in_until'), apps.common.constraints.Between(field='edit_days', high=3660, name='policy_edit_days'), apps.common.constraints.Between(field='appeal_days', high=3660, name='policy_appeal_days'), apps.common.constraints.Between(field='consecutive_absences', high=1000, low=1, name='policy_absences'), apps.common.constraints.DayInBounds(field='locked_before', name='policy_locked_before')],
            },
        ),
        migrations.CreateModel(
            name='AttendanceRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('status', models.CharField(choices=[('present', 'present'), ('late', 'late'), ('absent', 'absent'), ('excused', 'excused'), ('invalid', 'invalid')], default='present', max_length=10, verbose_name='status')),
                ('source', models.CharField(choices=[('check_in', 'check-in'), ('manual', 'marked by hand'), ('corrected', 'corrected'), ('closing', 'end of session'), ('leave', 'approved leave')], max_length=10, verbose_name='source')),
                ('attempt_id', models.UUIDField(blank=True, null=True, verbose_name='attempt')),
                ('recorded_at', models.DateTimeField(verbose_name='recorded')),
                ('minutes_late', models.PositiveSmallIntegerField(default=0, verbose_name='minutes late')),
                ('biometric_verified', models.BooleanField(default=False, verbose_name='face verified')),
                ('location_verified', models.BooleanField(default=False, verbose_name='place verified')),
                ('bluetooth_verified', models.BooleanField(default=False, verbose_name='beacon verified')),
                ('verification_score', models.DecimalField(decimal_places=2, default=Decimal('0.00'), max_digits=3, verbose_name='score')),
                ('notes', models.TextField(blank=True, verbose_name='notes')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('course', apps.tenants.fields.CampusForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='records', to='enrollments.course', verbose_name='course')),
                ('session', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='records', to='class_sessions.classsession', verbose_name='session')),
                ('student', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='records', to='accounts.student', verbose_name='student')),
                ('label', apps.tenants.fields.CampusForeignKey(blank=True, db_index=False, help_text="The campus's own name for this status, if it was marked with one.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='records', to='attendance.customstatus', verbose_name='status of the campus')),
                ('policy', apps.tenants.fields.CampusForeignKey(blank=True, db_index=False, help_text='The version that the session was held under. Empty: the built-in defaults.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='attendance.policy', verbose_name='policy')),
            ],
            options={
                'verbose_name': 'attendance record',
                'verbose_name_plural': 'attendance records',
                'ordering': ['session_id', 'student_id'],
                'indexes': [models.Index(fields=['campus', 'student', 'session'], name='record_student'), models.Index(fields=['campus', 'course'], name='record_course'), models.Index(fields=['campus', 'recorded_at'], name='record_recorded_at'), models.Index(fields=['campus', 'verification_score'], name='record_score_index'), models.Index(condition=models.Q(('label__isnull', False)), fields=['campus', 'label'], name='record_label')],
                'constraints': [models.UniqueConstraint(fields=('campus', 'session', 'student'), name='record_unique'), models.CheckConstraint(condition=models.Q(('verification_score__range', (0, 1))), name='record_score'), models.CheckConstraint(condition=models.Q(('status__in', ['present', 'late', 'absent', 'excused', 'invalid'])), name='record_status'), models.CheckConstraint(condition=models.Q(('source__in', ['check_in', 'manual', 'corrected', 'closing', 'leave'])), name='record_source')],
            },
        ),
        migrations.CreateModel(
            name='RecordChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('leave_id', models.BigIntegerField(blank=True, db_index=True, null=True, verbose_name='leave')),
                ('before', models.CharField(blank=True, choices=[('present', 'present'), ('late', 'late'), ('absent', 'absent'), ('excused', 'excused'), ('invalid', 'invalid')], max_length=10, verbose_name='before')),
                ('before_label', models.CharField(blank=True, max_length=20, verbose_name='before, on campus')),
                ('before_source', models.CharField(blank=True, choices=[('check_in', 'check-in'), ('manual', 'marked by hand'), ('corrected', 'corrected'), ('closing', 'end of session'), ('leave', 'approved leave')], max_length=10, verbose_name='before, by')),
                ('after', models.CharField(blank=True, choices=[('present', 'present'), ('late', 'late'), ('absent', 'absent'), ('excused', 'excused'), ('invalid', 'invalid')], max_length=10, verbose_name='after')),
                ('after_label', models.CharField(blank=True, max_length=20, verbose_name='after, on campus')),
                ('reason', models.CharField(max_length=500, verbose_name='reason')),
                ('actor_id', models.CharField(blank=True, max_length=64, verbose_name='actor id')),
                ('actor_label', models.CharField(max_length=254, verbose_name='actor')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('batch', apps.tenants.fields.CampusForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='attendance.bulkchange', verbose_name='bulk change')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('record', apps.tenants.fields.CampusForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='changes', to='attendance.attendancerecord', verbose_name='record')),
                ('session', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='record_changes', to='class_sessions.classsession', verbose_name='session')),
                ('student', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='record_changes', to='accounts.student', verbose_name='student')),
            ],
            options={
                'verbose_name': 'record change',
                'verbose_name_plural': 'record changes',
                'ordering': ['-at', '-id'],
                'indexes': [models.Index(fields=['campus', 'record', 'at'], name='record_change_record'), models.Index(fields=['campus', 'session', 'at'], name='record_change_session'), models.Index(fields=['campus', 'student', 'at'], name='record_change_student')],
            },
        ),
        migrations.CreateModel(
            name='AttendanceSummary',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('total_sessions', models.PositiveIntegerField(default=0, verbose_name='sessions')),
                ('attended_sessions', models.PositiveIntegerField(default=0, verbose_name='attended')),
                ('late_sessions', models.PositiveIntegerField(default=0, verbose_name='late')),
                ('absent_sessions', models.PositiveIntegerField(default=0, verbose_name='absent')),
                ('excused_sessions', models.PositiveIntegerField(default=0, verbose_name='excused')),
                ('attendance_percentage', models.DecimalField(decimal_places=2, default=Decimal('0.00'), max_digits=5, verbose_name='attendance (%)')),
                ('first_attendance_on', models.DateField(blank=True, null=True, verbose_name='first attended')),
                ('last_attendance_on', models.DateField(blank=True, null=True, verbose_name='last attended')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('course', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='summaries', to='enrollments.course', verbose_name='course')),
                ('student', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='summaries', to='accounts.student', verbose_name='student')),
            ],
            options={
                'verbose_name': 'attendance summary',
                'verbose_name_plural': 'attendance summaries',
                'ordering': ['course_id', 'student_id'],
                'indexes': [models.Index(fields=['campus', 'student'], name='summary_student'), models.Index(fields=['campus', 'attendance_percentage'], name='summary_percentage')],
                'constraints': [models.UniqueConstraint(fields=('campus', 'course', 'student'), name='summary_unique'), apps.common.constraints.Between(field='attendance_percentage', high=100, low=0, name='summary_percents')],
            },
        ),
        *(
            IsolateByCampus(name)
            for name in (
                "bulkchange",
                "customstatus",
                "policy",
                "attendancerecord",
                "recordchange",
                "attendancesummary",
            )
        ),
        migrations.RunSQL(SUMMARY, SUMMARY_BACKWARDS),
        migrations.RunSQL(CHOOSE, UNCHOOSE),
    ]
