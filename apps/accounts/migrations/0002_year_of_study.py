"""A student's year lies within the campus's programme: kept by the database itself."""

from django.db import migrations

FORWARDS = """
CREATE FUNCTION student_year_within_campus() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE longest smallint;
BEGIN
    IF NEW.year_of_study IS NULL THEN
        RETURN NEW;
    END IF;
    SELECT years_of_study INTO longest FROM tenants_campus WHERE id = NEW.campus_id;
    IF NEW.year_of_study > longest THEN
        RAISE EXCEPTION 'year of study % is beyond the % years of this campus',
            NEW.year_of_study, longest
            USING ERRCODE = 'check_violation', CONSTRAINT = 'student_year_within_campus';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER student_year_within_campus
    BEFORE INSERT OR UPDATE OF year_of_study ON accounts_student
    FOR EACH ROW EXECUTE FUNCTION student_year_within_campus();
"""
BACKWARDS = """
DROP TRIGGER student_year_within_campus ON accounts_student;
DROP FUNCTION student_year_within_campus();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
