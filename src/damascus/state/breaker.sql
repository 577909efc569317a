-- Faults that concern everybody: the condition they open, the items that wait for it, and the one
-- item that tries again for all. The row of the condition is locked before items are.

-- name: lock
SELECT id, suspected, item_id, canary_item, canary_epoch, probes,
  since < now() - %(window)s::interval AS old
FROM conditions
WHERE closed_at IS NULL AND kind = %(kind)s::text AND subject = %(subject)s::text
  AND project_id IS NULL
FOR UPDATE;

-- name: begin
-- The item that has met it before, while others have found all in order since, may be the only one.
WITH doubt AS (
  SELECT %(doubtful)s OR EXISTS (SELECT FROM conditions WHERE kind = %(kind)s::text
    AND subject = %(subject)s::text AND item_id = %(item)s::bigint
    AND closed_at > now() - 3 * %(window)s::interval) AS suspected
), c AS (
  INSERT INTO conditions (kind, subject, why, to_do, suspected, item_id, probe_at, holds)
  SELECT %(kind)s::text, %(subject)s::text, %(why)s::text, %(to_do)s::text, suspected,
    %(item)s::bigint, now() + %(pause)s::interval, NOT suspected FROM doubt
  ON CONFLICT (kind, subject, COALESCE(project_id, 0)) WHERE closed_at IS NULL DO NOTHING
  RETURNING *
)
SELECT c.id, c.suspected, CASE WHEN NOT c.suspected THEN emit_event('condition.opened', NULL, NULL,
  %(worker)s::text, jsonb_build_object('condition', c.id, 'kind', c.kind, 'subject', c.subject,
    'why', c.why, 'to_do', c.to_do,
    'probe_at', to_char(c.probe_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))) END AS event
FROM c;

-- name: suspect
-- The same item again, or another one so late that the two have nothing to do with each other.
UPDATE conditions SET item_id = %(item)s::bigint, why = %(why)s::text, since = now()
WHERE id = %(condition)s::bigint;

-- name: confirm
WITH c AS (
  UPDATE conditions SET suspected = false, why = %(why)s::text, to_do = %(to_do)s::text,
    probe_at = now() + %(pause)s::interval, holds = true
  WHERE id = %(condition)s::bigint RETURNING *
)
SELECT c.id, emit_event('condition.opened', NULL, NULL, %(worker)s::text,
  jsonb_build_object('condition', c.id, 'kind', c.kind, 'subject', c.subject, 'why', c.why,
    'to_do', c.to_do,
    'probe_at', to_char(c.probe_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))) AS event
FROM c;

-- name: failed
-- The canary has met it again.
UPDATE conditions SET probes = probes + 1, why = %(why)s::text, to_do = %(to_do)s::text,
  probe_at = now() + %(pause)s::interval, canary_item = NULL, canary_epoch = NULL, canary_since = NULL
WHERE id = %(condition)s::bigint;

-- name: later
-- An item that was under way when it was opened: it knows nothing new, but perhaps until when.
UPDATE conditions SET holds = true, probe_at = GREATEST(COALESCE(probe_at, now()), now() + %(told)s::interval)
WHERE id = %(condition)s::bigint;

-- name: sing
-- This claim tries for all, if its item was chosen.
UPDATE conditions SET canary_epoch = %(epoch)s::bigint, canary_since = now()
WHERE id = %(condition)s::bigint AND closed_at IS NULL AND canary_item = %(item)s::bigint
RETURNING id;

-- name: hold
-- All of a project that would begin the same phase now needs what is not there.
WITH c AS MATERIALIZED (
  SELECT id FROM conditions WHERE id = %(condition)s::bigint AND closed_at IS NULL FOR SHARE
), found AS MATERIALIZED (
  SELECT w.id FROM work_items w
  WHERE w.runnable AND w.project_id = %(project)s::bigint AND w.claimed_at IS NULL
    AND w.phase_rank = (SELECT phase_rank FROM work_items WHERE id = %(item)s::bigint)
    AND EXISTS (SELECT FROM c) AND w.id IS DISTINCT FROM %(canary)s::bigint
  ORDER BY w.phase_rank, w.priority, w.ready_since, w.id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE work_items w SET waits_for = c.id FROM c, found WHERE w.id = found.id RETURNING w.id;

-- name: due
-- What is to be looked after: what is over and may hold items still, and what may be tried again.
SELECT id, closed_at IS NOT NULL AS over,
  canary_epoch IS NOT NULL AND canary_since < now() - %(well)s::interval AS well
FROM conditions WHERE holds AND (closed_at IS NOT NULL OR probe_at <= now()) ORDER BY id;

-- name: choose
-- The first item that waits, and could be claimed, tries for all. One that was chosen before keeps
-- the role while it can be claimed, or holds the claim with which it tries: what died loses it. One
-- that was chosen a moment ago may not be seen yet by who looks now.
WITH due AS MATERIALIZED (
  SELECT c.id FROM conditions c
  WHERE c.id = %(condition)s::bigint AND c.closed_at IS NULL AND c.probe_at <= now()
    AND (c.canary_item IS NULL OR (c.canary_since < now() - interval '2 s' AND NOT EXISTS (
      SELECT FROM work_items w WHERE w.id = c.canary_item AND w.runnable
        AND (c.canary_epoch IS NULL
             OR (w.claimed_at IS NOT NULL AND w.claim_epoch = c.canary_epoch)))))
  FOR UPDATE SKIP LOCKED
), first AS MATERIALIZED (
  SELECT w.id FROM due JOIN work_items w ON w.waits_for = due.id
  WHERE w.phase_rank IS NOT NULL AND w.closed_gates = 0 AND NOT w.project_paused
    AND w.not_before IS NULL
  ORDER BY w.phase_rank, w.priority, w.ready_since, w.id LIMIT 1 FOR UPDATE OF w SKIP LOCKED
), freed AS (
  UPDATE work_items w SET waits_for = NULL FROM first WHERE w.id = first.id
)
UPDATE conditions c SET canary_item = (SELECT id FROM first), canary_epoch = NULL,
  canary_since = clock_timestamp()
FROM due WHERE c.id = due.id
RETURNING c.canary_item, EXISTS (SELECT FROM work_items w
  WHERE w.waits_for = c.id AND w.phase_rank IS NOT NULL) AS waiting;

-- name: let_go
-- Some of the items that waited for a condition that is over.
WITH waiting AS MATERIALIZED (
  SELECT id FROM work_items WHERE waits_for = %(condition)s::bigint
  ORDER BY waits_for, phase_rank, priority, ready_since, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE work_items w SET waits_for = NULL FROM waiting WHERE w.id = waiting.id RETURNING w.id;

-- name: forget
UPDATE conditions SET holds = false
WHERE id = %(condition)s::bigint AND closed_at IS NOT NULL
  AND NOT EXISTS (SELECT FROM work_items WHERE waits_for = %(condition)s::bigint);

-- name: tried_by
-- Which of these conditions does this claim try for all?
SELECT id FROM conditions WHERE id = ANY (%(conditions)s::bigint[]) AND closed_at IS NULL
  AND canary_item = %(item)s::bigint AND canary_epoch = %(epoch)s::bigint;

-- name: resign
-- The canary has come to its end without using what it was to try: another one tries.
UPDATE conditions SET canary_item = NULL, canary_epoch = NULL, canary_since = NULL,
  probe_at = now() + %(pause)s::interval
WHERE id = %(condition)s::bigint AND closed_at IS NULL AND canary_item = %(item)s::bigint
  AND canary_epoch = %(epoch)s::bigint RETURNING id;
