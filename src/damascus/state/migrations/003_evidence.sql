-- Leads to the schema.sql of 89d8eff8db1ec586
-- From version 2 to 3: what merges stand on is kept in rows, and so are the reports of base commits.
-- A human issue can ask about a test command, once for a project.

-- step: refuse programs of another version
CREATE OR REPLACE FUNCTION refuse_damascus_of_another_version() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  -- Every Damascus names its version when it connects ('damascus' alone is version 1). Version 1
  -- takes errors of class 57 for a database that is away: it says so once, and waits. The name of
  -- this function is the end of its sentence.
  IF current_setting('application_name') <> 'damascus schema 3'
     AND current_setting('application_name') ~ '^damascus( schema [0-9]+)?$' THEN
    RAISE EXCEPTION 'the database holds schema version 3, this program knows another: nothing was changed'
      USING ERRCODE = '57D01', DETAIL = '3';
  END IF;
  RETURN NEW;
END $$;

-- step: keep what merges stand on
CREATE TABLE evidence (
  run_id      bigint PRIMARY KEY REFERENCES phase_runs (id),
  item_id     bigint NOT NULL REFERENCES work_items (id),
  kind        text NOT NULL,
  head_sha    text NOT NULL,
  base_sha    text,
  document    jsonb NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT evidence_kind_is_known CHECK (kind IN ('report', 'exit-status', 'none')),
  CONSTRAINT evidence_has_a_base CHECK (base_sha IS NOT NULL OR kind = 'none')
);

-- step: say what the table is
COMMENT ON TABLE evidence IS
  'What a merge stands on, written before it is made: src/damascus/domain/evidence.py.';

-- step: find the evidence of an item
CREATE INDEX evidence_by_item ON evidence (item_id, run_id);

-- step: say what merges of before stand on: the exit status, unless the run holds a report
INSERT INTO evidence (run_id, item_id, kind, head_sha, base_sha, document, created_at)
SELECT r.id, w.id, e.kind, w.head_sha, r.base_sha,
  COALESCE(r.details -> 'evidence', '{}') || jsonb_build_object(
    'kind', e.kind, 'sentence', e.sentence, 'lines', jsonb_build_array(e.sentence),
    'head_sha', w.head_sha, 'base_sha', r.base_sha, 'command', w.test_command),
  r.finished_at
FROM work_items w CROSS JOIN LATERAL (
  SELECT * FROM phase_runs r
  WHERE r.item_id = w.id AND r.phase = 'review' AND r.effective = 'pass'
  ORDER BY r.claim_epoch DESC LIMIT 1
) r CROSS JOIN LATERAL (
  SELECT CASE WHEN r.details ? 'evidence' THEN 'report'
              WHEN r.base_sha IS NULL THEN 'none' ELSE 'exit-status' END AS kind,
    CASE WHEN r.details ? 'evidence' THEN 'Its tests reported by name.'
         WHEN r.base_sha IS NULL THEN
           'It was merged on the forge by somebody else; Damascus tested nothing.'
         ELSE 'The test command ended with status 0; evidence was not kept yet.' END AS sentence
) e
WHERE w.phase = 'merged' AND w.head_sha IS NOT NULL;

-- step: keep the test reports of base commits
CREATE TABLE test_baselines (
  key       text PRIMARY KEY,
  report    jsonb NOT NULL,
  used_at   timestamptz NOT NULL DEFAULT now()
);

-- step: say what that table is
COMMENT ON TABLE test_baselines IS
  'Test reports of base commits, by a hash of commit, command and environment.';

-- step: find what nobody asks for
CREATE INDEX test_baselines_by_use ON test_baselines (used_at);

-- step: refuse programs of another version where they write evidence
CREATE TRIGGER evidence_of_this_version BEFORE INSERT OR UPDATE ON evidence
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();

-- step: refuse them where they write test baselines
CREATE TRIGGER test_baselines_of_this_version BEFORE INSERT OR UPDATE ON test_baselines
  FOR EACH ROW EXECUTE FUNCTION refuse_damascus_of_another_version();

-- step: name the test command that an issue asks about
ALTER TABLE human_issues ADD COLUMN test_command jsonb;

-- step: such an issue belongs to the project
ALTER TABLE human_issues ADD CONSTRAINT human_issues_about_commands_are_the_projects CHECK
  (test_command IS NULL OR (item_id IS NULL AND kind = 'question'));

-- step: one open question for each command of a project
CREATE UNIQUE INDEX human_issues_one_open_per_command ON human_issues
  (project_id, test_command) WHERE closed_at IS NULL AND test_command IS NOT NULL;

-- step: find what was answered about a project's commands
CREATE INDEX human_issues_about_commands ON human_issues (project_id, id)
  WHERE test_command IS NOT NULL;
