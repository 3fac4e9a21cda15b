#!/bin/sh
# Start one of the Procfile's processes by its name (web, tasks), or any other command. Before the web process everything
# is brought up to date, so that one container alone is a site.
set -eu
cd "$(dirname "$0")/.."
# Hub clients know HF_TOKEN only as a variable, but a secret comes as a file.
if [ -z "${HF_TOKEN:-}" ] && [ -s "${HF_TOKEN_FILE:-}" ]; then
    HF_TOKEN=$(cat "$HF_TOKEN_FILE")
    export HF_TOKEN
fi
if [ "$*" = web ]; then
    python manage.py prepare >&2
fi
if [ $# -eq 1 ]; then
    line=$(sed -n "s/^$1: //p" Procfile)
    [ -z "$line" ] || exec sh -c "$line"
fi
exec "$@"
