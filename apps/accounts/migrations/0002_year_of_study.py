from django.db import migrations

# Of all rows of a statement at once: a class is imported in one.
FORWARDS = """
CREATE FUNCTION student_year_within_campus() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE beyond record;
BEGIN
    SELECT fresh.year_of_study, campus.years_of_study INTO beyond
    FROM fresh JOIN tenants_campus campus ON campus.id = fresh.campus_id
    WHERE fresh.year_of_study > campus.years_of_study
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'year of study % is beyond the % years of this campus',
            beyond.year_of_study, beyond.years_of_study
            USING ERRCODE = 'check_violation', CONSTRAINT = 'student_year_within_campus';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER student_year_on_insert
    AFTER INSERT ON accounts_student REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION student_year_within_campus();
CREATE TRIGGER student_year_on_update
    AFTER UPDATE ON accounts_student REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION student_year_within_campus();
"""
BACKWARDS = """
DROP TRIGGER student_year_on_update ON accounts_student;
DROP TRIGGER student_year_on_insert ON accounts_student;
DROP FUNCTION student_year_within_campus();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
