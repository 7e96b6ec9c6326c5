from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("attendance", "0004_signs")]
    operations = []  # type: ignore[var-annotated]
