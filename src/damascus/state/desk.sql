-- What people do: projects, stories, answers, gates. Each act is an event with an actor.

-- name: add_project
WITH p AS (
  INSERT INTO projects (name, forge, repo, base_branch, policy, max_concurrency, budget_cycles,
    budget_usd)
  VALUES (%(name)s::text, %(forge)s::text, %(repo)s::text, %(base_branch)s::text, %(policy)s, %(max_concurrency)s::int,
    %(budget_cycles)s::int, %(budget_usd)s::numeric)
  RETURNING *
), told AS (
  INSERT INTO events_outbox (type, project_id, actor, data)
  SELECT 'project.added', p.id, %(actor)s::text, jsonb_build_object('name', p.name, 'repo', p.repo) FROM p
)
SELECT * FROM p;

-- name: project
SELECT * FROM projects WHERE name = %(name)s::text;

-- name: projects
SELECT p.*, (SELECT count(*) FROM work_items w WHERE w.project_id = p.id
    AND w.phase NOT IN ('merged', 'cancelled')) AS open_items
FROM projects p ORDER BY p.name;

-- name: change_project
-- A key of `columns` that is not there leaves its column as it is; null empties it.
WITH p AS (
  UPDATE projects SET policy = (policy - %(unset)s::text[]) || %(policy)s::jsonb,
    max_concurrency = CASE WHEN %(columns)s::jsonb ? 'max_concurrency'
      THEN (%(columns)s::jsonb ->> 'max_concurrency')::int ELSE max_concurrency END,
    budget_cycles = CASE WHEN %(columns)s::jsonb ? 'budget_cycles'
      THEN (%(columns)s::jsonb ->> 'budget_cycles')::int ELSE budget_cycles END,
    budget_usd = CASE WHEN %(columns)s::jsonb ? 'budget_usd'
      THEN (%(columns)s::jsonb ->> 'budget_usd')::numeric ELSE budget_usd END
  WHERE name = %(name)s::text RETURNING id
), told AS (
  INSERT INTO events_outbox (type, project_id, actor, data)
  SELECT 'project.changed', p.id, %(actor)s::text,
    %(policy)s::jsonb || %(columns)s::jsonb || jsonb_build_object('unset', to_jsonb(%(unset)s::text[])) FROM p
)
SELECT id FROM p;

-- name: pause_project
-- Every item carries the flag itself: the claim never has to look at the project for it.
WITH p AS (
  UPDATE projects SET paused = %(paused)s::boolean, paused_reason = %(reason)s::text
  WHERE name = %(name)s::text AND paused <> %(paused)s::boolean RETURNING id, name
), items AS (
  UPDATE work_items w SET project_paused = %(paused)s::boolean
  FROM p WHERE w.project_id = p.id AND w.phase NOT IN ('merged', 'cancelled')
    AND w.project_paused <> %(paused)s::boolean RETURNING w.id
), told AS (
  INSERT INTO events_outbox (type, project_id, actor, data)
  SELECT CASE WHEN %(paused)s::boolean THEN 'project.paused' ELSE 'project.resumed' END, p.id, %(actor)s::text,
    jsonb_strip_nulls(jsonb_build_object('reason', %(reason)s::text)) FROM p
)
SELECT p.id, (SELECT count(*) FROM items) AS items FROM p;

-- name: report_on_project
-- One open report with the same title per project.
INSERT INTO human_issues (kind, project_id, title, body)
SELECT 'report', %(project)s::bigint, %(title)s::text, %(body)s::text
WHERE NOT EXISTS (SELECT FROM human_issues WHERE project_id = %(project)s::bigint AND item_id IS NULL
  AND title = %(title)s::text AND closed_at IS NULL)
RETURNING id;

-- name: close_project_reports
UPDATE human_issues SET closed_at = now(), closed_by = %(actor)s::text, choice = 'resume'
WHERE project_id = %(project)s::bigint AND item_id IS NULL AND kind = 'report' AND closed_at IS NULL
RETURNING id;

-- name: lock_project
SELECT id, paused, budget_cycles, budget_usd FROM projects WHERE name = %(name)s::text FOR SHARE;

-- name: lock_story
SELECT id, phase, story_sha, claimed_by, claim_epoch, attempts FROM work_items
WHERE project_id = %(project)s::bigint AND key = %(key)s::text FOR UPDATE;

-- name: insert_item
INSERT INTO work_items (project_id, key, title, story, story_sha, priority, budget_cycles,
  budget_usd, project_paused)
