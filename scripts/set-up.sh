#!/usr/bin/env bash
# Installs what a lock file pins, and Damascus itself, into .venv, and says how far it is.
#   set-up.sh LOCK
set -euo pipefail
cd "$(dirname "$0")/.."
lock=$1
pip=(.venv/bin/python -m pip --disable-pip-version-check install --no-deps)
all=$(grep -c '^[a-z]' "$lock")
say() { echo "set-up: $*" >&2; }

say "installing $all packages into .venv, each checked against $lock …"
"${pip[@]}" --progress-bar off --require-hashes -r "$lock" | awk -v all="$all" '
  /^(Collecting|Requirement already satisfied)/ {
    sub(/^Requirement already satisfied:/, ""); sub(/^Collecting/, "")
    if (++n % 20 == 0) { printf "set-up: %d of %d packages fetched, now %s\n", n, all, $1; fflush() }
  }
  /^Installing collected packages/ { print "set-up: all are here, unpacking them …"; fflush() }
' >&2
say "installing Damascus itself …"
"${pip[@]}" -q --no-build-isolation --editable . >&2
say "done; type .venv/bin/damascus, or damascus after: export PATH=\"\$PWD/.venv/bin:\$PATH\""
