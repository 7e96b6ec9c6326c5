import apps.common.constraints
import apps.tenants.fields
import django.core.validators
import django.db.models.deletion
from decimal import Decimal
from django.db import migrations, models
from apps.tenants.operations import IsolateByCampus




class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Building',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
            ],
            options={
                'verbose_name': 'building',
                'verbose_name_plural': 'buildings',
                'ordering': ['name'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'name'), name='building_name'), apps.common.constraints.Named(field='name', name='building_named')],
            },
        ),
        migrations.CreateModel(
            name='Classroom',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('room_number', models.CharField(max_length=20, verbose_name='room number')),
                ('floor', models.SmallIntegerField(blank=True, null=True, verbose_name='floor')),
                ('capacity', models.PositiveIntegerField(default=50, verbose_name='capacity')),
                ('latitude', models.DecimalField(blank=True, decimal_places=8, max_digits=10, null=True, validators=[django.core.validators.MinValueValidator(-90), django.core.validators.MaxValueValidator(90)], verbose_name='latitude')),
                ('longitude', models.DecimalField(blank=True, decimal_places=8, max_digits=11, null=True, validators=[django.core.validators.MinValueValidator(-180), django.core.validators.MaxValueValidator(180)], verbose_name='longitude')),
                ('geofence_radius', models.DecimalField(decimal_places=2, default=Decimal('50.00'), max_digits=8, validators=[django.core.validators.MinValueValidator(1)], verbose_name='geofence radius (m)')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('building', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='classrooms', to='classrooms.building', verbose_name='building')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
            ],
            options={
                'verbose_name': 'classroom',
                'verbose_name_plural': 'classrooms',
                'ordering': ['building__name', 'room_number'],
                'indexes': [models.Index(fields=['campus', 'latitude', 'longitude'], name='classroom_coordinates')],
                'constraints': [models.UniqueConstraint(fields=('campus', 'building', 'room_number'), name='classroom_room_unique'), models.CheckConstraint(condition=models.Q(('latitude__isnull', True), ('latitude__range', (-90, 90)), _connector='OR'), name='classroom_latitude'), models.CheckConstraint(condition=models.Q(('longitude__isnull', True), ('longitude__range', (-180, 180)), _connector='OR'), name='classroom_longitude'), models.CheckConstraint(condition=models.Q(models.Q(('latitude__isnull', True), ('longitude__isnull', True)), models.Q(('latitude__isnull', False), ('longitude__isnull', False)), _connector='OR'), name='classroom_both_coordinates'), models.CheckConstraint(condition=models.Q(('geofence_radius__gt', 0)), name='classroom_radius'), apps.common.constraints.Named(field='room_number', name='classroom_room_number'), apps.common.constraints.Between(field='capacity', high=100000, low=0, name='classroom_capacity'), apps.common.constraints.Between(field='floor', high=200, low=-10, name='classroom_floor'), apps.common.constraints.Between(field='geofence_radius', high=100000, low=1, name='classroom_radius_range')],
            },
        ),
        migrations.CreateModel(
            name='Beacon',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('identifier', models.CharField(help_text='As the beacon sends it, e.g. its UUID.', max_length=100, verbose_name='identifier')),
                ('sealed_secret', models.BinaryField(null=True, verbose_name='sealed secret')),
                ('min_rssi', models.SmallIntegerField(default=-90, validators=[django.core.validators.MinValueValidator(-120), django.core.validators.MaxValueValidator(0)], verbose_name='weakest signal (dBm)')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('classroom', apps.tenants.fields.CampusForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='beacons', to='classrooms.classroom', verbose_name='classroom')),
            ],
            options={
                'verbose_name': 'beacon',
                'verbose_name_plural': 'beacons',
                'ordering': ['identifier'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'identifier'), name='beacon_identifier'), apps.common.constraints.Named(field='identifier', name='beacon_named'), apps.common.constraints.Between(field='min_rssi', high=0, low=-120, name='beacon_min_rssi')],
            },
        ),
        *(
            IsolateByCampus(name)
            for name in (
                "building",
                "classroom",
                "beacon",
            )
        ),
    ]
