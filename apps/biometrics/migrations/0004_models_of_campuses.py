"""Which model each campus compares with, and a model's limits by the number of templates.

Campuses that have a key keep the model that was everybody's. The limits of SFace were in the code.
"""

import apps.biometrics.models
import django.db.models.deletion
from django.db import migrations, models


SFACE = """
    UPDATE biometrics_facemodel
    SET margins = '[0.025, 0.033]', campus_margins = '[-0.1, -0.062, -0.05]', detector = 'yunet-2023mar'
    WHERE name = 'sface'
"""
PIN = """
    UPDATE biometrics_templatekey SET model_id =
        (SELECT id FROM biometrics_facemodel WHERE is_default)
    WHERE campus_id = %s
"""


def pin(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_campus ORDER BY id")
        for (campus_id,) in cursor.fetchall():
            cursor.execute("SELECT set_config('campus.id', %s, true)", [str(campus_id)])
            cursor.execute(PIN, [campus_id])
        cursor.execute("SELECT set_config('campus.id', '', true)")


class Migration(migrations.Migration):

    dependencies = [
        ('biometrics', '0003_queued_again'),
    ]

    operations = [
        migrations.AddField(
            model_name='facemodel',
            name='campus_margins',
            field=models.JSONField(blank=True, db_default=[], default=list, help_text='What is added to the threshold for 1, 2, 3, … templates, below 0. Without it no campus is searched.', validators=[apps.biometrics.models.check_margins], verbose_name='added where a campus is searched'),
        ),
        migrations.AddField(
            model_name='facemodel',
            name='detector',
            field=models.CharField(blank=True, db_default='', default='', max_length=50, verbose_name='detector'),
        ),
        migrations.AddField(
            model_name='facemodel',
            name='margins',
            field=models.JSONField(blank=True, db_default=[], default=list, help_text='What is added to the threshold for 2, 3, … templates; the last holds for more.', validators=[apps.biometrics.models.check_margins], verbose_name='added for more templates'),
        ),
        migrations.AddField(
            model_name='templatekey',
            name='model',
            field=models.ForeignKey(blank=True, help_text="What templates are made and compared with; the default's without.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='biometrics.facemodel', verbose_name='face model'),
        ),
        migrations.AlterField(
            model_name='facemodel',
            name='is_default',
            field=models.BooleanField(default=False, verbose_name='for campuses without templates'),
        ),
        migrations.RunSQL(SFACE, migrations.RunSQL.noop),
        migrations.RunPython(pin, migrations.RunPython.noop),
    ]
