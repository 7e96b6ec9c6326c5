from django.db import migrations

# The days of an archived term decide which registers belong to it, its name how they are found.
# `archived_at` itself is free: that is how a term is reopened.
REFUSE = """
CREATE FUNCTION enrollments_refuse_archived_term() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_has_role(
        session_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'MEMBER')
    THEN
        RAISE check_violation USING
            CONSTRAINT = 'term_archived', MESSAGE = 'the term is archived';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER term_archived BEFORE DELETE ON enrollments_term
    FOR EACH ROW WHEN (OLD.archived_at IS NOT NULL)
    EXECUTE FUNCTION enrollments_refuse_archived_term();
CREATE TRIGGER term_archived_update BEFORE UPDATE ON enrollments_term
    FOR EACH ROW WHEN (
        OLD.archived_at IS NOT NULL
        AND (OLD.name, OLD.academic_year, OLD.starts_on, OLD.ends_on, OLD.odd_week_on)
        IS DISTINCT FROM
        (NEW.name, NEW.academic_year, NEW.starts_on, NEW.ends_on, NEW.odd_week_on)
    ) EXECUTE FUNCTION enrollments_refuse_archived_term();
"""
ALLOW = """
DROP TRIGGER term_archived_update ON enrollments_term;
DROP TRIGGER term_archived ON enrollments_term;
DROP FUNCTION enrollments_refuse_archived_term();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('enrollments', '0002_term_archived'),
    ]

    operations = [migrations.RunSQL(REFUSE, ALLOW)]
