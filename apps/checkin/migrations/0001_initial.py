import apps.common.constraints
import apps.common.ids
import apps.tenants.fields
import django.db.models.deletion
from decimal import Decimal
from django.db import migrations, models
from apps.tenants.operations import IsolateByCampus, ReferenceFromBelow




class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('attendance', '0001_initial'),
        ('biometrics', '0001_initial'),
        ('class_sessions', '0001_initial'),
        ('qr_otp', '0001_initial'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='CheckInAttempt',
            fields=[
                ('id', apps.common.ids.TimeOrderedKey(serialize=False)),
                ('nonce', models.CharField(max_length=64, verbose_name='client nonce')),
                ('method', models.CharField(choices=[('qr', 'QR code'), ('text', 'text code'), ('otp', 'one-time code for one student'), ('class_code', 'one-time code for the whole class')], max_length=10, verbose_name='method')),
                ('outcome', models.CharField(choices=[('pending', 'being settled'), ('accepted', 'accepted'), ('refused', 'refused'), ('waiting', 'waiting for the lecturer')], max_length=10, verbose_name='outcome')),
                ('reason', models.CharField(blank=True, choices=[('', ''), ('malformed_code', 'This is not a code of this platform.'), ('forged_code', 'This code was not issued by this campus.'), ('expired_code', 'This code has expired. Scan the one on the screen now.'), ('wrong_code', 'This code is not right.'), ('too_many_tries', 'Too many wrong codes. Ask your lecturer to mark you.'), ('session_not_open', 'This session is not open.'), ('check_in_too_early', 'It is too early to check in. Scan again later.'), ('check_in_too_late', 'It is too late to check in. Ask your lecturer to mark you.'), ('not_enrolled', 'You are not enrolled in this course.'), ('other_sign_in', 'You checked in with another phone or sign-in. Scan with that one.'), ('bad_ticket', 'This ticket was not issued to you. Scan the code again.'), ('ticket_expired', 'The 90 seconds have passed. Scan the code again.'), ('no_device', 'No device is bound to you yet. Bind this phone first.'), ('other_device', 'You scanned with another device than the bound one.'), ('bad_signature', "The device's signature does not fit this check-in."), ('face_mismatch', 'The face is not the enrolled one.'), ('score_too_low', 'Too little could be proven.'), ('other_session', 'This code belongs to another session.'), ('outside_session', 'This code was not shown while the session was open.'), ('offline_too_old', 'More than 24 hours have passed. Ask your lecturer to mark you.'), ('register_frozen', 'The registers of this day are frozen. Ask the office.'), ('counter_used', 'This check-in, or a later one of this phone, has arrived.'), ('replayed_code', 'You have checked in with this code already.'), ('was_online', 'You were online after this code was shown. Ask your lecturer to mark you.'), ('enrolled_photo', 'This is a photo that was enrolled. Take a new one.'), ('others_photo', 'Somebody else has sent this photo. Take one of yourself.'), ('photo_used', 'You have sent this photo before. Take a new one.'), ('photo_tries', 'Three photos were tried. Scan the code again.'), ('lapsed', 'Nobody confirmed this check-in in time.'), ('declined', 'Your lecturer did not accept this check-in.'), ('decided_elsewhere', 'Another check-in of yours was decided on.'), ('place_unproven', 'Sent later, without proof of the place. It waits for your lecturer.'), ('often_offline', 'Sent later more often than counts by itself. It waits for your lecturer.'), ('no_photo', 'A photo of your face is missing. It waits for your lecturer.'), ('photo_unclear', 'Your face could not be compared. It waits for your lecturer.'), ('face_not_enrolled', 'No face of yours is enrolled yet. It waits for your lecturer.')], max_length=40, verbose_name='reason')),
                ('score', models.DecimalField(decimal_places=2, default=Decimal('0.00'), max_digits=3, verbose_name='score')),
                ('factors', models.JSONField(default=dict, verbose_name='factors')),
                ('face_state', models.CharField(choices=[('none', 'no selfie'), ('pending', 'being compared'), ('settled', 'compared')], default='none', max_length=10, verbose_name='face')),
                ('redeemed_at', models.DateTimeField(blank=True, null=True, verbose_name='scanned')),
                ('received_at', models.DateTimeField(verbose_name='received')),
                ('settled_at', models.DateTimeField(blank=True, null=True, verbose_name='settled')),
                ('waits_until', models.DateTimeField(blank=True, null=True, verbose_name='waits until')),
                ('decided_by', models.CharField(blank=True, max_length=254, verbose_name='decided by')),
                ('photo_sha256', models.CharField(blank=True, max_length=64, verbose_name='SHA-256 of the selfie')),
                ('photo_try', models.PositiveSmallIntegerField(default=0, verbose_name='photo of this ticket')),
                ('redeem_delay_ms', models.IntegerField(blank=True, null=True, verbose_name='redeem delay (ms)')),
                ('latitude', models.DecimalField(blank=True, decimal_places=8, max_digits=10, null=True, verbose_name='latitude')),
                ('longitude', models.DecimalField(blank=True, decimal_places=8, max_digits=11, null=True, verbose_name='longitude')),
                ('accuracy_m', models.DecimalField(blank=True, decimal_places=2, max_digits=8, null=True, verbose_name='accuracy (m)')),
                ('bluetooth_rssi', models.SmallIntegerField(blank=True, null=True, verbose_name='RSSI (dBm)')),
                ('device_info', models.JSONField(blank=True, default=dict, verbose_name='device facts')),
                ('offline', models.BooleanField(default=False, verbose_name='offline')),
                ('device_counter', models.BigIntegerField(blank=True, null=True, verbose_name="device's counter")),
                ('offline_window', models.BigIntegerField(blank=True, null=True, verbose_name='window of the code')),
                ('claimed_at', models.DateTimeField(blank=True, null=True, verbose_name="time by the phone's clock")),
                ('address', models.GenericIPAddressField(blank=True, null=True, verbose_name='address')),
                ('sign_in', models.CharField(blank=True, editable=False, max_length=16, verbose_name='sign-in')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('device', apps.tenants.fields.CampusForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.device', verbose_name='device')),
                ('scan', apps.tenants.fields.CampusForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='qr_otp.scan', verbose_name='scan')),
                ('selfie', apps.tenants.fields.CampusForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='biometrics.storedimage', verbose_name='selfie')),
                ('session', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='attempts', to='class_sessions.classsession', verbose_name='session')),
                ('signed_by', apps.tenants.fields.CampusForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.device', verbose_name="signed by a classmate's device")),
                ('student', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='attempts', to='accounts.student', verbose_name='student')),
            ],
            options={
                'verbose_name': 'check-in attempt',
                'verbose_name_plural': 'check-in attempts',
                'ordering': ['-received_at'],
                'indexes': [models.Index(fields=['campus', 'session', 'received_at'], name='attempt_session'), models.Index(fields=['campus', 'student', 'received_at'], name='attempt_student'), models.Index(condition=models.Q(('outcome', 'pending')), fields=['campus', 'received_at'], name='attempt_pending'), models.Index(condition=models.Q(('outcome', 'waiting')), fields=['campus', 'waits_until'], name='attempt_waiting'), models.Index(condition=models.Q(('photo_sha256', ''), _negated=True), fields=['campus', 'photo_sha256'], name='attempt_photo'), models.Index(condition=models.Q(('latitude__isnull', False)), fields=['campus', 'received_at'], name='attempt_with_coordinates'), models.Index(condition=models.Q(('address__isnull', False)), fields=['campus', 'received_at'], name='attempt_with_address')],
                'constraints': [models.UniqueConstraint(fields=('campus', 'student', 'nonce'), name='attempt_nonce'), models.UniqueConstraint(fields=('campus', 'device', 'device_counter'), name='attempt_device_counter'), models.UniqueConstraint(fields=('campus', 'session', 'student', 'offline_window'), name='attempt_offline_window'), models.CheckConstraint(condition=models.Q(('score__range', (0, 1))), name='attempt_score'), models.CheckConstraint(condition=models.Q(('outcome__in', ['pending', 'accepted', 'refused', 'waiting'])), name='attempt_outcome_known'), models.CheckConstraint(condition=models.Q(models.Q(('outcome', 'waiting'), _negated=True), ('waits_until__isnull', False), _connector='OR'), name='attempt_waits_until'), apps.common.constraints.Between(field='latitude', high=90, low=-90, name='attempt_latitude'), apps.common.constraints.Between(field='longitude', high=180, low=-180, name='attempt_longitude'), apps.common.constraints.Between(field='accuracy_m', low=0, name='attempt_accuracy'), apps.common.constraints.Between(field='bluetooth_rssi', high=0, low=-120, name='attempt_rssi'), apps.common.constraints.Between(field='device_counter', low=0, name='attempt_counter'), apps.common.constraints.MomentInBounds(field='claimed_at', name='attempt_claimed_at')],
            },
        ),
        migrations.CreateModel(
            name='OnlineMinute',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user_id', models.BigIntegerField(verbose_name='account')),
                ('minute', models.BigIntegerField(verbose_name='minute since the Unix epoch')),
                ('opening', models.BooleanField(default=False, verbose_name='came back')),
                ('heard_at', models.DateTimeField(verbose_name='heard')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
            ],
            options={
                'verbose_name': 'minute online',
                'verbose_name_plural': 'minutes online',
                'ordering': ['-heard_at'],
                'indexes': [models.Index(fields=['campus', 'minute'], name='online_minute_minute')],
                'constraints': [models.UniqueConstraint(fields=('campus', 'user_id', 'minute', 'opening'), name='online_minute_unique')],
            },
        ),
        migrations.CreateModel(
            name='RapidCodeChallenge',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_window', models.BigIntegerField(verbose_name='first window')),
                ('started_at', models.DateTimeField(verbose_name='started')),
                ('started_by', models.CharField(max_length=254, verbose_name='started by')),
                ('settled_at', models.DateTimeField(blank=True, null=True, verbose_name='settled')),
                ('is_void', models.BooleanField(default=False, help_text='Fewer than half of the class passed: it says nothing about anybody.', verbose_name='void')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('session', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='challenges', to='class_sessions.classsession', verbose_name='session')),
            ],
            options={
                'verbose_name': 'rapid-code challenge',
                'verbose_name_plural': 'rapid-code challenges',
                'ordering': ['-first_window'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'session', 'first_window'), name='challenge_unique')],
            },
        ),
        *(
            IsolateByCampus(name)
            for name in (
                "checkinattempt",
                "onlineminute",
                "rapidcodechallenge",
            )
        ),
        ReferenceFromBelow("checkinattempt", "attendance_attendancerecord", "attempt_id"),
    ]
