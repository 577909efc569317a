-- Projects: added, changed, paused, resumed. Each act is an event with its actor.

-- name: add
WITH p AS (
  INSERT INTO projects (name, forge, repo, base_branch, policy, max_concurrency, budget_cycles,
    budget_usd)
  VALUES (%(name)s::text, %(forge)s::text, %(repo)s::text, %(base_branch)s::text, %(policy)s, %(max_concurrency)s::int,
    %(budget_cycles)s::int, %(budget_usd)s::numeric)
  RETURNING *
)
SELECT p.*, emit_event('project.added', p.id, NULL, %(actor)s::text,
  jsonb_build_object('name', p.name, 'repo', p.repo)) AS event
FROM p;

-- name: get
SELECT * FROM projects WHERE name = %(name)s::text;

-- name: list
SELECT p.id, p.name, p.forge, p.repo, p.base_branch, p.policy, p.max_concurrency, p.budget_cycles,
  p.budget_usd, p.paused, p.paused_reason, p.base_check, p.held, p.created_at, p.updated_at,
  (SELECT count(*) FROM work_items w WHERE w.project_id = p.id
    AND w.phase NOT IN ('merged', 'cancelled')) AS open_items
FROM projects p ORDER BY p.name;

-- name: names
-- What waits for its base claims nothing either: it is told as paused, with what is wrong.
SELECT name, held AS paused, CASE WHEN paused THEN paused_reason
  WHEN held THEN 'it waits for its base: ' || (base_check ->> 'sentence') END AS paused_reason
FROM projects ORDER BY name;

-- name: lock
SELECT id, held, budget_cycles, budget_usd FROM projects WHERE name = %(name)s::text FOR SHARE;

-- name: change
-- A key of `columns` that is not there leaves its column as it is; null empties it.
UPDATE projects SET policy = (policy - %(unset)s::text[]) || %(policy)s::jsonb,
  max_concurrency = CASE WHEN %(columns)s::jsonb ? 'max_concurrency'
    THEN (%(columns)s::jsonb ->> 'max_concurrency')::int ELSE max_concurrency END,
  budget_cycles = CASE WHEN %(columns)s::jsonb ? 'budget_cycles'
    THEN (%(columns)s::jsonb ->> 'budget_cycles')::int ELSE budget_cycles END,
  budget_usd = CASE WHEN %(columns)s::jsonb ? 'budget_usd'
    THEN (%(columns)s::jsonb ->> 'budget_usd')::numeric ELSE budget_usd END
WHERE name = %(name)s::text
RETURNING id, base_check, emit_event('project.changed', id, NULL, %(actor)s::text, %(policy)s::jsonb
  || %(columns)s::jsonb || jsonb_build_object('unset', to_jsonb(%(unset)s::text[]))) AS event;

-- name: pause
-- Every item carries the flag itself: the claim never has to look at the project for it.
WITH p AS (
  UPDATE projects SET paused = %(paused)s::boolean, paused_reason = %(reason)s::text
  WHERE name = %(name)s::text AND paused <> %(paused)s::boolean RETURNING id, name, held
), items AS (
  UPDATE work_items w SET project_paused = p.held
  FROM p WHERE w.project_id = p.id AND w.phase NOT IN ('merged', 'cancelled')
    AND w.project_paused <> p.held RETURNING w.id
)
SELECT p.id, (SELECT count(*) FROM items) AS items,
  emit_event(CASE WHEN %(paused)s::boolean THEN 'project.paused' ELSE 'project.resumed' END, p.id,
    NULL, %(actor)s::text, jsonb_strip_nulls(jsonb_build_object('reason', %(reason)s::text))) AS event
FROM p;
