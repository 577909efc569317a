-- Idempotency keys: each with the answer that was given.

-- name: begin
-- Whoever comes second with the same key waits here until the first one's transaction has ended.
INSERT INTO idempotency_keys (caller, key, request_hash)
VALUES (%(caller)s::text, %(key)s::text, %(hash)s) ON CONFLICT DO NOTHING RETURNING key;

-- name: seen
SELECT request_hash, response FROM idempotency_keys
WHERE caller = %(caller)s::text AND key = %(key)s::text;

-- name: done
UPDATE idempotency_keys SET response = %(response)s
WHERE caller = %(caller)s::text AND key = %(key)s::text;

-- name: forget
DELETE FROM idempotency_keys WHERE (caller, key) IN
  (SELECT caller, key FROM idempotency_keys WHERE created_at < now() - interval '2 days'
   ORDER BY created_at LIMIT 500);
