-- What `damascus verify` reads, in one snapshot.

-- name: begin
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- name: settings
-- Here whole tables are read, which elsewhere would be a mistake.
SELECT set_config('enable_seqscan', 'on', true), set_config('statement_timeout', '600s', true);

-- name: items
SELECT w.id, w.key, w.title, w.story, w.story_sha, w.phase, w.phase_before, w.priority, w.attempts,
  w.budget_cycles, w.consecutive_errors, w.budget_usd, w.closed_gates, w.project_paused,
  w.claim_epoch, w.claimed_by, w.merging, w.spec, w.test_command, w.branch, w.head_sha,
  w.pr_number, w.merge_sha, w.project_id, p.name AS project, 
  -- While a base is tried, all items but the one that tries it wait.
  p.held OR (p.base_check ->> 'state' = 'checking' AND w.project_paused) AS paused_by_project,
  p.base_branch, p.forge, p.repo, s.slot,
  (SELECT sum(usd) FROM cost_ledger c WHERE c.item_id = w.id) AS spent_usd
FROM work_items w JOIN projects p ON p.id = w.project_id LEFT JOIN claim_slots s ON s.item_id = w.id
WHERE w.id > %(after)s ORDER BY w.id LIMIT %(limit)s;

-- name: events
SELECT id, type, item_id, actor, data FROM events_outbox
WHERE item_id = ANY (%(items)s::bigint[]) ORDER BY item_id, id;

-- name: runs
SELECT id, item_id, claim_epoch, phase, worker, verdict, effective, summary, head_sha, base_sha,
  finished_at IS NOT NULL AS finished
FROM phase_runs WHERE item_id = ANY (%(items)s::bigint[]) ORDER BY item_id, id;

-- name: issues
-- A question about a test command is shared by all items that an event says wait for it.
SELECT id, item_id, kind, closed_at IS NOT NULL AS closed, false AS shared FROM human_issues
WHERE item_id = ANY (%(items)s::bigint[])
UNION
SELECT h.id, e.item_id, h.kind, h.closed_at IS NOT NULL, true
FROM events_outbox e JOIN human_issues h ON h.id = (e.data ->> 'issue')::bigint
WHERE e.item_id = ANY (%(items)s::bigint[]) AND e.type = 'work.awaiting_human'
  AND h.test_command IS NOT NULL
ORDER BY item_id, id;

-- name: gates
SELECT id, item_id, opened_at IS NOT NULL AS opened FROM coordination_gates
WHERE item_id = ANY (%(items)s::bigint[]) ORDER BY item_id, id;

-- name: evidence
SELECT run_id, item_id, kind, head_sha, base_sha,
  (document #>> '{counts,after,passed}')::int AS passed
FROM evidence WHERE item_id = ANY (%(items)s::bigint[]) ORDER BY item_id, run_id;

-- name: projects
SELECT p.id, p.name, p.paused,
  (SELECT e.type FROM events_outbox e WHERE e.project_id = p.id
     AND e.type IN ('project.paused', 'project.resumed') ORDER BY e.id DESC LIMIT 1) AS told
FROM projects p ORDER BY p.id;

-- name: lost_items
-- Events of items that are in no table any more.
SELECT DISTINCT e.item_id FROM events_outbox e
WHERE e.item_id IS NOT NULL AND NOT EXISTS (SELECT FROM work_items w WHERE w.id = e.item_id)
ORDER BY 1 LIMIT 1000;

-- name: strange_slots
SELECT s.slot, s.item_id, w.claimed_by FROM claim_slots s LEFT JOIN work_items w ON w.id = s.item_id
WHERE s.item_id IS NOT NULL AND (w.id IS NULL OR w.claimed_by IS NULL OR w.project_id <> s.project_id)
ORDER BY s.slot;

-- name: seq_gaps
-- Each number that is missing between the first and the last one given out: from, to.
SELECT seq + 1 AS first, next - 1 AS last FROM
  (SELECT seq, lead(seq) OVER (ORDER BY seq) AS next FROM events_outbox WHERE seq IS NOT NULL) n
WHERE next > seq + 1 ORDER BY seq LIMIT 1000;

-- name: seq_order
-- Events of one item that readers see in another order than they happened in.
SELECT item_id, id, seq FROM
  (SELECT item_id, id, seq, lag(seq) OVER (PARTITION BY item_id ORDER BY id) AS before
   FROM events_outbox WHERE seq IS NOT NULL AND item_id IS NOT NULL) o
WHERE before > seq ORDER BY id LIMIT 1000;

-- name: same_event_id
SELECT event_id::text AS event_id, array_agg(id ORDER BY id) AS ids FROM events_outbox
GROUP BY event_id HAVING count(*) > 1 LIMIT 1000;

-- name: counts
SELECT (SELECT count(*) FROM work_items) AS items, (SELECT count(*) FROM events_outbox) AS events;
