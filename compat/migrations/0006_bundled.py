"""Which bundled snapshot the catalogue took in, so that a newer one mends its records."""

from django.db import migrations, models


def mark_what_has_an_older_one(apps, schema_editor):
    """Which one it was was never noted: any that ships with a later version is another."""
    model = apps.get_model
    if model("compat", "ModelRecord").objects.filter(origin="snapshot").exists():
        model("compat", "Catalogue").objects.update_or_create(pk=1, defaults={"bundled": "older"})


class Migration(migrations.Migration):
    dependencies = [("compat", "0005_facts_version")]

    operations = [
        migrations.AddField(
            model_name="catalogue",
            name="bundled",
            field=models.CharField(
                blank=True,
                default="",
                help_text="Digest of the bundled snapshot that it took in last; empty if it took in none.",
                max_length=32,
            ),
            preserve_default=False,
        ),
        migrations.RunPython(mark_what_has_an_older_one, migrations.RunPython.noop),
    ]
