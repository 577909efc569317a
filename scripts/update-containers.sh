#!/usr/bin/env bash
# Brings the stack to what is checked out: builds, brings the schema up to date while the old stack
# still runs, and only then replaces it. Where any step fails, what runs goes on running.
set -euo pipefail
cd "$(dirname "$0")/.."
# Of .env only these two lines are needed here; docker compose reads the rest by itself.
for name in DAMASCUS_DOCKERFILE DAMASCUS_IMAGE; do
  [ -n "${!name:-}" ] || export "$name=$(sed -n "s/^$name=//p" .env 2>/dev/null | tail -n 1)"
done
docker compose build
if [ -n "${DAMASCUS_DOCKERFILE:-}" ]; then # your own image, made from the one just built
  docker build -t "${DAMASCUS_IMAGE:?name your own image in DAMASCUS_IMAGE}" -f "$DAMASCUS_DOCKERFILE" .
fi
docker compose run --rm init
docker compose up -d
