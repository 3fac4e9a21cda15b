"""The Hub takes an id in any case: an index by which a record is found whatever the case of its letters."""

from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    dependencies = [("compat", "0012_tags")]

    operations = [
        migrations.AddIndex(
            model_name="modelrecord", index=models.Index(Lower("repo_id"), name="record_by_lowered_id")
        ),
    ]
