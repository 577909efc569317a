#!/usr/bin/env bash
# What the tests can use beside Python: bubblewrap, a browser, Node.js, the pinned coding agent, the
# built page. Brings what is missing and can be had, says what cannot, and never fails: the tests
# that lack something are skipped, and named at the end of the run.
set -uo pipefail
cd "$(dirname "$0")/.."
say() { echo "tests: $*" >&2; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo -n "$@"; else return 1; fi
}
missing=()
need() { command -v "$1" >/dev/null || missing+=("$2"); }
need git git
need git-lfs git-lfs
need bwrap bubblewrap
need node nodejs
need npm npm
need curl curl
need chromium chromium
if [ ${#missing[@]} -gt 0 ]; then
  export DEBIAN_FRONTEND=noninteractive
  say "installing ${missing[*]}"
  { command -v apt-get && as_root true && as_root apt-get update -qq &&
    as_root apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >/dev/null 2>&1 ||
    say "could not install ${missing[*]} (as root: apt install ${missing[*]})"
fi

fresh() { [ -e "$1/node_modules/.package-lock.json" ] && [ ! "$1/package-lock.json" -nt "$1/node_modules/.package-lock.json" ]; }
packages() { # directory, what it is for
  fresh "$1" && return
  say "installing $2"
  scripts/npm.sh ci --prefix "$1" --no-audit --no-fund --loglevel=error >&2 &&
    touch "$1/node_modules/.package-lock.json" || say "could not install $2"
}
packages requirements/node "the coding agent"
packages ui "the page's tools"
if [ ! -f src/damascus/api/static/index.html ] && fresh ui; then
  say "building the page"
  scripts/npm.sh run --prefix ui build >/dev/null || say "could not build the page"
fi
exit 0
