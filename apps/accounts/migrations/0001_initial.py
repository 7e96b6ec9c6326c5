import apps.common.constraints
import apps.common.texts
import apps.tenants.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import uuid
from django.conf import settings
from django.db import migrations, models
from apps.tenants.operations import IsolateByCampus, StampUpdates
from apps.tenants.search import MakeSearch, SearchBy

# Of all rows of a statement at once: a class is imported in one.
YEAR_WITHIN_CAMPUS = """
CREATE FUNCTION student_year_within_campus() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE beyond record;
BEGIN
    SELECT fresh.year_of_study, campus.years_of_study INTO beyond
    FROM fresh JOIN tenants_campus campus ON campus.id = fresh.campus_id
    WHERE fresh.year_of_study > campus.years_of_study
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'year of study % is beyond the % years of this campus',
            beyond.year_of_study, beyond.years_of_study
            USING ERRCODE = 'check_violation', CONSTRAINT = 'student_year_within_campus';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER student_year_on_insert
    AFTER INSERT ON accounts_student REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION student_year_within_campus();
CREATE TRIGGER student_year_on_update
    AFTER UPDATE ON accounts_student REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION student_year_within_campus();
"""
YEAR_FREE = """
DROP TRIGGER student_year_on_update ON accounts_student;
DROP TRIGGER student_year_on_insert ON accounts_student;
DROP FUNCTION student_year_within_campus();
"""
# Whoever has a role on a campus is a member of it: with the first role the row is there.
KEEP_MEMBERS = """
CREATE FUNCTION accounts_member_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO accounts_member
        (campus_id, user_id, name, email, language, created_at, updated_at)
    SELECT DISTINCT ON (fresh.campus_id, fresh.user_id)
        fresh.campus_id, fresh.user_id, '', person.email, '', fresh.created_at, fresh.created_at
    FROM fresh JOIN accounts_user person ON person.id = fresh.user_id
    ON CONFLICT (user_id, campus_id) DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER member_keep AFTER INSERT ON accounts_membership
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT
    EXECUTE FUNCTION accounts_member_keep()
"""
FORGET_MEMBERS = """
DROP TRIGGER member_keep ON accounts_membership;
DROP FUNCTION accounts_member_keep()
"""
# Beside the campus, whoever owns the address reads an invitation: on every campus, and no other
# row of any. The setting is made, for one transaction, by `services/invitations.py` alone.
SHOW_INVITED = """
CREATE POLICY invited_person ON accounts_invitation FOR SELECT
    USING (email = nullif(current_setting('campus.invited', true), ''))
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('email', models.EmailField(max_length=254, verbose_name='e-mail')),
                ('name', models.CharField(blank=True, max_length=200, validators=[apps.common.texts.validate_line], verbose_name='name')),
                ('language', models.CharField(blank=True, max_length=10, verbose_name='language')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('must_change_password', models.BooleanField(default=False, verbose_name='must change password')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'user',
                'verbose_name_plural': 'users',
                'ordering': ['email'],
                'constraints': [models.UniqueConstraint(fields=('email',), name='user_email_unique'), models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='user_email_lower_case')],
            },
        ),
        migrations.CreateModel(
            name='AllowedAddress',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('email', models.EmailField(max_length=254, verbose_name='e-mail')),
                ('note', models.CharField(help_text='For example: visiting lecturer until March.', max_length=200, verbose_name='why')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
            ],
            options={
                'verbose_name': 'address outside the domains',
                'verbose_name_plural': 'addresses outside the domains',
                'ordering': ['email'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'email'), name='allowed_address_unique'), models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='allowed_address_lower')],
            },
        ),
        migrations.CreateModel(
            name='Faculty',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('first_name', models.CharField(max_length=100, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=100, verbose_name='last name')),
                ('full_name', models.GeneratedField(db_persist=True, expression=django.db.models.functions.text.Trim(django.db.models.functions.text.Concat(models.F('first_name'), models.Value(' '), models.F('last_name'))), output_field=models.CharField(max_length=201), verbose_name='name')),
                ('email', models.EmailField(max_length=254, verbose_name='e-mail')),
                ('phone', models.CharField(blank=True, max_length=16, validators=[django.core.validators.RegexValidator('^\\+[1-9][0-9]{6,14}$', 'International number with country code, like +4915112345678.')], verbose_name='phone')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('code', models.CharField(max_length=50, validators=[django.core.validators.RegexValidator('^[\\w][\\w./\\-]*$', 'Letters, digits and . / - _ only, starting with a letter or digit.')], verbose_name='faculty number')),
                ('department', models.CharField(blank=True, max_length=100, verbose_name='department')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('user', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='%(class)s_profiles', to=settings.AUTH_USER_MODEL, verbose_name='sign-in')),
            ],
            options={
                'verbose_name': 'faculty member',
                'verbose_name_plural': 'faculty',
                'ordering': ['code'],
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'indexes': [models.Index(fields=['campus', 'full_name'], name='faculty_name')],
                'constraints': [models.UniqueConstraint(models.F('campus'), django.db.models.functions.text.Lower('code'), name='faculty_code_unique'), models.UniqueConstraint(models.F('campus'), django.db.models.functions.text.Lower('email'), name='faculty_email_unique'), models.UniqueConstraint(condition=models.Q(('phone', ''), _negated=True), fields=('campus', 'phone'), name='faculty_phone_unique'), models.UniqueConstraint(fields=('user', 'campus'), name='faculty_user_unique'), apps.common.constraints.Named(field='code', name='faculty_code'), apps.common.constraints.Named(field='first_name', name='faculty_first_name')],
            },
        ),
        migrations.CreateModel(
            name='Member',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('name', models.CharField(blank=True, help_text='As shown on this campus. Students and faculty are shown by their own entry.', max_length=200, verbose_name='name')),
                ('email', models.EmailField(help_text='The address by which they joined.', max_length=254, verbose_name='e-mail')),
                ('language', models.CharField(blank=True, help_text="Of this campus's messages to them.", max_length=10, verbose_name='language')),
                ('last_sign_in_at', models.DateTimeField(blank=True, null=True, verbose_name='last sign-in here')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='members', to=settings.AUTH_USER_MODEL, verbose_name='account')),
            ],
            options={
                'verbose_name': 'account on this campus',
                'verbose_name_plural': 'accounts on this campus',
                'ordering': ['email'],
                'constraints': [models.UniqueConstraint(fields=('user', 'campus'), name='member_unique'), models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='member_email_lower')],
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('role', models.CharField(choices=[('admin', 'administrator'), ('operator', 'operator'), ('principal', 'principal'), ('faculty', 'faculty'), ('student', 'student')], max_length=10, verbose_name='role')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'membership',
                'verbose_name_plural': 'memberships',
                'ordering': ['user_id', 'role'],
                'constraints': [models.UniqueConstraint(fields=('user', 'campus', 'role'), name='membership_unique'), models.CheckConstraint(condition=models.Q(('role__in', ['admin', 'operator', 'principal', 'faculty', 'student'])), name='membership_role')],
            },
        ),
        migrations.CreateModel(
            name='Student',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('first_name', models.CharField(max_length=100, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=100, verbose_name='last name')),
                ('full_name', models.GeneratedField(db_persist=True, expression=django.db.models.functions.text.Trim(django.db.models.functions.text.Concat(models.F('first_name'), models.Value(' '), models.F('last_name'))), output_field=models.CharField(max_length=201), verbose_name='name')),
                ('email', models.EmailField(max_length=254, verbose_name='e-mail')),
                ('phone', models.CharField(blank=True, max_length=16, validators=[django.core.validators.RegexValidator('^\\+[1-9][0-9]{6,14}$', 'International number with country code, like +4915112345678.')], verbose_name='phone')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('code', models.CharField(help_text='N210595', max_length=50, validators=[django.core.validators.RegexValidator('^[\\w][\\w./\\-]*$', 'Letters, digits and . / - _ only, starting with a letter or digit.')], verbose_name='student number')),
                ('year_of_study', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='year of study')),
                ('program', models.CharField(blank=True, max_length=100, verbose_name='programme')),
                ('age', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MaxValueValidator(130)], verbose_name='age')),
                ('is_representative', models.BooleanField(default=False, help_text='May write to the own class.', verbose_name='class representative')),
                ('representative_mobile', models.CharField(blank=True, max_length=16, validators=[django.core.validators.RegexValidator('^\\+[1-9][0-9]{6,14}$', 'International number with country code, like +4915112345678.')], verbose_name='mobile as representative')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('user', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='%(class)s_profiles', to=settings.AUTH_USER_MODEL, verbose_name='sign-in')),
            ],
            options={
                'verbose_name': 'student',
                'verbose_name_plural': 'students',
                'ordering': ['code'],
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'indexes': [models.Index(fields=['campus', 'is_active', 'code'], name='student_active'), models.Index(fields=['campus', 'full_name'], name='student_name')],
                'constraints': [models.UniqueConstraint(models.F('campus'), django.db.models.functions.text.Lower('code'), name='student_code_unique'), models.UniqueConstraint(models.F('campus'), django.db.models.functions.text.Lower('email'), name='student_email_unique'), models.UniqueConstraint(fields=('user', 'campus'), name='student_user_unique'), models.CheckConstraint(condition=models.Q(('year_of_study__isnull', True), ('year_of_study__gte', 1), _connector='OR'), name='student_year_of_study'), apps.common.constraints.Named(field='code', name='student_code'), apps.common.constraints.Named(field='first_name', name='student_first_name'), apps.common.constraints.Between(field='age', high=130, name='student_age')],
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('email', models.EmailField(max_length=254, verbose_name='e-mail')),
                ('role', models.CharField(choices=[('admin', 'administrator'), ('operator', 'operator'), ('principal', 'principal'), ('faculty', 'faculty'), ('student', 'student')], max_length=10, verbose_name='role')),
                ('name', models.CharField(blank=True, max_length=201, verbose_name='name')),
                ('status', models.CharField(choices=[('waiting', 'waiting'), ('accepted', 'accepted'), ('declined', 'declined'), ('withdrawn', 'withdrawn')], default='waiting', max_length=10, verbose_name='status')),
                ('sent_at', models.DateTimeField(verbose_name='sent')),
                ('expires_at', models.DateTimeField(verbose_name='good until')),
                ('answered_at', models.DateTimeField(blank=True, null=True, verbose_name='answered')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('faculty', apps.tenants.fields.CampusForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to='accounts.faculty', verbose_name='faculty member')),
                ('student', apps.tenants.fields.CampusForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to='accounts.student', verbose_name='student')),
            ],
            options={
                'verbose_name': 'invitation',
                'verbose_name_plural': 'invitations',
                'ordering': ['-sent_at', '-pk'],
                'indexes': [models.Index(fields=['campus', '-sent_at'], name='invitation_newest'), models.Index(fields=['campus', 'student'], name='invitation_of_student'), models.Index(fields=['campus', 'faculty'], name='invitation_of_faculty'), models.Index(condition=models.Q(('status', 'waiting')), fields=['email'], name='invitation_address')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('status', 'waiting')), fields=('campus', 'email', 'role'), name='invitation_one_waiting'), models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='invitation_email_lower'), models.CheckConstraint(condition=models.Q(('role__in', ['admin', 'operator', 'principal', 'faculty', 'student'])), name='invitation_role'), models.CheckConstraint(condition=models.Q(('status__in', ['waiting', 'accepted', 'declined', 'withdrawn'])), name='invitation_status'), models.CheckConstraint(condition=models.Q(('student', None), models.Q(('faculty', None), ('role', 'student')), _connector='OR'), name='invitation_student'), models.CheckConstraint(condition=models.Q(('faculty', None), models.Q(('role', 'faculty'), ('student', None)), _connector='OR'), name='invitation_faculty'), models.CheckConstraint(condition=models.Q(models.Q(('answered_at', None), ('status', 'waiting')), models.Q(models.Q(('status', 'waiting'), _negated=True), ('answered_at__isnull', False)), _connector='OR'), name='invitation_answered')],
            },
        ),
        migrations.CreateModel(
            name='Device',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('device_uuid', models.CharField(max_length=255, verbose_name='device id')),
                ('public_key', models.BinaryField(help_text='P-256, SPKI, DER.', max_length=200, verbose_name='public key')),
                ('kind', models.CharField(choices=[('android', 'Android'), ('ios', 'iOS'), ('web', 'web browser')], max_length=10, verbose_name='kind')),
                ('name', models.CharField(blank=True, max_length=100, verbose_name='name')),
                ('model', models.CharField(blank=True, max_length=100, verbose_name='model')),
                ('os_version', models.CharField(blank=True, max_length=50, verbose_name='system version')),
                ('app_version', models.CharField(blank=True, max_length=20, verbose_name='app version')),
                ('push_token', models.TextField(blank=True, verbose_name='push token')),
                ('biometric_enabled', models.BooleanField(default=False, verbose_name='biometrics enabled')),
                ('location_permission', models.BooleanField(default=False, verbose_name='location allowed')),
                ('bluetooth_permission', models.BooleanField(default=False, verbose_name='Bluetooth allowed')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('bound_at', models.DateTimeField(verbose_name='bound')),
                ('last_seen_at', models.DateTimeField(verbose_name='last seen')),
                ('released_at', models.DateTimeField(blank=True, null=True, verbose_name='released')),
                ('rebind_requested_at', models.DateTimeField(blank=True, help_text='48 hours later the student may bind another one in its place.', null=True, verbose_name='another device asked for')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('student', apps.tenants.fields.CampusForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='devices', to='accounts.student', verbose_name='student')),
            ],
            options={
                'verbose_name': 'device',
                'verbose_name_plural': 'devices',
                'ordering': ['-bound_at'],
                'indexes': [models.Index(fields=['campus', 'last_seen_at'], name='device_last_seen')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('is_active', True)), fields=('campus', 'student'), name='device_one_active'), models.UniqueConstraint(condition=models.Q(('is_active', True)), fields=('campus', 'device_uuid'), name='device_uuid_unique'), models.UniqueConstraint(condition=models.Q(('is_active', True)), fields=('campus', 'public_key'), name='device_key_unique'), models.CheckConstraint(condition=models.Q(('kind__in', ['android', 'ios', 'web'])), name='device_kind')],
            },
        ),
        migrations.CreateModel(
            name='Contact',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('relation', models.CharField(choices=[('guardian', 'guardian'), ('adviser', 'adviser')], max_length=10, verbose_name='relation')),
                ('email', models.EmailField(blank=True, max_length=254, verbose_name='e-mail')),
                ('phone', models.CharField(blank=True, help_text='For SMS, where there is no e-mail address.', max_length=16, validators=[django.core.validators.RegexValidator('^\\+[1-9][0-9]{6,14}$', 'International number with country code, like +4915112345678.')], verbose_name='phone')),
                ('language', models.CharField(blank=True, max_length=10, verbose_name='language')),
                ('consented_on', models.DateField(verbose_name='agreed on')),
                ('consent_note', models.CharField(help_text='For example: the student, on the enrolment form.', max_length=300, verbose_name='who agreed, and how')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('student', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='contacts', to='accounts.student', verbose_name='student')),
            ],
            options={
                'verbose_name': 'contact',
                'verbose_name_plural': 'contacts',
                'ordering': ['student_id', 'name', 'pk'],
                'indexes': [models.Index(fields=['campus', 'student'], name='contact_student')],
                'constraints': [models.UniqueConstraint(models.F('campus'), models.F('student'), django.db.models.functions.text.Lower('email'), condition=models.Q(('email', ''), _negated=True), name='contact_email_unique'), models.CheckConstraint(condition=models.Q(('relation__in', ['guardian', 'adviser'])), name='contact_relation'), models.CheckConstraint(condition=models.Q(('email', ''), ('phone', ''), _negated=True), name='contact_reachable', violation_error_message='Give an e-mail address or a telephone number.'), apps.common.constraints.Named(field='name', name='contact_name'), apps.common.constraints.DayInBounds(field='consented_on', name='contact_consented_on')],
            },
        ),
        *(
            IsolateByCampus(name)
            for name in (
                "membership",
                "student",
                "faculty",
                "device",
                "contact",
                "allowedaddress",
                "invitation",
                "member",
            )
        ),
        StampUpdates("user", ignoring=["last_login"]),
        migrations.RunSQL(YEAR_WITHIN_CAMPUS, YEAR_FREE),
        migrations.RunSQL(KEEP_MEMBERS, FORGET_MEMBERS),
        migrations.RunSQL(
            SHOW_INVITED, "DROP POLICY IF EXISTS invited_person ON accounts_invitation"
        ),
        MakeSearch(),
        SearchBy("student", ["code", "first_name", "last_name", "email"]),
        SearchBy("faculty", ["code", "first_name", "last_name", "email"]),
    ]
