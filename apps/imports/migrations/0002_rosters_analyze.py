from django.db import migrations

# What the planner knows of rosters, right after they were filled: PostgreSQL's own autovacuum finds
# out within a minute or more, and reads the whole campus for each student of a register until then.
ANALYZE = """
CREATE FUNCTION import_rosters_analyze() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'accounts_faculty', 'accounts_membership', 'accounts_student', 'accounts_user',
        'classrooms_classroom', 'enrollments_course', 'enrollments_enrollment',
        'enrollments_enrollmentperiod', 'enrollments_placement', 'enrollments_section',
        'enrollments_subject', 'search_entry'
    ] LOOP
        EXECUTE format('ANALYZE (SKIP_LOCKED) public.%I', name);
    END LOOP;
END
$$
"""


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0004_keys_by_campus"),
        ("classrooms", "0001_initial"),
        ("enrollments", "0003_archived_term_itself"),
        ("imports", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(ANALYZE, "DROP FUNCTION import_rosters_analyze()"),
    ]
