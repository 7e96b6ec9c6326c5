import apps.common.constraints
import apps.enrollments.models.enrollments
import apps.enrollments.models.terms
import apps.tenants.fields
import django.contrib.postgres.constraints
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.functions.text
from django.db import migrations, models
from apps.tenants.operations import IsolateByCampus
from apps.tenants.search import SearchBy

# Every enrolment knows its days: from, until, and all earlier ones of somebody who came back.
# Triggers keep what nobody should have to remember. A change of the status alone begins or ends on
# the day of the change; `EnrollmentPeriod` follows the enrolments; and an enrolment that says
# something else than the student's section, the moment it is written, is marked as kept by hand.
DAYS = """
CREATE FUNCTION enrollments_fill_days() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    today date := (
        SELECT (now() AT TIME ZONE time_zone)::date FROM tenants_campus WHERE id = NEW.campus_id
    );
BEGIN
    IF NEW.status <> 'enrolled' THEN
        NEW.ended_on := greatest(today, NEW.enrolled_on);
    ELSIF TG_OP = 'UPDATE' AND NEW.ended_on = OLD.ended_on THEN
        IF NEW.enrolled_on = OLD.enrolled_on THEN
            NEW.enrolled_on := greatest(today, OLD.ended_on);
        END IF;
        NEW.ended_on := NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER enrollments_fill_days BEFORE INSERT OR UPDATE OF status, enrolled_on, ended_on
    ON enrollments_enrollment FOR EACH ROW
    WHEN ((NEW.status = 'enrolled') <> (NEW.ended_on IS NULL))
    EXECUTE FUNCTION enrollments_fill_days();
"""
# {rows}: the written rows whose status is new.
MARK = """
    UPDATE enrollments_enrollment e SET by_hand = (n.status = 'enrolled') <> (p.id IS NOT NULL)
    FROM {rows} n
    JOIN enrollments_course c ON c.campus_id = n.campus_id AND c.id = n.course_id
    LEFT JOIN enrollments_placement p ON p.campus_id = n.campus_id AND p.is_current
        AND p.student_id = n.student_id AND p.section_id = c.section_id
    WHERE e.campus_id = n.campus_id AND e.id = n.id
        AND e.by_hand <> ((n.status = 'enrolled') <> (p.id IS NOT NULL));
"""
FOLLOW = f"""
CREATE FUNCTION enrollments_on_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO enrollments_enrollmentperiod (campus_id, enrollment_id, enrolled_on, ended_on)
    SELECT campus_id, id, enrolled_on, ended_on FROM new_rows;
    {MARK.format(rows="new_rows")}
    RETURN NULL;
END $$;
CREATE FUNCTION enrollments_on_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM old_rows o JOIN new_rows n ON n.id = o.id
        WHERE (o.status, o.enrolled_on, o.ended_on)
            IS DISTINCT FROM (n.status, n.enrolled_on, n.ended_on)
    ) THEN
        RETURN NULL;
    END IF;
    -- Who had left and begins again later has another period; anything else corrects this one.
    UPDATE enrollments_enrollmentperiod p
    SET enrolled_on = n.enrolled_on, ended_on = n.ended_on
    FROM old_rows o JOIN new_rows n ON n.id = o.id
    WHERE p.campus_id = n.campus_id AND p.enrollment_id = n.id
        AND p.enrolled_on = o.enrolled_on AND p.ended_on IS NOT DISTINCT FROM o.ended_on
        AND (o.enrolled_on, o.ended_on) IS DISTINCT FROM (n.enrolled_on, n.ended_on)
        AND (o.ended_on IS NULL OR n.enrolled_on < o.ended_on OR n.enrolled_on = o.enrolled_on);
    INSERT INTO enrollments_enrollmentperiod (campus_id, enrollment_id, enrolled_on, ended_on)
    SELECT n.campus_id, n.id, n.enrolled_on, n.ended_on
    FROM old_rows o JOIN new_rows n ON n.id = o.id
    WHERE n.enrolled_on >= o.ended_on AND n.enrolled_on > o.enrolled_on;
    {MARK.format(rows="(SELECT n.* FROM old_rows o JOIN new_rows n ON n.id = o.id WHERE o.status <> n.status)")}
    RETURN NULL;
END $$;
CREATE TRIGGER enrollments_on_insert AFTER INSERT ON enrollments_enrollment
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION enrollments_on_insert();
CREATE TRIGGER enrollments_on_update AFTER UPDATE ON enrollments_enrollment
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION enrollments_on_update();
"""  # noqa: S608  (constants)
UNFOLLOW = """
DROP TRIGGER enrollments_on_update ON enrollments_enrollment;
DROP TRIGGER enrollments_on_insert ON enrollments_enrollment;
DROP TRIGGER enrollments_fill_days ON enrollments_enrollment;
DROP FUNCTION enrollments_on_update();
DROP FUNCTION enrollments_on_insert();
DROP FUNCTION enrollments_fill_days();
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('classrooms', '0001_initial'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Department',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('code', models.CharField(max_length=50, validators=[django.core.validators.RegexValidator('^[\\w][\\w./\\-]*$', 'Letters, digits and . / - _ only, starting with a letter or digit.')], verbose_name='code')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
            ],
            options={
                'verbose_name': 'department',
                'verbose_name_plural': 'departments',
                'ordering': ['code'],
                'constraints': [models.UniqueConstraint(models.F('campus'), django.db.models.functions.text.Lower('code'), name='department_code_unique'), apps.common.constraints.Named(field='code', name='department_code'), apps.common.constraints.Named(field='name', name='department_name')],
            },
        ),
        migrations.CreateModel(
            name='Section',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('year', models.PositiveSmallIntegerField(validators=[django.core.validators.MinValueValidator(1)], verbose_name='year')),
                ('name', models.CharField(max_length=10, verbose_name='section')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('department', apps.tenants.fields.CampusForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sections', to='enrollments.department', verbose_name='department')),
            ],
            options={
                'verbose_name': 'section',
                'verbose_name_plural': 'sections',
                'ordering': ['year', 'department__code', 'name'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'year', 'department', 'name'), name='section_unique'), models.CheckConstraint(condition=models.Q(('year__gte', 1)), name='section_year'), apps.common.constraints.Named(field='name', name='section_name')],
            },
        ),
        migrations.CreateModel(
            name='Placement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('is_current', models.BooleanField(default=True, verbose_name='current')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('student', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='placements', to='accounts.student', verbose_name='student')),
                ('section', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='placements', to='enrollments.section', verbose_name='section')),
            ],
            options={
                'verbose_name': 'section placement',
                'verbose_name_plural': 'section placements',
                'ordering': ['section_id', 'student_id'],
                'indexes': [models.Index(fields=['campus', 'section', 'is_current'], name='placement_section')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('is_current', True)), fields=('campus', 'student'), name='placement_one_current'), models.UniqueConstraint(fields=('campus', 'student', 'section'), name='placement_unique')],
            },
        ),
        migrations.CreateModel(
            name='Subject',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('code', models.CharField(max_length=20, validators=[django.core.validators.RegexValidator('^[\\w][\\w./\\-]*$', 'Letters, digits and . / - _ only, starting with a letter or digit.')], verbose_name='code')),
                ('mnemonic', models.CharField(blank=True, max_length=100, verbose_name='mnemonic')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('kind', models.CharField(choices=[('theory', 'theory'), ('lab', 'lab')], default='theory', max_length=10, verbose_name='type')),
                ('credits', models.PositiveSmallIntegerField(default=3, verbose_name='credits')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
            ],
            options={
                'verbose_name': 'subject',
                'verbose_name_plural': 'subjects',
                'ordering': ['code'],
                'constraints': [models.UniqueConstraint(models.F('campus'), django.db.models.functions.text.Lower('code'), name='subject_code_unique'), models.CheckConstraint(condition=models.Q(('kind__in', ['theory', 'lab'])), name='subject_kind'), apps.common.constraints.Named(field='code', name='subject_code'), apps.common.constraints.Named(field='name', name='subject_name'), apps.common.constraints.Between(field='credits', high=100, name='subject_credits')],
            },
        ),
        migrations.CreateModel(
            name='Grade',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('points', models.IntegerField(validators=[django.core.validators.MinValueValidator(0)], verbose_name='points')),
                ('grade', models.CharField(max_length=2, verbose_name='grade')),
                ('given_on', models.DateField(verbose_name='given on')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('student', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='grades', to='accounts.student', verbose_name='student')),
                ('subject', apps.tenants.fields.CampusForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='grades', to='enrollments.subject', verbose_name='subject')),
            ],
            options={
                'verbose_name': 'grade',
                'verbose_name_plural': 'grades',
                'ordering': ['-given_on', 'student_id'],
                'indexes': [models.Index(fields=['campus', 'student', 'subject'], name='grade_student')],
                'constraints': [models.CheckConstraint(condition=models.Q(('points__gte', 0)), name='grade_not_negative'), apps.common.constraints.Named(field='grade', name='grade_name'), apps.common.constraints.DayInBounds(field='given_on', name='grade_given_on')],
            },
        ),
        migrations.CreateModel(
            name='Term',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('name', models.CharField(max_length=20, verbose_name='semester')),
                ('academic_year', models.CharField(max_length=9, validators=[django.core.validators.RegexValidator('^\\d{4}-\\d{4}$'), apps.enrollments.models.terms.validate_academic_year], verbose_name='academic year')),
                ('starts_on', models.DateField(verbose_name='first day')),
                ('ends_on', models.DateField(verbose_name='last day')),
                ('odd_week_on', models.DateField(blank=True, help_text='From its week on, odd and even weeks take turns, also over New Year. Empty: the week of the first day is odd.', null=True, verbose_name='a day of an odd week')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
            ],
            options={
                'verbose_name': 'term',
                'verbose_name_plural': 'terms',
                'ordering': ['-starts_on'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'academic_year', 'name'), name='term_unique'), models.CheckConstraint(condition=models.Q(('ends_on__gt', models.F('starts_on'))), name='term_dates'), models.CheckConstraint(condition=models.Q(('academic_year', django.db.models.functions.text.Concat(django.db.models.functions.text.Substr('academic_year', 1, 4), models.Value('-'), django.db.models.functions.comparison.Cast(django.db.models.expressions.CombinedExpression(django.db.models.functions.comparison.Cast(django.db.models.functions.text.Substr('academic_year', 1, 4), models.IntegerField()), '+', models.Value(1)), models.CharField())))), name='term_academic_year'), apps.common.constraints.Named(field='name', name='term_name'), apps.common.constraints.DayInBounds(field='starts_on', name='term_starts_on'), apps.common.constraints.DayInBounds(field='ends_on', name='term_ends_on'), apps.common.constraints.DayInBounds(field='odd_week_on', name='term_odd_week_on')],
            },
        ),
        migrations.CreateModel(
            name='Course',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('code', models.CharField(max_length=40, validators=[django.core.validators.RegexValidator('^[\\w][\\w./\\-]*$', 'Letters, digits and . / - _ only, starting with a letter or digit.')], verbose_name='code')),
                ('max_students', models.PositiveIntegerField(default=60, verbose_name='places')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('classroom', apps.tenants.fields.CampusForeignKey(blank=True, help_text='Empty for online courses.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='courses', to='classrooms.classroom', verbose_name='usual classroom')),
                ('faculty', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='courses', to='accounts.faculty', verbose_name='taught by')),
                ('section', apps.tenants.fields.CampusForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='courses', to='enrollments.section', verbose_name='section')),
                ('subject', apps.tenants.fields.CampusForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='courses', to='enrollments.subject', verbose_name='subject')),
                ('term', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='courses', to='enrollments.term', verbose_name='term')),
            ],
            options={
                'verbose_name': 'course',
                'verbose_name_plural': 'courses',
                'ordering': ['code'],
                'indexes': [models.Index(fields=['campus', 'faculty', 'is_active'], name='course_faculty'), models.Index(fields=['campus', 'section'], name='course_section')],
                'constraints': [models.UniqueConstraint(models.F('campus'), models.F('term'), django.db.models.functions.text.Lower('code'), name='course_code_unique'), models.UniqueConstraint(fields=('campus', 'term', 'faculty', 'subject', 'section'), name='course_assignment_unique'), apps.common.constraints.Named(field='code', name='course_code'), apps.common.constraints.Between(field='max_students', high=100000, name='course_max_students')],
            },
        ),
        migrations.CreateModel(
            name='Enrollment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('enrolled_on', models.DateField(help_text='The first day on which the student belongs to the course.', verbose_name='enrolled on')),
                ('ended_on', models.DateField(blank=True, help_text='From this day on the student no longer belongs to the course.', null=True, verbose_name='left on')),
                ('status', models.CharField(choices=[('enrolled', 'enrolled'), ('dropped', 'dropped'), ('completed', 'completed')], default='enrolled', max_length=10, verbose_name='status')),
                ('final_grade', models.CharField(blank=True, max_length=5, verbose_name='final grade')),
                ('by_hand', models.BooleanField(default=False, editable=False, help_text="Was decided otherwise than the student's section says; imports leave it.", verbose_name='kept by hand')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('course', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='enrollments', to='enrollments.course', verbose_name='course')),
                ('student', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='enrollments', to='accounts.student', verbose_name='student')),
            ],
            options={
                'verbose_name': 'enrolment',
                'verbose_name_plural': 'enrolments',
                'ordering': ['course_id', 'student_id'],
                'indexes': [models.Index(fields=['campus', 'course', 'status', 'student'], name='enrollment_course')],
                'constraints': [models.UniqueConstraint(fields=('campus', 'student', 'course'), name='enrollment_unique'), models.CheckConstraint(condition=models.Q(('status__in', ['enrolled', 'dropped', 'completed'])), name='enrollment_status'), apps.common.constraints.DayInBounds(field='enrolled_on', name='enrollment_enrolled_on'), apps.common.constraints.DayInBounds(field='ended_on', name='enrollment_ended_on'), models.CheckConstraint(condition=models.Q(('ended_on__isnull', True), ('ended_on__gte', models.F('enrolled_on')), _connector='OR'), name='enrollment_days', violation_error_message='The student leaves before having come.'), models.CheckConstraint(condition=models.Q(models.Q(('ended_on__isnull', True), ('status', 'enrolled')), models.Q(models.Q(('status', 'enrolled'), _negated=True), ('ended_on__isnull', False)), _connector='OR'), name='enrollment_ended', violation_error_message='Who is enrolled has not left; who has left, left on a day.')],
            },
        ),
        migrations.CreateModel(
            name='EnrollmentPeriod',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('enrolled_on', models.DateField(verbose_name='enrolled on')),
                ('ended_on', models.DateField(blank=True, null=True, verbose_name='left on')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('enrollment', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='periods', to='enrollments.enrollment', verbose_name='enrolment')),
            ],
            options={
                'verbose_name': 'period of an enrolment',
                'verbose_name_plural': 'periods of enrolments',
                'ordering': ['enrollment_id', 'enrolled_on', 'id'],
                'indexes': [models.Index(fields=['campus', 'enrollment', 'enrolled_on', 'ended_on'], name='enrollment_period_of')],
                'constraints': [models.CheckConstraint(condition=models.Q(('ended_on__isnull', True), ('ended_on__gte', models.F('enrolled_on')), _connector='OR'), name='enrollment_period_days'), django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('campus', '='), ('enrollment', '='), (apps.enrollments.models.enrollments.DateRange('enrolled_on', 'ended_on'), '&&')], name='enrollment_period_once')],
            },
        ),
        *(
            IsolateByCampus(name)
            for name in (
                "department",
                "section",
                "placement",
                "subject",
                "grade",
                "term",
                "course",
                "enrollment",
                "enrollmentperiod",
            )
        ),
        SearchBy("subject", ["code", "mnemonic", "name"]),
        SearchBy("course", ["code"]),
        migrations.RunSQL([DAYS, FOLLOW], UNFOLLOW),
    ]
