#!/usr/bin/env bash
# All tests: on SQLite, in a browser, then on PostgreSQL. Called by `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONUNBUFFERED=1
# Compiled once: the tests start hundreds of processes, and rewriting the asserts of all tests takes longer than many.
unset PYTHONDONTWRITEBYTECODE
postgres=${TEST_POSTGRES_URL:-postgresql://postgres@127.0.0.1:5432/runshere}
pytest() { python -m pytest -n 2 --dist loadfile "$@"; }
# Its fixtures are set up for every test, whether it has a page or not.
without_browser() { pytest -p no:playwright "$@"; }

echo "== SQLite =="
without_browser -m "not browser"
# A process of its own: the browser's driver keeps an event loop running, in which nothing else could run one.
echo "== Browser =="
pytest -m browser tests/browser tests/test_export_site.py
# What needs no database, or asks it nothing that the others do not, was tested above.
echo "== PostgreSQL =="
DATABASE_URL=$postgres without_browser -m "database and not browser" --ignore tests/architectures --ignore tests/engines \
  --ignore tests/estimate --ignore tests/extraction --ignore tests/hub --ignore tests/rules --ignore tests/tools \
  --ignore tests/test_architecture.py --ignore tests/test_docs.py --ignore tests/test_cache_in_front.py \
  --ignore tests/api/test_types.py --ignore tests/test_env.py --ignore tests/test_add_card.py --ignore tests/test_commands.py \
  --ignore tests/test_add_engine.py --ignore tests/test_where_do_i_put.py --ignore tests/catalogue/test_add_parameter.py \
  --ignore tests/assistant --ignore tests/test_export_site.py --ignore tests/test_check_model.py \
  --ignore tests/api/test_posted_back.py --ignore tests/catalogue/test_accuracy.py --ignore tests/pages/test_headers.py \
  --ignore tests/api/test_examples.py --ignore tests/api/test_plans.py --ignore tests/catalogue/test_facets.py \
  --ignore tests/catalogue/test_ladder.py --ignore tests/catalogue/test_speed.py --ignore tests/catalogue/test_suggesting.py \
  --ignore tests/deploy/test_slow_clients.py --ignore tests/pages/test_addresses.py --ignore tests/pages/test_machine_field.py \
  --ignore tests/pages/test_worker_choice.py
