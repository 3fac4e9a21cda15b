"""A table of documents: what the Hub said of a record, each answer by itself and compressed."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("compat", "0008_bits_of_variants")]

    operations = [
        migrations.CreateModel(
            name="RecordDocument",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("config", "config.json"),
                            ("gguf", "header of a GGUF file"),
                            ("detail", "the model's own answer"),
                            ("list", "row of a list"),
                            ("file", "line of a record file"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "sha",
                    models.CharField(blank=True, help_text="The commit it tells of; empty if untold.", max_length=64),
                ),
                (
                    "read",
                    models.DateTimeField(
                        help_text="When it was read from the Hub; of a file's line, how new it says it is."
                    ),
                ),
                (
                    "data",
                    models.BinaryField(help_text="What it said without the id: canonical JSON, compressed."),
                ),
                (
                    "record",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="documents",
                        to="compat.modelrecord",
                    ),
                ),
            ],
            options={"verbose_name": "document"},
        ),
        migrations.AddConstraint(
            model_name="recorddocument",
            constraint=models.UniqueConstraint(fields=("record", "kind"), name="document_once_a_kind"),
        ),
    ]
