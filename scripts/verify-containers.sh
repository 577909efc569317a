#!/usr/bin/env bash
# Proves the containers: builds the image, starts the whole stack, carries two stories to `merged`
# (one of them over a restart of the worker), and takes everything down again. Needs Docker with `docker compose` v2; no key, no model, no forge:
# the model is scripted, the agent (Claude Code in the image) and all the rest are real.
#
#   scripts/verify.sh --full [--keep] [--no-build] [--timeout SECONDS]
#
# --keep      leaves the stack running and says how to reach it and how to remove it
# --no-build  takes the image DAMASCUS_IMAGE (default damascus:verify) as it is
# --timeout   how long a step of a story may take, in seconds (default 300)
# Exit status: 0 all of it worked, 1 something did not (the logs follow), 2 usage.
set -euo pipefail
cd "$(dirname "$0")/.."

keep=no build=yes timeout=300
while [ $# -gt 0 ]; do
  case $1 in
    --keep) keep=yes ;;
    --no-build) build=no ;;
    --timeout) timeout=${2:?--timeout needs seconds}; shift ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    *) echo "verify: unknown option $1 (see --help)" >&2; exit 2 ;;
  esac
  shift
done

docker compose version >/dev/null 2>&1 || { echo "verify: needs docker with compose v2" >&2; exit 1; }
secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

temp=$(mktemp -d)
project=damascus-verify-$$
db_password=$(secret) redis_password=$(secret) model_key=$(secret)
umask 077
cat >"$temp/env" <<END
DAMASCUS_IMAGE=${DAMASCUS_IMAGE:-damascus:verify}
DAMASCUS_BUILT_IMAGE=damascus:verify
DAMASCUS_REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)
DAMASCUS_DB_PASSWORD=$db_password
DAMASCUS_REDIS_PASSWORD=$redis_password
DAMASCUS_STATUS_PORT=0
DAMASCUS_API_PORT=0
DAMASCUS_RING_SECONDS=2
DAMASCUS_SHUTDOWN_GRACE_SECONDS=2
VERIFY_MODEL_KEY=$model_key
END
image=$(sed -n 's/^DAMASCUS_IMAGE=//p' "$temp/env")

# Only what the file says: a DAMASCUS_* of the caller's shell would win over it.
while read -r name; do unset "$name"; done < <(compgen -e | grep '^DAMASCUS_' || true)
compose() {
  docker compose --project-name "$project" --env-file "$temp/env" \
    -f docker-compose.yml -f docker/verify.compose.yml "$@"
}
damascus() { compose exec -T orchestrator damascus "$@"; }

start=$(date +%s)
say() { printf '%4ds  %s\n' $(($(date +%s) - start)) "$*" >&2; }
fail() { say "FAILED: $*"; exit 1; }

finish() {
  status=$?
  trap - EXIT INT TERM
  if [ "$status" -ne 0 ]; then
    compose ps -a >&2 || true
    compose logs --no-color --tail 60 >&2 || true
    damascus show 1 >&2 2>/dev/null || true
  fi
  if [ "$keep" = yes ]; then
    say "kept. Reach it:   docker compose -p $project exec orchestrator damascus status"
    say "      Remove it:  docker compose -p $project down -v; rm -r $temp"
  else
    say "taking it down"
    compose down -v --remove-orphans --timeout 40 >/dev/null 2>&1 || true
    rm -rf "$temp"
  fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ "$build" = yes ]; then
  compose build >"$temp/build.log" 2>&1 || { tail -n 60 "$temp/build.log" >&2; fail "the image does not build"; }
fi
docker image inspect "$image" >/dev/null 2>&1 || fail "there is no image $image; run without --no-build"
say "image $image: $(docker image inspect -f '{{.Size}}' "$image" | awk '{printf "%.0f MB", $1 / 1e6}')"

# compose returns when everything that others wait for is healthy, and fails if init fails.
compose up -d --no-build >"$temp/up.log" 2>&1 || { cat "$temp/up.log" >&2; fail "the stack does not start"; }
for service in db redis model orchestrator scheduler sidecar-status api; do
  for ((left = 60; ; left--)); do
    id=$(compose ps -q "$service")
    health=$(docker inspect -f '{{.State.Health.Status}}' "$id" 2>/dev/null || echo gone)
    [ "$health" = healthy ] && break
    if [ "$left" -eq 0 ] || [ "$health" = gone ]; then
      docker inspect -f '{{range .State.Health.Log}}{{.Output}}{{end}}' "$id" >&2 || true
      fail "$service is $health"
    fi
    sleep 1
  done
