import apps.tenants.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from apps.tenants.operations import IsolateByCampus




class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('jobs', '0001_initial'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='ImportRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=20, verbose_name='kind')),
                ('filename', models.CharField(max_length=200, verbose_name='file')),
                ('size', models.PositiveIntegerField(verbose_name='size (bytes)')),
                ('sha256', models.CharField(max_length=64, verbose_name='SHA-256')),
                ('stored_as', models.CharField(blank=True, editable=False, max_length=100)),
                ('marked_as', models.CharField(blank=True, editable=False, max_length=100)),
                ('options', models.JSONField(blank=True, default=dict, verbose_name='options')),
                ('mapping', models.JSONField(blank=True, default=dict, help_text='Heading in the file → our column.', verbose_name='columns')),
                ('headings', models.JSONField(blank=True, default=list, verbose_name='headings found')),
                ('status', models.CharField(choices=[('checking', 'being checked'), ('checked', 'checked'), ('committing', 'being saved'), ('done', 'saved'), ('failed', 'failed')], default='checking', max_length=10, verbose_name='status')),
                ('problem', models.CharField(blank=True, max_length=500, verbose_name='problem')),
                ('result', models.JSONField(blank=True, default=dict, verbose_name='result')),
                ('problems', models.JSONField(blank=True, default=list, verbose_name='wrong rows')),
                ('created_at', models.DateTimeField(verbose_name='uploaded')),
                ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='saved at')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='imports', to=settings.AUTH_USER_MODEL, verbose_name='uploaded by')),
                ('job', apps.tenants.fields.CampusForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='imports', to='jobs.job', verbose_name='job')),
            ],
            options={
                'verbose_name': 'spreadsheet',
                'verbose_name_plural': 'spreadsheets',
                'ordering': ['-created_at'],
                'indexes': [models.Index(fields=['campus', 'created_at'], name='import_created')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['checking', 'checked', 'committing', 'done', 'failed'])), name='import_status')],
            },
        ),
        IsolateByCampus("importrun"),
    ]
