"""A command in a fork ends, speaks and sees its environment as one that was started."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import forked
from tests.own_database import ROOT, TIMEOUT, environment

CODE = {
    "the end of it": "print('done')",
    "its arguments": "import sys; print(sys.argv, file=sys.stderr)",
    "its environment": "import os; print(sorted(os.environ.keys() - {'LC_CTYPE'}), os.environ['SECRET_KEY'])",
    "what it is told": "import sys; print(sys.stdin.read()[::-1])",
    "a sentence at its end": "import sys; sys.exit('It cannot be done.')",
    "a number at its end": "import sys; sys.exit(3)",
    "what it does last": "import atexit; atexit.register(print, 'over')",
    "a thread of its own": "import threading; threading.Timer(0.1, print, ['late']).start()",
    "its own module": "class Here: pass\nprint(Here, __name__, __import__('__main__').Here is Here)",
    "a kill": "import os; print('before'); os.kill(os.getpid(), 9)",
    "no settings": "from django.conf import settings; print(settings.configured)",
}


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_a_fork_does_what_a_start_does(code):
    command = ["-c", code, "one", "two words"]
    env = environment("sqlite:///none", SECRET_KEY="of this test")
    started = subprocess.run(
        [sys.executable, *command], env=env, cwd=ROOT, input="told", capture_output=True, text=True, check=False
    )
    done = forked.first().run(command, environment=env, said="told", timeout=TIMEOUT)
    assert (done.returncode, done.stdout, done.stderr) == (started.returncode, started.stdout, started.stderr)


def test_a_mistake_is_told_and_ends_it_like_a_start():
    done = forked.first().run(["-c", "1 / 0"], timeout=TIMEOUT)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_what_hangs_is_killed():
    with pytest.raises(subprocess.TimeoutExpired):
        forked.first().run(["-c", "import time; time.sleep(600)"], timeout=0.5)
    assert forked.first().run(["-c", "print(1)"], timeout=TIMEOUT).stdout == "1\n"


def test_forks_of_one_environment_share_its_settings_and_nothing_that_they_do(tmp_path):
    within = forked.first().within(environment(f"sqlite:///{tmp_path}/here.sqlite3"))
    look = "from django.conf import settings; print(settings.DATABASES['default']['NAME'], settings.HERE)"
    change = f"from django.conf import settings; settings.HERE = 1; {look}"
    assert within.run(["-c", change], timeout=TIMEOUT).stdout == f"{tmp_path}/here.sqlite3 1\n"
    assert within.run(["-c", look], timeout=TIMEOUT).returncode == 1
    within.close()


@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONIOENCODING", "LC_ALL"])
def test_what_an_interpreter_begins_with_needs_a_start(name):
    assert forked.takes(environment("sqlite:///none"))
    assert not forked.takes(environment("sqlite:///none", **{name: "x"}))
