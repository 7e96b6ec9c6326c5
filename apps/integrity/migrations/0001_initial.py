import apps.tenants.fields
import django.db.models.deletion
from decimal import Decimal
from django.db import migrations, models
from apps.tenants.operations import IsolateByCampus




class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('class_sessions', '0001_initial'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Finding',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('slow_redeem', 'scanned much later than the class'), ('far_away', 'far from the room'), ('clock_drift', "the phone's clock does not fit the code"), ('other_device', 'tried with another device'), ('rapid_code_failed', 'did not keep up with the rapid-code challenge'), ('same_fix', 'the very same position as somebody else'), ('shared_device', 'one device for several students'), ('mock_location', 'an app set a false position'), ('together', 'always arrives with the same person from one address'), ('rapid_code_passed', 'kept up with the rapid-code challenge'), ('copied_photo', 'a photo that was not taken now'), ('offline', 'sent later, scanned without network')], max_length=20, verbose_name='kind')),
                ('detail', models.JSONField(blank=True, default=dict, verbose_name='detail')),
                ('score', models.DecimalField(decimal_places=2, max_digits=3, verbose_name='weight')),
                ('at', models.DateTimeField(verbose_name='noticed')),
                ('dismissed_at', models.DateTimeField(blank=True, null=True, verbose_name='dismissed')),
                ('dismissed_by', models.CharField(blank=True, max_length=254, verbose_name='dismissed by')),
                ('note', models.CharField(blank=True, max_length=500, verbose_name='note')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('session', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='findings', to='class_sessions.classsession', verbose_name='session')),
                ('student', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='findings', to='accounts.student', verbose_name='student')),
            ],
            options={
                'verbose_name': 'finding',
                'verbose_name_plural': 'findings',
                'ordering': ['-at', '-id'],
                'indexes': [models.Index(fields=['campus', 'student', 'at'], name='finding_student')],
                'constraints': [models.UniqueConstraint(fields=('campus', 'session', 'student', 'kind'), name='finding_unique'), models.CheckConstraint(condition=models.Q(('kind__in', ['slow_redeem', 'far_away', 'clock_drift', 'other_device', 'rapid_code_failed', 'same_fix', 'shared_device', 'mock_location', 'together', 'rapid_code_passed', 'copied_photo', 'offline'])), name='finding_kind'), models.CheckConstraint(condition=models.Q(('score__range', (Decimal('0'), Decimal('1')))), name='finding_score')],
            },
        ),
        IsolateByCampus("finding"),
    ]
