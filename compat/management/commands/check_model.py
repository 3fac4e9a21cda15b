"""Say whether one model runs, and why."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from compat import check_model_worker_compatibility, get_huggingface_model
from compat.hub import HubError
from compat.queries import UnknownModel
from compat.workers import workers


class Command(BaseCommand):
    """``check_model ID``"""

    help = "Say whether a model runs on a worker, and why. A model the catalogue does not have is asked from the Hub."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The model, the worker, the form."""
        parser.add_argument("id", help="the model's id, such as microsoft/phi-2")
        parser.add_argument("--worker", default="", help="engine profile; the default one if not given")
        parser.add_argument("--json", action="store_true", help="print the result object as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the result; an unknown model or worker is an error."""
        available = workers()
        slug = options["worker"] or next(iter(available))
        if slug not in available:
            raise CommandError(f"There is no worker “{slug}”. There are: {', '.join(available)}.")
        try:
            result = check_model_worker_compatibility(get_huggingface_model(options["id"]), slug)
        except (UnknownModel, HubError) as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(json.dumps(result.as_json(), ensure_ascii=False, indent=2))
            return
        word = "Unknown" if result.cause == "unknown" else result.level.badge
        self.stdout.write(f"{options['id']} on {available[slug].name}: {word} (confidence {result.confidence})")
        for title, texts in (
            ("Why", result.reasons),
            ("Mind", result.warnings),
            ("Advice", result.recommendations),
        ):
            for text in texts:
                self.stdout.write(f"  {title}: {text}")
