import apps.common.ids
import apps.tenants.fields
import django.db.models.deletion
from django.db import migrations, models
from apps.tenants.guards import Guard
from apps.tenants.operations import IsolateByCampus, KeepForThePlatform

# Rows that decide what the log is believed to say are not added by SQL alone: see
# apps/tenants/signed.py. Entries themselves carry a MAC.
GUARDED = (
    "audit_seal",
    "audit_platform_seal",
    "audit_bad_entry",
    "audit_platform_bad_entry",
    "audit_root",
    "audit_root_copy",
)


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Entry',
            fields=[
                ('id', apps.common.ids.TimeOrderedKey(serialize=False)),
                ('at', models.DateTimeField(verbose_name='at')),
                ('actor_id', models.CharField(blank=True, max_length=64, verbose_name='actor id')),
                ('actor_label', models.CharField(max_length=254, verbose_name='actor')),
                ('address', models.GenericIPAddressField(blank=True, null=True, verbose_name='address')),
                ('user_agent', models.CharField(blank=True, max_length=300, verbose_name='user agent')),
                ('action', models.CharField(max_length=100, verbose_name='action')),
                ('target_type', models.CharField(blank=True, max_length=100, verbose_name='kind of object')),
                ('target_id', models.CharField(blank=True, max_length=64, verbose_name='object id')),
                ('data', models.JSONField(default=dict, verbose_name='data')),
                ('mac', models.BinaryField(max_length=32, verbose_name='MAC')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
            ],
            options={
                'verbose_name': 'audit entry',
                'verbose_name_plural': 'audit entries',
                'db_table': 'audit_entry',
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['campus', 'at'], name='audit_entry_at'), models.Index(fields=['campus', 'target_type', 'target_id'], name='audit_entry_target'), models.Index(fields=['campus', 'actor_id', 'at'], name='audit_entry_actor')],
            },
        ),
        migrations.CreateModel(
            name='BadEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('found_at', models.DateTimeField(verbose_name='found')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('entry', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='audit.entry')),
            ],
            options={
                'verbose_name': 'audit entry put aside',
                'verbose_name_plural': 'audit entries put aside',
                'db_table': 'audit_bad_entry',
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'entry'), name='audit_bad_entry_once')],
            },
        ),
        migrations.CreateModel(
            name='PlatformEntry',
            fields=[
                ('id', apps.common.ids.TimeOrderedKey(serialize=False)),
                ('at', models.DateTimeField(verbose_name='at')),
                ('actor_id', models.CharField(blank=True, max_length=64, verbose_name='actor id')),
                ('actor_label', models.CharField(max_length=254, verbose_name='actor')),
                ('address', models.GenericIPAddressField(blank=True, null=True, verbose_name='address')),
                ('user_agent', models.CharField(blank=True, max_length=300, verbose_name='user agent')),
                ('action', models.CharField(max_length=100, verbose_name='action')),
                ('target_type', models.CharField(blank=True, max_length=100, verbose_name='kind of object')),
                ('target_id', models.CharField(blank=True, max_length=64, verbose_name='object id')),
                ('data', models.JSONField(default=dict, verbose_name='data')),
                ('mac', models.BinaryField(max_length=32, verbose_name='MAC')),
            ],
            options={
                'verbose_name': 'audit entry of the platform',
                'verbose_name_plural': 'audit entries of the platform',
                'db_table': 'audit_platform_entry',
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['at'], name='audit_platform_entry_at')],
            },
        ),
        migrations.CreateModel(
            name='PlatformBadEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('found_at', models.DateTimeField(verbose_name='found')),
                ('entry', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='audit.platformentry')),
            ],
            options={
                'verbose_name': 'audit entry of the platform put aside',
                'verbose_name_plural': 'audit entries of the platform put aside',
                'db_table': 'audit_platform_bad_entry',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='PlatformSeal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.BigIntegerField(verbose_name='position')),
                ('link', models.BinaryField(max_length=32, verbose_name='link')),
                ('entry', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='audit.platformentry')),
            ],
            options={
                'verbose_name': 'audit seal of the platform',
                'verbose_name_plural': 'audit seals of the platform',
                'db_table': 'audit_platform_seal',
                'ordering': ['position'],
                'constraints': [models.UniqueConstraint(fields=('position',), name='audit_platform_seal_position')],
            },
        ),
        migrations.CreateModel(
            name='Root',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chain', models.CharField(max_length=50, verbose_name='chain')),
                ('day', models.DateField(verbose_name='day')),
                ('position', models.BigIntegerField(verbose_name='entries')),
                ('head', models.BinaryField(max_length=32, verbose_name='head')),
                ('set_aside', models.PositiveIntegerField(verbose_name='put aside')),
                ('previous', models.BinaryField(max_length=32, verbose_name='root before')),
                ('made_at', models.DateTimeField(verbose_name='made')),
                ('public_key', models.BinaryField(max_length=32, verbose_name='public key')),
                ('signature', models.BinaryField(max_length=64, verbose_name='signature')),
                ('campus', models.ForeignKey(blank=True, help_text="Empty: the platform's own chain.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus', verbose_name='campus')),
            ],
            options={
                'verbose_name': 'audit root',
                'verbose_name_plural': 'audit roots',
                'db_table': 'audit_root',
                'ordering': ['-day', 'chain'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'day'), name='audit_root_once_a_day', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='RootCopy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('place', models.CharField(max_length=20, verbose_name='place')),
                ('written_at', models.DateTimeField(verbose_name='written')),
                ('root', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='copies', to='audit.root')),
            ],
            options={
                'verbose_name': 'copy of an audit root',
                'verbose_name_plural': 'copies of audit roots',
                'db_table': 'audit_root_copy',
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('root', 'place'), name='audit_root_copy_once')],
            },
        ),
        migrations.CreateModel(
            name='Seal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.BigIntegerField(verbose_name='position')),
                ('link', models.BinaryField(max_length=32, verbose_name='link')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('entry', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='audit.entry')),
            ],
            options={
                'verbose_name': 'audit seal',
                'verbose_name_plural': 'audit seals',
                'db_table': 'audit_seal',
                'ordering': ['position'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'position'), name='audit_seal_position'), models.UniqueConstraint(fields=('campus', 'entry'), name='audit_seal_entry')],
            },
        ),
        *(
            IsolateByCampus(name)
            for name in (
                "entry",
                "seal",
                "badentry",
            )
        ),
        *(
            KeepForThePlatform(name)
            for name in ("platformentry", "platformseal", "platformbadentry", "root", "rootcopy")
        ),
        *(Guard(table, "INSERT") for table in GUARDED),
    ]
