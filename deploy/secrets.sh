#!/bin/sh
# Make the secrets that compose.yaml hands to the containers, in deploy/secrets/. What exists already is left alone.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
# Only the owner may enter the folder. The files themselves must be readable inside the containers, whose user is another.
chmod 700 secrets
printf '*\n' > secrets/.gitignore
random() { python3 -c "import secrets; print(secrets.token_urlsafe($1), end='')"; }
[ -e secrets/secret_key ] || random 50 > secrets/secret_key
[ -e secrets/postgres_password ] || random 24 > secrets/postgres_password
[ -e secrets/database_url ] ||
    printf 'postgresql://runshere:%s@database:5432/runshere' "$(cat secrets/postgres_password)" > secrets/database_url
[ -e secrets/hf_token ] || : > secrets/hf_token # empty: ask the Hub without a token
chmod 644 secrets/secret_key secrets/postgres_password secrets/database_url secrets/hf_token
echo "Secrets are in deploy/secrets/. Put a Hub token into hf_token if you have one."
