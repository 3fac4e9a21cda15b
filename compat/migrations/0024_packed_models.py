"""Which model GGUF files are named after, where nothing else tells it; records are read again to fill it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("compat", "0023_fewer_indexes"),
    ]

    operations = [
        migrations.AddField(
            model_name="modelrecord",
            name="packed_model",
            field=models.CharField(
                blank=True,
                help_text="What the model of its GGUF files is called, in lower case, where nothing but its name tells it.",
                max_length=100,
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="modelrecord",
            index=models.Index(
                condition=models.Q(("packed_model__isnull", False)),
                fields=["packed_model"],
                name="record_by_packed_model",
            ),
        ),
    ]
