import apps.tenants.fields
import django.db.models.deletion
from django.db import migrations, models
from apps.tenants.operations import IsolateByCampus




class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Consent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('face', 'face verification')], max_length=20, verbose_name='kind')),
                ('version', models.CharField(max_length=20, verbose_name='version of the wording')),
                ('given_at', models.DateTimeField(verbose_name='given')),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True, verbose_name='withdrawn')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('student', apps.tenants.fields.CampusForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='consents', to='accounts.student', verbose_name='student')),
            ],
            options={
                'verbose_name': 'consent',
                'verbose_name_plural': 'consents',
                'ordering': ['-given_at'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('withdrawn_at__isnull', True)), fields=('campus', 'student', 'kind'), name='consent_one_active'), models.CheckConstraint(condition=models.Q(('kind__in', ['face'])), name='consent_kind')],
            },
        ),
        IsolateByCampus("consent"),
    ]
