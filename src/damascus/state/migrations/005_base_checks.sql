-- Leads to the schema.sql of 856a3767dba1c4dd
-- From version 4 to 5: what is known of a project's base is kept, and a project waits for a green one.
-- A base branch may belong to several projects, a directory each: merges into it are one at a time.

-- step: refuse programs of another version
CREATE OR REPLACE FUNCTION refuse_damascus_of_another_version() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  -- Every Damascus names its version when it connects ('damascus' alone is version 1). Version 1
  -- takes errors of class 57 for a database that is away: it says so once, and waits. The name of
  -- this function is the end of its sentence.
  IF current_setting('application_name') <> 'damascus schema 5'
     AND current_setting('application_name') ~ '^damascus( schema [0-9]+)?$' THEN
    RAISE EXCEPTION 'the database holds schema version 5, this program knows another: nothing was changed'
      USING ERRCODE = '57D01', DETAIL = '5';
  END IF;
  RETURN NEW;
END $$;

-- step: keep what is known of a base
ALTER TABLE projects ADD COLUMN base_check jsonb NOT NULL DEFAULT '{}';

-- step: say where nothing is claimed
ALTER TABLE projects ADD COLUMN held boolean NOT NULL GENERATED ALWAYS AS
  (paused OR COALESCE(base_check ->> 'state', '') = 'waits') STORED;

-- step: name what can be known of a base
ALTER TABLE projects ADD CONSTRAINT projects_base_check_has_a_known_state CHECK
  (COALESCE(base_check ->> 'state', 'unproven')
     IN ('unproven', 'checking', 'proven', 'accepted', 'waits'));

-- step: trust the bases of projects that have merged something
UPDATE projects p SET base_check = jsonb_build_object('state', 'accepted', 'sentence',
  'Work was merged here before bases were tried.')
WHERE EXISTS (SELECT FROM work_items w WHERE w.project_id = p.id AND w.phase = 'merged');

-- step: let a base branch belong to several projects
ALTER TABLE projects DROP CONSTRAINT projects_own_their_base_branch;

-- step: one directory of it belongs to one project
CREATE UNIQUE INDEX projects_own_their_base_branch ON projects
  (forge, repo, base_branch, COALESCE(policy ->> 'directory', ''));

-- step: say into what an item merges
ALTER TABLE work_items ADD COLUMN merge_group bigint;

-- step: say it of merges that are under way
UPDATE work_items SET merge_group = project_id WHERE merging;

-- step: a merge says where it merges to
ALTER TABLE work_items ADD CONSTRAINT work_items_merge_has_its_group CHECK
  (NOT merging OR merge_group IS NOT NULL);

-- step: serialise merges by base branch
DROP INDEX work_items_one_merge_per_project;

-- step: one merge at a time into it
CREATE UNIQUE INDEX work_items_one_merge_per_base ON work_items (merge_group) WHERE merging;

-- step: know the event of a base that was tried
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
  'relay.parked'));
