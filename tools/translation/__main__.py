"""Collect what pages say, and write the catalogues of every language: ``python -m tools.translation``.

New texts are added to ``locale/*/LC_MESSAGES/django.po`` without a translation, texts that are gone are dropped, and
what is translated is compiled beside it. ``--check`` only says what is not as it should be, and fails if anything is.
"""

from __future__ import annotations

import argparse
import sys

from tools.translation.catalogues import LANGUAGES, check, write


def main() -> int:
    """The command."""
    options = argparse.ArgumentParser(prog="python -m tools.translation", description=(__doc__ or "").split("\n\n")[0])
    options.add_argument("--check", action="store_true", help="write nothing; fail where something is to be done")
    if options.parse_args().check:
        problems = check()
        sys.stdout.writelines(f"{problem}\n" for problem in problems)
        return 1 if problems else 0
    for language in LANGUAGES:
        counts = write(language)
        sys.stdout.write(f"{language}: {counts.translated} of {counts.texts} texts are translated\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
