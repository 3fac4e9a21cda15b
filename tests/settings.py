"""The site's settings, with what a test run needs where the environment does not tell it."""

import os

os.environ.setdefault("SECRET_KEY", "tests-only")
os.environ.setdefault("DATABASE_URL", "sqlite:///var/test.sqlite3")
# Processes are killed here, the server never: it need not wait for its disk, which may be busy.
os.environ.setdefault("PGOPTIONS", "-c synchronous_commit=off")

from marketplace.settings import *  # noqa: F403 - the environment must be told before it is read

# What makes a password slow to try is Django's, and not tested here.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
