import apps.common.constraints
import apps.tenants.models
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models
from apps.tenants.guards import Guard, MakeIds, MakeSigning, MakeStage, MakeStamps
from apps.tenants.operations import StampUpdates




class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Campus',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(unique=True, verbose_name='short name')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('time_zone', models.CharField(default='UTC', max_length=64, validators=[apps.tenants.models.validate_time_zone], verbose_name='time zone')),
                ('email_domains', models.JSONField(blank=True, default=list, help_text='People are entered with addresses of these domains only, and Google sign-in is open to them only. Empty: any address, and no Google sign-in.', validators=[apps.tenants.models.validate_email_domains], verbose_name='e-mail domains')),
                ('verified_domains', models.JSONField(blank=True, db_default=models.Value([], models.JSONField()), default=list, help_text="Domains that were proven to be this campus's own: people with such addresses join without an invitation, also where the account exists on another campus.", validators=[apps.tenants.models.validate_email_domains], verbose_name='verified e-mail domains')),
                ('years_of_study', models.PositiveSmallIntegerField(default=4, help_text="The longest programme, in years: a student's year lies within it.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10)], verbose_name='years of study')),
                ('face_enabled', models.BooleanField(default=False, help_text='Off by default. Students still have to consent one by one.', verbose_name='face verification')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
            ],
            options={
                'verbose_name': 'campus',
                'verbose_name_plural': 'campuses',
                'ordering': ['name'],
                'constraints': [models.CheckConstraint(condition=models.Q(('years_of_study__range', (1, 10))), name='campus_years_of_study'), apps.common.constraints.Named(field='name', name='campus_name')],
            },
        ),
        migrations.CreateModel(
            name='MasterKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('check_value', models.BinaryField(max_length=32, verbose_name='check value')),
                ('created_at', models.DateTimeField(verbose_name='created')),
                ('retired_at', models.DateTimeField(blank=True, null=True, verbose_name='retired')),
            ],
            options={
                'verbose_name': 'master key',
                'verbose_name_plural': 'master keys',
                'ordering': ['pk'],
                'constraints': [models.UniqueConstraint(fields=('check_value',), name='master_key_once'), models.UniqueConstraint(models.Value(1), condition=models.Q(('retired_at__isnull', True)), name='master_key_one_current')],
            },
        ),
        migrations.CreateModel(
            name='Domain',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('host', models.CharField(max_length=253, validators=[django.core.validators.RegexValidator('^[a-z0-9.\\-:\\[\\]]+$', 'Lower-case host name, no port.')], verbose_name='host name')),
                ('campus', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='domains', to='tenants.campus')),
            ],
            options={
                'verbose_name': 'domain',
                'verbose_name_plural': 'domains',
                'ordering': ['host'],
                'constraints': [models.UniqueConstraint(django.db.models.functions.text.Lower('host'), name='domain_host_unique')],
            },
        ),
        MakeIds(),
        MakeStamps(),
        StampUpdates("campus"),
        # Signed acts, and the stage of imports without temporary tables of the application's own.
        MakeSigning(),
        MakeStage(),
        # Where a host name leads, and whether a campus is open, is the platform's matter.
        Guard("tenants_domain", "UPDATE", "OLD.* IS DISTINCT FROM NEW.*"),
        Guard("tenants_domain", "DELETE"),
        Guard(
            "tenants_campus",
            "UPDATE OF slug, is_active",
            "(OLD.slug, OLD.is_active) IS DISTINCT FROM (NEW.slug, NEW.is_active)",
        ),
        Guard("tenants_campus", "DELETE"),
    ]