done
say "all seven services are healthy"

# Nobody here is root, and the sandbox is the strong one.
[ "$(compose exec -T orchestrator id -u)" = 10001 ] || fail "the orchestrator does not run as uid 10001"
compose exec -T orchestrator /opt/damascus/bin/python -c \
  'from damascus.sandbox import detect; detect("bubblewrap")' ||
  fail "bubblewrap does not work in the orchestrator: see docs/containers.md"

repo=$(compose exec -T orchestrator sh -s <docker/verify_repo.sh | tail -n 1 | tr -d '\r')
damascus project add greeting --forge local --repo "$repo" --base-branch main \
  --test-command "python -m unittest"
ingest() { printf '# %s\n\n%s\n' "$2" "$3" | damascus ingest --project greeting --key "$1" -; }
# The value of a field of item $1, asked where a stopped worker does not matter.
field() {
  compose exec -T sidecar-status damascus show "$1" --json </dev/null |
    sed -n "s/^ *\"$2\": *\"\{0,1\}\([^\",]*\).*/\1/p" | head -n 1
}
until_phase() { # item, phase: waits, and fails when it comes to rest elsewhere
  local begun phase=none now
  begun=$(date +%s)
  while :; do
    now=$(field "$1" phase)
    [ "$now" = "$phase" ] || say "item $1 is in $now"
    phase=$now
    [ "$phase" != "$2" ] || break
    case $phase in
      merged | blocked | awaiting_human | cancelled) fail "item $1 came to rest in $phase" ;;
    esac
    [ $(($(date +%s) - begun)) -lt "$timeout" ] || fail "item $1 is not in $2 after $timeout s"
    sleep 1
  done
}

ingest farewell "Say goodbye" "People are greeted. Say farewell to them too."
begun=$(date +%s)
until_phase 1 merged
say "merged $(($(date +%s) - begun)) s after it was handed in"

# A second one, stopped in the middle of its build as a deployment would.
ingest whisper "Whisper" "People are greeted aloud. Let there be a whisper as well."
until_phase 2 build
sleep 5
[ "$(field 2 claimed_by)" != null ] || fail "nobody builds item 2"
compose stop orchestrator >/dev/null 2>&1
stopped=$(compose ps -a --format '{{.ExitCode}}' orchestrator)
[ "$stopped" != 137 ] || fail "the orchestrator had to be killed"
[ "$(field 2 claimed_by)" = null ] || fail "a stopped worker kept its claim"
[ "$(field 2 attempts)" = 0 ] || fail "a stopped worker spent an attempt of its item"
say "stopped in the middle of a build: the claim is given back, the attempt is not spent"
compose start orchestrator >/dev/null 2>&1
until_phase 2 merged

damascus status
damascus cycle || fail "damascus cycle on an empty queue must exit 0"
compose exec -T orchestrator git --git-dir="$repo" log --oneline --graph main
compose exec -T orchestrator git --git-dir="$repo" ls-tree --name-only main | tr '\n' ' ' |
  grep -q 'farewell.py .*whisper.py' || fail "the merged branch does not hold both changes"

# The status sidecar: reachable on this machine only, and it logs.
address=$(compose port sidecar-status 8090)
case $address in 127.0.0.1:*) ;; *) fail "the status page is published on $address" ;; esac
if command -v curl >/dev/null; then curl -fsS "http://$address/" | head -c 2000; echo; fi
[ -n "$(compose logs --no-log-prefix sidecar-status)" ] || fail "the sidecar logs nothing"

# The API and the page, through the port that is published.
address=$(compose port api 8080)
case $address in 127.0.0.1:*) ;; *) fail "the API is published on $address" ;; esac
if command -v curl >/dev/null; then
  DAMASCUS_COMPOSE_ARGS="--project-name $project --env-file $temp/env -f docker-compose.yml -f docker/verify.compose.yml" \
    scripts/verify.sh || fail "the smoke of the running stack failed"
  curl -fsS "http://$address/" | grep -q '<div id="root">' || fail "the page is not in the image"
fi

compose logs --no-color >"$temp/logs" 2>&1
for word in "$db_password" "$redis_password" "$model_key"; do
  ! grep -qF "$word" "$temp/logs" || fail "a secret stands in the logs"
done

mapfile -t running < <(compose ps -q)
docker stats --no-stream --format 'table {{.Name}}\t{{.MemUsage}}\t{{.PIDs}}\t{{.CPUPerc}}' "${running[@]}" >&2
say "all of it works"
