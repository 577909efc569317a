-- Leads to the schema.sql of ea8f150d965d0811
-- From version 1 to 2: events have a list of types and one function that writes them, migrations are
-- recorded, programs of another version are refused, and idempotency keys belong to their caller.

-- step: record each migration; version 1 kept one row, which is replaced
DROP TABLE damascus_schema;

-- step: the version is the highest row
CREATE TABLE damascus_schema (
  version     integer PRIMARY KEY,
  name        text NOT NULL,
  applied_at  timestamptz NOT NULL DEFAULT now()
);

-- step: say what the table is
COMMENT ON TABLE damascus_schema IS
  'The version of the schema is the highest here: the file the database was made with, and each '
  'migration that was applied to it.';

-- step: refuse programs of another version
CREATE OR REPLACE FUNCTION refuse_damascus_of_another_version() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  -- Every Damascus names its version when it connects ('damascus' alone is version 1). Version 1
  -- takes errors of class 57 for a database that is away: it says so once, and waits. The name of
  -- this function is the end of its sentence.
  IF current_setting('application_name') <> 'damascus schema 2'
     AND current_setting('application_name') ~ '^damascus( schema [0-9]+)?$' THEN
    RAISE EXCEPTION 'the database holds schema version 2, this program knows another: nothing was changed'
      USING ERRCODE = '57D01', DETAIL = '2';
  END IF;
  RETURN NEW;
END $$;

-- step: refuse them where they write work items
CREATE TRIGGER work_items_of_this_version BEFORE INSERT OR UPDATE ON work_items
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();

-- step: refuse them where they write phase runs
CREATE TRIGGER phase_runs_of_this_version BEFORE INSERT ON phase_runs
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();

-- step: refuse them where they write projects
CREATE TRIGGER projects_of_this_version BEFORE INSERT OR UPDATE ON projects
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();

-- step: refuse them where they write gates
CREATE TRIGGER gates_of_this_version BEFORE INSERT ON coordination_gates
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();

-- step: refuse them where they write human issues
CREATE TRIGGER human_issues_of_this_version BEFORE UPDATE ON human_issues
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();

-- step: refuse them where they write relay cursors
CREATE TRIGGER relay_cursors_of_this_version BEFORE INSERT OR UPDATE ON relay_cursors
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();

-- step: refuse them where they write events outbox
CREATE TRIGGER events_outbox_of_this_version BEFORE UPDATE ON events_outbox
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_damascus_of_another_version();

-- step: refuse them where they write api tokens
CREATE TRIGGER api_tokens_of_this_version BEFORE INSERT OR UPDATE ON api_tokens
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();

-- step: an idempotency key belongs to who asked, with a token or without
CREATE TABLE idempotency_keys (
  -- Who asked: "token:7" for a token of the API, the actor ("mcp:nora") at a door without tokens.
  caller        text NOT NULL,
  key           text NOT NULL,
  request_hash  bytea NOT NULL,
  response      jsonb,
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (caller, key)
);

-- step: the keys that tokens have used
INSERT INTO idempotency_keys (caller, key, request_hash, response, created_at)
SELECT 'token:' || token_id, key, request_hash, response, created_at FROM api_requests;

-- step: nothing reads the old keys any more
DROP TABLE api_requests;

-- step: old keys are found by their age
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- step: say what the keys are for
COMMENT ON TABLE idempotency_keys IS
  'Requests that are done once: written in the transaction that does what was asked, with its answer.';

-- step: refuse them where they write idempotency keys
CREATE TRIGGER idempotency_keys_of_this_version BEFORE INSERT ON idempotency_keys
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();

-- step: only known types of events
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
    'relay.parked'));

-- step: one function writes events
CREATE OR REPLACE FUNCTION emit_event
  (type text, project_id bigint, item_id bigint, actor text, data jsonb) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE event bigint;
BEGIN
  INSERT INTO events_outbox (type, project_id, item_id, actor, data) VALUES ($1, $2, $3, $4, $5)
  RETURNING id INTO event;
  RETURN event;
END $$;

-- step: say how it is called
COMMENT ON FUNCTION emit_event IS
  'The only way an event is written; returns its id. Call it in RETURNING or in the outermost '
  'SELECT, which are evaluated for every row: a WITH query that only selects is not run unless '
  'something reads it.';

-- step: any forge of the program's registry may be named
ALTER TABLE projects DROP CONSTRAINT projects_forge_is_known;

-- step: a forge's name is a slug
ALTER TABLE projects ADD CONSTRAINT projects_forge_is_a_slug
  CHECK (forge ~ '^[a-z0-9][a-z0-9-]{0,62}$');
