-- What a worker does to the item it claims: claim, start, renew, settle, release. One statement
-- each; every write is guarded by the claim's epoch.

-- name: ensure_slots
-- One row per claim that may live at the same time. More than needed do no harm.
INSERT INTO claim_slots (slot) SELECT generate_series(1, %(cap)s) ON CONFLICT DO NOTHING;

-- name: claim
-- Take the first runnable item in claim order. One round trip, one index, no sort: at a million
-- rows it reads a handful of buffers. The concurrency cap is the free slot it takes along; when
-- none is free, or everything is paused, nothing is scanned. MATERIALIZED, because a plain IN (… LIMIT … SKIP LOCKED) can
-- lock more rows than its limit. Phases are not bound: a literal predicate is what makes the
-- partial index usable for a prepared statement.
-- It looks at the head of the queue only: 20,000 items of a project whose cap is full would cost it
-- 100 ms each time; `claim_far` finds what stands behind them. The project is asked for in a
-- subquery, because a join is an invitation to begin with the projects and sort.
-- Money is reserved here too: `reserve_money` raises DM001 where a budget has too little left, and
-- the claim is tried again without the phase of the project (0: of all) that is `broke`.
-- Its commit does not wait for the disk (a fifth of the whole cycle): no phase begins before
-- start_run has committed, which does wait, and for everything before it. A power cut between the
-- two leaves an item nobody has claimed and nobody works on.
WITH slot AS MATERIALIZED (
  SELECT slot, set_config('synchronous_commit', 'off', true) FROM claim_slots
  WHERE item_id IS NULL AND slot <= %(cap)s AND NOT EXISTS (SELECT FROM conditions
     WHERE kind = 'paused' AND subject = '' AND COALESCE(project_id, 0) = 0 AND closed_at IS NULL)
 LIMIT 1 FOR UPDATE SKIP LOCKED
), c AS MATERIALIZED (
  SELECT w.id, w.project_id, w.phase, w.claim_epoch, w.claimed_by, w.claimed_by IS NOT NULL AS stale,
         w.attempts, %(usd_day)s::numeric IS NOT NULL OR %(usd_month)s::numeric IS NOT NULL
           OR (SELECT p.policy ?| '{budget_usd_day,budget_usd_month}' FROM projects p
               WHERE p.id = w.project_id) AS has_budget
  FROM (
    SELECT id, phase_rank, priority, ready_since FROM work_items
    WHERE runnable AND (claimed_at IS NULL OR claimed_at < now() - %(stale)s::interval)
      AND EXISTS (SELECT FROM slot)
    ORDER BY phase_rank, priority, ready_since, id LIMIT 64
  ) head JOIN work_items w ON w.id = head.id
  WHERE w.runnable AND (w.claimed_at IS NULL OR w.claimed_at < now() - %(stale)s::interval)
    AND (SELECT NOT p.held AND (p.max_concurrency IS NULL OR w.claimed_at IS NOT NULL
           OR p.max_concurrency > (SELECT count(*) FROM claim_slots s WHERE s.project_id = p.id))
         FROM projects p WHERE p.id = w.project_id)
    AND NOT %(broke)s::text[] && ARRAY['0 ' || w.phase, w.project_id || ' ' || w.phase]
  ORDER BY head.phase_rank, head.priority, head.ready_since, head.id
  LIMIT 1 FOR UPDATE OF w SKIP LOCKED
), money AS MATERIALIZED (
  SELECT CASE WHEN has_budget THEN reserve_money(id, project_id, phase, %(usd_day)s::numeric,
    %(usd_month)s::numeric) END AS usd FROM c
), held AS (
  UPDATE claim_slots s SET item_id = c.id, project_id = c.project_id, reserved_usd = money.usd,
    -- Two claims that race for one place of a capped project write the same number here, and the
    -- unique index lets one through. Without a cap any number will do that is nobody else's.
    project_slot = (SELECT CASE WHEN p.max_concurrency IS NULL THEN -s.slot ELSE (
        SELECT min(n) FROM generate_series(1, p.max_concurrency) n WHERE NOT EXISTS
          (SELECT FROM claim_slots o WHERE o.project_id = p.id AND o.project_slot = n)) END
      FROM projects p WHERE p.id = c.project_id)
  FROM c, slot, money WHERE s.slot = slot.slot AND NOT c.stale
), again AS (
  UPDATE claim_slots s SET reserved_usd = money.usd FROM c, money WHERE c.stale AND s.item_id = c.id
), lost AS (
  UPDATE phase_runs r SET finished_at = now(), verdict = 'claim_lost', effective = 'claim_lost',
    summary = 'The worker died or lost its connection; its claim went stale.'
  FROM c WHERE c.stale AND r.item_id = c.id AND r.claim_epoch = c.claim_epoch
    AND r.finished_at IS NULL
)
UPDATE work_items w SET claim_epoch = w.claim_epoch + 1, attempts = w.attempts + 1,
  claimed_by = %(worker)s::text, claimed_at = now(), merging = false
