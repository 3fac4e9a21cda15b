#!/bin/sh
# Copy the whole database named by DATABASE_URL into FILE while the site runs. Usage: deploy/backup.sh FILE
set -eu
target=${1:?"usage: deploy/backup.sh FILE"}
url=${DATABASE_URL:-$([ -z "${DATABASE_URL_FILE:-}" ] || cat "$DATABASE_URL_FILE")}
url=${url:-sqlite:///var/runshere.sqlite3}
[ ! -e "$target" ] || { echo "backup: $target exists already" >&2; exit 1; }
umask 077
case "$url" in
    sqlite:///*)
        case "$target" in /*) ;; *) target=$PWD/$target ;; esac
        cd "$(dirname "$0")/.." # as in the settings, a relative path counts from the project's folder
        python3 - "${url#sqlite:///}" "$target.partial" <<'PYTHON'
import pathlib, sqlite3, sys

source, target = sys.argv[1:]
database = sqlite3.connect(f"{pathlib.Path(source).resolve(strict=True).as_uri()}?mode=ro", uri=True)
database.execute("VACUUM INTO ?", [target])
database.close()
copy = sqlite3.connect(target)
result = copy.execute("PRAGMA integrity_check").fetchone()[0]
copy.close()
sys.exit(0 if result == "ok" else f"backup: the copy is damaged: {result}")
PYTHON
        ;;
    postgres://* | postgresql://*) pg_dump --format=custom --no-owner --file="$target.partial" --dbname="$url" ;;
    *) echo "backup: DATABASE_URL begins with neither sqlite:/// nor postgresql://" >&2; exit 1 ;;
esac
mv "$target.partial" "$target"
echo "$target: $(wc -c < "$target") bytes"
