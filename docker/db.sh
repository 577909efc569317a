#!/bin/bash
# PostgreSQL that ends after its clients. When the engine itself stops, it tells all containers at
# once: a database that goes first keeps the workers from giving back their claims. So TERM and INT
# first refuse new connections and wait for those there are, and after DB_PATIENCE_SECONDS end them.
[ -n "${POSTGRES_PASSWORD:-}${POSTGRES_PASSWORD_FILE:-}" ] || {
  echo "set DAMASCUS_DB_PASSWORD in .env" >&2
  exit 1
}
docker-entrypoint.sh "$@" &
server=$!
stopping=
stop() {
  [ -z "$stopping" ] || return
  stopping=yes
  kill -TERM "$server"
  (sleep "${DB_PATIENCE_SECONDS:-45}"; kill -INT "$server") 2>/dev/null &
}
trap stop TERM INT
while :; do
  wait "$server"
  code=$?
  kill -0 "$server" 2>/dev/null || exit "$code"
done
