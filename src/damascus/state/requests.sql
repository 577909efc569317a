-- Idempotency keys: each with the answer that was given.

-- name: begin
-- Whoever comes second with the same key waits here until the first one's transaction has ended.
INSERT INTO api_requests (token_id, key, request_hash)
VALUES (%(token)s::bigint, %(key)s::text, %(hash)s) ON CONFLICT DO NOTHING RETURNING key;

-- name: seen
SELECT request_hash, response FROM api_requests
WHERE token_id = %(token)s::bigint AND key = %(key)s::text;

-- name: done
UPDATE api_requests SET response = %(response)s
WHERE token_id = %(token)s::bigint AND key = %(key)s::text;

-- name: forget
DELETE FROM api_requests WHERE (token_id, key) IN
  (SELECT token_id, key FROM api_requests WHERE created_at < now() - interval '2 days'
   ORDER BY created_at LIMIT 500);
