from django.db import migrations, models


class Migration(migrations.Migration):
    """One more kind of job; nothing changes in the database."""

    dependencies = [
        ('jobs', '0001_jobs'),
    ]

    operations = [
        migrations.AlterField(
            model_name='job',
            name='kind',
            field=models.CharField(choices=[('comparison', 'Comparison'), ('archive', 'Archive of a benchmark'), ('backup', 'Backup'), ('restore', 'Restoring a backup')], max_length=12, verbose_name='kind'),
        ),
    ]
