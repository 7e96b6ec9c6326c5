from django.db import migrations

REFUSE = """
CREATE TRIGGER term_archived BEFORE INSERT OR DELETE ON class_sessions_classsession
    FOR EACH ROW EXECUTE FUNCTION enrollments_refuse_archived();
CREATE TRIGGER term_archived_update BEFORE UPDATE ON class_sessions_classsession
    FOR EACH ROW WHEN (
        (OLD.course_id, OLD.starts_at, OLD.ends_at, OLD.held_on, OLD.status, OLD.classroom_id,
            OLD.faculty_id)
        IS DISTINCT FROM
        (NEW.course_id, NEW.starts_at, NEW.ends_at, NEW.held_on, NEW.status, NEW.classroom_id,
            NEW.faculty_id)
    ) EXECUTE FUNCTION enrollments_refuse_archived();
CREATE TRIGGER term_archived BEFORE INSERT OR DELETE ON class_sessions_sessioncourse
    FOR EACH ROW EXECUTE FUNCTION enrollments_refuse_archived();
"""
ALLOW = """
DROP TRIGGER term_archived ON class_sessions_sessioncourse;
DROP TRIGGER term_archived_update ON class_sessions_classsession;
DROP TRIGGER term_archived ON class_sessions_classsession;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('class_sessions', '0001_initial'),
        ('enrollments', '0002_term_archived'),
    ]

    operations = [migrations.RunSQL(REFUSE, ALLOW)]
