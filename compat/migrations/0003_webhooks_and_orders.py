"""Webhooks, and orders as whole indexes: what came after 0.1.0.

For a few days after 0.1.0 all this stood in the first migration. A database made then has the tables and indexes
already, though nothing says so, and has lost the old indexes: so each step first looks whether it is needed.
"""

import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models


def tables(schema_editor):
    return schema_editor.connection.introspection.table_names()


def names_on(schema_editor, model):
    """The names of a table's indexes and constraints."""
    with schema_editor.connection.cursor() as cursor:
        return set(schema_editor.connection.introspection.get_constraints(cursor, model._meta.db_table))


class CreateMissingModel(migrations.CreateModel):
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if to_state.apps.get_model(app_label, self.name)._meta.db_table not in tables(schema_editor):
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class AddMissingIndex(migrations.AddIndex):
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if self.index.name not in names_on(schema_editor, to_state.apps.get_model(app_label, self.model_name)):
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class AddMissingConstraint(migrations.AddConstraint):
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if self.constraint.name not in names_on(schema_editor, to_state.apps.get_model(app_label, self.model_name)):
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class RemoveLeftIndex(migrations.RemoveIndex):
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if self.name in names_on(schema_editor, from_state.apps.get_model(app_label, self.model_name)):
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):
    dependencies = [("compat", "0002_search")]

    operations = [
        migrations.AlterField(
            model_name="hubfetch",
            name="state",
            field=models.CharField(
                choices=[
                    ("queued", "queued"),
                    ("done", "done"),
                    ("missing", "not on the Hub"),
                    ("failed", "failed"),
                ],
                default="queued",
                max_length=8,
            ),
        ),
        CreateMissingModel(
            name="Webhook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80)),
                ("url", models.CharField(max_length=500, verbose_name="address")),
                ("secret", models.CharField(editable=False, max_length=100)),
                ("previous_secret", models.CharField(blank=True, editable=False, max_length=100)),
                (
                    "previous_until",
                    models.DateTimeField(
                        editable=False, help_text="Until when the secret before this one signs too.", null=True
                    ),
                ),
                ("events", models.JSONField(default=list, help_text="The event types it is told of.")),
                (
                    "worker",
                    models.SlugField(
                        blank=True, help_text="Only what runs on this worker; empty for every engine.", max_length=60
                    ),
                ),
                ("active", models.BooleanField(default=True, help_text="Whether it is told of events.")),
                (
                    "stopped",
                    models.CharField(
                        blank=True,
                        help_text="Empty unless the site itself switched it off.",
                        max_length=300,
                        verbose_name="why it was switched off",
                    ),
                ),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("last_success", models.DateTimeField(blank=True, null=True)),
                (
                    "failures",
                    models.PositiveIntegerField(default=0, help_text="Attempts that failed since the last success."),
                ),
                ("failing_since", models.DateTimeField(blank=True, null=True)),
                (
                    "curated_list",
                    models.ForeignKey(
                        blank=True,
                        help_text="Only models of this list, and only changes of it.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="webhooks",
                        to="compat.curatedlist",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "id"],
            },
        ),
        CreateMissingModel(
            name="WebhookDelivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event_id", models.CharField(max_length=60, unique=True)),
                ("type", models.CharField(max_length=40)),
                ("body", models.TextField(blank=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("gathering", "being gathered"),
                            ("pending", "waiting to be sent"),
                            ("delivered", "delivered"),
                            ("failed", "failed"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("created", models.DateTimeField()),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                (
                    "next_attempt",
                    models.DateTimeField(help_text="Not before then; of no meaning once it is delivered or failed."),
                ),
                ("finished", models.DateTimeField(blank=True, null=True)),
                ("status", models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="response status")),
                (
                    "answer",
                    models.CharField(blank=True, help_text="The beginning of the last answer's body.", max_length=500),
                ),
                (
                    "error",
                    models.CharField(blank=True, help_text="What was wrong with the last attempt.", max_length=300),
                ),
                ("duration", models.FloatField(blank=True, help_text="Seconds the last attempt took.", null=True)),
                (
                    "webhook",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="compat.webhook"
                    ),
                ),
            ],
            options={
                "verbose_name": "webhook delivery",
                "verbose_name_plural": "webhook deliveries",
                "ordering": ["-id"],
            },
        ),
        CreateMissingModel(
            name="GatheredModel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("repo_id", models.CharField(max_length=200)),
                ("popularity", models.BigIntegerField()),
                (
                    "workers",
                    models.JSONField(help_text="The confidence by worker; empty for one on which it ran before."),
                ),
                (
                    "delivery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="gathered",
                        to="compat.webhookdelivery",
                    ),
                ),
            ],
        ),
        RemoveLeftIndex(model_name="modelrecord", name="record_by_popularity"),
        RemoveLeftIndex(model_name="modelrecord", name="record_by_trending"),
        RemoveLeftIndex(model_name="modelrecord", name="record_by_likes"),
        RemoveLeftIndex(model_name="modelrecord", name="record_by_modified"),
        RemoveLeftIndex(model_name="modelrecord", name="record_by_created"),
        RemoveLeftIndex(model_name="modelrecord", name="record_by_parameters"),
        RemoveLeftIndex(model_name="modelrecord", name="record_by_facts"),
        AddMissingIndex(
            model_name="modelrecord",
            index=models.Index(fields=["-popularity", "repo_id", "sheet", "license"], name="record_in_order_popular"),
        ),
        AddMissingIndex(
            model_name="modelrecord",
            index=models.Index(fields=["-trending", "-popularity", "repo_id"], name="record_in_order_trending"),
        ),
        AddMissingIndex(
            model_name="modelrecord",
            index=models.Index(fields=["-likes", "-popularity", "repo_id"], name="record_in_order_likes"),
        ),
        AddMissingIndex(
            model_name="modelrecord",
            index=models.Index(fields=["-modified", "-popularity", "repo_id"], name="record_in_order_modified"),
        ),
        AddMissingIndex(
            model_name="modelrecord",
            index=models.Index(fields=["-created", "-popularity", "repo_id"], name="record_in_order_created"),
        ),
        AddMissingIndex(
            model_name="modelrecord",
            index=models.Index(fields=["-parameters", "-popularity", "repo_id"], name="record_in_order_size"),
        ),
        AddMissingIndex(
            model_name="modelrecord",
            index=models.Index(
                django.db.models.functions.text.Lower("name"), models.F("repo_id"), name="record_in_order_name"
            ),
        ),
        AddMissingIndex(
            model_name="modelrecord",
            index=models.Index(django.db.models.functions.text.Lower("owner"), name="record_by_owner"),
        ),
        AddMissingIndex(
            model_name="modelrecord",
            index=models.Index(fields=["sheet", "license", "parameters", "context"], name="record_by_kind"),
        ),
        AddMissingIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["state", "next_attempt"], name="delivery_by_state"),
        ),
        AddMissingIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["webhook", "-id"], name="delivery_by_webhook"),
        ),
        AddMissingConstraint(
            model_name="webhookdelivery",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "gathering")), fields=("webhook", "type"), name="gathering_once_a_webhook"
            ),
        ),
        AddMissingConstraint(
            model_name="gatheredmodel",
            constraint=models.UniqueConstraint(fields=("delivery", "repo_id"), name="gathered_once_a_delivery"),
        ),
    ]
