"""What was kept whole so far becomes a document of each record, batch by batch.

A batch is moved in one transaction, so that what is interrupted goes on where it was, and no more than a batch is ever
held in memory.
"""

import json
import zlib

from django.db import migrations, transaction

BATCH = 500


def move(apps, schema_editor):
    alias = schema_editor.connection.alias
    document = apps.get_model("compat", "RecordDocument")
    payloads = apps.get_model("compat", "RecordPayload").objects.using(alias)
    rows = payloads.order_by("pk").values_list(
        "pk", "data", "record__origin", "record__fetched", "record__updated", "record__sha"
    )
    last = 0
    while batch := list(rows.filter(pk__gt=last)[:BATCH]):
        last = batch[-1][0]
        with transaction.atomic(using=alias):
            document.objects.using(alias).bulk_create(
                document(
                    record_id=pk,
                    kind="detail" if origin == "hub" else "file",
                    sha=sha,
                    read=(fetched if origin == "hub" else None) or updated,
                    data=packed({key: value for key, value in data.items() if key != "id"}),
                )
                for pk, data, origin, fetched, updated, sha in batch
            )
            payloads.filter(pk__in=[pk for pk, *_ in batch]).delete()


def packed(data):
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return zlib.compress(text.encode())


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("compat", "0009_documents")]

    operations = [migrations.RunPython(move)]
