-- Damascus: the whole schema of a new database. Idempotent; `damascus init` applies it in one
-- execute under an advisory lock. PostgreSQL 16 or later. Every time comes from the database's clock.
-- An older database comes here by src/damascus/state/migrations: whoever changes this file adds a
-- migration and raises VERSION (src/damascus/state/version.py) and the version at the end.

DO $$
DECLARE known integer;
BEGIN
  IF to_regclass('damascus_schema') IS NOT NULL THEN
    SELECT max(version) INTO known FROM damascus_schema;
    IF known <> 6 THEN
      RAISE EXCEPTION 'the database holds schema version %, this file is version 6: run `damascus init`', known;
    END IF;
  END IF;
END $$;

DO $$ BEGIN
  CREATE TYPE work_phase AS ENUM
    ('spec', 'build', 'review', 'awaiting_human', 'blocked', 'merged', 'cancelled');
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

DO $$ BEGIN
  CREATE TYPE work_verdict AS ENUM
    ('pass', 'fail', 'spec_wrong', 'spec_ambiguous', 'conflict', 'error', 'over_budget',
     'claim_lost', 'exhausted');
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

DO $$ BEGIN
  CREATE TYPE issue_kind AS ENUM ('question', 'blocked', 'report');
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

DO $$ BEGIN
  CREATE TYPE gate_kind AS ENUM ('after_item', 'manual', 'not_before');
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

