from django.db import migrations

# Notes are none of what is kept: the erasure of a person empties them.
REFUSE = """
CREATE TRIGGER term_archived BEFORE INSERT OR DELETE ON attendance_attendancerecord
    FOR EACH ROW EXECUTE FUNCTION enrollments_refuse_archived();
CREATE TRIGGER term_archived_update BEFORE UPDATE ON attendance_attendancerecord
    FOR EACH ROW WHEN (
        (OLD.session_id, OLD.student_id, OLD.course_id, OLD.status, OLD.label_id, OLD.minutes_late)
        IS DISTINCT FROM
        (NEW.session_id, NEW.student_id, NEW.course_id, NEW.status, NEW.label_id, NEW.minutes_late)
    ) EXECUTE FUNCTION enrollments_refuse_archived();
"""
ALLOW = """
DROP TRIGGER term_archived_update ON attendance_attendancerecord;
DROP TRIGGER term_archived ON attendance_attendancerecord;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('attendance', '0005_imported_records'),
        ('enrollments', '0002_term_archived'),
    ]

    operations = [migrations.RunSQL(REFUSE, ALLOW)]
