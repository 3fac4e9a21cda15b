"""The mark of a catalogue that is still being filled, also where an older version was interrupted and could not tell."""

from django.db import migrations, models


def mark_what_was_interrupted(apps, schema_editor):
    """A catalogue that began with the bundled snapshot, has some of it, and never got to the end of it."""
    model = apps.get_model
    runs = model("compat", "SyncRun").objects.order_by("started", "pk")
    first = runs.first()
    if (
        first
        and first.origin == "snapshot"
        and not runs.filter(origin="snapshot", state="done").exists()
        and model("compat", "ModelRecord").objects.filter(origin="snapshot").exists()
    ):
        model("compat", "Catalogue").objects.update_or_create(pk=1, defaults={"filling": True})


class Migration(migrations.Migration):
    dependencies = [("compat", "0003_webhooks_and_orders")]

    operations = [
        migrations.AddField(
            model_name="catalogue",
            name="filling",
            field=models.BooleanField(
                default=False,
                help_text="Whether it is being filled with the bundled snapshot, from the first record to the end.",
            ),
        ),
        migrations.RunPython(mark_what_was_interrupted, migrations.RunPython.noop),
    ]
