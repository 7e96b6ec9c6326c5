import apps.common.constraints
import apps.tenants.fields
import datetime
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models
from apps.tenants.operations import IsolateByCampus




class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('class_sessions', '0001_initial'),
        ('classrooms', '0001_initial'),
        ('enrollments', '0001_initial'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='WeeklySlot',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('weekday', models.PositiveSmallIntegerField(choices=[(1, 'Monday'), (2, 'Tuesday'), (3, 'Wednesday'), (4, 'Thursday'), (5, 'Friday'), (6, 'Saturday'), (7, 'Sunday')], validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(7)], verbose_name='day')),
                ('starts_at', models.TimeField(verbose_name='from')),
                ('ends_at', models.TimeField(verbose_name='until')),
                ('parity', models.CharField(choices=[('every', 'every week'), ('odd', 'odd weeks'), ('even', 'even weeks')], default='every', max_length=5, verbose_name='weeks')),
                ('valid_from', models.DateField(blank=True, null=True, verbose_name='from day')),
                ('valid_until', models.DateField(blank=True, null=True, verbose_name='until day')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('classroom', apps.tenants.fields.CampusForeignKey(blank=True, help_text="Empty: the course's usual classroom.", null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='slots', to='classrooms.classroom', verbose_name='other classroom')),
                ('course', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='slots', to='enrollments.course', verbose_name='course')),
            ],
            options={
                'verbose_name': 'weekly slot',
                'verbose_name_plural': 'weekly slots',
                'ordering': ['weekday', 'starts_at', 'id'],
                'indexes': [models.Index(fields=['campus', 'course', 'is_active'], name='slot_course'), models.Index(fields=['campus', 'weekday', 'starts_at'], name='slot_day')],
                'constraints': [models.CheckConstraint(condition=models.Q(('weekday__range', (1, 7))), name='slot_weekday'), models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at')), django.db.models.lookups.GreaterThanOrEqual(django.db.models.expressions.CombinedExpression(models.F('starts_at'), '-', models.F('ends_at')), datetime.timedelta(seconds=43200)), _connector='OR'), name='slot_ends_in_time', violation_error_message='A slot over midnight lasts at most 12 hours.'), models.CheckConstraint(condition=models.Q(('parity__in', ['every', 'odd', 'even'])), name='slot_parity'), models.CheckConstraint(condition=models.Q(('valid_until__gte', models.F('valid_from'))), name='slot_validity', violation_error_message='The last day lies before the first.'), apps.common.constraints.DayInBounds(field='valid_from', name='slot_valid_from'), apps.common.constraints.DayInBounds(field='valid_until', name='slot_valid_until')],
            },
        ),
        migrations.CreateModel(
            name='SlotCourse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('course', apps.tenants.fields.CampusForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='joint_slots', to='enrollments.course', verbose_name='course')),
                ('slot', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='also', to='timetable.weeklyslot', verbose_name='slot')),
            ],
            options={
                'verbose_name': 'further course of a slot',
                'verbose_name_plural': 'further courses of slots',
                'ordering': ['slot_id', 'course__code', 'id'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'slot', 'course'), name='slot_course_unique')],
            },
        ),
        migrations.CreateModel(
            name='GeneratedSession',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('week', models.DateField(help_text='Its Monday.', verbose_name='week')),
                ('starts_at', models.DateTimeField(verbose_name='starts')),
                ('ends_at', models.DateTimeField(verbose_name='ends')),
                ('is_withdrawn', models.BooleanField(default=False, help_text='Cancelled by a holiday or with its slot, not by hand.', verbose_name='withdrawn')),
                ('created_at', models.DateTimeField(verbose_name='created')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('classroom', apps.tenants.fields.CampusForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='classrooms.classroom', verbose_name='classroom')),
                ('faculty', apps.tenants.fields.CampusForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.faculty', verbose_name='lecturer')),
                ('session', apps.tenants.fields.CampusForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='generated', to='class_sessions.classsession', verbose_name='session')),
                ('slot', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='generated', to='timetable.weeklyslot', verbose_name='slot')),
            ],
            options={
                'verbose_name': 'generated session',
                'verbose_name_plural': 'generated sessions',
                'ordering': ['-week', '-starts_at', '-id'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'slot', 'week'), name='generated_once'), models.UniqueConstraint(fields=('campus', 'session'), name='generated_session'), models.CheckConstraint(condition=models.Q(('week__iso_week_day', 1)), name='generated_week_is_a_monday')],
            },
        ),
        migrations.CreateModel(
            name='CalendarLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token_hash', models.BinaryField(max_length=32, verbose_name='hash of the secret')),
                ('created_at', models.DateTimeField(verbose_name='created')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='calendar_links', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'calendar link',
                'verbose_name_plural': 'calendar links',
                'ordering': ['-created_at', '-id'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'user'), name='calendar_link_one'), models.UniqueConstraint(fields=('campus', 'token_hash'), name='calendar_link_hash')],
            },
        ),
        migrations.CreateModel(
            name='Holiday',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('first_day', models.DateField(verbose_name='first day')),
                ('last_day', models.DateField(verbose_name='last day')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('course', apps.tenants.fields.CampusForeignKey(blank=True, help_text='Only this course.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='holidays', to='enrollments.course', verbose_name='course')),
                ('department', apps.tenants.fields.CampusForeignKey(blank=True, help_text='Only the courses of its sections. Empty: everybody.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='holidays', to='enrollments.department', verbose_name='department')),
            ],
            options={
                'verbose_name': 'holiday',
                'verbose_name_plural': 'holidays',
                'ordering': ['first_day', 'name', 'id'],
                'indexes': [models.Index(fields=['campus', 'last_day', 'first_day'], name='holiday_days')],
                'constraints': [models.CheckConstraint(condition=models.Q(('last_day__gte', models.F('first_day'))), name='holiday_days', violation_error_message='The last day lies before the first.'), models.CheckConstraint(condition=models.Q(('department__isnull', True), ('course__isnull', True), _connector='OR'), name='holiday_one_scope', violation_error_message='A department or a course, not both.'), apps.common.constraints.Named(field='name', name='holiday_name'), apps.common.constraints.DayInBounds(field='first_day', name='holiday_first_day'), apps.common.constraints.DayInBounds(field='last_day', name='holiday_last_day')],
            },
        ),
        *(
            IsolateByCampus(name)
            for name in (
                "weeklyslot",
                "slotcourse",
                "generatedsession",
                "calendarlink",
                "holiday",
            )
        ),
    ]
