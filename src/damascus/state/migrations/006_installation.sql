-- Leads to the schema.sql of fef9d41cc9f49d8a
-- From version 5 to 6: conditions, which concern the installation as a whole and for which items
-- wait; the processes that live.

-- step: refuse programs of another version
CREATE OR REPLACE FUNCTION refuse_damascus_of_another_version() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  -- Every Damascus names its version when it connects ('damascus' alone is version 1). Version 1
  -- takes errors of class 57 for a database that is away: it says so once, and waits. The name of
  -- this function is the end of its sentence.
  IF current_setting('application_name') <> 'damascus schema 6'
     AND current_setting('application_name') ~ '^damascus( schema [0-9]+)?$' THEN
    RAISE EXCEPTION 'the database holds schema version 6, this program knows another: nothing was changed'
      USING ERRCODE = '57D01', DETAIL = '6';
  END IF;
  RETURN NEW;
END $$;

-- step: keep what concerns the installation
CREATE TABLE conditions (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind          text NOT NULL,
  -- Which one: a model, a forge's host, a machine; empty where there is only one.
  subject       text NOT NULL DEFAULT '',
  project_id    bigint REFERENCES projects (id),
  why           text NOT NULL,
  to_do         text NOT NULL DEFAULT '',
  since         timestamptz NOT NULL DEFAULT now(),
  closed_at     timestamptz,
  -- Only one item has met it: it may be that item's own, so it holds nothing up and is not shown.
  suspected     boolean NOT NULL DEFAULT false,
  item_id       bigint,
  -- When an item may try again whether it holds still; NULL where items cannot find that out.
  probe_at      timestamptz,
  probes        integer NOT NULL DEFAULT 0,
  -- The item that tries it for all, and the claim with which it does.
  canary_item   bigint,
  canary_epoch  bigint,
  canary_since  timestamptz,
  -- There may be items that wait for it, also after it was closed.
  holds         boolean NOT NULL DEFAULT false,
  -- A kind is a slug; which kinds there are, the program knows.
  CONSTRAINT conditions_kind_is_a_slug CHECK (kind ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  -- Probes are counted.
  CONSTRAINT conditions_probes_are_counted CHECK (probes >= 0),
  -- Only an item tries, and with a claim of its own.
  CONSTRAINT conditions_canary_is_an_item CHECK (canary_item IS NOT NULL OR canary_epoch IS NULL),
  -- What is closed is tried by nobody.
  CONSTRAINT conditions_closed_are_not_tried CHECK
    (closed_at IS NULL OR (probe_at IS NULL AND canary_item IS NULL AND NOT suspected)),
  -- A suspicion is of an item.
  CONSTRAINT conditions_suspected_of_an_item CHECK (NOT suspected OR item_id IS NOT NULL)
);

-- step: say what is kept there
COMMENT ON TABLE conditions IS
  'What concerns the installation or a project as a whole: src/damascus/domain/conditions.py.';

-- step: one open condition for each thing
CREATE UNIQUE INDEX conditions_one_open ON conditions
  (kind, subject, COALESCE(project_id, 0)) WHERE closed_at IS NULL;

-- step: list them by age
CREATE INDEX conditions_by_age ON conditions (since, id);

-- step: find those that still hold items
CREATE INDEX conditions_holding ON conditions (id) WHERE holds;

-- step: let no other version write them
CREATE OR REPLACE TRIGGER conditions_of_this_version BEFORE INSERT OR UPDATE ON conditions
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();

-- step: know the processes that live
CREATE TABLE workers (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name            text NOT NULL,
  kind            text NOT NULL,
  host            text NOT NULL,
  pid             integer NOT NULL,
  version         text NOT NULL,
  revision        text NOT NULL DEFAULT '',
  schema_version  integer NOT NULL,
  capacity        integer NOT NULL DEFAULT 0,
  sandbox         text NOT NULL DEFAULT '',
  -- What it does now, and whatever else it says of itself.
  doing           jsonb NOT NULL DEFAULT '{}',
  started_at      timestamptz NOT NULL DEFAULT now(),
  -- A number that grows tells a reader that it lives, whatever the clocks say.
  beat            bigint NOT NULL DEFAULT 0,
  beat_at         timestamptz NOT NULL DEFAULT now(),
  -- A process is known once.
  CONSTRAINT workers_are_known_once UNIQUE (kind, name),
  -- What there is to be.
  CONSTRAINT workers_kind_is_known CHECK (kind IN ('worker', 'scheduler', 'relay', 'api')),
  -- Work is counted.
  CONSTRAINT workers_capacity_is_counted CHECK (capacity >= 0)
) WITH (fillfactor = 50);

-- step: say what is kept of them
COMMENT ON TABLE workers IS 'The processes that live, one row each; a beat says that it still does.';

-- step: let an item wait for a condition; what cannot run says so
ALTER TABLE work_items DROP COLUMN runnable,
  ADD COLUMN waits_for bigint REFERENCES conditions (id),
  ADD COLUMN runnable boolean GENERATED ALWAYS AS
    (phase IN ('spec', 'build', 'review') AND closed_gates = 0 AND NOT project_paused
     AND not_before IS NULL AND waits_for IS NULL) STORED;

-- step: claim by it in order
CREATE INDEX work_items_claim_order ON work_items
  (phase_rank, priority, ready_since, id) WHERE runnable;

-- step: and within a project
CREATE INDEX work_items_claim_order_in_project ON work_items
  (project_id, phase_rank, priority, ready_since, id) WHERE runnable;

-- step: find the first that waits for a condition
CREATE INDEX work_items_waiting ON work_items
  (waits_for, phase_rank, priority, ready_since, id) WHERE waits_for IS NOT NULL;

-- step: tell of conditions
ALTER TABLE human_issues ALTER COLUMN project_id DROP NOT NULL,
  ADD COLUMN condition_id bigint REFERENCES conditions (id),
  ADD CONSTRAINT human_issues_are_of_a_project_or_condition CHECK
    (project_id IS NOT NULL OR condition_id IS NOT NULL),
  ADD CONSTRAINT human_issues_of_items_have_a_project CHECK
    (item_id IS NULL OR project_id IS NOT NULL);

-- step: tell of each once
CREATE UNIQUE INDEX human_issues_one_per_condition ON human_issues (condition_id)
  WHERE condition_id IS NOT NULL;

-- step: know the events of conditions
ALTER TABLE events_outbox DROP CONSTRAINT events_outbox_type_is_known;

-- step: with all others
ALTER TABLE events_outbox ADD CONSTRAINT events_outbox_type_is_known CHECK (type IN (
  'work.ingested',
  'work.story_changed',
  'work.changed',
  'work.spec_ready',
  'work.built',
  'work.merged',
  'work.retry',
  'work.awaiting_human',
  'work.blocked',
  'work.error',
  'work.claim_lost',
  'work.released',
  'work.answered',
  'work.retried',
  'work.cancelled',
  'gate.closed',
  'gate.opened',
  'project.added',
  'project.changed',
  'project.paused',
  'project.resumed',
  'project.base_checked',
  'condition.opened',
  'condition.closed',
  'relay.parked'));

-- step: write each call down before it is sent
ALTER TABLE cost_ledger
  ADD COLUMN call_id uuid NOT NULL DEFAULT gen_random_uuid(),
  ADD COLUMN settled_at timestamptz,
  ADD COLUMN at_most numeric(14, 6),
  ADD COLUMN cache_read_tokens bigint,
  ADD COLUMN cache_write_tokens bigint;

-- step: what stands there was written when it was known
UPDATE cost_ledger SET settled_at = created_at;

-- step: a program of before writes only what it knows
ALTER TABLE cost_ledger ALTER COLUMN settled_at SET DEFAULT now(),
  ADD CONSTRAINT cost_ledger_call_is_unique UNIQUE (call_id),
  ADD CONSTRAINT cost_ledger_details_are_not_negative CHECK
    (at_most >= 0 AND cache_read_tokens >= 0 AND cache_write_tokens >= 0),
  ADD CONSTRAINT cost_ledger_measured_is_settled CHECK (settled_at IS NOT NULL OR usd IS NULL);

-- step: keep what a claim has reserved
ALTER TABLE claim_slots ADD COLUMN reserved_usd numeric(14, 6);

-- step: find the last calls of a phase in a project
CREATE INDEX cost_ledger_by_phase_in_project ON cost_ledger (project_id, phase, id);

-- step: and anywhere
CREATE INDEX cost_ledger_by_phase ON cost_ledger (phase, id);

-- step: count what is spent by day
CREATE TABLE spend_by_day (
  -- A project, or 0 for the installation.
  scope  bigint NOT NULL,
  day    date NOT NULL,
  -- Items share few rows between them, so that calls of different items seldom wait for one another.
  shard  smallint NOT NULL,
  usd    numeric(16, 6) NOT NULL,
  PRIMARY KEY (scope, day, shard)
) WITH (fillfactor = 50);

-- step: say what is counted there
COMMENT ON TABLE spend_by_day IS
  'What calls cost by the UTC day on which they were sent: what budgets are held against. A call '
  'whose answer never came counts as what it can cost at most.';

-- step: count it with each call
CREATE OR REPLACE FUNCTION keep_spend_by_day() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE more numeric; what bigint;
BEGIN
  more = COALESCE(NEW.usd, CASE WHEN NEW.settled_at IS NULL THEN NEW.at_most END, 0);
  IF TG_OP = 'UPDATE' THEN
    more = more - COALESCE(OLD.usd, CASE WHEN OLD.settled_at IS NULL THEN OLD.at_most END, 0);
  END IF;
  IF more <> 0 THEN
    FOREACH what IN ARRAY ARRAY[0, NEW.project_id] LOOP
      INSERT INTO spend_by_day AS s (scope, day, shard, usd)
      VALUES (what, (NEW.created_at AT TIME ZONE 'UTC')::date, NEW.item_id % 8, more)
      ON CONFLICT (scope, day, shard) DO UPDATE SET usd = s.usd + EXCLUDED.usd;
    END LOOP;
  END IF;
  RETURN NULL;
END $$;

-- step: whenever what a call cost is known
CREATE OR REPLACE TRIGGER cost_ledger_by_day_kept AFTER INSERT OR UPDATE OF usd, at_most, settled_at
  ON cost_ledger FOR EACH ROW EXECUTE FUNCTION keep_spend_by_day();

-- step: count what was spent before
INSERT INTO spend_by_day (scope, day, shard, usd)
SELECT scope, day, shard, sum(usd) FROM (
  SELECT unnest(ARRAY[0, project_id]) AS scope, (created_at AT TIME ZONE 'UTC')::date AS day,
    (item_id % 8)::smallint AS shard, usd FROM cost_ledger WHERE usd > 0) spent
GROUP BY scope, day, shard;

-- step: sum it up
CREATE OR REPLACE FUNCTION spent_since(of_scope bigint, first_day date) RETURNS numeric
LANGUAGE sql STABLE AS $$
  SELECT COALESCE(sum(usd), 0) FROM spend_by_day WHERE scope = of_scope AND day >= first_day
$$;

-- step: say what the sum is
COMMENT ON FUNCTION spent_since IS
  'What a project (the installation: 0) has spent since a UTC day began, and what still may come of '
  'calls without an answer.';

-- step: foresee what a run may cost
CREATE OR REPLACE FUNCTION worst_case(of_project bigint, of_phase work_phase) RETURNS numeric
LANGUAGE sql STABLE AS $$
  -- Of the last runs in the project, or else anywhere; NULL where none has ended. Refused calls
  -- say nothing of what others cost, and what nobody measured counts as nothing.
  SELECT COALESCE(
    (SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY usd) FROM
      (SELECT sum(COALESCE(usd, 0)) AS usd FROM
        (SELECT run_id, usd FROM cost_ledger
         WHERE project_id = of_project AND phase = of_phase AND settled_at IS NOT NULL
           AND usd IS DISTINCT FROM 0
         ORDER BY id DESC LIMIT 50) calls GROUP BY run_id) runs),
    (SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY usd) FROM
      (SELECT sum(COALESCE(usd, 0)) AS usd FROM
        (SELECT run_id, usd FROM cost_ledger
         WHERE phase = of_phase AND settled_at IS NOT NULL AND usd IS DISTINCT FROM 0
         ORDER BY id DESC LIMIT 50) calls GROUP BY run_id) runs))
