#!/usr/bin/env bash
# Makes the profile `forge` ready for work: a user `damascus`, its token with the least scopes, and an
# empty repository. Run again it makes only what is missing, and a new token.
#   scripts/bootstrap-gitea.sh [REPOSITORY]     default: first
# Writes secrets/gitea_token and prints the lines for .env. Say `FORGE=…` for a command that runs
# gitea's own program elsewhere; default: docker compose exec -T -u git gitea
set -euo pipefail
cd "$(dirname "$0")/.."
repository=${1:-first}
case $repository in *[!A-Za-z0-9._-]* | "")
  echo "bootstrap: $repository is no name of a repository: letters, digits, '.', '_' and '-'" >&2; exit 2 ;;
esac
if [ -z "${FORGE:-}" ]; then
  docker compose --profile forge up -d --wait gitea
  FORGE="docker compose exec -T -u git gitea"
fi
umask 077
mkdir -p secrets && chmod 700 secrets
password=$(od -An -tx1 -N24 /dev/urandom | tr -d ' \n')
if $FORGE gitea admin user list | awk '{print $2}' | grep -qx damascus; then
  $FORGE gitea admin user change-password --username damascus --password "$password" --must-change-password=false >/dev/null
else
  $FORGE gitea admin user create --username damascus --email damascus@localhost \
    --password "$password" --must-change-password=false >/dev/null
fi
token=$($FORGE gitea admin user generate-access-token --username damascus \
  --token-name "damascus-$(date +%s)" --scopes write:repository,write:issue,read:user --raw | tail -n 1 | tr -d '\r')
[ -n "$token" ] || { echo "bootstrap: Gitea gave no token" >&2; exit 1; }
printf '%s\n' "$token" >secrets/gitea_token
chmod 644 secrets/gitea_token # the directory is closed; uid 10001 of the containers must read it
# The password goes to curl by its standard input, not on its command line.
answer=$(printf 'user = "damascus:%s"\n' "$password" | $FORGE curl -sS -K - -o /dev/null -w '%{http_code}' \
  -H 'Content-Type: application/json' -d "{\"name\": \"$repository\", \"auto_init\": true, \"default_branch\": \"main\"}" \
  http://127.0.0.1:3000/api/v1/user/repos)
case $answer in
  201) echo "bootstrap: the repository damascus/$repository was made" >&2 ;;
  409) echo "bootstrap: the repository damascus/$repository is there already" >&2 ;;
  *) echo "bootstrap: the repository was not made (HTTP $answer)" >&2; exit 1 ;;
esac
cat <<END
# for .env; docker/gitea-token.compose.yml hands the token to the containers as a file
DAMASCUS_GITEA_URL=http://gitea:3000
COMPOSE_FILE=${COMPOSE_FILE:-docker-compose.yml}:docker/gitea-token.compose.yml
# then
docker compose up -d
docker compose exec orchestrator damascus project add $repository --repo http://gitea:3000/damascus/$repository
END