VALUES (%(project)s::bigint, %(key)s::text, %(title)s::text, %(story)s::text, %(sha)s::text, %(priority)s::int, %(budget_cycles)s::int,
  %(budget_usd)s::numeric, %(paused)s::boolean)
ON CONFLICT (project_id, key) DO NOTHING RETURNING id;

-- name: update_story
-- A spec that is being written from the old text is fenced off; its attempt is given back.
WITH w AS (
  UPDATE work_items SET title = %(title)s::text, story = %(story)s::text, story_sha = %(sha)s::text,
    claim_epoch = claim_epoch + 1,
    attempts = CASE WHEN claimed_by IS NULL THEN attempts ELSE GREATEST(attempts - 1, 0) END,
    claimed_by = NULL, claimed_at = NULL
  WHERE id = %(item)s::bigint AND phase = 'spec' RETURNING id, claim_epoch
), slot AS (
  UPDATE claim_slots s SET item_id = NULL, project_id = NULL, project_slot = NULL
  FROM w WHERE s.item_id = w.id
), run AS (
  UPDATE phase_runs r SET finished_at = now(), summary = 'the story was changed'
  FROM w WHERE r.item_id = w.id AND r.finished_at IS NULL
)
SELECT id FROM w;

-- name: lock_item
SELECT w.*, p.name AS project,
  w.merging AND w.claimed_at > now() - %(stale)s::interval AS merging_now
FROM work_items w JOIN projects p ON p.id = w.project_id WHERE w.id = %(item)s::bigint FOR UPDATE OF w;

-- name: move_item
-- An operator's move: whatever ran is fenced off, the item goes where the person said.
WITH w AS (
  UPDATE work_items SET phase_before = phase, phase = %(to)s::work_phase, claim_epoch = claim_epoch + 1,
    attempts = CASE WHEN %(reset)s THEN 0 ELSE attempts END,
    consecutive_errors = 0, not_before = NULL,
    budget_cycles = COALESCE(%(budget_cycles)s::int, budget_cycles),
    budget_usd = COALESCE(%(budget_usd)s::numeric, budget_usd),
    ready_since = CASE WHEN phase = %(to)s::work_phase THEN ready_since ELSE now() END,
    claimed_by = NULL, claimed_at = NULL, merging = false, built_sha = NULL,
    finished_at = CASE WHEN %(to)s::work_phase IN ('merged', 'cancelled') THEN now() END
  WHERE id = %(item)s::bigint
  RETURNING id, project_id, phase, phase_before, claim_epoch, attempts, budget_cycles, budget_usd
), slot AS (
  UPDATE claim_slots s SET item_id = NULL, project_id = NULL, project_slot = NULL
  FROM w WHERE s.item_id = w.id
), run AS (
  UPDATE phase_runs r SET finished_at = now(), summary = %(event)s::text || ' by ' || %(actor)s::text
  FROM w WHERE r.item_id = w.id AND r.finished_at IS NULL
), told AS (
  INSERT INTO events_outbox (type, project_id, item_id, actor, data)
  SELECT %(event)s::text, w.project_id, w.id, %(actor)s::text, jsonb_strip_nulls(jsonb_build_object(
    'from', w.phase_before, 'to', w.phase, 'epoch', w.claim_epoch, 'attempts', w.attempts,
    'budget_cycles', w.budget_cycles, 'budget_usd', w.budget_usd, 'issue', %(issue)s::bigint,
    'note', %(note)s::text))
  FROM w
)
SELECT * FROM w;

-- name: change_item
WITH w AS (
  UPDATE work_items SET priority = COALESCE(%(priority)s::int, priority),
    budget_cycles = COALESCE(%(budget_cycles)s::int, budget_cycles),
    budget_usd = COALESCE(%(budget_usd)s::numeric, budget_usd)
  WHERE id = %(item)s::bigint AND phase NOT IN ('merged', 'cancelled')
  RETURNING id, project_id, phase, priority, budget_cycles, budget_usd
), told AS (
  INSERT INTO events_outbox (type, project_id, item_id, actor, data)
  SELECT 'work.changed', w.project_id, w.id, %(actor)s::text, jsonb_strip_nulls(jsonb_build_object(
    'priority', %(priority)s::int, 'budget_cycles', %(budget_cycles)s::int,
    'budget_usd', %(budget_usd)s::numeric)) FROM w
)
SELECT id FROM w;

-- name: tell
INSERT INTO events_outbox (type, project_id, item_id, actor, data)
VALUES (%(type)s, %(project)s::bigint, %(item)s::bigint, %(actor)s::text, %(data)s);

