#!/usr/bin/env bash
# The long form of tests/crash, on SQLite and on PostgreSQL. Called by `make crash`, which may be told a part: ONLY=races.
set -euo pipefail
cd "$(dirname "$0")/.."
export CRASH=all PYTHONUNBUFFERED=1
postgres=${TEST_POSTGRES_URL:-postgresql://postgres@127.0.0.1:5432/runshere}
for database in "" "$postgres"; do
  echo "== ${database:-SQLite} =="
  DATABASE_URL=${database:-sqlite:///var/crash.sqlite3} python -m pytest -s tests/crash/${ONLY:+test_$ONLY.py}
done
