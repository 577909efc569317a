#!/usr/bin/env bash
# Installs the wheel of `make dist` as people do, with each Python given, and runs the demonstration
# and `up` from it. Needs a package index.
#   scripts/try-wheel.sh [PYTHON …]     default: every python3.11 to python3.14 that is there
set -euo pipefail
cd "$(dirname "$0")/.."
wheel=$(ls "$PWD"/dist/*.whl)
uv=$PWD/.venv/bin/uv
[ $# -gt 0 ] || for one in 3.11 3.12 3.13 3.14; do
  found=$("$uv" python find --no-python-downloads "$one" 2>/dev/null) && set -- "$@" "$found"
done
for python in "$@"; do
  place=$(mktemp -d)
  trap 'rm -rf "$place"' EXIT
  export UV_TOOL_DIR=$place/tools UV_TOOL_BIN_DIR=$place/bin
  "$uv" tool install -q --no-python-downloads --python "$python" "$wheel[embedded,api,mcp]"
  "$python" --version >&2
  (
    cd "$place" # not where the sources are
    export HOME=$place PATH=$place/bin:/usr/local/bin:/usr/bin:/bin
    damascus demo --json >demo.json
    echo "  the demonstration: $(grep -c '"phase": "merged"' demo.json) merged" >&2
    damascus up >up.log 2>&1 &
    up=$!
    for _ in $(seq 120); do grep -q 'http://127.0.0.1' up.log && break; sleep 1; done
    grep -m 1 'http://127.0.0.1' up.log >&2 || { cat up.log >&2; exit 1; }
    damascus status >/dev/null
    kill -TERM $up; wait $up || true
  )
  rm -rf "$place"
done