CREATE TABLE IF NOT EXISTS damascus_schema (
  version     integer PRIMARY KEY,
  name        text NOT NULL,
  applied_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE damascus_schema IS
  'The version of the schema is the highest here: the file the database was made with, and each '
  'migration that was applied to it.';

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

CREATE OR REPLACE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at = now();
  RETURN NEW;
END $$;

-- ---------------------------------------------------------------- projects

CREATE TABLE IF NOT EXISTS projects (
  id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name             text NOT NULL UNIQUE,
  forge            text NOT NULL,
  repo             text NOT NULL,
  base_branch      text NOT NULL,
  policy           jsonb NOT NULL DEFAULT '{}',
  max_concurrency  integer,
  budget_cycles    integer,
  budget_usd       numeric(12, 4),
  paused           boolean NOT NULL DEFAULT false,
  paused_reason    text,
  created_at       timestamptz NOT NULL DEFAULT now(),
  updated_at       timestamptz NOT NULL DEFAULT now(),
  -- What is known of the base with the commands that are pinned: see src/damascus/state/bases.py.
  base_check       jsonb NOT NULL DEFAULT '{}',
  -- Nothing is claimed: a person has paused it, or it waits for a base on which the tests are green.
  held             boolean NOT NULL GENERATED ALWAYS AS
    (paused OR COALESCE(base_check ->> 'state', '') = 'waits') STORED,
  -- A project's name is a slug: it becomes part of paths and branch names.
  CONSTRAINT projects_name_is_a_slug CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  -- A forge's name is a slug; which forges there are, the program's registry knows.
  CONSTRAINT projects_forge_is_a_slug CHECK (forge ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  -- A cap of zero would be a pause in disguise.
  CONSTRAINT projects_cap_is_positive CHECK (max_concurrency > 0),
  -- An item needs at least one attempt.
  CONSTRAINT projects_budget_cycles_are_positive CHECK (budget_cycles > 0),
  -- Money is never negative.
  CONSTRAINT projects_budget_usd_is_not_negative CHECK (budget_usd >= 0),
  -- What is known of a base is one of these; '{}' is nothing.
  CONSTRAINT projects_base_check_has_a_known_state CHECK
    (COALESCE(base_check ->> 'state', 'unproven')
       IN ('unproven', 'checking', 'proven', 'accepted', 'waits'))
);
-- One directory of a base branch belongs to one project.
CREATE UNIQUE INDEX IF NOT EXISTS projects_own_their_base_branch ON projects
  (forge, repo, base_branch, COALESCE(policy ->> 'directory', ''));

-- ---------------------------------------------------------------- the installation

CREATE TABLE IF NOT EXISTS conditions (
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
COMMENT ON TABLE conditions IS
  'What concerns the installation or a project as a whole: src/damascus/domain/conditions.py.';
-- One open condition for each thing that is wrong.
CREATE UNIQUE INDEX IF NOT EXISTS conditions_one_open ON conditions
  (kind, subject, COALESCE(project_id, 0)) WHERE closed_at IS NULL;
CREATE INDEX IF NOT EXISTS conditions_by_age ON conditions (since, id);
-- What was closed and has let go of the items that waited is not looked at any more.
CREATE INDEX IF NOT EXISTS conditions_holding ON conditions (id) WHERE holds;

CREATE TABLE IF NOT EXISTS workers (
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
COMMENT ON TABLE workers IS 'The processes that live, one row each; a beat says that it still does.';

-- ---------------------------------------------------------------- work items

CREATE TABLE IF NOT EXISTS work_items (
  id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id          bigint NOT NULL REFERENCES projects (id),
  key                 text NOT NULL,
  title               text NOT NULL,
  story               text NOT NULL,
  story_sha           text NOT NULL,
  phase               work_phase NOT NULL DEFAULT 'spec',
  phase_before        work_phase,
  priority            smallint NOT NULL DEFAULT 5,
  ready_since         timestamptz NOT NULL DEFAULT now(),
  attempts            integer NOT NULL DEFAULT 0,
  budget_cycles       integer NOT NULL DEFAULT 3,
  consecutive_errors  integer NOT NULL DEFAULT 0,
  budget_usd          numeric(12, 4),
  not_before          timestamptz,
  closed_gates        integer NOT NULL DEFAULT 0,
  project_paused      boolean NOT NULL DEFAULT false,
  claim_epoch         bigint NOT NULL DEFAULT 0,
  claimed_by          text,
  claimed_at          timestamptz,
  merging             boolean NOT NULL DEFAULT false,
  spec                text,
  test_command        jsonb,
  branch              text,
  head_sha            text,
  built_sha           text,
  pr_number           integer,
  pr_url              text,
  merge_sha           text,
  findings            jsonb NOT NULL DEFAULT '[]',
  created_at          timestamptz NOT NULL DEFAULT now(),
  updated_at          timestamptz NOT NULL DEFAULT now(),
  finished_at         timestamptz,
  -- The place of the phase in the claim order: what is nearest to being merged goes first.
  phase_rank          smallint GENERATED ALWAYS AS
    (CASE phase WHEN 'review' THEN 0 WHEN 'build' THEN 1 WHEN 'spec' THEN 2 END) STORED,
  -- The oldest project of the same repository and base branch, while this item merges into it.
  merge_group         bigint,
  -- The condition that must close before this item is claimed.
  waits_for           bigint REFERENCES conditions (id),
  -- All that can be known before the claim. Working this out row by row at claim time made the
  -- claim twenty times slower with 20,000 gated items ahead; stored, it costs nothing.
  runnable            boolean GENERATED ALWAYS AS
    (phase IN ('spec', 'build', 'review') AND closed_gates = 0 AND NOT project_paused
     AND not_before IS NULL AND waits_for IS NULL) STORED,
  -- The key names the story within its project: the same story is accepted once.
  CONSTRAINT work_items_key_is_unique_in_its_project UNIQUE (project_id, key),
  -- A key is a slug: it becomes part of a branch name.
  CONSTRAINT work_items_key_is_a_slug CHECK (key ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  -- 0 is done first, 9 last.
  CONSTRAINT work_items_priority_is_0_to_9 CHECK (priority BETWEEN 0 AND 9),
  -- Refunds never take more than was spent.
  CONSTRAINT work_items_attempts_are_counted CHECK (attempts >= 0 AND consecutive_errors >= 0),
  -- An item needs at least one attempt.
  CONSTRAINT work_items_budget_is_positive CHECK (budget_cycles > 0),
  -- Money is never negative.
  CONSTRAINT work_items_budget_usd_is_not_negative CHECK (budget_usd >= 0),
  -- A gate is counted once; the count never drops below none.
  CONSTRAINT work_items_gates_are_counted CHECK (closed_gates >= 0),
  -- A claim has a holder and a time, or neither.
  CONSTRAINT work_items_claim_is_whole CHECK ((claimed_by IS NULL) = (claimed_at IS NULL)),
  -- Only an item in a live phase can be claimed.
  CONSTRAINT work_items_only_live_is_claimed CHECK
    (claimed_by IS NULL OR phase IN ('spec', 'build', 'review')),
  -- Merging is done by the review that holds the claim.
  CONSTRAINT work_items_only_review_merges CHECK
    (NOT merging OR (phase = 'review' AND claimed_by IS NOT NULL)),
  -- A merge says where it merges to.
  CONSTRAINT work_items_merge_has_its_group CHECK (NOT merging OR merge_group IS NOT NULL),
  -- What is merged says as which commit.
  CONSTRAINT work_items_merged_has_its_commit CHECK (phase <> 'merged' OR merge_sha IS NOT NULL),
  -- Final is final at a time.
  CONSTRAINT work_items_final_has_its_time CHECK
    ((phase IN ('merged', 'cancelled')) = (finished_at IS NOT NULL)),
  -- What reaches build has a spec and a test command.
  CONSTRAINT work_items_build_has_a_spec CHECK
    (phase NOT IN ('build', 'review', 'merged') OR (spec IS NOT NULL AND test_command IS NOT NULL))
) WITH (
  -- A claim rewrites the row: room on the page and long texts outside it keep that a HOT update.
  fillfactor = 80, toast_tuple_target = 256,
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
  autovacuum_analyze_scale_factor = 0.02
);

-- The claim's index, in claim order. claimed_at, claimed_by and claim_epoch are in no index: with
-- claimed_at in one, the claim was no longer a HOT update and ran 35 times slower.
CREATE INDEX IF NOT EXISTS work_items_claim_order ON work_items
  (phase_rank, priority, ready_since, id) WHERE runnable;
-- The same per project: finds what stands behind thousands of items of a project that is full.
CREATE INDEX IF NOT EXISTS work_items_claim_order_in_project ON work_items
  (project_id, phase_rank, priority, ready_since, id) WHERE runnable;
-- What waits for a time; read by the wake-up alone.
CREATE INDEX IF NOT EXISTS work_items_not_before ON work_items (not_before)
  WHERE not_before IS NOT NULL;
-- What waits for a condition, in claim order: the first is the one that tries it for all.
CREATE INDEX IF NOT EXISTS work_items_waiting ON work_items
  (waits_for, phase_rank, priority, ready_since, id) WHERE waits_for IS NOT NULL;
-- Lists: what is not final is few; what is final is read newest first.
CREATE INDEX IF NOT EXISTS work_items_open ON work_items (phase, project_id, id)
  WHERE phase NOT IN ('merged', 'cancelled');
CREATE INDEX IF NOT EXISTS work_items_by_project ON work_items (project_id, id);
-- One merge at a time into a base branch, whichever project it is of: the lock is part of the claim,
-- so it dies with it.
CREATE UNIQUE INDEX IF NOT EXISTS work_items_one_merge_per_base ON work_items (merge_group)
  WHERE merging;

CREATE OR REPLACE TRIGGER work_items_touch BEFORE UPDATE ON work_items
  FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE OR REPLACE TRIGGER projects_touch BEFORE UPDATE ON projects
  FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

-- ---------------------------------------------------------------- slots

CREATE TABLE IF NOT EXISTS claim_slots (
  slot          smallint PRIMARY KEY,
  item_id       bigint,
  project_id    bigint,
  project_slot  smallint,
  -- What the claim may still spend of the budgets by day and month that it is under.
  reserved_usd  numeric(14, 6),
  -- A slot is free, or held by one item as the n-th of its project.
  CONSTRAINT claim_slots_are_free_or_held CHECK
    ((item_id IS NULL) = (project_id IS NULL) AND (item_id IS NULL) = (project_slot IS NULL)),
  -- An item holds one slot.
  CONSTRAINT claim_slots_item_is_unique UNIQUE (item_id),
  -- Two claims of one project never count as the same one: so its cap holds under any race.
  CONSTRAINT claim_slots_project_slot_is_unique UNIQUE (project_id, project_slot)
) WITH (fillfactor = 50);
COMMENT ON TABLE claim_slots IS
  'The live claims, one row each: what makes the concurrency caps exact without a lock.';

-- ---------------------------------------------------------------- gates

CREATE TABLE IF NOT EXISTS coordination_gates (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  item_id     bigint NOT NULL REFERENCES work_items (id),
  kind        gate_kind NOT NULL,
  after_item  bigint REFERENCES work_items (id),
  not_before  timestamptz,
  note        text NOT NULL DEFAULT '',
  opened_at   timestamptz,
  opened_by   text,
  created_at  timestamptz NOT NULL DEFAULT now(),
  -- Each kind of gate carries what it waits for, and nothing else.
  CONSTRAINT gates_carry_what_they_wait_for CHECK
    ((kind = 'after_item') = (after_item IS NOT NULL)
     AND (kind = 'not_before') = (not_before IS NOT NULL)),
  -- An item cannot wait for itself; longer circles are refused when a gate is added.
  CONSTRAINT gates_do_not_wait_for_themselves CHECK (after_item <> item_id),
  -- A gate that is open says who opened it.
  CONSTRAINT gates_open_by_somebody CHECK ((opened_at IS NULL) = (opened_by IS NULL))
);
CREATE UNIQUE INDEX IF NOT EXISTS gates_once_per_pair ON coordination_gates (item_id, after_item)
  WHERE opened_at IS NULL AND after_item IS NOT NULL;
CREATE INDEX IF NOT EXISTS gates_after_item ON coordination_gates (after_item)
  WHERE opened_at IS NULL;
CREATE INDEX IF NOT EXISTS gates_not_before ON coordination_gates (not_before)
  WHERE opened_at IS NULL AND not_before IS NOT NULL;
CREATE INDEX IF NOT EXISTS gates_by_item ON coordination_gates (item_id);

-- ---------------------------------------------------------------- runs

CREATE TABLE IF NOT EXISTS phase_runs (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  item_id      bigint NOT NULL REFERENCES work_items (id),
  claim_epoch  bigint NOT NULL,
  phase        work_phase NOT NULL,
  worker       text NOT NULL,
  attempt      integer NOT NULL,
  started_at   timestamptz NOT NULL DEFAULT now(),
  finished_at  timestamptz,
  verdict      work_verdict,
  effective    work_verdict,
  summary      text NOT NULL DEFAULT '',
  details      jsonb NOT NULL DEFAULT '{}',
  head_sha     text,
  base_sha     text,
  log_path     text,
  -- One claim runs one phase once, so it can have one verdict.
  CONSTRAINT phase_runs_one_per_claim UNIQUE (item_id, claim_epoch),
  -- Only live phases are run.
  CONSTRAINT phase_runs_are_of_live_phases CHECK (phase IN ('spec', 'build', 'review')),
  -- A verdict closes the run. (A run closed without one was released by its worker.)
  CONSTRAINT phase_runs_verdict_closes CHECK (verdict IS NULL OR finished_at IS NOT NULL)
);

-- ---------------------------------------------------------------- evidence

CREATE TABLE IF NOT EXISTS evidence (
  run_id      bigint PRIMARY KEY REFERENCES phase_runs (id),
  item_id     bigint NOT NULL REFERENCES work_items (id),
  kind        text NOT NULL,
  head_sha    text NOT NULL,
  base_sha    text,
  document    jsonb NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  -- Tests by name, the exit status alone, or a merge of somebody else's.
  CONSTRAINT evidence_kind_is_known CHECK (kind IN ('report', 'exit-status', 'none')),
  -- What was tested was tested on a base.
  CONSTRAINT evidence_has_a_base CHECK (base_sha IS NOT NULL OR kind = 'none')
);
COMMENT ON TABLE evidence IS
  'What a merge stands on, written before it is made: src/damascus/domain/evidence.py.';
CREATE INDEX IF NOT EXISTS evidence_by_item ON evidence (item_id, run_id);

CREATE TABLE IF NOT EXISTS test_baselines (
  key       text PRIMARY KEY,
  report    jsonb NOT NULL,
  used_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE test_baselines IS
  'Test reports of base commits, by a hash of commit, command and environment.';
CREATE INDEX IF NOT EXISTS test_baselines_by_use ON test_baselines (used_at);

-- ---------------------------------------------------------------- people

CREATE TABLE IF NOT EXISTS human_issues (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind         issue_kind NOT NULL,
  project_id   bigint REFERENCES projects (id),
  item_id      bigint REFERENCES work_items (id),
  phase        work_phase,
  title        text NOT NULL,
  body         text NOT NULL DEFAULT '',
  questions    jsonb NOT NULL DEFAULT '[]',
  opened_at    timestamptz NOT NULL DEFAULT now(),
  closed_at    timestamptz,
  closed_by    text,
  choice       text,
  answer       text,
  test_command jsonb,
  condition_id bigint REFERENCES conditions (id),
  -- What is of no project is about a condition of the installation.
  CONSTRAINT human_issues_are_of_a_project_or_condition CHECK
    (project_id IS NOT NULL OR condition_id IS NOT NULL),
  -- What an item needs is asked for the item.
  CONSTRAINT human_issues_of_items_have_a_project CHECK (item_id IS NULL OR project_id IS NOT NULL),
  -- An answer has an author and a time.
  CONSTRAINT human_issues_are_closed_by_somebody CHECK
    ((closed_at IS NULL) = (closed_by IS NULL) AND (closed_at IS NULL) = (choice IS NULL)),
  -- Whether a test command may be used is asked once for a project, not for an item.
  CONSTRAINT human_issues_about_commands_are_the_projects CHECK
    (test_command IS NULL OR (item_id IS NULL AND kind = 'question'))
);
CREATE UNIQUE INDEX IF NOT EXISTS human_issues_one_open_per_item ON human_issues (item_id)
  WHERE closed_at IS NULL AND item_id IS NOT NULL AND kind <> 'report';
CREATE INDEX IF NOT EXISTS human_issues_open ON human_issues (opened_at, id)
  WHERE closed_at IS NULL;
CREATE INDEX IF NOT EXISTS human_issues_by_item ON human_issues (item_id, id);
-- One open question for each command of a project: every item that proposes it waits for the same.
CREATE UNIQUE INDEX IF NOT EXISTS human_issues_one_open_per_command ON human_issues
  (project_id, test_command) WHERE closed_at IS NULL AND test_command IS NOT NULL;
-- A condition is told of once, however long it lasts.
CREATE UNIQUE INDEX IF NOT EXISTS human_issues_one_per_condition ON human_issues (condition_id)
  WHERE condition_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS human_issues_about_commands ON human_issues (project_id, id)
  WHERE test_command IS NOT NULL;

-- ---------------------------------------------------------------- money

CREATE TABLE IF NOT EXISTS cost_ledger (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id     bigint NOT NULL REFERENCES projects (id),
  item_id        bigint NOT NULL REFERENCES work_items (id),
  run_id         bigint REFERENCES phase_runs (id),
  phase          work_phase NOT NULL,
  model          text NOT NULL,
  input_tokens   bigint,
  output_tokens  bigint,
  usd            numeric(14, 6),
  estimated      boolean NOT NULL DEFAULT false,
  created_at     timestamptz NOT NULL DEFAULT now(),
  -- The call's own name: its row is written before it is sent, and settled by this name once.
  call_id        uuid NOT NULL DEFAULT gen_random_uuid(),
  -- When it was known what it cost, or that nobody can say; NULL while no answer has come.
  settled_at     timestamptz DEFAULT now(),
  -- What it can cost at most, where that is known.
  at_most        numeric(14, 6),
  -- Those of the input that the provider's cache was read or written with.
  cache_read_tokens   bigint,
  cache_write_tokens  bigint,
  -- Tokens are counts; an unmeasured one is NULL, never zero by default.
  CONSTRAINT cost_ledger_counts_are_not_negative CHECK
    (input_tokens >= 0 AND output_tokens >= 0 AND usd >= 0),
  -- A call is written down once.
  CONSTRAINT cost_ledger_call_is_unique UNIQUE (call_id),
  -- What is known more closely of a call is counted too.
  CONSTRAINT cost_ledger_details_are_not_negative CHECK
    (at_most >= 0 AND cache_read_tokens >= 0 AND cache_write_tokens >= 0),
  -- What no answer has come to is unmeasured.
  CONSTRAINT cost_ledger_measured_is_settled CHECK (settled_at IS NOT NULL OR usd IS NULL)
);
CREATE INDEX IF NOT EXISTS cost_ledger_by_item ON cost_ledger (item_id);
CREATE INDEX IF NOT EXISTS cost_ledger_by_day ON cost_ledger (created_at);
-- Calls of a project's phase, and of a phase, the newest first: what the next run may cost.
CREATE INDEX IF NOT EXISTS cost_ledger_by_phase_in_project ON cost_ledger (project_id, phase, id);
CREATE INDEX IF NOT EXISTS cost_ledger_by_phase ON cost_ledger (phase, id);

CREATE TABLE IF NOT EXISTS spend_by_day (
  -- A project, or 0 for the installation.
  scope  bigint NOT NULL,
  day    date NOT NULL,
  -- Items share few rows between them, so that calls of different items seldom wait for one another.
  shard  smallint NOT NULL,
  usd    numeric(16, 6) NOT NULL,
  PRIMARY KEY (scope, day, shard)
) WITH (fillfactor = 50);
COMMENT ON TABLE spend_by_day IS
  'What calls cost by the UTC day on which they were sent: what budgets are held against. A call '
  'whose answer never came counts as what it can cost at most.';

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
CREATE OR REPLACE TRIGGER cost_ledger_by_day_kept AFTER INSERT OR UPDATE OF usd, at_most, settled_at
  ON cost_ledger FOR EACH ROW EXECUTE FUNCTION keep_spend_by_day();

CREATE OR REPLACE FUNCTION spent_since(of_scope bigint, first_day date) RETURNS numeric
LANGUAGE sql STABLE AS $$
  SELECT COALESCE(sum(usd), 0) FROM spend_by_day WHERE scope = of_scope AND day >= first_day
$$;
COMMENT ON FUNCTION spent_since IS
  'What a project (the installation: 0) has spent since a UTC day began, and what still may come of '
  'calls without an answer.';

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
COMMENT ON FUNCTION worst_case IS
  'What a run of a phase is expected to cost at most: the 95th percentile of the last ones.';

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
COMMENT ON FUNCTION budget_left IS
  'The budgets of a project (the installation: 0) in this UTC day and month, and what is left.';

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
COMMENT ON FUNCTION reserve_money IS
  'What a claim may spend, so that budgets hold whoever else claims; NULL where there is no budget. '
  'Raises DM001 where too little is left. Only for the statement of the claim.';

-- ---------------------------------------------------------------- events

CREATE TABLE IF NOT EXISTS events_outbox (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id    uuid NOT NULL DEFAULT gen_random_uuid(),
  -- The place in the one order that all readers see. It is given out after the event's transaction
  -- has committed, so a reader that remembers the last `seq` it saw never skips a late commit
  -- (ids are given out before the commit, and commits do not happen in the order of ids).
  seq         bigint UNIQUE,
  type        text NOT NULL,
  project_id  bigint,
  item_id     bigint,
  actor       text NOT NULL,
  data        jsonb NOT NULL DEFAULT '{}',
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- What readers know how to read. Made by `make docs` from src/damascus/domain/events.py.
  CONSTRAINT events_outbox_type_is_known CHECK (type IN (
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
    'relay.parked'))
) WITH (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 20000
);
CREATE INDEX IF NOT EXISTS events_outbox_unsequenced ON events_outbox (id) WHERE seq IS NULL;
CREATE INDEX IF NOT EXISTS events_outbox_by_item ON events_outbox (item_id, id);

CREATE OR REPLACE FUNCTION emit_event
  (type text, project_id bigint, item_id bigint, actor text, data jsonb) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE event bigint;
BEGIN
  INSERT INTO events_outbox (type, project_id, item_id, actor, data) VALUES ($1, $2, $3, $4, $5)
  RETURNING id INTO event;
  RETURN event;
END $$;
COMMENT ON FUNCTION emit_event IS
  'The only way an event is written; returns its id. Call it in RETURNING or in the outermost '
  'SELECT, which are evaluated for every row: a WITH query that only selects is not run unless '
  'something reads it.';

CREATE TABLE IF NOT EXISTS relay_cursors (
  sink        text PRIMARY KEY,
  seq         bigint NOT NULL DEFAULT 0,
  failures    integer NOT NULL DEFAULT 0,
  last_error  text,
  updated_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE relay_cursors IS 'How far each sink of the relay has come.';

-- ---------------------------------------------------------------- the HTTP API

-- What is final is listed by phase, by project and by its time, and counted by day. An item enters
-- these indexes once, when it has come to its end: they cost the cycle nothing.
CREATE INDEX IF NOT EXISTS work_items_final ON work_items (phase, id)
  WHERE phase IN ('merged', 'cancelled');
CREATE INDEX IF NOT EXISTS work_items_final_in_project ON work_items (project_id, phase, id)
  WHERE phase IN ('merged', 'cancelled');
CREATE INDEX IF NOT EXISTS work_items_finished ON work_items (finished_at, id)
  INCLUDE (phase, project_id) WHERE phase IN ('merged', 'cancelled');
-- What is stuck or failing: blocked, or in the phase that its last run began in or one before it,
-- which is what every verdict but a pass does. The phases stand in the enum in this order. Nothing
-- of it changes with a claim; with the attempts in here no claim would be a HOT update.
CREATE INDEX IF NOT EXISTS work_items_failing ON work_items (id)
  WHERE phase = 'blocked' OR phase_before BETWEEN phase AND 'review';

CREATE TABLE IF NOT EXISTS item_words (
  item_id  bigint PRIMARY KEY REFERENCES work_items (id) ON DELETE CASCADE,
  words    tsvector NOT NULL
);
COMMENT ON TABLE item_words IS
  'The words of keys and titles, for looking them up. A LIKE would read every title there is; an '
  'index on work_items itself made each verdict half as expensive again.';
CREATE INDEX IF NOT EXISTS item_words_by_word ON item_words USING gin (words);

CREATE OR REPLACE FUNCTION keep_item_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO item_words (item_id, words) VALUES (NEW.id,
    to_tsvector('simple', translate(NEW.key || ' ' || NEW.title, '-_./:@#', '       ')))
  ON CONFLICT (item_id) DO UPDATE SET words = EXCLUDED.words;
  RETURN NULL;
END $$;
-- Fires for statements that name these columns, which those of the cycle do not.
CREATE OR REPLACE TRIGGER work_items_words AFTER INSERT OR UPDATE OF key, title ON work_items
  FOR EACH ROW EXECUTE FUNCTION keep_item_words();

-- The issues of all times, in the order in which they were opened.
CREATE INDEX IF NOT EXISTS human_issues_by_age ON human_issues (opened_at, id);

CREATE TABLE IF NOT EXISTS api_tokens (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name          text NOT NULL,
  token_hash    bytea NOT NULL UNIQUE,
  scopes        text[] NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  created_by    text NOT NULL,
  expires_at    timestamptz,
  last_used_at  timestamptz,
  revoked_at    timestamptz,
  revoked_by    text,
  -- A name is a slug: it becomes the actor of events.
  CONSTRAINT api_tokens_name_is_a_slug CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  -- SHA-256 of a random token of 256 bits: there is nothing to guess, so nothing to slow down.
  CONSTRAINT api_tokens_hash_is_sha256 CHECK (octet_length(token_hash) = 32),
  -- A token may do something, and only what there is.
  CONSTRAINT api_tokens_scopes_are_known CHECK
    (scopes <@ ARRAY['read', 'ingest', 'operate'] AND cardinality(scopes) > 0),
  -- A revocation has an author and a time.
  CONSTRAINT api_tokens_are_revoked_by_somebody CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
CREATE UNIQUE INDEX IF NOT EXISTS api_tokens_name_is_unique ON api_tokens (name)
  WHERE revoked_at IS NULL;

CREATE TABLE IF NOT EXISTS api_sessions (
  session_hash  bytea PRIMARY KEY,
  token_id      bigint NOT NULL REFERENCES api_tokens (id),
  created_at    timestamptz NOT NULL DEFAULT now(),
  expires_at    timestamptz NOT NULL,
  CONSTRAINT api_sessions_hash_is_sha256 CHECK (octet_length(session_hash) = 32)
);
COMMENT ON TABLE api_sessions IS 'Who is signed in to the page; a session ends with its token.';
CREATE INDEX IF NOT EXISTS api_sessions_by_expiry ON api_sessions (expires_at);

CREATE TABLE IF NOT EXISTS idempotency_keys (
  -- Who asked: "token:7" for a token of the API, the actor ("mcp:nora") at a door without tokens.
  caller        text NOT NULL,
  key           text NOT NULL,
  request_hash  bytea NOT NULL,
  response      jsonb,
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (caller, key)
);
COMMENT ON TABLE idempotency_keys IS
  'Requests that are done once: written in the transaction that does what was asked, with its answer.';
CREATE INDEX IF NOT EXISTS idempotency_keys_by_age ON idempotency_keys (created_at);

-- ---------------------------------------------------------------- programs of another version

-- A worker of yesterday that runs on through an upgrade changes nothing. Each of its acts writes one
-- of these rows. What it has spent already it may still write to the ledger.
CREATE OR REPLACE TRIGGER work_items_of_this_version BEFORE INSERT OR UPDATE ON work_items
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();
CREATE OR REPLACE TRIGGER phase_runs_of_this_version BEFORE INSERT ON phase_runs
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();
CREATE OR REPLACE TRIGGER projects_of_this_version BEFORE INSERT OR UPDATE ON projects
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();
CREATE OR REPLACE TRIGGER gates_of_this_version BEFORE INSERT ON coordination_gates
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();
CREATE OR REPLACE TRIGGER human_issues_of_this_version BEFORE UPDATE ON human_issues
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();
CREATE OR REPLACE TRIGGER relay_cursors_of_this_version BEFORE INSERT OR UPDATE ON relay_cursors
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();
-- For each statement: the relay updates thousands of rows with one.
CREATE OR REPLACE TRIGGER events_outbox_of_this_version BEFORE UPDATE ON events_outbox
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_damascus_of_another_version();
CREATE OR REPLACE TRIGGER api_tokens_of_this_version BEFORE INSERT OR UPDATE ON api_tokens
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();
CREATE OR REPLACE TRIGGER idempotency_keys_of_this_version BEFORE INSERT ON idempotency_keys
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();
CREATE OR REPLACE TRIGGER conditions_of_this_version BEFORE INSERT OR UPDATE ON conditions
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();
CREATE OR REPLACE TRIGGER evidence_of_this_version BEFORE INSERT OR UPDATE ON evidence
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();
CREATE OR REPLACE TRIGGER test_baselines_of_this_version BEFORE INSERT OR UPDATE ON test_baselines
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();

INSERT INTO damascus_schema (version, name) VALUES (6, 'schema.sql') ON CONFLICT DO NOTHING;
