from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("benchmarks", "0005_paused")]

    operations = [
        migrations.AddField(
            model_name="benchmark",
            name="priority",
            field=models.PositiveSmallIntegerField(
                choices=[(0, "Low"), (1, "Normal"), (2, "High")],
                default=1,
                help_text="Shards of a higher priority are claimed before all of a lower one.",
                verbose_name="priority",
            ),
        ),
    ]
