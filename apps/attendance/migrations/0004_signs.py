import django.db.models.deletion
from decimal import Decimal
from django.db import migrations, models

import apps.tenants.fields
from apps.tenants.operations import IsolateByCampus

PROTECT = django.db.models.deletion.PROTECT


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ('attendance', '0003_leave'),
        ("class_sessions", "0001_initial"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name='BurstChallenge',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_window', models.BigIntegerField(verbose_name='first window')),
                ('started_at', models.DateTimeField(verbose_name='started')),
                ('started_by', models.CharField(max_length=254, verbose_name='started by')),
                ('settled_at', models.DateTimeField(blank=True, null=True, verbose_name='settled')),
                ('is_void', models.BooleanField(default=False, help_text='Fewer than half of the class passed: it says nothing about anybody.', verbose_name='void')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=PROTECT, related_name='+', to='tenants.campus')),
                ('session', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=PROTECT, related_name='bursts', to='class_sessions.classsession', verbose_name='session')),
            ],
            options={
                'verbose_name': 'burst of codes',
                'verbose_name_plural': 'bursts of codes',
                'ordering': ['-first_window'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'session', 'first_window'), name='burst_unique')],
            },
        ),
        migrations.CreateModel(
            name='Sign',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('slow_redeem', 'scanned much later than the class'), ('far_away', 'far from the room'), ('clock_drift', "the phone's clock does not fit the code"), ('other_device', 'tried with another device'), ('burst_failed', 'did not keep up with the burst of codes'), ('same_fix', 'the very same position as somebody else'), ('shared_device', 'one device for several students'), ('mock_location', 'the position was made up by an app'), ('together', 'always arrives with the same person from one address'), ('burst_passed', 'kept up with the burst of codes')], max_length=20, verbose_name='kind')),
                ('detail', models.JSONField(blank=True, default=dict, verbose_name='detail')),
                ('score', models.DecimalField(decimal_places=2, max_digits=3, verbose_name='weight')),
                ('at', models.DateTimeField(verbose_name='noticed')),
                ('dismissed_at', models.DateTimeField(blank=True, null=True, verbose_name='dismissed')),
                ('dismissed_by', models.CharField(blank=True, max_length=254, verbose_name='dismissed by')),
                ('note', models.CharField(blank=True, max_length=500, verbose_name='note')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=PROTECT, related_name='+', to='tenants.campus')),
                ('session', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=PROTECT, related_name='signs', to='class_sessions.classsession', verbose_name='session')),
                ('student', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=PROTECT, related_name='signs', to='accounts.student', verbose_name='student')),
            ],
            options={
                'verbose_name': 'sign of cheating',
                'verbose_name_plural': 'signs of cheating',
                'ordering': ['-at', '-id'],
                'indexes': [models.Index(fields=['campus', 'student', 'at'], name='sign_student')],
                'constraints': [
                    models.UniqueConstraint(fields=('campus', 'session', 'student', 'kind'), name='sign_unique'),
                    models.CheckConstraint(condition=models.Q(('kind__in', ['slow_redeem', 'far_away', 'clock_drift', 'other_device', 'burst_failed', 'same_fix', 'shared_device', 'mock_location', 'together', 'burst_passed'])), name='sign_kind'),
                    models.CheckConstraint(condition=models.Q(('score__range', (Decimal('0'), Decimal('1')))), name='sign_score'),
                ],
            },
        ),
        migrations.AddField(
            model_name='checkinattempt',
            name='claimed_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name="time by the phone's clock"),
        ),
        migrations.AddField(
            model_name='checkinattempt',
            name='device_counter',
            field=models.BigIntegerField(blank=True, null=True, verbose_name="device's counter"),
        ),
        migrations.AddField(
            model_name='checkinattempt',
            name='offline',
            field=models.BooleanField(default=False, verbose_name='offline'),
        ),
        migrations.AddField(
            model_name='checkinattempt',
            name='offline_window',
            field=models.BigIntegerField(blank=True, null=True, verbose_name='window of the code'),
        ),
        migrations.AddField(
            model_name='checkinattempt',
            name='signed_by',
            field=apps.tenants.fields.CampusForeignKey(blank=True, db_index=False, null=True, on_delete=PROTECT, related_name='+', to='accounts.device', verbose_name="signed by a classmate's device"),
        ),
        migrations.AlterField(
            model_name='checkinattempt',
            name='reason',
            field=models.CharField(blank=True, choices=[('', ''), ('malformed_code', 'This is not a code of this platform.'), ('forged_code', 'This code was not issued by this campus.'), ('expired_code', 'This code has expired. Scan the one on the screen now.'), ('wrong_code', 'This code is not right.'), ('too_many_tries', 'Too many wrong codes. Ask your lecturer to mark you.'), ('session_not_open', 'This session is not open.'), ('check_in_too_early', 'It is too early to check in. Scan again later.'), ('check_in_too_late', 'It is too late to check in. Ask your lecturer to mark you.'), ('not_enrolled', 'You are not enrolled in this course.'), ('bad_ticket', 'This ticket was not issued to you. Scan the code again.'), ('ticket_expired', 'The 90 seconds have passed. Scan the code again.'), ('no_device', 'No device is bound to you yet. Bind this phone first.'), ('other_device', 'You scanned with another device than the bound one.'), ('bad_signature', "The device's signature does not fit this check-in."), ('face_mismatch', 'The face is not the enrolled one.'), ('score_too_low', 'Too little could be proven.'), ('other_session', 'This code belongs to another session.'), ('outside_session', 'This code was not shown while the session was open.'), ('offline_too_old', 'More than 24 hours have passed. Ask your lecturer to mark you.'), ('register_frozen', 'The registers of this day are frozen. Ask the office.'), ('counter_used', 'This check-in, or a later one of this phone, has arrived.'), ('replayed_code', 'You have checked in with this code already.')], max_length=40, verbose_name='reason'),
        ),
        migrations.AddConstraint(
            model_name='checkinattempt',
            constraint=models.UniqueConstraint(fields=('campus', 'device', 'device_counter'), name='attempt_device_counter'),
        ),
        migrations.AddConstraint(
            model_name='checkinattempt',
            constraint=models.UniqueConstraint(fields=('campus', 'session', 'student', 'offline_window'), name='attempt_offline_window'),
        ),
        IsolateByCampus("burstchallenge"),
        IsolateByCampus("sign"),
        IsolateByCampus("checkinattempt"),
    ]