FROM c WHERE w.id = c.id
RETURNING w.id, w.claim_epoch, w.phase, w.attempts, w.budget_cycles, w.consecutive_errors, c.stale,
  (SELECT usd FROM money) AS reserved_usd,
  CASE WHEN c.stale THEN emit_event('work.claim_lost', c.project_id, c.id, %(worker)s::text,
    jsonb_build_object('from', c.phase, 'to', c.phase, 'verdict', 'claim_lost',
      'epoch', c.claim_epoch, 'attempts', c.attempts, 'lost_by', c.claimed_by)) END AS event;

-- name: claim_far
-- What the first look does not see: a claim gone stale while every slot is held (found through the
-- slots), and work behind a head of the queue whose projects are full (each other project's first).
WITH slot AS MATERIALIZED (
  SELECT slot, set_config('synchronous_commit', 'off', true) FROM claim_slots
  WHERE item_id IS NULL AND slot <= %(cap)s AND NOT EXISTS (SELECT FROM conditions
     WHERE kind = 'paused' AND subject = '' AND COALESCE(project_id, 0) = 0 AND closed_at IS NULL)
 LIMIT 1 FOR UPDATE SKIP LOCKED
), far AS MATERIALIZED (
  SELECT w.id, w.phase_rank, w.priority, w.ready_since, true AS stale
  FROM claim_slots s JOIN work_items w ON w.id = s.item_id
  WHERE s.slot > 0 AND w.runnable AND w.claimed_at < now() - %(stale)s::interval
    AND NOT EXISTS (SELECT FROM conditions
      WHERE kind = 'paused' AND subject = '' AND COALESCE(project_id, 0) = 0 AND closed_at IS NULL)
  UNION ALL
  SELECT first.*, false FROM projects p CROSS JOIN LATERAL (
    SELECT id, phase_rank, priority, ready_since FROM work_items
    WHERE project_id = p.id AND runnable AND claimed_at IS NULL
    ORDER BY phase_rank, priority, ready_since, id LIMIT 8
  ) first
  WHERE NOT p.held AND (p.max_concurrency IS NULL OR p.max_concurrency >
      (SELECT count(*) FROM claim_slots s WHERE s.project_id = p.id))
    AND EXISTS (SELECT FROM slot)
    -- Behind fewer than the first look saw there is nothing.
    AND EXISTS (SELECT FROM work_items WHERE runnable OFFSET 64)
), c AS MATERIALIZED (
  SELECT w.id, w.project_id, w.phase, w.claim_epoch, w.claimed_by, w.claimed_by IS NOT NULL AS stale,
         w.attempts, %(usd_day)s::numeric IS NOT NULL OR %(usd_month)s::numeric IS NOT NULL
           OR (SELECT p.policy ?| '{budget_usd_day,budget_usd_month}' FROM projects p
               WHERE p.id = w.project_id) AS has_budget
  FROM far JOIN work_items w ON w.id = far.id
  -- The row may have changed before it was locked: what was stale must be stale still, because a
  -- claim that was given back in that moment needs a slot and there may be none.
  WHERE w.runnable AND CASE WHEN far.stale THEN w.claimed_at < now() - %(stale)s::interval
                            ELSE w.claimed_at IS NULL END
    AND NOT %(broke)s::text[] && ARRAY['0 ' || w.phase, w.project_id || ' ' || w.phase]
  ORDER BY far.phase_rank, far.priority, far.ready_since, far.id
  LIMIT 1 FOR UPDATE OF w SKIP LOCKED
), money AS MATERIALIZED (
  SELECT CASE WHEN has_budget THEN reserve_money(id, project_id, phase, %(usd_day)s::numeric,
    %(usd_month)s::numeric) END AS usd FROM c
), held AS (
  UPDATE claim_slots s SET item_id = c.id, project_id = c.project_id, reserved_usd = money.usd,
    -- Two claims that race for one place of a capped project write the same number here, and the
    -- unique index lets one through. Without a cap any number will do that is nobody else's.
    project_slot = (SELECT CASE WHEN p.max_concurrency IS NULL THEN -s.slot ELSE (
        SELECT min(n) FROM generate_series(1, p.max_concurrency) n WHERE NOT EXISTS
          (SELECT FROM claim_slots o WHERE o.project_id = p.id AND o.project_slot = n)) END
      FROM projects p WHERE p.id = c.project_id)
  FROM c, slot, money WHERE s.slot = slot.slot AND NOT c.stale
), again AS (
  UPDATE claim_slots s SET reserved_usd = money.usd FROM c, money WHERE c.stale AND s.item_id = c.id
), lost AS (
  UPDATE phase_runs r SET finished_at = now(), verdict = 'claim_lost', effective = 'claim_lost',
    summary = 'The worker died or lost its connection; its claim went stale.'
  FROM c WHERE c.stale AND r.item_id = c.id AND r.claim_epoch = c.claim_epoch
    AND r.finished_at IS NULL
)
UPDATE work_items w SET claim_epoch = w.claim_epoch + 1, attempts = w.attempts + 1,
  claimed_by = %(worker)s::text, claimed_at = now(), merging = false
FROM c WHERE w.id = c.id
RETURNING w.id, w.claim_epoch, w.phase, w.attempts, w.budget_cycles, w.consecutive_errors, c.stale,
  (SELECT usd FROM money) AS reserved_usd,
  CASE WHEN c.stale THEN emit_event('work.claim_lost', c.project_id, c.id, %(worker)s::text,
    jsonb_build_object('from', c.phase, 'to', c.phase, 'verdict', 'claim_lost',
      'epoch', c.claim_epoch, 'attempts', c.attempts, 'lost_by', c.claimed_by)) END AS event;

-- name: sweep
-- Free the slots and close the runs of claims that went stale on items nobody may claim now (their
-- project was paused, or a gate closed, after the claim). Their attempt stays spent.
WITH c AS MATERIALIZED (
  SELECT w.id, w.project_id, w.phase, w.claim_epoch, w.claimed_by, w.attempts
  FROM claim_slots s JOIN work_items w ON w.id = s.item_id
  WHERE s.slot > 0 AND NOT w.runnable AND w.claimed_at < now() - %(stale)s::interval
  FOR UPDATE OF w SKIP LOCKED
), lost AS (
  UPDATE phase_runs r SET finished_at = now(), verdict = 'claim_lost', effective = 'claim_lost',
    summary = 'The worker died or lost its connection; its claim went stale.'
  FROM c WHERE r.item_id = c.id AND r.claim_epoch = c.claim_epoch AND r.finished_at IS NULL
), slot AS (
  UPDATE claim_slots s SET item_id = NULL, project_id = NULL, project_slot = NULL,
    reserved_usd = NULL
  FROM c WHERE s.item_id = c.id
)
UPDATE work_items w SET claim_epoch = w.claim_epoch + 1, claimed_by = NULL, claimed_at = NULL,
  merging = false
FROM c WHERE w.id = c.id
RETURNING w.id, emit_event('work.claim_lost', c.project_id, c.id, %(worker)s::text,
  jsonb_build_object('from', c.phase, 'to', c.phase, 'verdict', 'claim_lost', 'epoch', c.claim_epoch,
    'attempts', c.attempts, 'lost_by', c.claimed_by, 'swept', true)) AS event;

-- name: wake
-- Make runnable what has waited long enough, and open the gates whose time has come.
WITH due AS MATERIALIZED (
  SELECT id FROM coordination_gates
  WHERE opened_at IS NULL AND not_before <= now()
  ORDER BY not_before LIMIT 1000 FOR UPDATE SKIP LOCKED
), opened AS (
  UPDATE coordination_gates g SET opened_at = now(), opened_by = 'damascus'
  FROM due WHERE g.id = due.id
  RETURNING g.id, g.item_id, emit_event('gate.opened',
    (SELECT w.project_id FROM work_items w WHERE w.id = g.item_id), g.item_id, 'damascus',
    jsonb_build_object('gate', g.id)) AS event
), waited AS MATERIALIZED (
  SELECT id FROM work_items WHERE not_before <= now()
  ORDER BY not_before LIMIT 1000 FOR UPDATE SKIP LOCKED
), per_item AS (
  SELECT id, sum(gates)::int AS gates, bool_or(waited) AS waited FROM (
    SELECT item_id AS id, 1 AS gates, false AS waited FROM opened
    UNION ALL SELECT id, 0, true FROM waited) AS both_kinds GROUP BY id
)
UPDATE work_items w SET closed_gates = w.closed_gates - n.gates,
  not_before = CASE WHEN n.waited THEN NULL ELSE w.not_before END
FROM per_item n WHERE w.id = n.id RETURNING w.id;

-- name: start
-- The phase's short transaction: record the run, read all that the phase may know.
WITH run AS (
  INSERT INTO phase_runs (item_id, claim_epoch, phase, worker, attempt, details)
  SELECT id, claim_epoch, phase, claimed_by, attempts,
    jsonb_strip_nulls(jsonb_build_object('sandbox', %(uncaged)s::text)) FROM work_items
  WHERE id = %(item)s AND claim_epoch = %(epoch)s AND claimed_by = %(worker)s::text
  RETURNING id
)
SELECT run.id AS run_id,
  w.id, w.project_id, w.key, w.title, w.story, w.phase, w.priority, w.attempts, w.budget_cycles,
  w.consecutive_errors, w.budget_usd, w.spec, w.test_command, w.branch, w.head_sha, w.built_sha,
  w.pr_number, w.pr_url, w.merge_sha, w.findings,
  p.name AS p_name, p.forge AS p_forge, p.repo AS p_repo, p.base_branch AS p_base_branch,
  p.policy AS p_policy, p.max_concurrency AS p_max_concurrency,
  p.budget_cycles AS p_budget_cycles, p.budget_usd AS p_budget_usd, p.paused AS p_paused,
  p.base_check AS p_base_check,
  COALESCE((SELECT sum(usd) FROM cost_ledger c WHERE c.item_id = w.id), 0) AS spent_usd,
  (SELECT jsonb_agg(jsonb_build_array(CASE WHEN h.kind = 'question' THEN
       (SELECT string_agg(q, E'\n') FROM jsonb_array_elements_text(h.questions) q)
       ELSE h.title END, h.answer) ORDER BY h.id)
   FROM human_issues h
   WHERE h.item_id = w.id AND h.closed_at IS NOT NULL AND h.answer <> '') AS answers,
  (SELECT jsonb_agg(jsonb_build_object('command', h.test_command, 'choice', h.choice,
       'answer', h.answer, 'by', h.closed_by) ORDER BY h.closed_at, h.id)
   FROM human_issues h WHERE h.project_id = w.project_id AND h.test_command IS NOT NULL
     AND w.phase = 'spec') AS command_answers,
  (SELECT jsonb_agg(jsonb_build_object('id', o.id, 'kind', o.kind, 'subject', o.subject,
       'canary', o.canary_item) ORDER BY o.id)
   FROM conditions o WHERE o.closed_at IS NULL AND NOT o.suspected
     AND (o.project_id IS NULL OR o.project_id = w.project_id)) AS open_conditions
FROM run, work_items w JOIN projects p ON p.id = w.project_id WHERE w.id = %(item)s;

-- name: renew
-- Renew the claims of one worker; what is not returned is lost.
UPDATE work_items w SET claimed_at = now()
FROM unnest(%(items)s::bigint[], %(epochs)s::bigint[]) AS c (id, epoch)
WHERE w.id = c.id AND w.claim_epoch = c.epoch AND w.claimed_by IS NOT NULL
RETURNING w.id, w.claim_epoch;

-- name: known
-- What a phase learns while it runs, recorded at once.
WITH w AS (
  UPDATE work_items SET
    branch = COALESCE(%(branch)s::text, branch), head_sha = COALESCE(%(head_sha)s::text, head_sha),
    built_sha = CASE WHEN phase = 'build' THEN COALESCE(%(head_sha)s::text, built_sha) ELSE built_sha END,
    pr_number = COALESCE(%(pr_number)s::int, pr_number), pr_url = COALESCE(%(pr_url)s::text, pr_url)
  WHERE id = %(item)s AND claim_epoch = %(epoch)s AND claimed_by IS NOT NULL RETURNING id
)
UPDATE phase_runs r SET head_sha = COALESCE(%(head_sha)s::text, r.head_sha),
  base_sha = COALESCE(%(base_sha)s::text, r.base_sha), log_path = COALESCE(%(log_path)s::text, r.log_path)
FROM w WHERE r.item_id = w.id AND r.claim_epoch = %(epoch)s RETURNING r.id;

-- name: merge_begin
-- The point of no return. A unique index allows one per repository and base branch, whose oldest
-- project stands for all; a stale claim's flag goes with it.
UPDATE work_items SET merging = true, merge_group = (
  SELECT min(o.id) FROM projects o JOIN projects p ON p.id = work_items.project_id
  WHERE o.forge = p.forge AND o.repo = p.repo AND o.base_branch = p.base_branch)
WHERE id = %(item)s AND claim_epoch = %(epoch)s AND claimed_by IS NOT NULL AND phase = 'review'
RETURNING id;

-- name: merge_end
UPDATE work_items SET merging = false
WHERE id = %(item)s AND claim_epoch = %(epoch)s AND merging RETURNING id;

-- name: settle
-- The verdict: everything hangs on the fenced UPDATE, so a claim that was lost writes nothing.
WITH open_condition AS MATERIALIZED (
  -- Held open until this is written: what closes it afterwards finds the item waiting.
  SELECT id FROM conditions WHERE id = %(waits_for)s::bigint AND closed_at IS NULL FOR SHARE
), w AS (
  UPDATE work_items SET
    phase = %(to)s::work_phase, phase_before = phase,
    attempts = GREATEST(attempts - %(refund)s, 0),
    consecutive_errors = CASE WHEN %(fault)s THEN consecutive_errors + 1
      WHEN %(condition)s::bigint IS NOT NULL THEN consecutive_errors ELSE 0 END,
    waits_for = (SELECT id FROM open_condition),
    not_before = now() + %(backoff)s::interval,
    ready_since = CASE WHEN phase = %(to)s::work_phase THEN ready_since ELSE now() END,
    claimed_by = NULL, claimed_at = NULL, merging = false,
    spec = COALESCE(%(spec)s::text, spec), test_command = COALESCE(%(test_command)s::jsonb, test_command),
    branch = COALESCE(%(branch)s::text, branch),
    head_sha = CASE WHEN %(spec)s::text IS NOT NULL THEN NULL
                    ELSE COALESCE(%(head_sha)s::text, head_sha) END,
    built_sha = CASE WHEN %(keep_built)s THEN COALESCE(%(head_sha)s::text, built_sha) END,
    pr_number = COALESCE(%(pr_number)s::int, pr_number), pr_url = COALESCE(%(pr_url)s::text, pr_url),
    merge_sha = COALESCE(%(merge_sha)s::text, merge_sha),
    findings = COALESCE(%(findings)s::jsonb, findings),
    finished_at = CASE WHEN %(to)s::work_phase = 'merged' THEN now() END
  WHERE id = %(item)s AND claim_epoch = %(epoch)s AND claimed_by = %(worker)s::text
  RETURNING id, project_id, phase, phase_before, attempts, budget_cycles, consecutive_errors,
    title, merge_sha
), slot AS (
  UPDATE claim_slots s SET item_id = NULL, project_id = NULL, project_slot = NULL,
    reserved_usd = NULL
  FROM w WHERE s.item_id = w.id
), run AS (
  UPDATE phase_runs r SET finished_at = now(), verdict = %(verdict)s::work_verdict, effective = %(effective)s::work_verdict,
    summary = %(summary)s::text, details = %(details)s::jsonb, head_sha = COALESCE(%(head_sha)s::text, r.head_sha),
    base_sha = COALESCE(%(base_sha)s::text, r.base_sha)
  FROM w WHERE r.item_id = w.id AND r.claim_epoch = %(epoch)s
  RETURNING r.id
), issue AS (
  -- A question about a test command is asked once for the project: whoever comes second joins it.
  INSERT INTO human_issues (kind, project_id, item_id, phase, title, body, questions, test_command)
  SELECT %(issue_kind)s::issue_kind, w.project_id, CASE WHEN %(issue_command)s::jsonb IS NULL THEN w.id END,
    w.phase_before, %(issue_title)s::text, %(issue_body)s::text, %(questions)s::jsonb, %(issue_command)s::jsonb
  FROM w WHERE %(issue_kind)s::issue_kind IS NOT NULL
  ON CONFLICT (project_id, test_command) WHERE closed_at IS NULL AND test_command IS NOT NULL
    DO UPDATE SET title = human_issues.title
  RETURNING id
), opened AS (
  UPDATE coordination_gates g SET opened_at = now(), opened_by = 'damascus'
  FROM w WHERE %(to)s::work_phase = 'merged' AND g.after_item = w.id AND g.opened_at IS NULL
  RETURNING g.id, g.item_id, emit_event('gate.opened',
    (SELECT d.project_id FROM work_items d WHERE d.id = g.item_id), g.item_id, 'damascus',
    jsonb_build_object('gate', g.id, 'after_item', w.id)) AS event
), freed AS (
  UPDATE work_items d SET closed_gates = d.closed_gates - o.gates
  FROM (SELECT item_id, count(*)::int AS gates FROM opened GROUP BY item_id) o
  WHERE d.id = o.item_id
)
SELECT w.id, w.phase, emit_event(%(event)s::text, w.project_id, w.id, %(worker)s::text,
  jsonb_strip_nulls(jsonb_build_object(
    'from', w.phase_before, 'to', w.phase, 'verdict', %(verdict)s::work_verdict,
    'effective', %(effective)s::work_verdict, 'epoch', %(epoch)s::bigint, 'attempts', w.attempts,
    'budget_cycles', w.budget_cycles, 'consecutive_errors', w.consecutive_errors,
    'run', (SELECT id FROM run), 'issue', (SELECT id FROM issue), 'condition', %(condition)s::bigint, 'summary', %(summary)s::text,
    'head_sha', %(head_sha)s::text, 'base_sha', %(base_sha)s::text, 'merge_sha', w.merge_sha,
    'pr_number', %(pr_number)s::int, 'test_command', %(test_command)s::jsonb,
    'spec_sha', encode(sha256(convert_to(%(spec)s::text, 'UTF8')), 'hex')))) AS event
FROM w;

-- name: settled_as
-- After a connection broke in the middle of a verdict: did it take?
SELECT verdict, effective FROM phase_runs
WHERE item_id = %(item)s AND claim_epoch = %(epoch)s AND finished_at IS NOT NULL;

-- name: release
-- Give a claim back without spending the attempt (the worker is told to stop, or what the phase
-- needs is not there: then the item waits for that).
WITH open_condition AS MATERIALIZED (
  SELECT id FROM conditions WHERE id = %(waits_for)s::bigint AND closed_at IS NULL FOR SHARE
), w AS (
  UPDATE work_items SET claimed_by = NULL, claimed_at = NULL, merging = false,
    waits_for = (SELECT id FROM open_condition),
    attempts = GREATEST(attempts - 1, 0)
  WHERE id = %(item)s AND claim_epoch = %(epoch)s AND claimed_by = %(worker)s::text
  RETURNING id, project_id, phase, attempts
), slot AS (
  UPDATE claim_slots s SET item_id = NULL, project_id = NULL, project_slot = NULL,
    reserved_usd = NULL
  FROM w WHERE s.item_id = w.id
), run AS (
  UPDATE phase_runs r SET finished_at = now(), summary = %(reason)s::text
  FROM w WHERE r.item_id = w.id AND r.claim_epoch = %(epoch)s AND r.finished_at IS NULL
)
SELECT w.id, emit_event('work.released', w.project_id, w.id, %(worker)s::text,
  jsonb_build_object('from', w.phase, 'to', w.phase, 'epoch', %(epoch)s::bigint,
    'attempts', w.attempts, 'summary', %(reason)s::text)) AS event
FROM w;
