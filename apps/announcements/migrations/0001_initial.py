import apps.common.constraints
import apps.tenants.fields
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models
from apps.tenants.operations import IsolateByCampus




class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('enrollments', '0001_initial'),
        ('notifications', '0001_initial'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Announcement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=255, verbose_name='title')),
                ('message', models.TextField(verbose_name='message')),
                ('recipient_count', models.PositiveIntegerField(validators=[django.core.validators.MinValueValidator(1)], verbose_name='recipients')),
                ('nonce', models.CharField(editable=False, max_length=64, verbose_name='nonce')),
                ('sent_at', models.DateTimeField(verbose_name='sent')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('outbox', apps.tenants.fields.CampusForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='notifications.message', verbose_name='message sent')),
                ('section', apps.tenants.fields.CampusForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='announcements', to='enrollments.section', verbose_name='section')),
                ('sender', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='announcements', to='accounts.student', verbose_name='class representative')),
            ],
            options={
                'verbose_name': 'announcement',
                'verbose_name_plural': 'announcements',
                'ordering': ['-sent_at', '-id'],
                'indexes': [models.Index(fields=['campus', 'sender', '-sent_at'], name='announcement_own')],
                'constraints': [models.UniqueConstraint(fields=('campus', 'sender', 'nonce'), name='announcement_nonce'), models.CheckConstraint(condition=models.Q(('recipient_count__gte', 1)), name='announcement_recipients'), apps.common.constraints.Named(field='title', name='announcement_title')],
            },
        ),
        IsolateByCampus("announcement"),
    ]
