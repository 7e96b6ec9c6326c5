import apps.attendance.models.policy
import apps.tenants.fields
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

from apps.tenants.operations import IsolateByCampus


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0001_initial"),
        ('attendance', '0005_bounds_and_stamps'),
        ("biometrics", "0001_initial"),
        ("class_sessions", "0001_initial"),
        ("enrollments", "0001_initial"),
        ("qr_otp", "0001_initial"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name='OnlineMinute',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user_id', models.BigIntegerField(verbose_name='account')),
                ('minute', models.BigIntegerField(verbose_name='minute since the Unix epoch')),
                ('opening', models.BooleanField(default=False, verbose_name='came back')),
                ('heard_at', models.DateTimeField(verbose_name='heard')),
            ],
            options={
                'verbose_name': 'minute online',
                'verbose_name_plural': 'minutes online',
                'ordering': ['-heard_at'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='checkinattempt',
            name='attempt_outcome',
        ),
        migrations.RemoveConstraint(
            model_name='sign',
            name='sign_kind',
        ),
        migrations.AddField(
            model_name='checkinattempt',
            name='decided_by',
            field=models.CharField(blank=True, max_length=254, verbose_name='decided by'),
        ),
        migrations.AddField(
            model_name='checkinattempt',
            name='photo_sha256',
            field=models.CharField(blank=True, max_length=64, verbose_name='SHA-256 of the selfie'),
        ),
        migrations.AddField(
            model_name='checkinattempt',
            name='photo_try',
            field=models.PositiveSmallIntegerField(default=0, verbose_name='photo of this ticket'),
        ),
        migrations.AddField(
            model_name='checkinattempt',
            name='waits_until',
            field=models.DateTimeField(blank=True, null=True, verbose_name='waits until'),
        ),
        migrations.AddField(
            model_name='policy',
            name='class_code_weight',
            field=models.DecimalField(blank=True, decimal_places=2, help_text='Empty: one-time codes are for one student each.', max_digits=3, null=True, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)], verbose_name='one-time codes for the whole class count (0 to 1)'),
        ),
        migrations.AddField(
            model_name='policy',
            name='face',
            field=models.CharField(choices=[('off', 'not used'), ('bonus', 'compared where a selfie is sent'), ('preferred', 'asked of students with an enrolled face'), ('required', 'asked of every student who agreed to it')], default='preferred', help_text='Only where the campus has turned faces on.', max_length=10, verbose_name='faces'),
        ),
        migrations.AddField(
            model_name='policy',
            name='offline_limit',
            field=models.PositiveSmallIntegerField(default=2, help_text='Of a student in a course. Further ones wait for the lecturer.', verbose_name='offline check-ins that count by themselves'),
        ),
        migrations.AddField(
            model_name='policy',
            name='waiting_hours',
            field=models.PositiveSmallIntegerField(default=48, help_text="After the session's end. Then they lapse, and the student is absent.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(720)], verbose_name='check-ins wait for the lecturer for (hours)'),
        ),
        migrations.AlterField(
            model_name='checkinattempt',
            name='method',
            field=models.CharField(choices=[('qr', 'QR code'), ('text', 'text code'), ('otp', 'one-time code for one student'), ('class_code', 'one-time code for the whole class')], max_length=10, verbose_name='method'),
        ),
        migrations.AlterField(
            model_name='checkinattempt',
            name='outcome',
            field=models.CharField(choices=[('pending', 'being settled'), ('accepted', 'accepted'), ('refused', 'refused'), ('waiting', 'waiting for the lecturer')], max_length=10, verbose_name='outcome'),
        ),
        migrations.AlterField(
            model_name='checkinattempt',
            name='reason',
            field=models.CharField(blank=True, choices=[('', ''), ('malformed_code', 'This is not a code of this platform.'), ('forged_code', 'This code was not issued by this campus.'), ('expired_code', 'This code has expired. Scan the one on the screen now.'), ('wrong_code', 'This code is not right.'), ('too_many_tries', 'Too many wrong codes. Ask your lecturer to mark you.'), ('session_not_open', 'This session is not open.'), ('check_in_too_early', 'It is too early to check in. Scan again later.'), ('check_in_too_late', 'It is too late to check in. Ask your lecturer to mark you.'), ('not_enrolled', 'You are not enrolled in this course.'), ('bad_ticket', 'This ticket was not issued to you. Scan the code again.'), ('ticket_expired', 'The 90 seconds have passed. Scan the code again.'), ('no_device', 'No device is bound to you yet. Bind this phone first.'), ('other_device', 'You scanned with another device than the bound one.'), ('bad_signature', "The device's signature does not fit this check-in."), ('face_mismatch', 'The face is not the enrolled one.'), ('score_too_low', 'Too little could be proven.'), ('other_session', 'This code belongs to another session.'), ('outside_session', 'This code was not shown while the session was open.'), ('offline_too_old', 'More than 24 hours have passed. Ask your lecturer to mark you.'), ('register_frozen', 'The registers of this day are frozen. Ask the office.'), ('counter_used', 'This check-in, or a later one of this phone, has arrived.'), ('replayed_code', 'You have checked in with this code already.'), ('was_online', 'You were online after this code was shown. Ask your lecturer to mark you.'), ('enrolled_photo', 'This is a photo that was enrolled. Take a new one.'), ('others_photo', 'Somebody else has sent this photo. Take one of yourself.'), ('photo_used', 'You have sent this photo before. Take a new one.'), ('photo_tries', 'Three photos were tried. Scan the code again.'), ('lapsed', 'Nobody confirmed this check-in in time.'), ('declined', 'Your lecturer did not accept this check-in.'), ('decided_elsewhere', 'Another check-in of yours was decided on.'), ('place_unproven', 'Sent later, without proof of the place. It waits for your lecturer.'), ('often_offline', 'Sent later more often than counts by itself. It waits for your lecturer.'), ('no_photo', 'A photo of your face is missing. It waits for your lecturer.'), ('photo_unclear', 'Your face could not be compared. It waits for your lecturer.'), ('face_not_enrolled', 'No face of yours is enrolled yet. It waits for your lecturer.')], max_length=40, verbose_name='reason'),
        ),
        migrations.AlterField(
            model_name='policy',
            name='required',
            field=models.JSONField(blank=True, default=apps.attendance.models.policy.default_required, help_text='Must be proven.', validators=[apps.attendance.models.policy.validate_required], verbose_name='required factors'),
        ),
        migrations.AlterField(
            model_name='sign',
            name='kind',
            field=models.CharField(choices=[('slow_redeem', 'scanned much later than the class'), ('far_away', 'far from the room'), ('clock_drift', "the phone's clock does not fit the code"), ('other_device', 'tried with another device'), ('burst_failed', 'did not keep up with the burst of codes'), ('same_fix', 'the very same position as somebody else'), ('shared_device', 'one device for several students'), ('mock_location', 'the position was made up by an app'), ('together', 'always arrives with the same person from one address'), ('burst_passed', 'kept up with the burst of codes'), ('copied_photo', 'a photo that was not taken now'), ('offline', 'sent later, scanned without network')], max_length=20, verbose_name='kind'),
        ),
        migrations.AddIndex(
            model_name='checkinattempt',
            index=models.Index(condition=models.Q(('outcome', 'waiting')), fields=['campus', 'waits_until'], name='attempt_waiting'),
        ),
        migrations.AddIndex(
            model_name='checkinattempt',
            index=models.Index(condition=models.Q(('photo_sha256', ''), _negated=True), fields=['campus', 'photo_sha256'], name='attempt_photo'),
        ),
        migrations.AddConstraint(
            model_name='checkinattempt',
            constraint=models.CheckConstraint(condition=models.Q(('outcome__in', ['pending', 'accepted', 'refused', 'waiting'])), name='attempt_outcome_known'),
        ),
        migrations.AddConstraint(
            model_name='checkinattempt',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('outcome', 'waiting'), _negated=True), ('waits_until__isnull', False), _connector='OR'), name='attempt_waits_until'),
        ),
        migrations.AddConstraint(
            model_name='policy',
            constraint=models.CheckConstraint(condition=models.Q(('face__in', ['off', 'bonus', 'preferred', 'required'])), name='policy_face'),
        ),
        migrations.AddConstraint(
            model_name='policy',
            constraint=models.CheckConstraint(condition=models.Q(('class_code_weight__isnull', True), ('class_code_weight__range', (0, 1)), _connector='OR'), name='policy_class_code_weight'),
        ),
        migrations.AddConstraint(
            model_name='policy',
            constraint=models.CheckConstraint(condition=models.Q(('waiting_hours__range', (1, 720))), name='policy_waiting_hours'),
        ),
        migrations.AddConstraint(
            model_name='sign',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['slow_redeem', 'far_away', 'clock_drift', 'other_device', 'burst_failed', 'same_fix', 'shared_device', 'mock_location', 'together', 'burst_passed', 'copied_photo', 'offline'])), name='sign_kind'),
        ),
        migrations.AddField(
            model_name="onlineminute",
            name='campus',
            field=apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus'),
        ),
        migrations.AddIndex(
            model_name="onlineminute",
            index=models.Index(fields=['campus', 'minute'], name='online_minute_minute'),
        ),
        migrations.AddConstraint(
            model_name="onlineminute",
            constraint=models.UniqueConstraint(fields=('campus', 'user_id', 'minute', 'opening'), name='online_minute_unique'),
        ),
        IsolateByCampus("onlineminute"),
    ]
