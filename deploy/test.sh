#!/usr/bin/env bash
# All tests: on SQLite (with the browser), then on PostgreSQL. Called by `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."
export SECRET_KEY=${SECRET_KEY:-tests-only} PYTHONUNBUFFERED=1
postgres=${TEST_POSTGRES_URL:-postgresql://postgres@127.0.0.1:5432/runshere}

echo "== SQLite =="
DATABASE_URL=sqlite:///var/test.sqlite3 python -m pytest -n 2 --dist loadfile "$@"
echo "== PostgreSQL =="
# What needs no database was tested above.
DATABASE_URL=$postgres python -m pytest -n 2 --dist loadfile -m "not browser" \
  --ignore tests/engine --ignore tests/hub --ignore tests/metadata "$@"
