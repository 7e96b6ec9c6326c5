"""Every enrolment knows its days: from, until, and all earlier ones of somebody who came back.

Triggers keep what nobody should have to remember. A change of the status alone begins or ends on
the day of the change; `EnrollmentPeriod` follows the enrolments; and an enrolment that says
something else than the student's section, the moment it is written, is marked as kept by hand.
"""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
from django.db import migrations, models

import apps.enrollments.models
import apps.tenants.fields
from apps.tenants.operations import IsolateByCampus

# The rows are every campus's, and so are these statements: the owner is let through for them.
BEFORE = """
ALTER TABLE enrollments_enrollment NO FORCE ROW LEVEL SECURITY;
ALTER TABLE enrollments_placement NO FORCE ROW LEVEL SECURITY;
ALTER TABLE enrollments_course NO FORCE ROW LEVEL SECURITY;
ALTER TABLE enrollments_term NO FORCE ROW LEVEL SECURITY;
-- The day of the last change is the best that is known of those who left.
UPDATE enrollments_enrollment e
    SET ended_on = greatest(e.enrolled_on, (e.updated_at AT TIME ZONE c.time_zone)::date)
    FROM tenants_campus c
    WHERE c.id = e.campus_id AND e.status <> 'enrolled';
UPDATE enrollments_enrollment e SET by_hand = true
    FROM enrollments_course c
    WHERE c.id = e.course_id AND (e.status = 'enrolled') <> EXISTS (
        SELECT FROM enrollments_placement p
        WHERE p.student_id = e.student_id AND p.section_id = c.section_id AND p.is_current
    );
-- Until now odd weeks were those with an odd ISO number: plans that exist keep their weeks.
UPDATE enrollments_term SET odd_week_on = starts_on + 7
    WHERE extract(week FROM starts_on)::integer % 2 = 0;
"""
PERIODS = """
ALTER TABLE enrollments_enrollmentperiod NO FORCE ROW LEVEL SECURITY;
INSERT INTO enrollments_enrollmentperiod (campus_id, enrollment_id, enrolled_on, ended_on)
    SELECT campus_id, id, enrolled_on, ended_on FROM enrollments_enrollment;
ALTER TABLE enrollments_enrollmentperiod FORCE ROW LEVEL SECURITY;
ALTER TABLE enrollments_enrollment FORCE ROW LEVEL SECURITY;
ALTER TABLE enrollments_placement FORCE ROW LEVEL SECURITY;
ALTER TABLE enrollments_course FORCE ROW LEVEL SECURITY;
ALTER TABLE enrollments_term FORCE ROW LEVEL SECURITY;
"""
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
    dependencies = [("enrollments", "0002_bounds_and_stamps"), ("tenants", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="term",
            name="odd_week_on",
            field=models.DateField(
                blank=True,
                help_text=(
                    "From its week on, odd and even weeks take turns, also over New Year. "
                    "Empty: the week of the first day is odd."
                ),
                null=True,
                verbose_name="a day of an odd week",
            ),
        ),
        migrations.AddField(
            model_name="enrollment",
            name="by_hand",
            field=models.BooleanField(
                default=False,
                editable=False,
                help_text=(
                    "Was decided otherwise than the student's section says; imports leave it."
                ),
                verbose_name="kept by hand",
            ),
        ),
        migrations.AddField(
            model_name="enrollment",
            name="ended_on",
            field=models.DateField(
                blank=True,
                help_text="From this day on the student no longer belongs to the course.",
                null=True,
                verbose_name="left on",
            ),
        ),
        migrations.AlterField(
            model_name="enrollment",
            name="enrolled_on",
            field=models.DateField(
                help_text="The first day on which the student belongs to the course.",
                verbose_name="enrolled on",
            ),
        ),
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="EnrollmentPeriod",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("enrolled_on", models.DateField(verbose_name="enrolled on")),
                ("ended_on", models.DateField(blank=True, null=True, verbose_name="left on")),
                (
                    "campus",
                    apps.tenants.fields.CampusField(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.campus",
                    ),
                ),
                (
                    "enrollment",
                    apps.tenants.fields.CampusForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="periods",
                        to="enrollments.enrollment",
                        verbose_name="enrolment",
                    ),
                ),
            ],
            options={
                "verbose_name": "period of an enrolment",
                "verbose_name_plural": "periods of enrolments",
                "ordering": ["enrollment_id", "enrolled_on", "id"],
                "indexes": [
                    models.Index(
                        fields=["campus", "enrollment", "enrolled_on", "ended_on"],
                        name="enrollment_period_of",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ended_on__isnull", True),
                            ("ended_on__gte", models.F("enrolled_on")),
                            _connector="OR",
                        ),
                        name="enrollment_period_days",
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        expressions=[
                            ("campus", "="),
                            ("enrollment", "="),
                            (apps.enrollments.models.DateRange("enrolled_on", "ended_on"), "&&"),
                        ],
                        name="enrollment_period_once",
                    ),
                ],
            },
        ),
        IsolateByCampus("enrollmentperiod"),
        migrations.RunSQL(PERIODS, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="enrollment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ended_on__isnull", True),
                    ("ended_on__gte", models.F("enrolled_on")),
                    _connector="OR",
                ),
                name="enrollment_days",
                violation_error_message="The student leaves before having come.",
            ),
        ),
        migrations.AddConstraint(
            model_name="enrollment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_on__isnull", True), ("status", "enrolled")),
                    models.Q(
                        models.Q(("status", "enrolled"), _negated=True),
                        ("ended_on__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="enrollment_ended",
                violation_error_message=(
                    "Who is enrolled has not left; who has left, left on a day."
                ),
            ),
        ),
        migrations.RunSQL([DAYS, FOLLOW], UNFOLLOW),
    ]
