import apps.common.constraints
import apps.sessions.constraints
import apps.tenants.fields
import django.contrib.postgres.fields.ranges
import django.core.validators
import django.db.models.deletion
from decimal import Decimal
from django.db import migrations, models
from apps.tenants.operations import IsolateByCampus

# The section is the course's, the day is the campus's calendar's, and calendars are told how often a
# session was changed (RFC 5545, 3.8.7.4), whoever writes the row.
FOLLOWED = "course_id, starts_at, ends_at, classroom_id, faculty_id, topic, status, revision"
FOLLOW = f"""
CREATE FUNCTION class_sessions_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.course_id <> OLD.course_id THEN
        NEW.section_id := (SELECT section_id FROM enrollments_course WHERE id = NEW.course_id);
    END IF;
    IF TG_OP = 'INSERT' OR NEW.starts_at <> OLD.starts_at OR NEW.held_on IS NULL THEN
        NEW.held_on := (
            SELECT (NEW.starts_at AT TIME ZONE time_zone)::date
            FROM tenants_campus WHERE id = NEW.campus_id
        );
    END IF;
    IF TG_OP = 'UPDATE' THEN
        NEW.revision := OLD.revision + (
            (NEW.course_id, NEW.also_codes, NEW.starts_at, NEW.ends_at, NEW.classroom_id,
                NEW.faculty_id, NEW.topic, NEW.status = 'cancelled')
            IS DISTINCT FROM
            (OLD.course_id, OLD.also_codes, OLD.starts_at, OLD.ends_at, OLD.classroom_id,
                OLD.faculty_id, OLD.topic, OLD.status = 'cancelled')
        )::int;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER class_sessions_follow BEFORE INSERT OR UPDATE OF also_codes, {FOLLOWED}
ON class_sessions_classsession FOR EACH ROW EXECUTE FUNCTION class_sessions_follow();
"""
UNFOLLOW = """
DROP TRIGGER class_sessions_follow ON class_sessions_classsession;
DROP FUNCTION class_sessions_follow();
"""
# Several courses that meet as one class: every session has a row for each of its courses.
JOIN = """
CREATE FUNCTION class_sessions_course_fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT s.starts_at, s.ends_at, s.held_on, s.status, s.is_planned, s.course_id = NEW.course_id
    INTO NEW.starts_at, NEW.ends_at, NEW.held_on, NEW.status, NEW.is_planned, NEW.is_lead
    FROM class_sessions_classsession s
    WHERE s.campus_id = NEW.campus_id AND s.id = NEW.session_id;
    NEW.section_id := (
        SELECT section_id FROM enrollments_course
        WHERE campus_id = NEW.campus_id AND id = NEW.course_id
    );
    RETURN NEW;
END $$;
CREATE TRIGGER class_sessions_course_fill BEFORE INSERT ON class_sessions_sessioncourse
    FOR EACH ROW EXECUTE FUNCTION class_sessions_course_fill();

CREATE FUNCTION class_sessions_course_copy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO class_sessions_sessioncourse (
            campus_id, session_id, course_id, total_enrolled, total_attended
        )
        VALUES (NEW.campus_id, NEW.id, NEW.course_id, NEW.total_enrolled, NEW.total_attended);
        RETURN NULL;
    END IF;
    UPDATE class_sessions_sessioncourse SET
        course_id = CASE WHEN is_lead THEN NEW.course_id ELSE course_id END,
        section_id = CASE WHEN is_lead THEN NEW.section_id ELSE section_id END,
        starts_at = NEW.starts_at, ends_at = NEW.ends_at, held_on = NEW.held_on,
        status = NEW.status, is_planned = NEW.is_planned,
        total_enrolled = CASE WHEN NEW.also_codes = '' THEN NEW.total_enrolled
            ELSE total_enrolled END,
        total_attended = CASE WHEN NEW.also_codes = '' THEN NEW.total_attended
            ELSE total_attended END
    WHERE campus_id = NEW.campus_id AND session_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER class_sessions_course_insert AFTER INSERT ON class_sessions_classsession
    FOR EACH ROW EXECUTE FUNCTION class_sessions_course_copy();
CREATE TRIGGER class_sessions_course_update AFTER UPDATE ON class_sessions_classsession
    FOR EACH ROW WHEN (
        (OLD.course_id, OLD.section_id, OLD.starts_at, OLD.ends_at, OLD.held_on, OLD.status,
            OLD.is_planned, OLD.total_enrolled, OLD.total_attended)
        IS DISTINCT FROM
        (NEW.course_id, NEW.section_id, NEW.starts_at, NEW.ends_at, NEW.held_on, NEW.status,
            NEW.is_planned, NEW.total_enrolled, NEW.total_attended)
    ) EXECUTE FUNCTION class_sessions_course_copy();

-- The codes of the further courses, so that a list of sessions can name them without asking.
CREATE FUNCTION class_sessions_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Each new session adds its leading course, one by one: that names nothing.
    IF NOT EXISTS (SELECT FROM changed WHERE NOT is_lead) THEN
        RETURN NULL;
    END IF;
    UPDATE class_sessions_classsession s SET also_codes = named.codes, updated_at = now()
    FROM (
        SELECT s.id, coalesce(
            string_agg(c.code, ', ' ORDER BY c.code) FILTER (WHERE NOT j.is_lead), '') AS codes
        FROM (SELECT DISTINCT session_id FROM changed) changed
        JOIN class_sessions_classsession s ON s.id = changed.session_id
        JOIN class_sessions_sessioncourse j ON j.campus_id = s.campus_id AND j.session_id = s.id
        JOIN enrollments_course c ON c.campus_id = j.campus_id AND c.id = j.course_id
        GROUP BY s.id
    ) named
    WHERE s.id = named.id AND s.also_codes <> named.codes;
    RETURN NULL;
END $$;
CREATE FUNCTION class_sessions_name_course() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE class_sessions_classsession s SET updated_at = now(), also_codes = (
        SELECT string_agg(c.code, ', ' ORDER BY c.code)
        FROM class_sessions_sessioncourse j
        JOIN enrollments_course c ON c.campus_id = j.campus_id AND c.id = j.course_id
        WHERE j.campus_id = s.campus_id AND j.session_id = s.id AND NOT j.is_lead
    )
    FROM class_sessions_sessioncourse own
    WHERE own.campus_id = NEW.campus_id AND own.course_id = NEW.id AND NOT own.is_lead
        AND s.campus_id = own.campus_id AND s.id = own.session_id;
    RETURN NULL;
END $$;
CREATE TRIGGER class_sessions_name_added AFTER INSERT ON class_sessions_sessioncourse
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION class_sessions_name();
CREATE TRIGGER class_sessions_name_removed AFTER DELETE ON class_sessions_sessioncourse
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION class_sessions_name();
CREATE TRIGGER class_sessions_name_course AFTER UPDATE OF code ON enrollments_course
    FOR EACH ROW WHEN (OLD.code <> NEW.code) EXECUTE FUNCTION class_sessions_name_course();
"""
PART = """
DROP TRIGGER class_sessions_name_course ON enrollments_course;
DROP TRIGGER class_sessions_name_removed ON class_sessions_sessioncourse;
DROP TRIGGER class_sessions_name_added ON class_sessions_sessioncourse;
DROP TRIGGER class_sessions_course_update ON class_sessions_classsession;
DROP TRIGGER class_sessions_course_insert ON class_sessions_classsession;
DROP TRIGGER class_sessions_course_fill ON class_sessions_sessioncourse;
DROP FUNCTION class_sessions_name_course();
DROP FUNCTION class_sessions_name();
DROP FUNCTION class_sessions_course_copy();
DROP FUNCTION class_sessions_course_fill();
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('classrooms', '0001_initial'),
        ('enrollments', '0001_initial'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='ClassSession',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('starts_at', models.DateTimeField(verbose_name='starts')),
                ('ends_at', models.DateTimeField(verbose_name='ends')),
                ('held_on', models.DateField(editable=False, verbose_name='day')),
                ('status', models.CharField(choices=[('scheduled', 'scheduled'), ('open', 'open'), ('completed', 'completed'), ('cancelled', 'cancelled')], default='scheduled', max_length=10, verbose_name='status')),
                ('topic', models.CharField(blank=True, max_length=200, verbose_name='topic')),
                ('also_codes', models.TextField(blank=True, default='', editable=False, help_text='Course codes.', verbose_name='together with')),
                ('is_planned', models.BooleanField(default=True, editable=False, help_text='A session that was started on the spot happens, whatever the plan says.', verbose_name='planned')),
                ('revision', models.PositiveIntegerField(default=0, editable=False, verbose_name='revision')),
                ('policy', models.JSONField(blank=True, default=dict, editable=False, help_text='What check-ins are judged by, as it stood when the session was opened.', verbose_name='policy snapshot')),
                ('opened_at', models.DateTimeField(blank=True, null=True, verbose_name='opened')),
                ('closed_at', models.DateTimeField(blank=True, null=True, verbose_name='closed')),
                ('closed_itself', models.BooleanField(default=False, editable=False, help_text='Nobody completed it in time.', verbose_name='closed by itself')),
                ('total_enrolled', models.PositiveIntegerField(default=0, verbose_name='enrolled')),
                ('total_attended', models.PositiveIntegerField(default=0, verbose_name='attended')),
                ('attendance_percentage', models.DecimalField(decimal_places=2, default=Decimal('0.00'), max_digits=5, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100)], verbose_name='attendance (%)')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('classroom', apps.tenants.fields.CampusForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='sessions', to='classrooms.classroom', verbose_name='classroom')),
                ('course', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='sessions', to='enrollments.course', verbose_name='course')),
                ('faculty', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='sessions', to='accounts.faculty', verbose_name='lecturer')),
                ('section', apps.tenants.fields.CampusForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='sessions', to='enrollments.section', verbose_name='section')),
            ],
            options={
                'verbose_name': 'class session',
                'verbose_name_plural': 'class sessions',
                'ordering': ['-starts_at', '-id'],
                'indexes': [models.Index(fields=['campus', 'faculty', 'starts_at'], name='session_faculty'), models.Index(fields=['campus', 'course', 'starts_at'], name='session_course'), models.Index(fields=['campus', 'status', 'starts_at'], name='session_status_start'), models.Index(fields=['campus', 'starts_at'], name='session_starts')],
                'constraints': [models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='session_ends_after_start'), models.CheckConstraint(condition=models.Q(('status__in', ['scheduled', 'open', 'completed', 'cancelled'])), name='session_status'), models.CheckConstraint(condition=models.Q(('attendance_percentage__range', (0, 100))), name='session_percentage'), models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['open', 'completed']), _negated=True), ('opened_at__isnull', False), _connector='OR'), name='session_opened_at'), models.UniqueConstraint(condition=models.Q(('status', 'open')), fields=('campus', 'course'), name='session_one_open'), models.UniqueConstraint(condition=models.Q(('status', 'cancelled'), _negated=True), fields=('campus', 'course', 'starts_at'), name='session_start_unique'), apps.sessions.constraints.OneAtATime(condition=models.Q(('is_planned', True), models.Q(('status', 'cancelled'), _negated=True)), expressions=[('campus', '='), ('classroom', '='), (apps.sessions.constraints.Period('starts_at', 'ends_at', django.contrib.postgres.fields.ranges.RangeBoundary()), '&&')], name='session_room_free'), apps.sessions.constraints.OneAtATime(condition=models.Q(('is_planned', True), models.Q(('status', 'cancelled'), _negated=True)), expressions=[('campus', '='), ('faculty', '='), (apps.sessions.constraints.Period('starts_at', 'ends_at', django.contrib.postgres.fields.ranges.RangeBoundary()), '&&')], name='session_lecturer_free'), apps.sessions.constraints.OneAtATime(condition=models.Q(('is_planned', True), models.Q(('status', 'cancelled'), _negated=True)), expressions=[('campus', '='), ('section', '='), (apps.sessions.constraints.Period('starts_at', 'ends_at', django.contrib.postgres.fields.ranges.RangeBoundary()), '&&')], name='session_section_free'), apps.common.constraints.MomentInBounds(field='starts_at', name='session_starts_at'), apps.common.constraints.MomentInBounds(field='ends_at', name='session_ends_at')],
            },
        ),
        migrations.CreateModel(
            name='SessionCourse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('is_lead', models.BooleanField(default=False, editable=False, verbose_name='leads')),
                ('starts_at', models.DateTimeField(editable=False, verbose_name='starts')),
                ('ends_at', models.DateTimeField(editable=False, verbose_name='ends')),
                ('held_on', models.DateField(editable=False, verbose_name='day')),
                ('status', models.CharField(choices=[('scheduled', 'scheduled'), ('open', 'open'), ('completed', 'completed'), ('cancelled', 'cancelled')], editable=False, max_length=10, verbose_name='status')),
                ('is_planned', models.BooleanField(default=True, editable=False, verbose_name='planned')),
                ('total_enrolled', models.PositiveIntegerField(default=0, editable=False, verbose_name='enrolled')),
                ('total_attended', models.PositiveIntegerField(default=0, editable=False, verbose_name='attended')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('course', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='meetings', to='enrollments.course', verbose_name='course')),
                ('section', apps.tenants.fields.CampusForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='enrollments.section', verbose_name='section')),
                ('session', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='courses', to='class_sessions.classsession', verbose_name='session')),
            ],
            options={
                'verbose_name': 'course of a session',
                'verbose_name_plural': 'courses of sessions',
                'ordering': ['session_id', 'id'],
                'indexes': [models.Index(fields=['campus', 'course', 'starts_at'], name='session_course_of')],
                'constraints': [models.UniqueConstraint(fields=('campus', 'session', 'course'), name='session_course_unique'), models.UniqueConstraint(condition=models.Q(('is_lead', True)), fields=('campus', 'session'), name='session_course_one_leads'), models.UniqueConstraint(condition=models.Q(('status', 'open')), fields=('campus', 'course'), name='session_course_one_open'), models.UniqueConstraint(condition=models.Q(('status', 'cancelled'), _negated=True), fields=('campus', 'course', 'starts_at'), name='session_course_start'), apps.sessions.constraints.OneAtATime(condition=models.Q(('is_planned', True), models.Q(('status', 'cancelled'), _negated=True)), expressions=[('campus', '='), ('section', '='), (apps.sessions.constraints.Period('starts_at', 'ends_at', django.contrib.postgres.fields.ranges.RangeBoundary()), '&&')], name='session_course_section_free')],
            },
        ),
        *(
            IsolateByCampus(name)
            for name in (
                "classsession",
                "sessioncourse",
            )
        ),
        migrations.RunSQL(FOLLOW, UNFOLLOW),
        migrations.RunSQL(JOIN, PART),
    ]
