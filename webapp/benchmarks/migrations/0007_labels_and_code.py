from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("benchmarks", "0006_priority")]

    operations = [
        migrations.AddField(
            model_name="benchmark",
            name="device_label",
            field=models.CharField(
                blank=True,
                default="",
                help_text="Only workers with this label take it; empty: any worker.",
                max_length=40,
                verbose_name="device label",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="workernode",
            name="label",
            field=models.CharField(blank=True, default="", max_length=40, verbose_name="label"),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="workernode",
            name="code_version",
            field=models.CharField(
                blank=True,
                default="",
                help_text="SHA-256 of the sources that it runs.",
                max_length=64,
                verbose_name="code",
            ),
            preserve_default=False,
        ),
        migrations.CreateModel(
            name="ExpectedCode",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.CharField(max_length=64, verbose_name="code")),
                ("since", models.DateTimeField(verbose_name="since")),
            ],
            options={"verbose_name": "expected code"},
        ),
    ]
