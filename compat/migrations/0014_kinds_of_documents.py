"""File trees and the headers of safetensors files are documents too. Only the names change: no table does."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("compat", "0013_ids_in_any_case")]

    operations = [
        migrations.AlterField(
            model_name="recorddocument",
            name="kind",
            field=models.CharField(
                choices=[
                    ("config", "config.json"),
                    ("gguf", "header of a GGUF file"),
                    ("safetensors", "headers of safetensors files"),
                    ("tree", "file tree"),
                    ("detail", "the model's own answer"),
                    ("list", "row of a list"),
                    ("file", "line of a record file"),
                ],
                max_length=12,
            ),
        ),
    ]
