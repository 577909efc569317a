-- Who may use the HTTP API: tokens and sign-ins, of which only hashes are kept.

-- name: holder
SELECT id, name, token_hash, scopes FROM api_tokens
WHERE token_hash = %(hash)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now());

-- name: signed_in
SELECT t.id, t.name, s.session_hash AS token_hash, t.scopes
FROM api_sessions s JOIN api_tokens t ON t.id = s.token_id
WHERE s.session_hash = %(hash)s AND s.expires_at > now() AND t.revoked_at IS NULL
  AND (t.expires_at IS NULL OR t.expires_at > now());

-- name: used
-- At most once a minute per token: a busy reader must not become a writer.
UPDATE api_tokens SET last_used_at = now()
WHERE id = %(token)s::bigint
  AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute');

-- name: create
INSERT INTO api_tokens (name, token_hash, scopes, created_by, expires_at)
VALUES (%(name)s::text, %(hash)s, %(scopes)s::text[], %(actor)s::text, now() + %(life)s::interval)
RETURNING id, name, scopes, created_at, created_by, expires_at;

-- name: list
SELECT id, name, scopes, created_at, created_by, expires_at, last_used_at, revoked_at, revoked_by
FROM api_tokens WHERE %(all)s::boolean OR revoked_at IS NULL ORDER BY id;

-- name: revoke
WITH t AS (
  UPDATE api_tokens SET revoked_at = now(), revoked_by = %(actor)s::text
  WHERE name = %(name)s::text AND revoked_at IS NULL RETURNING id
), s AS (DELETE FROM api_sessions WHERE token_id IN (SELECT id FROM t))
SELECT id FROM t;

-- name: sign_in
WITH old AS (
  DELETE FROM api_sessions WHERE session_hash IN
    (SELECT session_hash FROM api_sessions WHERE expires_at < now() ORDER BY expires_at LIMIT 100)
)
INSERT INTO api_sessions (session_hash, token_id, expires_at)
VALUES (%(hash)s, %(token)s::bigint, now() + %(life)s::interval) RETURNING expires_at;

-- name: sign_out
DELETE FROM api_sessions WHERE session_hash = %(hash)s;
