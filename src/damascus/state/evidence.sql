-- What merges stand on, and the test reports of base commits.

-- name: keep
-- Before the merge, so that no merge is without it. The claim is asked in the same statement.
WITH held AS (
  SELECT w.id, r.id AS run_id FROM work_items w
  JOIN phase_runs r ON r.item_id = w.id AND r.claim_epoch = w.claim_epoch
  WHERE w.id = %(item)s AND w.claim_epoch = %(epoch)s AND w.claimed_by IS NOT NULL
), kept AS (
  INSERT INTO evidence (run_id, item_id, kind, head_sha, base_sha, document)
  SELECT held.run_id, held.id, %(kind)s::text, %(head_sha)s::text, %(base_sha)s::text,
    %(document)s::jsonb
  FROM held WHERE %(kind)s::text <> 'none'
    OR NOT EXISTS (SELECT FROM evidence e WHERE e.item_id = held.id AND e.head_sha = %(head_sha)s::text)
  ON CONFLICT (run_id) DO UPDATE SET kind = EXCLUDED.kind, head_sha = EXCLUDED.head_sha,
    base_sha = EXCLUDED.base_sha, document = EXCLUDED.document, created_at = now()
)
SELECT id FROM held;

-- name: of_item
-- What the merge of an item stands on, or the newest that was gathered; `whole` with every name.
SELECT e.run_id, e.kind, e.head_sha, e.base_sha, e.created_at,
  w.phase = 'merged' AND e.head_sha = w.head_sha AS merged,
  CASE WHEN %(whole)s::boolean THEN e.document ELSE e.document - '{tests,tests_left_out,added,red_first,gone,tripwire,sabotage,warnings,report_digest,seconds}'::text[] END AS document
FROM evidence e JOIN work_items w ON w.id = e.item_id
WHERE e.item_id = %(item)s::bigint ORDER BY (e.head_sha = w.head_sha) DESC, e.run_id DESC LIMIT 1;

-- name: baseline
-- The report of a base commit; that it is used is noted at most once a day.
WITH used AS (
  UPDATE test_baselines SET used_at = now()
  WHERE key = %(key)s::text AND used_at < now() - interval '1 day'
)
SELECT report FROM test_baselines WHERE key = %(key)s::text;

-- name: keep_baseline
INSERT INTO test_baselines (key, report) VALUES (%(key)s::text, %(report)s::jsonb)
ON CONFLICT (key) DO UPDATE SET report = EXCLUDED.report, used_at = now() RETURNING key;

-- name: forget_baselines
-- What nobody asked for any more, a few at a time.
DELETE FROM test_baselines WHERE key IN (
  SELECT key FROM test_baselines WHERE used_at < now() - %(age)s::interval
  ORDER BY used_at LIMIT 20 FOR UPDATE SKIP LOCKED);