-- name: lock_issue
SELECT h.*, w.phase AS item_phase FROM human_issues h LEFT JOIN work_items w ON w.id = h.item_id
WHERE h.id = %(issue)s::bigint FOR UPDATE OF h;

-- name: close_issue
UPDATE human_issues SET closed_at = now(), closed_by = %(actor)s::text, choice = %(choice)s::text,
  answer = %(answer)s::text
WHERE id = %(issue)s::bigint AND closed_at IS NULL RETURNING id;

-- name: close_item_issues
UPDATE human_issues SET closed_at = now(), closed_by = %(actor)s::text, choice = %(choice)s::text
WHERE item_id = %(item)s::bigint AND closed_at IS NULL RETURNING id;

-- name: open_issue_of_item
SELECT id FROM human_issues
WHERE item_id = %(item)s::bigint AND closed_at IS NULL AND kind <> 'report';

-- name: lock_gates
-- Adding a gate looks for circles; two additions at once could close one between them.
SELECT pg_advisory_xact_lock(1145130305, 1);

-- name: waits_for
-- Does `after` wait, directly or through others, for `item`? Then the new gate would close a circle.
WITH RECURSIVE chain AS (
  SELECT %(after)s::bigint AS id
  UNION
  SELECT g.after_item FROM coordination_gates g JOIN chain c ON g.item_id = c.id
  WHERE g.opened_at IS NULL AND g.after_item IS NOT NULL
)
SELECT EXISTS (SELECT FROM chain WHERE id = %(item)s::bigint) AS circle;

-- name: close_gate
-- "Closing" a gate is to put one in the item's way. One whose condition holds already is not put.
WITH g AS (
  INSERT INTO coordination_gates (item_id, kind, after_item, not_before, note)
  VALUES (%(item)s::bigint, %(kind)s::gate_kind, %(after)s::bigint, %(not_before)s::timestamptz, %(note)s::text) RETURNING id, item_id
), w AS (
  UPDATE work_items SET closed_gates = closed_gates + 1
  FROM g WHERE work_items.id = g.item_id RETURNING work_items.id, work_items.project_id
), told AS (
  INSERT INTO events_outbox (type, project_id, item_id, actor, data)
  SELECT 'gate.closed', w.project_id, w.id, %(actor)s::text, jsonb_strip_nulls(jsonb_build_object(
    'gate', (SELECT id FROM g), 'kind', %(kind)s::gate_kind, 'after_item', %(after)s::bigint,
    'not_before', %(not_before)s::timestamptz, 'note', NULLIF(%(note)s::text, ''))) FROM w
)
SELECT id FROM g;

-- name: open_gate
WITH g AS (
  UPDATE coordination_gates SET opened_at = now(), opened_by = %(actor)s::text
  WHERE id = %(gate)s::bigint AND opened_at IS NULL RETURNING id, item_id
), w AS (
  UPDATE work_items SET closed_gates = closed_gates - 1
  FROM g WHERE work_items.id = g.item_id RETURNING work_items.id, work_items.project_id
), told AS (
  INSERT INTO events_outbox (type, project_id, item_id, actor, data)
  SELECT 'gate.opened', w.project_id, w.id, %(actor)s::text,
    jsonb_build_object('gate', (SELECT id FROM g)) FROM w
)
SELECT id, item_id FROM g;

-- name: gate
SELECT g.*, w.key, p.name AS project FROM coordination_gates g
JOIN work_items w ON w.id = g.item_id JOIN projects p ON p.id = w.project_id WHERE g.id = %(gate)s::bigint;

-- name: gates
SELECT g.id, g.item_id, g.kind, g.after_item, g.not_before, g.note, g.opened_at, g.opened_by,
  w.key, p.name AS project, a.key AS after_key, ap.name AS after_project, a.phase AS after_phase
FROM coordination_gates g
JOIN work_items w ON w.id = g.item_id JOIN projects p ON p.id = w.project_id
LEFT JOIN work_items a ON a.id = g.after_item LEFT JOIN projects ap ON ap.id = a.project_id
WHERE (%(item)s::bigint IS NULL OR g.item_id = %(item)s::bigint)
  AND (%(all)s::boolean OR g.opened_at IS NULL)
ORDER BY g.id LIMIT %(limit)s;

-- name: waiting_for
-- The items that wait for this one to be merged.
SELECT w.id, w.key, p.name AS project, g.id AS gate FROM coordination_gates g
JOIN work_items w ON w.id = g.item_id JOIN projects p ON p.id = w.project_id
WHERE g.after_item = %(item)s::bigint AND g.opened_at IS NULL ORDER BY w.id;
