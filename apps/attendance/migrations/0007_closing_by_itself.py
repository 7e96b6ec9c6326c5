import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("attendance", "0006_waiting"), ("class_sessions", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="policy",
            name="close_after_minutes",
            field=models.PositiveSmallIntegerField(
                default=30,
                help_text=(
                    "A session that nobody completes: whoever is unmarked then becomes absent."
                ),
                validators=[django.core.validators.MaxValueValidator(1440)],
                verbose_name="closes by itself after its end (min)",
            ),
        ),
        migrations.AddConstraint(
            model_name="policy",
            constraint=models.CheckConstraint(
                condition=models.Q(("close_after_minutes__range", (0, 1440))),
                name="policy_close_after",
            ),
        ),
    ]
