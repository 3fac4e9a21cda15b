#!/bin/sh
# Fetch the best known models from the Hub, again and again. A failed round is told in the log and tried at the next.
set -u
while :; do
    python manage.py sync_models --limit "${SYNC_LIMIT:-1000}" || echo "sync: this round ended with exit code $?; what it brought is kept" >&2
    sleep "${SYNC_EVERY:-21600}"
done
