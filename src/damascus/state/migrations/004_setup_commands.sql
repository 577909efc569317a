-- Leads to the schema.sql of f4c450364e60fe95
-- From version 3 to 4: a project has a list of set-up commands, each run by a shell, in place of one
-- that no shell saw.

-- step: refuse programs of another version
CREATE OR REPLACE FUNCTION refuse_damascus_of_another_version() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  -- Every Damascus names its version when it connects ('damascus' alone is version 1). Version 1
  -- takes errors of class 57 for a database that is away: it says so once, and waits. The name of
  -- this function is the end of its sentence.
  IF current_setting('application_name') <> 'damascus schema 4'
     AND current_setting('application_name') ~ '^damascus( schema [0-9]+)?$' THEN
    RAISE EXCEPTION 'the database holds schema version 4, this program knows another: nothing was changed'
      USING ERRCODE = '57D01', DETAIL = '4';
  END IF;
  RETURN NEW;
END $$;

-- step: quote the words of each set-up command for a shell
UPDATE projects SET policy = policy || jsonb_build_object('setup_commands', jsonb_build_array((
  SELECT string_agg(
    CASE WHEN word ~ '^[A-Za-z0-9_@%+=:,./-]+$' THEN word
         ELSE '''' || replace(word, '''', '''"''"''') || '''' END,
    ' ' ORDER BY place)
  FROM jsonb_array_elements_text(policy -> 'setup_command') WITH ORDINALITY AS w (word, place)
)))
WHERE jsonb_typeof(policy -> 'setup_command') = 'array' AND policy -> 'setup_command' <> '[]';

-- step: forget the old ones
UPDATE projects SET policy = policy - 'setup_command' WHERE policy ? 'setup_command';
