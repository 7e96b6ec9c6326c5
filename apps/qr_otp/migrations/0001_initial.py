import apps.common.ids
import apps.tenants.fields
import django.db.models.deletion
from django.db import migrations, models
from apps.tenants.operations import IsolateByCampus




class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='OneTimeCode',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('purpose', models.CharField(max_length=30, verbose_name='purpose')),
                ('subject', models.CharField(max_length=60, verbose_name='subject')),
                ('code_hash', models.BinaryField(max_length=32, verbose_name='keyed hash')),
                ('single_use', models.BooleanField(default=True, verbose_name='single use')),
                ('created_at', models.DateTimeField(verbose_name='created')),
                ('expires_at', models.DateTimeField(verbose_name='expires')),
                ('used_at', models.DateTimeField(blank=True, null=True, verbose_name='used')),
                ('ended_at', models.DateTimeField(blank=True, null=True, verbose_name='ended')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='failed attempts')),
                ('address', models.GenericIPAddressField(blank=True, null=True, verbose_name='address')),
                ('user_agent', models.CharField(blank=True, max_length=300, verbose_name='user agent')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
            ],
            options={
                'verbose_name': 'one-time code',
                'verbose_name_plural': 'one-time codes',
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['campus', 'expires_at'], name='one_time_code_expiry')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('campus', 'purpose', 'subject'), name='one_time_code_live_subject'), models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('campus', 'purpose', 'code_hash'), name='one_time_code_live_hash'), models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('created_at'))), name='one_time_code_expires')],
            },
        ),
        migrations.CreateModel(
            name='QrSecret',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('purpose', models.CharField(max_length=30, verbose_name='purpose')),
                ('subject', models.CharField(max_length=60, verbose_name='subject')),
                ('sealed_secret', models.BinaryField(verbose_name='sealed secret')),
                ('created_at', models.DateTimeField(verbose_name='created')),
                ('ended_at', models.DateTimeField(blank=True, null=True, verbose_name='ended')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
            ],
            options={
                'verbose_name': 'QR secret',
                'verbose_name_plural': 'QR secrets',
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'purpose', 'subject'), name='qr_secret_subject')],
            },
        ),
        migrations.CreateModel(
            name='Scan',
            fields=[
                ('id', apps.common.ids.TimeOrderedKey(serialize=False)),
                ('purpose', models.CharField(max_length=30, verbose_name='purpose')),
                ('subject', models.CharField(blank=True, max_length=60, verbose_name='subject')),
                ('scanner', models.CharField(max_length=60, verbose_name='scanner')),
                ('method', models.CharField(max_length=10, verbose_name='method')),
                ('window', models.BigIntegerField(blank=True, null=True, verbose_name='window')),
                ('accepted', models.BooleanField(verbose_name='accepted')),
                ('reason', models.CharField(blank=True, max_length=40, verbose_name='reason')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('delay_ms', models.IntegerField(blank=True, help_text="From the start of the code's window.", null=True, verbose_name='delay (ms)')),
                ('address', models.GenericIPAddressField(blank=True, null=True, verbose_name='address')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
            ],
            options={
                'verbose_name': 'scan',
                'verbose_name_plural': 'scans',
                'ordering': ['-at'],
                'indexes': [models.Index(fields=['campus', 'purpose', 'subject', 'at'], name='scan_subject'), models.Index(fields=['campus', 'scanner', 'at'], name='scan_scanner'), models.Index(fields=['campus', 'at'], name='scan_at'), models.Index(condition=models.Q(('address__isnull', False)), fields=['campus', 'at'], name='scan_with_address')],
            },
        ),
        migrations.CreateModel(
            name='Tries',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('purpose', models.CharField(max_length=30, verbose_name='purpose')),
                ('subject', models.CharField(max_length=60, verbose_name='subject')),
                ('who', models.CharField(max_length=60, verbose_name='who')),
                ('count', models.PositiveSmallIntegerField(default=0, verbose_name='count')),
                ('last_at', models.DateTimeField(verbose_name='last failure')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
            ],
            options={
                'verbose_name': 'failed tries',
                'verbose_name_plural': 'failed tries',
                'ordering': ['-last_at'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'purpose', 'subject', 'who'), name='tries_unique')],
            },
        ),
        *(
            IsolateByCampus(name)
            for name in (
                "onetimecode",
                "qrsecret",
                "scan",
                "tries",
            )
        ),
    ]
