"""Selections of the Hub's models, the Hub's quota, what is gone from the Hub, and former names."""

import django.db.models.deletion
from django.db import migrations, models

TRIGGERS = [
    """CREATE TRIGGER IF NOT EXISTS compat_search_insert AFTER INSERT ON compat_modelrecord BEGIN
        INSERT INTO compat_search(rowid, search_text) VALUES (new.id, new.search_text);
    END""",
    """CREATE TRIGGER IF NOT EXISTS compat_search_delete AFTER DELETE ON compat_modelrecord BEGIN
        INSERT INTO compat_search(compat_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
    END""",
    """CREATE TRIGGER IF NOT EXISTS compat_search_update AFTER UPDATE OF search_text ON compat_modelrecord
        WHEN old.search_text <> new.search_text BEGIN
        INSERT INTO compat_search(compat_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
        INSERT INTO compat_search(rowid, search_text) VALUES (new.id, new.search_text);
    END""",
]


def keep_searching(apps, schema_editor):
    """SQLite gets a column by copying the table, and the triggers that the search lives by go with the old one."""
    if schema_editor.connection.vendor == "sqlite":
        for statement in TRIGGERS:
            schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [
        ("compat", "0016_measurements"),
    ]

    operations = [
        migrations.CreateModel(
            name="FormerName",
            fields=[
                (
                    "lowered",
                    models.CharField(
                        help_text="The id in lower case.", max_length=200, primary_key=True, serialize=False
                    ),
                ),
                ("repo_id", models.CharField(max_length=200, verbose_name="repository")),
                ("noticed", models.DateTimeField()),
            ],
            options={
                "verbose_name": "former name",
                "ordering": ["lowered"],
            },
        ),
        migrations.CreateModel(
            name="HubSelection",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "key",
                    models.CharField(
                        help_text="Digest of the Hub and of what is selected.", max_length=32, unique=True
                    ),
                ),
                (
                    "name",
                    models.CharField(help_text="What is selected, in words.", max_length=300, verbose_name="selection"),
                ),
                (
                    "number",
                    models.PositiveIntegerField(
                        default=0, help_text="How many passes were begun.", verbose_name="pass"
                    ),
                ),
                (
                    "is_open",
                    models.BooleanField(
                        default=False, help_text="Whether the last pass has not ended.", verbose_name="being read"
                    ),
                ),
                (
                    "only_changes",
                    models.BooleanField(default=False, help_text="Whether it reads only what changed since the last."),
                ),
                ("cursor", models.TextField(blank=True)),
                ("pages", models.PositiveIntegerField(default=0, help_text="Pages that the last pass read.")),
                ("listed", models.PositiveIntegerField(default=0, help_text="Models that the last pass found.")),
                ("began", models.DateTimeField(blank=True, null=True, verbose_name="pass began")),
                (
                    "whole",
                    models.DateTimeField(
                        blank=True,
                        help_text="When the last pass that read the whole list began.",
                        null=True,
                        verbose_name="read whole",
                    ),
                ),
                ("whole_number", models.PositiveIntegerField(default=0, help_text="Its number.")),
                (
                    "current",
                    models.DateTimeField(
                        blank=True,
                        help_text="What changed before is known: when the last pass began.",
                        null=True,
                        verbose_name="current as of",
                    ),
                ),
                (
                    "holder",
                    models.CharField(
                        blank=True, help_text="The process that reads it; empty for none.", max_length=100
                    ),
                ),
                (
                    "held_until",
                    models.DateTimeField(blank=True, help_text="Until when, unless it says so again.", null=True),
                ),
            ],
            options={
                "verbose_name": "selection",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="HubWindow",
            fields=[
                (
                    "key",
                    models.CharField(
                        help_text="Digest of Hub and token, and the quota's name.",
                        max_length=60,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("host", models.CharField(max_length=200)),
                ("state", models.JSONField(default=dict)),
            ],
            options={
                "verbose_name": "Hub quota",
                "ordering": ["host", "key"],
            },
        ),
        migrations.CreateModel(
            name="SelectedModel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("seen", models.PositiveIntegerField(help_text="The number of the pass.")),
                (
                    "lacks_documents",
                    models.BooleanField(help_text="Whether its configuration or sizes are to be read."),
                ),
                ("lacks_headers", models.BooleanField(help_text="Whether headers of its weight files are to be read.")),
            ],
            options={
                "verbose_name": "selected model",
            },
        ),
        migrations.AddField(
            model_name="modelrecord",
            name="gone",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "there, as far as is known"),
                    ("missing", "deleted, or private"),
                    ("disabled", "disabled"),
                ],
                help_text="Why its files cannot be had any more; empty where nothing says so.",
                max_length=8,
                verbose_name="on the Hub",
            ),
        ),
        migrations.AddField(
            model_name="modelrecord",
            name="gone_since",
            field=models.DateTimeField(blank=True, help_text="When this site was first told so.", null=True),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="completed",
            field=models.PositiveIntegerField(default=0, help_text="Models of which more than the list was read."),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="doing",
            field=models.CharField(blank=True, help_text="What it did then.", max_length=300),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="gone",
            field=models.PositiveIntegerField(default=0, help_text="Models that the Hub does not have any more."),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="heard",
            field=models.DateTimeField(
                blank=True, help_text="When its process last gave a sign.", null=True, verbose_name="last heard of"
            ),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="holder",
            field=models.CharField(blank=True, max_length=100, verbose_name="process"),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="renamed",
            field=models.PositiveIntegerField(default=0),
        ),
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
                    ("refusal", "word that it is gone"),
                ],
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="syncrun",
            name="source",
            field=models.CharField(help_text="A file name, or what is selected of the Hub.", max_length=300),
        ),
        migrations.AddIndex(
            model_name="modelrecord",
            index=models.Index(condition=models.Q(("gone", ""), _negated=True), fields=["gone"], name="record_gone"),
        ),
        migrations.AddField(
            model_name="formername",
            name="record",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="former_names", to="compat.modelrecord"
            ),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="selection",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="runs",
                to="compat.hubselection",
            ),
        ),
        migrations.AddField(
            model_name="selectedmodel",
            name="record",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="compat.modelrecord"
            ),
        ),
        migrations.AddField(
            model_name="selectedmodel",
            name="selection",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="members",
                to="compat.hubselection",
            ),
        ),
        migrations.AddIndex(
            model_name="selectedmodel",
            index=models.Index(fields=["selection", "seen"], name="selected_by_pass"),
        ),
        migrations.AddIndex(
            model_name="selectedmodel",
            index=models.Index(
                condition=models.Q(("lacks_documents", True)), fields=["selection"], name="selected_without_documents"
            ),
        ),
        migrations.AddIndex(
            model_name="selectedmodel",
            index=models.Index(
                condition=models.Q(("lacks_headers", True)), fields=["selection"], name="selected_without_headers"
            ),
        ),
        migrations.AddConstraint(
            model_name="selectedmodel",
            constraint=models.UniqueConstraint(fields=("selection", "record"), name="selected_once"),
        ),
        migrations.RunPython(keep_searching, keep_searching),
    ]
