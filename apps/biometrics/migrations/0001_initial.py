import apps.common.constraints
import apps.tenants.fields
import django.core.validators
import django.db.models.deletion
import pgvector.django.vector
from django.db import migrations, models
from apps.tenants.operations import IsolateByCampus




class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('privacy', '0001_initial'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='FaceModel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=50, verbose_name='name')),
                ('version', models.CharField(max_length=50, verbose_name='version')),
                ('dimension', models.PositiveIntegerField(verbose_name='dimension')),
                ('metric', models.CharField(default='cosine', max_length=10, verbose_name='metric')),
                ('threshold', models.FloatField(help_text='Largest cosine distance at which two faces count as one person.', validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(2)], verbose_name='threshold')),
                ('sha256', models.CharField(max_length=64, verbose_name='SHA-256 of the weights')),
                ('is_default', models.BooleanField(default=False, verbose_name='used for new templates')),
                ('registered_at', models.DateTimeField(auto_now_add=True, verbose_name='registered')),
            ],
            options={
                'verbose_name': 'face model',
                'verbose_name_plural': 'face models',
                'ordering': ['name', 'version'],
                'constraints': [models.UniqueConstraint(fields=('name', 'version'), name='face_model_unique'), models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('is_default',), name='face_model_one_default'), apps.common.constraints.Named(field='name', name='face_model_name'), apps.common.constraints.Named(field='version', name='face_model_version'), apps.common.constraints.Between(field='dimension', high=16000, low=1, name='face_model_dimension'), apps.common.constraints.Between(field='threshold', high=2, low=0, name='face_model_threshold')],
            },
        ),
        migrations.CreateModel(
            name='StoredImage',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=200, verbose_name='storage key')),
                ('sha256', models.CharField(max_length=64, verbose_name='SHA-256')),
                ('size', models.PositiveIntegerField(verbose_name='size (bytes)')),
                ('stored_at', models.DateTimeField(verbose_name='stored')),
                ('delete_after', models.DateTimeField(blank=True, null=True, verbose_name='kept until')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
            ],
            options={
                'verbose_name': 'stored image',
                'verbose_name_plural': 'stored images',
                'ordering': ['-stored_at'],
                'indexes': [models.Index(fields=['campus', 'delete_after'], name='stored_image_retention')],
            },
        ),
        migrations.CreateModel(
            name='FaceSample',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('pending', 'being checked'), ('accepted', 'accepted'), ('refused', 'refused')], default='pending', max_length=10, verbose_name='status')),
                ('reason', models.CharField(blank=True, max_length=40, verbose_name='reason')),
                ('quality', models.JSONField(blank=True, default=dict, verbose_name='measurements')),
                ('created_at', models.DateTimeField(verbose_name='uploaded')),
                ('judged_at', models.DateTimeField(blank=True, null=True, verbose_name='judged')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('consent', apps.tenants.fields.CampusForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='privacy.consent', verbose_name='consent')),
                ('student', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='face_samples', to='accounts.student', verbose_name='student')),
                ('image', apps.tenants.fields.CampusForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='samples', to='biometrics.storedimage', verbose_name='image')),
            ],
            options={
                'verbose_name': 'face sample',
                'verbose_name_plural': 'face samples',
                'ordering': ['-created_at'],
                'indexes': [models.Index(fields=['campus', 'status', 'created_at'], name='face_sample_status_at')],
                'constraints': [models.UniqueConstraint(fields=('campus', 'student', 'image'), name='face_sample_unique'), models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'accepted', 'refused'])), name='face_sample_status')],
            },
        ),
        migrations.CreateModel(
            name='TemplateKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('generation', models.PositiveIntegerField(default=1, verbose_name='generation')),
                ('issued_at', models.DateTimeField(verbose_name='issued')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
            ],
            options={
                'verbose_name': 'template key',
                'verbose_name_plural': 'template keys',
                'ordering': ['id'],
                'constraints': [models.UniqueConstraint(fields=('campus',), name='template_key_one')],
            },
        ),
        migrations.CreateModel(
            name='CampusThreshold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('threshold', models.FloatField(help_text='Largest cosine distance at which two faces count as one person.', validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(2)], verbose_name='threshold')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='biometrics.facemodel', verbose_name='model')),
            ],
            options={
                'verbose_name': 'threshold of this campus',
                'verbose_name_plural': 'thresholds of this campus',
                'ordering': ['model_id'],
                'constraints': [models.UniqueConstraint(fields=('campus', 'model'), name='campus_threshold_unique'), models.CheckConstraint(condition=models.Q(('threshold__gte', 0), ('threshold__lte', 2)), name='campus_threshold_range')],
            },
        ),
        migrations.CreateModel(
            name='FaceTemplate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key_generation', models.PositiveIntegerField(default=1, verbose_name='generation of the key')),
                ('vector', pgvector.django.vector.VectorField(editable=False, verbose_name='protected vector')),
                ('checksum', models.BinaryField(max_length=32, verbose_name='checksum')),
                ('created_at', models.DateTimeField(verbose_name='created')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='biometrics.facemodel', verbose_name='model')),
                ('sample', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='templates', to='biometrics.facesample', verbose_name='sample')),
                ('student', apps.tenants.fields.CampusForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='face_templates', to='accounts.student', verbose_name='student')),
            ],
            options={
                'verbose_name': 'face template',
                'verbose_name_plural': 'face templates',
                'ordering': ['student_id', 'id'],
                'indexes': [models.Index(fields=['campus', 'model', 'student'], name='face_template_student')],
                'constraints': [models.UniqueConstraint(fields=('campus', 'sample', 'model'), name='face_template_unique')],
            },
        ),
        migrations.CreateModel(
            name='FaceVerification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reference', models.CharField(help_text='What asked; one verification per reference.', max_length=60, verbose_name='reference')),
                ('decision', models.CharField(choices=[('matched', 'matched'), ('not_matched', 'not matched'), ('undecided', 'could not tell')], max_length=12, verbose_name='decision')),
                ('reason', models.CharField(blank=True, max_length=40, verbose_name='reason')),
                ('distance', models.FloatField(blank=True, null=True, verbose_name='distance')),
                ('threshold', models.FloatField(blank=True, null=True, verbose_name='threshold')),
                ('latency_ms', models.PositiveIntegerField(blank=True, null=True, verbose_name='latency (ms)')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('campus', apps.tenants.fields.CampusField(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.campus')),
                ('model', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='biometrics.facemodel', verbose_name='model')),
                ('student', apps.tenants.fields.CampusForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='face_verifications', to='accounts.student', verbose_name='student')),
            ],
            options={
                'verbose_name': 'face verification',
                'verbose_name_plural': 'face verifications',
                'ordering': ['-at'],
                'indexes': [models.Index(fields=['campus', 'student', 'at'], name='face_verification_who')],
                'constraints': [models.UniqueConstraint(fields=('campus', 'reference'), name='face_verification_reference'), models.CheckConstraint(condition=models.Q(('decision__in', ['matched', 'not_matched', 'undecided'])), name='face_verification_decision'), apps.common.constraints.Between(field='distance', high=2, low=0, name='face_verification_distance'), apps.common.constraints.Between(field='threshold', high=2, low=0, name='face_verification_threshold')],
            },
        ),
        *(
            IsolateByCampus(name)
            for name in (
                "storedimage",
                "facesample",
                "templatekey",
                "campusthreshold",
                "facetemplate",
                "faceverification",
            )
        ),
    ]