$$;

-- step: say how
COMMENT ON FUNCTION worst_case IS
  'What a run of a phase is expected to cost at most: the 95th percentile of the last ones.';

-- step: tell what is left of a budget
CREATE OR REPLACE FUNCTION budget_left
  (of_project bigint, usd_day numeric, usd_month numeric, reserved numeric)
RETURNS TABLE (budget text, cap numeric, spent numeric, left_over numeric) LANGUAGE sql STABLE AS $$
  SELECT w.budget, w.cap, w.spent, w.cap - w.spent - reserved FROM (
    SELECT 'day' AS budget, usd_day AS cap,
      spent_since(of_project, (now() AT TIME ZONE 'UTC')::date) AS spent WHERE usd_day IS NOT NULL
    UNION ALL
    SELECT 'month', usd_month,
      spent_since(of_project, date_trunc('month', now() AT TIME ZONE 'UTC')::date)
    WHERE usd_month IS NOT NULL) w
$$;

-- step: say of which
COMMENT ON FUNCTION budget_left IS
  'The budgets of a project (the installation: 0) in this UTC day and month, and what is left.';

-- step: reserve money with a claim
CREATE OR REPLACE FUNCTION reserve_money
  (item bigint, project bigint, of_phase work_phase, usd_day numeric, usd_month numeric)
RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE own record; need numeric; room numeric; whose bigint; tight record;
BEGIN
  IF of_phase = 'review' THEN
    RETURN NULL;  -- tests cost no money
  END IF;
  SELECT (p.policy ->> 'budget_usd_day')::numeric AS usd_day,
    (p.policy ->> 'budget_usd_month')::numeric AS usd_month INTO own
  FROM projects p WHERE p.id = project;
  need = worst_case(project, of_phase);
  -- Whoever reserves of the same budget waits here; each statement in here then sees what the one
  -- before it has reserved, because a volatile function looks anew.
  FOREACH whose IN ARRAY ARRAY[0, project] LOOP
    IF whose = 0 AND usd_day IS NULL AND usd_month IS NULL
       OR whose > 0 AND own.usd_day IS NULL AND own.usd_month IS NULL THEN
      CONTINUE;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('damascus budget of ' || whose, 0));
    SELECT b.* INTO tight FROM budget_left(whose,
        CASE WHEN whose = 0 THEN usd_day ELSE own.usd_day END,
        CASE WHEN whose = 0 THEN usd_month ELSE own.usd_month END,
        (SELECT COALESCE(sum(s.reserved_usd), 0) FROM claim_slots s
         WHERE s.item_id <> item AND (whose = 0 OR s.project_id = whose))) b
    ORDER BY b.left_over LIMIT 1;
    IF tight.left_over <= 0 OR tight.left_over < LEAST(COALESCE(need, 0), tight.cap) THEN
      RAISE EXCEPTION 'the % budget is used up or reserved', tight.budget USING ERRCODE = 'DM001',
        DETAIL = jsonb_build_object('item', item, 'scope', whose, 'phase', of_phase,
          'budget', tight.budget, 'cap', tight.cap, 'spent', tight.spent,
          'need', LEAST(COALESCE(need, 0), tight.cap))::text;
    END IF;
    -- Three times the worst case, so that a dear run is not cut off; the first run, of which nobody
    -- knows what it may cost, gets half of the budget.
    room = LEAST(room, tight.left_over, COALESCE(3 * need, tight.cap / 2));
  END LOOP;
  RETURN room;
END $$;

-- step: say what is reserved
COMMENT ON FUNCTION reserve_money IS
  'What a claim may spend, so that budgets hold whoever else claims; NULL where there is no budget. '
  'Raises DM001 where too little is left. Only for the statement of the claim.';
