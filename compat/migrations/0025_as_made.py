"""Whether packed weights are a model's own release; records are read again to fill it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("compat", "0024_packed_models"),
    ]

    operations = [
        migrations.AddField(
            model_name="recordvariant",
            name="as_made",
            field=models.BooleanField(
                blank=True,
                help_text="Whether its packed weights are the model's own release, so that no build of it keeps more.",
                null=True,
            ),
        ),
    ]
