import apps.common.constraints
import apps.common.ids
import apps.tenants.fields
import django.core.validators
import django.db.models.deletion
from django.conf import settings
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
            name='Message',
            fields=[
                ('id', apps.common.ids.TimeOrderedKey(serialize=False)),
                ('key', models.CharField(max_length=200, verbose_name='key')),
                ('kind', models.CharField(max_length=40, verbose_name='type')),
                ('title', models.CharField(max_length=255, verbose_name='title')),
                ('body', models.TextField(verbose_name='text')),
                ('data', models.JSONField(blank=True, default=dict, verbose_name='data')),
                ('created_at', models.DateTimeField(verbose_name='created')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('sender', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='sender')),
            ],
            options={
                'verbose_name': 'message',
                'verbose_name_plural': 'messages',
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(fields=['campus', '-created_at', '-id'], name='message_newest'), models.Index(fields=['campus', 'kind', 'created_at'], name='message_kind')],
                'constraints': [models.UniqueConstraint(fields=('campus', 'key'), name='message_key')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', apps.common.ids.TimeOrderedKey(serialize=False)),
                ('channel', models.CharField(choices=[('inbox', 'inbox'), ('push', 'push'), ('web_push', 'web push'), ('email', 'e-mail'), ('sms', 'SMS')], max_length=10, verbose_name='channel')),
                ('device_type', models.CharField(blank=True, choices=[('android', 'Android'), ('ios', 'iOS'), ('web', 'web browser')], max_length=10, verbose_name='device type')),
                ('status', models.CharField(choices=[('waiting', 'waiting'), ('sending', 'sending'), ('sent', 'sent'), ('failed', 'failed, will be tried again'), ('dead', 'given up')], default='waiting', max_length=10, verbose_name='status')),
                ('contact', models.PositiveBigIntegerField(db_default=0, default=0, help_text='Number of the guardian or adviser whom this copy goes to; 0: the person.', verbose_name='contact')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='attempts')),
                ('next_try_at', models.DateTimeField(verbose_name='next try')),
                ('lease', models.UUIDField(blank=True, editable=False, null=True, verbose_name='lease')),
                ('error', models.CharField(blank=True, max_length=300, verbose_name='error')),
                ('provider_id', models.CharField(blank=True, max_length=255, verbose_name="provider's id")),
                ('created_at', models.DateTimeField(verbose_name='created')),
                ('sent_at', models.DateTimeField(blank=True, null=True, verbose_name='sent')),
                ('read_at', models.DateTimeField(blank=True, null=True, verbose_name='read')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='recipient')),
                ('message', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='notifications.message', verbose_name='message')),
            ],
            options={
                'verbose_name': 'delivery',
                'verbose_name_plural': 'deliveries',
                'ordering': ['-id'],
                'indexes': [models.Index(condition=models.Q(('status__in', ['waiting', 'sending', 'failed'])), fields=['campus', 'channel', 'next_try_at', 'id'], name='delivery_due'), models.Index(condition=models.Q(('channel', 'inbox')), fields=['campus', 'user', '-id'], name='delivery_inbox'), models.Index(condition=models.Q(('status__in', ['failed', 'dead'])), fields=['campus', 'channel', '-id'], name='delivery_trouble'), models.Index(condition=models.Q(('channel', 'sms'), ('status', 'sent')), fields=['campus', 'sent_at'], name='delivery_sms_sent')],
                'constraints': [models.UniqueConstraint(fields=('campus', 'message', 'user', 'channel', 'device_type', 'contact'), name='delivery_once'), models.CheckConstraint(condition=models.Q(('channel__in', ['inbox', 'push', 'web_push', 'email', 'sms'])), name='delivery_channel'), models.CheckConstraint(condition=models.Q(('status__in', ['waiting', 'sending', 'sent', 'failed', 'dead'])), name='delivery_status'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'sent'), _negated=True), ('sent_at__isnull', False), _connector='OR'), name='delivery_sent_at'), models.CheckConstraint(condition=models.Q(models.Q(('channel__in', ['inbox', 'email', 'sms']), ('device_type', '')), models.Q(('channel', 'push'), ('device_type__in', ['android', 'ios'])), models.Q(('channel', 'web_push'), ('device_type', 'web')), _connector='OR'), name='delivery_device_type'), models.CheckConstraint(condition=models.Q(('contact', 0), ('channel__in', ['email', 'sms']), _connector='OR'), name='delivery_contact')],
            },
        ),
        migrations.CreateModel(
            name='Preference',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('kind', models.CharField(max_length=40, verbose_name='type')),
                ('channel', models.CharField(choices=[('inbox', 'inbox'), ('push', 'push'), ('web_push', 'web push'), ('email', 'e-mail'), ('sms', 'SMS')], max_length=10, verbose_name='channel')),
                ('is_wanted', models.BooleanField(verbose_name='wanted')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'preference',
                'verbose_name_plural': 'preferences',
                'ordering': ['user_id', 'kind', 'channel'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'user', 'kind', 'channel'), name='preference_unique'), models.CheckConstraint(condition=models.Q(('channel__in', ['push', 'web_push', 'email', 'sms'])), name='preference_channel')],
            },
        ),
        migrations.CreateModel(
            name='PushToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('device_type', models.CharField(choices=[('android', 'Android'), ('ios', 'iOS'), ('web', 'web browser')], max_length=10, verbose_name='device type')),
                ('token', models.CharField(max_length=1024, verbose_name='token')),
                ('p256dh', models.CharField(blank=True, max_length=88, verbose_name="browser's public key")),
                ('auth', models.CharField(blank=True, max_length=24, verbose_name="browser's secret")),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'push token',
                'verbose_name_plural': 'push tokens',
                'ordering': ['user_id', 'device_type'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'user', 'device_type'), name='push_token_one_per_device_type'), models.UniqueConstraint(fields=('campus', 'token'), name='push_token_one_owner'), models.CheckConstraint(condition=models.Q(('device_type__in', ['android', 'ios', 'web'])), name='push_token_device_type'), models.CheckConstraint(condition=models.Q(models.Q(('device_type', 'web'), models.Q(('p256dh', ''), _negated=True), models.Q(('auth', ''), _negated=True)), models.Q(('auth', ''), ('device_type__in', ['android', 'ios']), ('p256dh', '')), _connector='OR'), name='push_token_keys')],
            },
        ),
        migrations.CreateModel(
            name='QuietHours',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('starts_at', models.TimeField(verbose_name='from')),
                ('ends_at', models.TimeField(verbose_name='until')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'quiet hours',
                'verbose_name_plural': 'quiet hours',
                'ordering': ['user_id'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'user'), name='quiet_hours_unique'), models.CheckConstraint(condition=models.Q(('starts_at', models.F('ends_at')), _negated=True), name='quiet_hours_not_empty')],
            },
        ),
        migrations.CreateModel(
            name='CampusMessages',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('tells_contacts', models.BooleanField(default=False, help_text='Warnings about attendance also go to the contacts who agreed to that.', verbose_name='tell guardians and advisers')),
                ('sms_per_day', models.PositiveIntegerField(default=500, help_text="What goes beyond waits for the next day, on the campus's clock. 0: none.", verbose_name='SMS per day')),
                ('kept_days', models.PositiveSmallIntegerField(default=180, help_text='Older messages leave the inbox and the history.', validators=[django.core.validators.MinValueValidator(7), django.core.validators.MaxValueValidator(3660)], verbose_name='days to keep messages')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
            ],
            options={
                'verbose_name': 'settings of messages',
                'verbose_name_plural': 'settings of messages',
                'constraints': [models.UniqueConstraint(fields=('campus',), name='campus_messages_once'), models.CheckConstraint(condition=models.Q(('kept_days__range', (7, 3660))), name='campus_messages_kept_days'), apps.common.constraints.Between(field='sms_per_day', high=1000000, name='campus_messages_sms')],
            },
        ),
        *(
            IsolateByCampus(name)
            for name in (
                "message",
                "delivery",
                "preference",
                "pushtoken",
                "quiethours",
                "campusmessages",
            )
        ),
    ]
