from django.db import migrations

from apps.common.constraints import DayInBounds
from apps.tenants.operations import AddMending


class Migration(migrations.Migration):

    dependencies = [("enrollments", "0003_days_of_enrolment")]

    operations = [
        AddMending("term", [DayInBounds(field="odd_week_on", name="term_odd_week_on")]),
        AddMending("enrollment", [DayInBounds(field="ended_on", name="enrollment_ended_on")]),
    ]
