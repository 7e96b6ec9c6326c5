"""The day of a session on the campus's calendar, and whether it closed by itself."""

from django.db import migrations, models

FOLLOW = """
CREATE OR REPLACE FUNCTION class_sessions_follow() RETURNS trigger LANGUAGE plpgsql AS $$
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
            (NEW.course_id, NEW.starts_at, NEW.ends_at, NEW.classroom_id, NEW.faculty_id, NEW.topic,
                NEW.status = 'cancelled')
            IS DISTINCT FROM
            (OLD.course_id, OLD.starts_at, OLD.ends_at, OLD.classroom_id, OLD.faculty_id, OLD.topic,
                OLD.status = 'cancelled')
        )::int;
    END IF;
    RETURN NEW;
END $$;
"""
UNFOLLOW = """
CREATE OR REPLACE FUNCTION class_sessions_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.course_id <> OLD.course_id THEN
        NEW.section_id := (SELECT section_id FROM enrollments_course WHERE id = NEW.course_id);
    END IF;
    IF TG_OP = 'UPDATE' THEN
        NEW.revision := OLD.revision + (
            (NEW.course_id, NEW.starts_at, NEW.ends_at, NEW.classroom_id, NEW.faculty_id, NEW.topic,
                NEW.status = 'cancelled')
            IS DISTINCT FROM
            (OLD.course_id, OLD.starts_at, OLD.ends_at, OLD.classroom_id, OLD.faculty_id, OLD.topic,
                OLD.status = 'cancelled')
        )::int;
    END IF;
    RETURN NEW;
END $$;
"""
# Every campus's rows: the owner is let through for this statement.
FILL = """
ALTER TABLE class_sessions_classsession NO FORCE ROW LEVEL SECURITY;
UPDATE class_sessions_classsession s SET held_on = (s.starts_at AT TIME ZONE c.time_zone)::date
    FROM tenants_campus c WHERE c.id = s.campus_id;
ALTER TABLE class_sessions_classsession FORCE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [("class_sessions", "0002_bounds_and_stamps"), ("tenants", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="classsession",
            name="closed_itself",
            field=models.BooleanField(
                default=False,
                editable=False,
                help_text="Nobody completed it in time.",
                verbose_name="closed by itself",
            ),
        ),
        migrations.AddField(
            model_name="classsession",
            name="held_on",
            field=models.DateField(editable=False, null=True, verbose_name="day"),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(FOLLOW, UNFOLLOW),
        migrations.AlterField(
            model_name="classsession",
            name="held_on",
            field=models.DateField(editable=False, verbose_name="day"),
        ),
    ]
