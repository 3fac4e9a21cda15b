"""What curators say of which model a repository is a build of."""

from django.db import migrations, models

import compat.models.curation


class Migration(migrations.Migration):
    dependencies = [
        ("compat", "0020_jobs_schedules_and_visitors"),
    ]

    operations = [
        migrations.CreateModel(
            name="BuildCorrection",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "repo_id",
                    models.CharField(
                        max_length=200,
                        unique=True,
                        validators=[compat.models.curation.is_an_id],
                        verbose_name="repository",
                    ),
                ),
                (
                    "model",
                    models.CharField(
                        blank=True,
                        help_text="The id of the model's own repository. Leave it empty if the repository is a model by itself.",
                        max_length=200,
                        validators=[compat.models.curation.is_an_id],
                    ),
                ),
            ],
            options={
                "verbose_name": "build of another model",
                "verbose_name_plural": "builds of other models",
            },
        ),
    ]
