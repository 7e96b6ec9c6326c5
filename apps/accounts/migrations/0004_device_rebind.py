from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_contacts")]
    operations = [
        migrations.AddField(
            model_name="device",
            name="rebind_requested_at",
            field=models.DateTimeField(
                blank=True,
                help_text="48 hours later the student may bind another one in its place.",
                null=True,
                verbose_name="another device asked for",
            ),
        ),
    ]
