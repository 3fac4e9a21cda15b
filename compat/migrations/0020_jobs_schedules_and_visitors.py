"""Sync runs become jobs of any kind; schedules, and what visitors had fetched and added."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

RIGHTS = ("add", "change", "delete", "view")


def fill_in(apps, schema_editor):
    """A run was one command: which one, and when it was wanted, is known."""
    jobs = apps.get_model("compat", "Job").objects
    jobs.update(wanted=models.F("started"), attempts=1)
    jobs.filter(origin="hub").update(kind="sync")


def keep_rights(apps, schema_editor):
    """Whoever might see sync runs may see jobs."""
    rights = apps.get_model("auth", "Permission").objects
    for right in RIGHTS:
        rights.filter(codename=f"{right}_syncrun").update(codename=f"{right}_job", name=f"Can {right} job")


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("compat", "0019_accelerators_beside"),
    ]

    operations = [
        migrations.CreateModel(
            name="Schedule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("sync", "sync: bring a selection of the Hub's models up to date"),
                            ("refresh", "refresh: fetch again what is out of date, best known first"),
                            ("judge", "judge: read and judge again what rests on other code or tables"),
                            ("housekeeping", "housekeeping: drop what nobody needs any more"),
                            ("backup", "backup: copy the database"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "options",
                    models.CharField(
                        blank=True,
                        help_text="As after the command of that kind, such as --limit 1000 --author Qwen.",
                        max_length=300,
                    ),
                ),
                ("every", models.PositiveIntegerField(default=24, verbose_name="every so many hours")),
                ("active", models.BooleanField(default=False)),
                ("due", models.DateTimeField(help_text="Not before then. UTC.", verbose_name="next")),
            ],
            options={
                "ordering": ["kind", "options"],
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "options"), name="scheduled_once"),
                    models.CheckConstraint(condition=models.Q(("every__gte", 1)), name="schedule_moves_on"),
                ],
            },
        ),
        migrations.CreateModel(
            name="VisitorAddition",
            fields=[
                (
                    "record",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="compat.modelrecord",
                    ),
                ),
                ("added", models.DateTimeField()),
            ],
            options={"verbose_name": "visitor's addition"},
        ),
        migrations.AddField(
            model_name="hubfetch",
            name="asker",
            field=models.CharField(
                blank=True,
                default="",
                help_text="Digest of the address that a visitor asked from; empty for the operator.",
                max_length=24,
            ),
            preserve_default=False,
        ),
        migrations.AddIndex(
            model_name="hubfetch",
            index=models.Index(fields=["requested"], name="fetch_by_time"),
        ),
        migrations.AlterField(
            model_name="hubselection",
            name="holder",
            field=models.CharField(
                blank=True,
                help_text="The process that is at it; empty for none.",
                max_length=100,
                verbose_name="process",
            ),
        ),
        migrations.RenameModel(old_name="SyncRun", new_name="Job"),
        migrations.AlterModelOptions(name="job", options={"ordering": ["-pk"]}),
        migrations.AddField(
            model_name="job",
            name="kind",
            field=models.CharField(
                choices=[
                    ("sync", "sync"),
                    ("load", "load"),
                    ("refresh", "refresh"),
                    ("judge", "judge"),
                    ("housekeeping", "housekeeping"),
                    ("backup", "backup"),
                    ("export", "export"),
                ],
                default="load",
                max_length=12,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="job",
            name="options",
            field=models.CharField(
                blank=True, default="", help_text="As after the command of that kind.", max_length=300
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="job",
            name="schedule",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="jobs",
                to="compat.schedule",
            ),
        ),
        migrations.AddField(
            model_name="job",
            name="wanted",
            field=models.DateTimeField(
                default=django.utils.timezone.now, help_text="When it was asked for.", verbose_name="wanted since"
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="job",
            name="due",
            field=models.DateTimeField(blank=True, help_text="While it waits: not before then.", null=True),
        ),
        migrations.AddField(
            model_name="job",
            name="attempts",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="job",
            name="most_attempts",
            field=models.PositiveSmallIntegerField(
                default=1, help_text="A command is run once; what waited in the queue is tried again."
            ),
        ),
        migrations.AddField(
            model_name="job",
            name="held_until",
            field=models.DateTimeField(blank=True, help_text="Until when, unless it says so again.", null=True),
        ),
        migrations.AddField(
            model_name="job",
            name="stage",
            field=models.CharField(blank=True, default="", help_text="The part of it that goes on.", max_length=100),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="job",
            name="stage_began",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="job",
            name="done",
            field=models.BigIntegerField(default=0, help_text="How much of the stage is done."),
        ),
        migrations.AddField(
            model_name="job",
            name="total",
            field=models.BigIntegerField(
                blank=True, help_text="How much that is in all; empty if nobody knows.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="job",
            name="holder",
            field=models.CharField(
                blank=True,
                help_text="The process that is at it; empty for none.",
                max_length=100,
                verbose_name="process",
            ),
        ),
        migrations.AlterField(
            model_name="job",
            name="origin",
            field=models.CharField(blank=True, help_text="Of records that it brings.", max_length=8),
        ),
        migrations.AlterField(
            model_name="job",
            name="selection",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="jobs",
                to="compat.hubselection",
            ),
        ),
        migrations.AlterField(
            model_name="job",
            name="source",
            field=models.CharField(
                blank=True,
                help_text="A file name, or what is selected of the Hub, or why it is done.",
                max_length=300,
                verbose_name="what",
            ),
        ),
        migrations.AlterField(
            model_name="job",
            name="started",
            field=models.DateTimeField(blank=True, help_text="When the last attempt began.", null=True),
        ),
        migrations.AlterField(
            model_name="job",
            name="state",
            field=models.CharField(
                choices=[("waiting", "waiting"), ("running", "running"), ("done", "done"), ("failed", "failed")],
                default="running",
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="job",
            name="error",
            field=models.TextField(blank=True, verbose_name="last error"),
        ),
        migrations.RunPython(fill_in, migrations.RunPython.noop),
        migrations.RunPython(keep_rights, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(fields=["state", "due"], name="job_by_state"),
        ),
        migrations.AddConstraint(
            model_name="job",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "waiting")), fields=("kind", "options"), name="job_waits_once"
            ),
        ),
    ]
