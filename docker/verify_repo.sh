# Runs in the orchestrator: a bare repository with one commit, where forge `local` looks for it.
set -eu
repo=$DAMASCUS_HOME/verify/greeting.git
work=$(mktemp -d)
mkdir -p "$(dirname "$repo")"
git init -q --bare -b main "$repo"
git clone -q "$repo" "$work/greeting" 2>/dev/null
cd "$work/greeting"
git checkout -q -B main
cat >greeting.py <<'P'
"""What is said at the door."""


def hello(name: str) -> str:
    return f"Hello, {name}."
P
cat >test_greeting.py <<'P'
import unittest

from greeting import hello


class Greeting(unittest.TestCase):
    def test_hello(self):
        self.assertEqual(hello("Ada"), "Hello, Ada.")
P
git add -A
git -c user.name=Verify -c user.email=verify@example.invalid commit -q -m "Say hello"
git push -q origin main
rm -rf "$work"
echo "$repo"
