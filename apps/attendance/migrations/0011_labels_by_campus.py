from django.db import migrations

# The key of a label's meaning begins with the campus, as every other: 0001 made it without.
BY_CAMPUS = """
ALTER TABLE attendance_customstatus
    ADD CONSTRAINT attendance_customstatus_meaning UNIQUE (id, meaning, campus_id);
ALTER TABLE attendance_attendancerecord
    DROP CONSTRAINT attendance_attendancerecord_label_meaning,
    ADD CONSTRAINT attendance_attendancerecord_label_meaning
    FOREIGN KEY (label_id, status, campus_id)
    REFERENCES attendance_customstatus (id, meaning, campus_id) NOT VALID;
ALTER TABLE attendance_customstatus DROP CONSTRAINT attendance_customstatus_id_meaning;
"""
VALIDATE = """
ALTER TABLE attendance_attendancerecord
    VALIDATE CONSTRAINT attendance_attendancerecord_label_meaning;
"""
BACKWARDS = """
ALTER TABLE attendance_customstatus
    ADD CONSTRAINT attendance_customstatus_id_meaning UNIQUE (id, meaning);
ALTER TABLE attendance_attendancerecord
    DROP CONSTRAINT attendance_attendancerecord_label_meaning,
    ADD CONSTRAINT attendance_attendancerecord_label_meaning FOREIGN KEY (label_id, status)
    REFERENCES attendance_customstatus (id, meaning);
ALTER TABLE attendance_customstatus DROP CONSTRAINT attendance_customstatus_meaning;
"""


class Migration(migrations.Migration):

    dependencies = [("attendance", "0010_cameras")]

    operations = [
        migrations.RunSQL(BY_CAMPUS, BACKWARDS),
        migrations.RunSQL(VALIDATE, migrations.RunSQL.noop),
    ]
