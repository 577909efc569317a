#!/usr/bin/env bash
# Makes a virtual key at the proxy of the profile `llm`, with a budget and an expiry, and prints it.
#   scripts/litellm-key.sh [US-DOLLARS] [DURATION]     default: 50 30d
set -euo pipefail
cd "$(dirname "$0")/.."
budget=${1:-50} duration=${2:-30d}
[[ $budget =~ ^[0-9]+(\.[0-9]+)?$ ]] || { echo "litellm-key: $budget is no amount of US dollars" >&2; exit 2; }
[[ $duration =~ ^[0-9]+[smhd]$ ]] || { echo "litellm-key: $duration is no duration such as 12h or 30d" >&2; exit 2; }
docker compose --profile llm up -d --wait litellm >&2
docker compose exec -T litellm python3 - "$budget" "$duration" <<'END'
import json, os, sys, urllib.request

request = urllib.request.Request(
    "http://127.0.0.1:4000/key/generate",
    json.dumps({"max_budget": float(sys.argv[1]), "duration": sys.argv[2], "models": ["damascus", "claude-*"]}).encode(),
    {"Authorization": "Bearer " + os.environ["LITELLM_MASTER_KEY"], "Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=60) as answer:
    print(json.load(answer)["key"])
END
