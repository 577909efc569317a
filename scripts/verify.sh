#!/usr/bin/env bash
# A smoke of a running Damascus, in less than 30 seconds: it is healthy, items can be read, grouped and
# counted, nobody gets in without a token, and a story can be handed in with one. Nothing is built and
# nothing is paid: the story goes into a paused project of its own, `verify`, and is cancelled.
#
#   scripts/verify.sh          the stack of docker-compose.yml, or else the `damascus up` of this user
#   scripts/verify.sh --full   the containers from nothing: builds, starts, merges two stories, takes
#                              down (see scripts/verify.sh --full --help)
#
# Needs curl. Exit status: 0 all of it works, 1 something does not (said), 2 usage.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1-} in
  --full) shift; exec scripts/verify-containers.sh "$@" ;;
  "") ;;
  -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
  *) echo "verify: unknown option $1 (see --help)" >&2; exit 2 ;;
esac

fail() { echo "FAILED  $*" >&2; exit 1; }
ok() { echo "ok      $*"; }
command -v curl >/dev/null || fail "it needs curl"

# Where it runs: in containers, or here. DAMASCUS_COMPOSE_ARGS names another stack than the usual one.
read -ra compose_args <<<"${DAMASCUS_COMPOSE_ARGS-}"
compose() { docker compose "${compose_args[@]}" "$@"; }
if address=$(compose port api 8080 2>/dev/null) && [ -n "$address" ]; then
  damascus() { compose exec -T orchestrator damascus "$@"; }
  in_place() { compose exec -T orchestrator sh -s; }
  where="the containers"
elif bin=$(command -v damascus || ls .venv/bin/damascus 2>/dev/null) && "$bin" status >/dev/null 2>&1; then
  damascus() { "$bin" "$@"; }
  home=$("$bin" config --json | sed -n '/"name": "home"/,/}/s/^ *"value": "\(.*\)".*/\1/p')
  in_place() { DAMASCUS_HOME=$home sh -s; }
  address=$(sed -n 's,^http://\([^/]*\)/.*,\1,p' "$home/page.link" 2>/dev/null) || true
  [ -n "$address" ] || fail "Damascus is up, but its page is not: see what \`damascus up\` said"
  where="damascus up"
else
  fail "nothing runs here: \`docker compose up -d\`, or \`damascus up\`"
fi
url=http://$address
echo "$where at $url"

temp=$(mktemp -d)
token_name=verify-$$-$RANDOM
finish() {
  status=$?
  damascus token revoke "$token_name" >/dev/null 2>&1 </dev/null || true
  rm -rf "$temp"
  exit "$status"
}
trap finish EXIT

# Asks and prints the body; fails unless the status is the one that is expected.
ask() { # status, method, path, then options of curl
  local expected=$1 method=$2 path=$3 got
  shift 3
  got=$(curl -sS --max-time 10 -o "$temp/body" -w '%{http_code}' -X "$method" "$@" "$url$path") ||
    fail "$method $path: no answer"
  [ "$got" = "$expected" ] || fail "$method $path answered $got, not $expected: $(head -c 300 "$temp/body")"
  cat "$temp/body"
}
has() { grep -q "$1" "$temp/body" || fail "$2: $(head -c 300 "$temp/body")"; }
# The first number called $1 in the last body.
number() { grep -o "\"$1\": *[0-9]*" "$temp/body" | head -n 1 | grep -o '[0-9]*$'; }

ask 200 GET /healthz >/dev/null && ok "alive"
ask 200 GET /readyz >/dev/null && ok "ready: database, schema and broker"
curl -sS --max-time 10 -o /dev/null -D "$temp/head" "$url/v1/items"
head -n 1 "$temp/head" | grep -q ' 401' || fail "items can be read without a token"
grep -qi '^www-authenticate: *bearer' "$temp/head" || fail "401 without WWW-Authenticate"
ask 401 POST /v1/items -H 'Authorization: Bearer dam_nobodys' -H 'Content-Type: application/json' -d '{' >/dev/null
ok "401 without a token, and with a wrong one before the body is read"

token=$(damascus token create "$token_name" --scope read --scope ingest --scope operate --expires 1h \
  2>/dev/null </dev/null | tr -d '\r') || fail "no token can be made"
umask 077
printf 'header = "Authorization: Bearer %s"\nheader = "Content-Type: application/json"\n' "$token" >"$temp/curl"
with=(--config "$temp/curl")

ask 200 GET '/v1/items?limit=5' "${with[@]}" >/dev/null && has '"items"' "no list of items" && ok "items can be read"
ask 200 GET '/v1/items?group_by=project' "${with[@]}" >/dev/null && has '"groups"' "no groups" && ok "and grouped by project"
ask 200 GET /v1/stats "${with[@]}" >/dev/null && ok "stats are counted"

if ! damascus project show verify >/dev/null 2>&1 </dev/null; then
  repo=$(in_place <<'SH'
set -eu
repo=$DAMASCUS_HOME/verify.git
[ -d "$repo" ] || git init -q --bare -b main "$repo"
blob=$(echo "Where scripts/verify.sh hands in its stories." | git -C "$repo" hash-object -w --stdin)
tree=$(printf '100644 blob %s\tREADME.md\n' "$blob" | git -C "$repo" mktree)
commit=$(git -C "$repo" -c user.name=verify -c user.email=verify@localhost commit-tree -m "Begin" "$tree")
git -C "$repo" update-ref refs/heads/main "$commit"
echo "$repo"
SH
  ) || fail "no repository can be made for the project verify"
  damascus project add verify --no-detect --forge local --repo "$(printf %s "$repo" | tr -d '\r')" </dev/null >/dev/null ||
    fail "no project can be added"
fi
damascus project pause verify --reason "only scripts/verify.sh hands in stories here" </dev/null >/dev/null ||
  fail "the project verify cannot be paused"

story='{"project": "verify", "key": "'$token_name'", "story": "# A story that is never built\n"}'
again=(-H "Idempotency-Key: $token_name" -d "$story")
ask 201 POST /v1/items "${with[@]}" "${again[@]}" >/dev/null
id=$(number item_id) && [ -n "$id" ] || fail "no item came of the story: $(head -c 300 "$temp/body")"
ask 201 POST /v1/items "${with[@]}" "${again[@]}" >/dev/null
[ "$(number item_id)" = "$id" ] || fail "the same key made a second item"
ask 200 GET "/v1/items/$id" "${with[@]}" >/dev/null && has "$token_name" "the item is another one"
ask 200 POST "/v1/items/$id/cancel" "${with[@]}" -d '{}' >/dev/null
ok "a story handed in with a token is item $id; it is cancelled again"
damascus token revoke "$token_name" >/dev/null </dev/null || fail "the token cannot be revoked"
for left in 5 4 3 2 1 0; do
  got=$(curl -sS --max-time 10 -o /dev/null -w '%{http_code}' "${with[@]}" "$url/v1/stats")
  [ "$got" != 401 ] || break
  [ "$left" -gt 0 ] || fail "a revoked token still opens the door ($got)"
  sleep 1
done
ok "a revoked token opens nothing"
echo "all of it works, in $SECONDS s"
