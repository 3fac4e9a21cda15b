"""What all records were read by, so that they are read again when that changes. Unknown for those read before."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("compat", "0004_filling")]

    operations = [
        migrations.AddField(
            model_name="catalogue",
            name="facts_version",
            field=models.CharField(
                blank=True,
                default="",
                help_text=(
                    "What all records were read by; if that is unknown or another now, they are read again at the start."
                ),
                max_length=40,
            ),
            preserve_default=False,
        ),
    ]
