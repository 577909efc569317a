-- Conditions that keep an item from being claimed until they hold.

-- name: lock
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

-- name: add
-- "Closing" a gate is to put one in the item's way. One whose condition holds already is not put.
WITH g AS (
  INSERT INTO coordination_gates (item_id, kind, after_item, not_before, note)
  VALUES (%(item)s::bigint, %(kind)s::gate_kind, %(after)s::bigint, %(not_before)s::timestamptz, %(note)s::text) RETURNING id, item_id
), w AS (
  UPDATE work_items SET closed_gates = closed_gates + 1
  FROM g WHERE work_items.id = g.item_id RETURNING work_items.id, work_items.project_id
)
SELECT g.id, emit_event('gate.closed', w.project_id, w.id, %(actor)s::text,
  jsonb_strip_nulls(jsonb_build_object(
    'gate', g.id, 'kind', %(kind)s::gate_kind, 'after_item', %(after)s::bigint,
    'not_before', to_char(%(not_before)s::timestamptz AT TIME ZONE 'UTC',
      'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'note', NULLIF(%(note)s::text, '')))) AS event
FROM g JOIN w ON w.id = g.item_id;

-- name: open
WITH g AS (
  UPDATE coordination_gates SET opened_at = now(), opened_by = %(actor)s::text
  WHERE id = %(gate)s::bigint AND opened_at IS NULL RETURNING id, item_id
), w AS (
  UPDATE work_items SET closed_gates = closed_gates - 1
  FROM g WHERE work_items.id = g.item_id RETURNING work_items.id, work_items.project_id
)
SELECT g.id, g.item_id, emit_event('gate.opened', w.project_id, w.id, %(actor)s::text,
  jsonb_build_object('gate', g.id)) AS event
FROM g JOIN w ON w.id = g.item_id;

-- name: get
SELECT g.*, w.key, p.name AS project FROM coordination_gates g
JOIN work_items w ON w.id = g.item_id JOIN projects p ON p.id = w.project_id WHERE g.id = %(gate)s::bigint;

-- name: list
SELECT g.id, g.item_id, g.kind, g.after_item, g.not_before, g.note, g.opened_at, g.opened_by,
  w.key, p.name AS project, a.key AS after_key, ap.name AS after_project, a.phase AS after_phase
FROM coordination_gates g
JOIN work_items w ON w.id = g.item_id JOIN projects p ON p.id = w.project_id
LEFT JOIN work_items a ON a.id = g.after_item LEFT JOIN projects ap ON ap.id = a.project_id
WHERE (%(item)s::bigint IS NULL OR g.item_id = %(item)s::bigint)
  AND (%(project)s::text IS NULL OR p.name = %(project)s::text)
  AND (%(all)s::boolean OR g.opened_at IS NULL)
ORDER BY g.id LIMIT %(limit)s;

-- name: dependents
-- The items that wait for this one to be merged.
SELECT w.id, w.key, p.name AS project, g.id AS gate FROM coordination_gates g
JOIN work_items w ON w.id = g.item_id JOIN projects p ON p.id = w.project_id
WHERE g.after_item = %(item)s::bigint AND g.opened_at IS NULL ORDER BY w.id;

-- name: recount
-- The stored count of closed gates is repaired where it has drifted from the gates themselves.
WITH actual AS (
  SELECT item_id, count(*)::int AS gates FROM coordination_gates WHERE opened_at IS NULL
  GROUP BY item_id
), wrong AS MATERIALIZED (
  SELECT w.id, COALESCE(a.gates, 0) AS gates FROM work_items w LEFT JOIN actual a ON a.item_id = w.id
  WHERE w.phase NOT IN ('merged', 'cancelled') AND w.closed_gates <> COALESCE(a.gates, 0)
  FOR UPDATE OF w
)
UPDATE work_items w SET closed_gates = (
  SELECT count(*) FROM coordination_gates g WHERE g.item_id = w.id AND g.opened_at IS NULL)
FROM wrong WHERE w.id = wrong.id RETURNING w.id;
