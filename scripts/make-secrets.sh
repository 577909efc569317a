#!/usr/bin/env bash
# Writes passwords of their own for the services db and redis, and the addresses that hold them, into
# secrets/, for docker/secrets.compose.yml. What is there already stays. The containers' users must be
# able to read the files (uid 10001 of Damascus, 999 of the databases), so the directory is closed
# instead: nobody but you can enter it.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets
chmod 700 secrets
random() { od -An -tx1 -N32 /dev/urandom | tr -d ' \n'; }
write() { # file, text
  [ -e "secrets/$1" ] && { echo "secrets/$1 is there already and stays" >&2; return; }
  printf '%s\n' "$2" >"secrets/$1"
  chmod 644 "secrets/$1"
}
[ -e secrets/db_password ] && db=$(cat secrets/db_password) || db=$(random)
[ -e secrets/redis_conf ] && redis=$(sed -n 's/^requirepass //p' secrets/redis_conf) || redis=$(random)
write db_password "$db"
write database_url "postgresql://damascus:$db@db:5432/damascus"
write redis_url "redis://:$redis@redis:6379/0"
write redis_conf "save \"\"
appendonly no
maxmemory 64mb
requirepass $redis"
