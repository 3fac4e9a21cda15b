"""Indexes for a million records: every order whole, owners in lower case, and all that the census counts by."""

from django.db import migrations, models
from django.db.models.functions import Lower


def added(*columns, name):
    return migrations.AddIndex(model_name="modelrecord", index=models.Index(*columns, name=name))


def in_order(column, name):
    index = models.Index(fields=[column, "-popularity", "repo_id"], name=name)
    return migrations.AddIndex(model_name="modelrecord", index=index)


def dropped(name):
    return migrations.RemoveIndex(model_name="modelrecord", name=name)


class Migration(migrations.Migration):
    dependencies = [("compat", "0003_webhooks")]
    # Indexes only: they leave the table as it is, and with it the triggers of the search.
    operations = [
        migrations.AddIndex(
            model_name="modelrecord",
            index=models.Index(fields=["-popularity", "repo_id", "sheet", "license"], name="record_in_order_popular"),
        ),
        in_order("-trending", "record_in_order_trending"),
        in_order("-likes", "record_in_order_likes"),
        in_order("-modified", "record_in_order_modified"),
        in_order("-created", "record_in_order_created"),
        in_order("-parameters", "record_in_order_size"),
        added(Lower("name"), "repo_id", name="record_in_order_name"),
        added(Lower("owner"), name="record_by_owner"),
        migrations.AddIndex(
            model_name="modelrecord",
            index=models.Index(fields=["sheet", "license", "parameters", "context"], name="record_by_kind"),
        ),
        dropped("record_by_popularity"),
        dropped("record_by_trending"),
        dropped("record_by_likes"),
        dropped("record_by_modified"),
        dropped("record_by_created"),
        dropped("record_by_parameters"),
        dropped("record_by_facts"),
    ]
