from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("benchmarks", "0004_names_sharing_and_views")]

    operations = [
        migrations.AlterField(
            model_name="benchmark",
            name="state",
            field=models.CharField(
                choices=[
                    ("queued", "Queued"),
                    ("running", "Running"),
                    ("paused", "Paused"),
                    ("succeeded", "Succeeded"),
                    ("failed", "Failed"),
                    ("cancelled", "Cancelled"),
                ],
                default="queued",
                max_length=10,
                verbose_name="state",
            ),
        ),
    ]
