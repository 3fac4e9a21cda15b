"""Indexes that no query uses any more, each of which took its time of every record that is written.

Lists and their orders are read from an index beside the database. An index is dropped by its name: for a change of
the field Django would copy the table on SQLite.
"""

import django.db.models.deletion
from django.db import migrations, models


def drop_indexes_of(table, column):
    """An operation that drops the plain indexes of one column."""

    def drop(apps, schema_editor):
        connection = schema_editor.connection
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, table)
            for name, told in found.items():
                if told["columns"] == [column] and told["index"] and not told["unique"] and not told["foreign_key"]:
                    cursor.execute(f"DROP INDEX {connection.ops.quote_name(name)}")

    return migrations.RunPython(drop, migrations.RunPython.noop)


def without_index(model, related_name):
    """The field of a part that leads to its record, without an index of its own."""
    return migrations.AlterField(
        model_name=model,
        name="record",
        field=models.ForeignKey(
            db_index=False,
            on_delete=django.db.models.deletion.CASCADE,
            related_name=related_name,
            to="compat.modelrecord",
        ),
    )


class Migration(migrations.Migration):
    dependencies = [
        ("compat", "0022_closed_records"),
    ]

    operations = [
        migrations.RemoveIndex("modelrecord", "record_in_order_trending"),
        migrations.RemoveIndex("modelrecord", "record_in_order_likes"),
        migrations.RemoveIndex("modelrecord", "record_in_order_modified"),
        migrations.RemoveIndex("modelrecord", "record_in_order_created"),
        migrations.RemoveIndex("modelrecord", "record_in_order_size"),
        migrations.AddIndex("modelrecord", models.Index(fields=["sheet"], name="record_by_sheet")),
        migrations.RemoveIndex("modelrecord", "record_by_kind"),
        migrations.RemoveIndex("recordvariant", "variant_by_quantization"),
        migrations.SeparateDatabaseAndState(
            [
                drop_indexes_of("compat_modelrecord", "owner"),
                drop_indexes_of("compat_recordrelation", "record_id"),
                drop_indexes_of("compat_recordvariant", "record_id"),
            ],
            [
                migrations.AlterField("modelrecord", "owner", models.CharField(blank=True, max_length=100)),
                without_index("recordrelation", "relations"),
                without_index("recordvariant", "variants"),
            ],
        ),
    ]
