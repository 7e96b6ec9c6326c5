import apps.common.constraints
import apps.tenants.fields
import django.db.models.deletion
import uuid
from django.db import migrations, models
from apps.tenants.operations import IsolateByCampus, ReferenceFromBelow




class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('attendance', '0001_initial'),
        ('class_sessions', '0001_initial'),
        ('enrollments', '0001_initial'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Attachment',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('key', models.CharField(editable=False, max_length=200, verbose_name='key in the storage')),
                ('kind', models.CharField(choices=[('application/pdf', 'PDF'), ('image/jpeg', 'JPEG')], max_length=20, verbose_name='kind')),
                ('size', models.PositiveIntegerField(verbose_name='size (bytes)')),
                ('stored_at', models.DateTimeField(verbose_name='stored')),
                ('delete_after', models.DateTimeField(verbose_name='deleted after')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('student', apps.tenants.fields.CampusForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='attachments', to='accounts.student', verbose_name='student')),
            ],
            options={
                'verbose_name': 'attachment',
                'verbose_name_plural': 'attachments',
                'ordering': ['-stored_at', 'id'],
                'indexes': [models.Index(fields=['campus', 'delete_after'], name='attachment_due')],
                'constraints': [models.UniqueConstraint(fields=('campus', 'key'), name='attachment_key'), models.CheckConstraint(condition=models.Q(('kind__in', ['application/pdf', 'image/jpeg'])), name='attachment_kind')],
            },
        ),
        migrations.CreateModel(
            name='Appeal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('nonce', models.CharField(editable=False, max_length=64, verbose_name='client nonce')),
                ('requested_at', models.DateTimeField(verbose_name='requested')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided')),
                ('decided_by_id', models.CharField(blank=True, max_length=64, verbose_name='decided by (id)')),
                ('decided_by', models.CharField(blank=True, max_length=254, verbose_name='decided by')),
                ('decision_note', models.CharField(blank=True, max_length=500, verbose_name='answer')),
                ('against', models.CharField(choices=[('present', 'present'), ('late', 'late'), ('absent', 'absent'), ('excused', 'excused'), ('invalid', 'invalid')], max_length=10, verbose_name='against')),
                ('wanted', models.CharField(choices=[('present', 'present'), ('late', 'late'), ('excused', 'excused')], max_length=10, verbose_name='wanted')),
                ('text', models.CharField(max_length=1000, verbose_name='why')),
                ('status', models.CharField(choices=[('open', 'waiting for a decision'), ('accepted', 'accepted'), ('rejected', 'rejected'), ('withdrawn', 'withdrawn')], default='open', max_length=10, verbose_name='status')),
                ('deadline_at', models.DateTimeField(verbose_name='could be made until')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('record', apps.tenants.fields.CampusForeignKey(blank=True, help_text='Empty where the mark was removed since.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='appeals', to='attendance.attendancerecord', verbose_name='record')),
                ('session', apps.tenants.fields.CampusForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='appeals', to='class_sessions.classsession', verbose_name='session')),
                ('student', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='appeals', to='accounts.student', verbose_name='student')),
                ('attachment', apps.tenants.fields.CampusForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='leave.attachment', verbose_name='attachment')),
            ],
            options={
                'verbose_name': 'appeal',
                'verbose_name_plural': 'appeals',
                'ordering': ['-requested_at', '-id'],
                'indexes': [models.Index(fields=['campus', 'student', '-requested_at'], name='appeal_student'), models.Index(fields=['campus', 'status', '-requested_at'], name='appeal_status_index')],
                'constraints': [models.UniqueConstraint(fields=('campus', 'student', 'nonce'), name='appeal_nonce'), models.UniqueConstraint(condition=models.Q(('status', 'open')), fields=('campus', 'session', 'student'), name='appeal_one_open'), models.CheckConstraint(condition=models.Q(('status__in', ['open', 'accepted', 'rejected', 'withdrawn'])), name='appeal_status'), models.CheckConstraint(condition=models.Q(('wanted__in', ['present', 'late', 'excused'])), name='appeal_wanted'), models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['accepted', 'rejected']), _negated=True), ('decided_at__isnull', False), _connector='OR'), name='appeal_decided_at'), models.CheckConstraint(condition=models.Q(('requested_at__lte', models.F('deadline_at'))), name='appeal_in_time')],
            },
        ),
        migrations.CreateModel(
            name='LeaveRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('nonce', models.CharField(editable=False, max_length=64, verbose_name='client nonce')),
                ('requested_at', models.DateTimeField(verbose_name='requested')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided')),
                ('decided_by_id', models.CharField(blank=True, max_length=64, verbose_name='decided by (id)')),
                ('decided_by', models.CharField(blank=True, max_length=254, verbose_name='decided by')),
                ('decision_note', models.CharField(blank=True, max_length=500, verbose_name='answer')),
                ('starts_at', models.DateTimeField(verbose_name='from')),
                ('ends_at', models.DateTimeField(verbose_name='until')),
                ('category', models.CharField(choices=[('medical', 'illness'), ('family', 'family'), ('official', 'on behalf of the campus'), ('other', 'other')], max_length=10, verbose_name='kind')),
                ('reason', models.CharField(max_length=1000, verbose_name='reason')),
                ('status', models.CharField(choices=[('pending', 'waiting for a decision'), ('approved', 'approved'), ('rejected', 'rejected'), ('withdrawn', 'withdrawn')], default='pending', max_length=10, verbose_name='status')),
                ('attachment', apps.tenants.fields.CampusForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='leave.attachment', verbose_name='attachment')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('course', apps.tenants.fields.CampusForeignKey(blank=True, help_text='Empty: all courses.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='leaves', to='enrollments.course', verbose_name='course')),
                ('student', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='leaves', to='accounts.student', verbose_name='student')),
            ],
            options={
                'verbose_name': 'leave request',
                'verbose_name_plural': 'leave requests',
                'ordering': ['-requested_at', '-id'],
                'indexes': [models.Index(fields=['campus', 'student', '-requested_at'], name='leave_student'), models.Index(fields=['campus', 'status', '-requested_at'], name='leave_status_index'), models.Index(condition=models.Q(('status', 'approved')), fields=['campus', 'ends_at', 'starts_at'], name='leave_approved')],
                'constraints': [models.UniqueConstraint(fields=('campus', 'student', 'nonce'), name='leave_nonce'), models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='leave_span'), models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'approved', 'rejected', 'withdrawn'])), name='leave_status'), models.CheckConstraint(condition=models.Q(('category__in', ['medical', 'family', 'official', 'other'])), name='leave_category'), models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['approved', 'rejected']), _negated=True), ('decided_at__isnull', False), _connector='OR'), name='leave_decided_at'), apps.common.constraints.MomentInBounds(field='starts_at', name='leave_starts_at'), apps.common.constraints.MomentInBounds(field='ends_at', name='leave_ends_at')],
            },
        ),
        IsolateByCampus("attachment"),
        IsolateByCampus("leaverequest"),
        IsolateByCampus("appeal", set_null=["record"]),
        ReferenceFromBelow("leaverequest", "attendance_recordchange", "leave_id"),
    ]
