-- Rows of every table and in every state, as version 5 of the schema kept them: those of version 4
-- after its migration. The words of titles are missing: the trigger makes them.

INSERT INTO api_tokens (id, name, token_hash, scopes, created_at, created_by, expires_at, last_used_at, revoked_at, revoked_by) OVERRIDING SYSTEM VALUE VALUES
	(1, 'felix', '\x7ff6f4dc19171e6c69837e36b0060e197a76c100cb33e755c3e85bef93559cfb', '{read,ingest}', '2025-12-01 02:19:28.942079+00', 'cli', '2035-11-28 02:19:28.942079+00', NULL, NULL, NULL),
	(2, 'old', '\x1744b3bdcc8271f566e57401c7789578abdcb535b7fcb11cac1d430369b757da', '{read}', '2025-12-01 02:19:28.974051+00', 'cli', NULL, NULL, '2025-12-01 02:19:28.980616+00', 'felix');

INSERT INTO api_sessions (session_hash, token_id, created_at, expires_at) VALUES
	('\x2f67c3976459158d2f9d80cb7871bcee7c89bad14c43fd890ae8c38bf50b418f', 1, '2025-12-01 02:19:29.004918+00', '2035-11-28 02:19:29.004918+00');

INSERT INTO claim_slots (slot, item_id, project_id, project_slot) VALUES
	(3, NULL, NULL, NULL),
	(4, NULL, NULL, NULL),
	(5, 19, 1, -5),
	(6, NULL, NULL, NULL),
	(7, 20, 1, -7),
	(8, NULL, NULL, NULL),
	(1, NULL, NULL, NULL),
	(2, 21, 1, -2);

INSERT INTO projects (id, name, forge, repo, base_branch, policy, max_concurrency, budget_cycles, budget_usd, paused, paused_reason, created_at, updated_at, base_check) OVERRIDING SYSTEM VALUE VALUES
	(2, 'beta', 'local', '/srv/beta.git', 'main', '{}', NULL, NULL, NULL, true, 'Freeze.', '2025-12-01 02:19:25.753943+00', '2025-12-01 02:19:28.733124+00', '{}'),
	(3, 'gamma', 'local', '/srv/gamma.git', 'main', '{"conventions": "Be brief.", "setup_commands": ["sh -c ''echo ''\"''\"''it''\"''\"''s''\"''\"'' > \"$HOME/x\"''"]}', NULL, 5, NULL, false, NULL, '2025-12-01 02:19:25.770177+00', '2025-12-01 02:19:28.764666+00', '{}'),
	(1, 'alpha', 'local', '/srv/alpha.git', 'main', '{"builder": "command"}', NULL, NULL, 2.5000, false, NULL, '2025-12-01 02:19:25.721575+00', '2025-12-01 02:19:28.901934+00', '{"state": "accepted", "sentence": "Work was merged here before bases were tried."}');

INSERT INTO work_items (id, project_id, key, title, story, story_sha, phase, phase_before, priority, ready_since, attempts, budget_cycles, consecutive_errors, budget_usd, not_before, closed_gates, project_paused, claim_epoch, claimed_by, claimed_at, merging, spec, test_command, branch, head_sha, built_sha, pr_number, pr_url, merge_sha, findings, created_at, updated_at, finished_at, merge_group) OVERRIDING SYSTEM VALUE VALUES
	(1, 1, 'merged', 'Story merged', '# Story merged

Do it.
', 'a9f5ec89cc121c2e4eda3ba65b3543a443e4e8b0f39fb3e25fe5da6929263084', 'merged', 'review', 9, '2025-12-01 02:19:26.602546+00', 0, 3, 0, 2.5000, NULL, 0, false, 3, NULL, NULL, false, '## Goal

Do it.
', '["pytest", "-q"]', 'b', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1, 'x', 'cccccccccccccccccccccccccccccccccccccccc', '[]', '2025-12-01 02:19:25.826976+00', '2025-12-01 02:19:26.602546+00', '2025-12-01 02:19:26.602546+00', NULL),
	(2, 1, 'waits-for-merged', 'Story waits-for-merged', '# Story waits-for-merged

Do it.
', '9015c0a79d51a722e394d7131c261b10184a976425b1a025649566cf52b2732f', 'spec', NULL, 9, '2025-12-01 02:19:25.96445+00', 0, 3, 0, 2.5000, NULL, 0, false, 0, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', '2025-12-01 02:19:25.96445+00', '2025-12-01 02:19:28.901934+00', NULL, NULL),
	(3, 1, 'retried', 'Story retried', '# Story retried

Do it.
', '95952b47c5c5bcd68f9a06a9421a847d42f91ace24326dd0e2019e18d0724561', 'build', 'build', 9, '2025-12-01 02:19:26.761941+00', 1, 3, 0, 2.5000, NULL, 0, false, 2, NULL, NULL, false, '## Goal

Do it.
', '["pytest", "-q"]', NULL, NULL, NULL, NULL, NULL, NULL, '[]', '2025-12-01 02:19:26.621749+00', '2025-12-01 02:19:28.901934+00', NULL, NULL),
	(4, 1, 'asks', 'Story asks', '# Story asks

Do it.
', 'eed565a024c34a3a8f0528f3c9169e6703ddd36151745cedf4fd6319694b70e9', 'awaiting_human', 'spec', 9, '2025-12-01 02:19:26.898437+00', 0, 3, 0, 2.5000, NULL, 0, false, 1, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', '2025-12-01 02:19:26.834477+00', '2025-12-01 02:19:28.901934+00', NULL, NULL),
	(5, 1, 'answered', 'Story answered', '# Story answered

Do it.
', 'a1b640fb73f735209bc4f1ff094b9c936d3c47e1930b94f972eed8488dfc01d9', 'spec', 'awaiting_human', 9, '2025-12-01 02:19:26.992917+00', 0, 3, 0, 2.5000, NULL, 0, false, 2, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', '2025-12-01 02:19:26.921957+00', '2025-12-01 02:19:28.901934+00', NULL, NULL),
	(9, 1, 'cancelled', 'Story cancelled', '# Story cancelled

Do it.
', '24f6b186a807f318dfe5f4036671167268ee7de31b73ad593f7da74d406de112', 'cancelled', 'spec', 9, '2025-12-01 02:19:27.303849+00', 0, 3, 0, 2.5000, NULL, 0, false, 1, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', '2025-12-01 02:19:27.288324+00', '2025-12-01 02:19:27.303849+00', '2025-12-01 02:19:27.303849+00', NULL),
	(12, 3, 'manual-gate', 'Story manual-gate', '# Story manual-gate

Do it.
', '03c5e7b8554812d2417e4ddb68245cd28ebb3b58d549d6594de1bb9d4e5ee817', 'spec', NULL, 9, '2025-12-01 02:19:27.416734+00', 0, 5, 0, NULL, NULL, 1, false, 0, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', '2025-12-01 02:19:27.416734+00', '2025-12-01 02:19:28.764666+00', NULL, NULL),
	(13, 3, 'later', 'Story later', '# Story later

Do it.
', '145b42839ad5985e31fe419d410fad5725eb874e75593ccedea4d34495d73f36', 'spec', NULL, 9, '2025-12-01 02:19:27.480671+00', 0, 5, 0, NULL, NULL, 1, false, 0, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', '2025-12-01 02:19:27.480671+00', '2025-12-01 02:19:28.764666+00', NULL, NULL),
	(14, 3, 'after', 'Story after', '# Story after

Do it.
', 'e1e852958f54905d65995e002e1aed0bb42006db4a38cfd23d683102186eff04', 'spec', NULL, 9, '2025-12-01 02:19:27.518386+00', 0, 5, 0, NULL, NULL, 1, false, 0, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', '2025-12-01 02:19:27.518386+00', '2025-12-01 02:19:28.764666+00', NULL, NULL),
	(15, 3, 'opened', 'Story opened', '# Story opened

Do it.
', '34f6111220addbd73bce9e1cd1669f92064292bb8d90586fb725e47f858cf2dd', 'spec', NULL, 9, '2025-12-01 02:19:27.574955+00', 0, 5, 0, NULL, NULL, 0, false, 0, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', '2025-12-01 02:19:27.574955+00', '2025-12-01 02:19:28.764666+00', NULL, NULL),
	(6, 1, 'blocked', 'Story blocked', '# Story blocked

Do it.
', 'db0b67752a998a3cddc80d6ff61dcc2d37d8231a736570c9835c1b09132bf34d', 'blocked', 'spec', 9, '2025-12-01 02:19:27.102601+00', 1, 1, 0, 2.5000, NULL, 0, false, 1, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', '2025-12-01 02:19:27.031491+00', '2025-12-01 02:19:28.901934+00', NULL, NULL),
	(7, 1, 'over-budget', 'Story over-budget', '# Story over-budget

Do it.
', '7e7dfc8b03ff0603c128f0522432d4687d1ce64772171ea9bbd3721578922c49', 'blocked', 'spec', 9, '2025-12-01 02:19:27.169641+00', 0, 3, 0, 2.5000, NULL, 0, false, 1, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', '2025-12-01 02:19:27.116067+00', '2025-12-01 02:19:28.901934+00', NULL, NULL),
	(8, 1, 'set-going-again', 'Story set-going-again', '# Story set-going-again

Do it.
', '3b0735abe6ba4e36e5e5a86a8de640ab2d1da59ccf89f6364d642b9961277434', 'spec', 'blocked', 9, '2025-12-01 02:19:27.256563+00', 0, 4, 0, 7.2500, NULL, 0, false, 2, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', '2025-12-01 02:19:27.178443+00', '2025-12-01 02:19:28.901934+00', NULL, NULL),
	(10, 1, 'changed', 'Story changed', '# Story changed

Do it otherwise.
', '050edbf853bf699295305b0c668fad258d34b5948b1b75ca14a45ccceea7e7da', 'spec', NULL, 9, '2025-12-01 02:19:27.344766+00', 0, 6, 0, 9.5000, NULL, 0, false, 1, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', '2025-12-01 02:19:27.344766+00', '2025-12-01 02:19:28.901934+00', NULL, NULL),
	(16, 2, 'paused', 'Story paused', '# Story paused

Do it.
', 'c003776e0577b30be377ff6bff272a848be0b923abe8f5c0beef50c45eb4e302', 'spec', NULL, 9, '2025-12-01 02:19:27.622448+00', 0, 3, 0, NULL, NULL, 0, true, 0, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', '2025-12-01 02:19:27.622448+00', '2025-12-01 02:19:28.733124+00', NULL, NULL),
	(17, 1, 'faulty', 'Story faulty', '# Story faulty

Do it.
', '7c9483e560c224a79bc923061a3e460a3bd2b7bed9919464725c3b463ee09423', 'spec', 'spec', 9, '2025-12-01 02:19:27.754324+00', 0, 3, 1, 2.5000, NULL, 0, false, 1, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', '2025-12-01 02:19:27.754324+00', '2025-12-01 02:19:28.901934+00', NULL, NULL),
	(18, 1, 'released', 'Story released', '# Story released

Do it.
', 'c18552e7767565d26d2933b954cc9708aa0c991c1a20b9c29549845f92fe6e2e', 'spec', NULL, 9, '2025-12-01 02:19:27.886532+00', 0, 3, 0, 2.5000, NULL, 0, false, 1, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', '2025-12-01 02:19:27.886532+00', '2025-12-01 02:19:28.901934+00', NULL, NULL),
	(19, 1, 'lost', 'Story lost', '# Story lost

Do it.
', '807bc29d0c0ca7e86fe96052fe6fffe7b444782436864a47eebdb3c4b4d19023', 'spec', NULL, 9, '2025-12-01 02:19:28.034292+00', 2, 3, 0, 2.5000, NULL, 0, false, 2, 'w2', '2025-12-01 02:19:28.141951+00', false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', '2025-12-01 02:19:28.034292+00', '2025-12-01 02:19:28.901934+00', NULL, NULL),
	(20, 1, 'in-build', 'Story in-build', '# Story in-build

Do it.
', '6b08216ed4d4d4df31ed4cb466147eccf30276425b10dcfe8b0dcaf270d10d48', 'build', 'spec', 9, '2025-12-01 02:19:28.301962+00', 1, 3, 0, 2.5000, NULL, 0, false, 2, 'w3', '2025-12-01 02:19:28.348606+00', false, '## Goal

Do it.
', '["pytest", "-q"]', 'damascus-x', 'dddddddddddddddddddddddddddddddddddddddd', 'dddddddddddddddddddddddddddddddddddddddd', NULL, NULL, NULL, '[]', '2025-12-01 02:19:28.178591+00', '2025-12-01 02:19:28.901934+00', NULL, NULL),
	(21, 1, 'merging', 'Story merging', '# Story merging

Do it.
', 'eee6810be9518846fff245a572fac945e04e3596fcb905c297679f2d788936b2', 'review', 'build', 9, '2025-12-01 02:19:28.626692+00', 1, 3, 0, 2.5000, NULL, 0, false, 3, 'w4', '2025-12-01 02:19:28.674539+00', true, '## Goal

Do it.
', '["pytest", "-q"]', 'b', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1, 'x', NULL, '[]', '2025-12-01 02:19:28.427569+00', '2025-12-01 02:19:28.901934+00', NULL, 1),
	(22, 1, 'not-sequenced', 'Story not-sequenced', '# Story not-sequenced

Do it.
', '82ecae8beefae90a3a19cfd2c62e9f9a9d308603b094e9df5f0b68c52db820a0', 'spec', NULL, 9, '2025-12-01 02:19:29.222366+00', 0, 3, 0, 2.5000, NULL, 0, false, 0, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', '2025-12-01 02:19:29.222366+00', '2025-12-01 02:19:29.222366+00', NULL, NULL);

INSERT INTO coordination_gates (id, item_id, kind, after_item, not_before, note, opened_at, opened_by, created_at) OVERRIDING SYSTEM VALUE VALUES
	(1, 2, 'after_item', 1, NULL, '', '2025-12-01 02:19:26.602546+00', 'damascus', '2025-12-01 02:19:25.96445+00'),
	(2, 12, 'manual', NULL, NULL, 'After the holidays.', NULL, NULL, '2025-12-01 02:19:27.445001+00'),
	(3, 13, 'not_before', NULL, '2030-01-01 00:00:00+00', '', NULL, NULL, '2025-12-01 02:19:27.494958+00'),
	(4, 14, 'after_item', 10, NULL, '', NULL, NULL, '2025-12-01 02:19:27.518386+00'),
	(5, 15, 'manual', NULL, NULL, '', '2025-12-01 02:19:27.61218+00', 'felix', '2025-12-01 02:19:27.585797+00');

INSERT INTO phase_runs (id, item_id, claim_epoch, phase, worker, attempt, started_at, finished_at, verdict, effective, summary, details, head_sha, base_sha, log_path) OVERRIDING SYSTEM VALUE VALUES
	(1, 1, 1, 'spec', 'w1', 1, '2025-12-01 02:19:26.372912+00', '2025-12-01 02:19:26.417781+00', 'pass', 'pass', 'a spec', '{}', NULL, NULL, NULL),
	(2, 1, 2, 'build', 'w1', 1, '2025-12-01 02:19:26.484388+00', '2025-12-01 02:19:26.488237+00', 'pass', 'pass', 'built', '{}', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', NULL, NULL),
	(3, 1, 3, 'review', 'w1', 1, '2025-12-01 02:19:26.578519+00', '2025-12-01 02:19:26.602546+00', 'pass', 'pass', 'merged', '{}', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', NULL),
	(4, 3, 1, 'spec', 'w1', 1, '2025-12-01 02:19:26.729507+00', '2025-12-01 02:19:26.761941+00', 'pass', 'pass', 'a spec', '{}', NULL, NULL, NULL),
	(5, 3, 2, 'build', 'w1', 1, '2025-12-01 02:19:26.80635+00', '2025-12-01 02:19:26.817057+00', 'fail', 'fail', 'fail', '{}', NULL, NULL, NULL),
	(6, 4, 1, 'spec', 'w1', 1, '2025-12-01 02:19:26.88105+00', '2025-12-01 02:19:26.898437+00', 'spec_ambiguous', 'spec_ambiguous', 'spec_ambiguous', '{}', NULL, NULL, NULL),
	(7, 5, 1, 'spec', 'w1', 1, '2025-12-01 02:19:26.958211+00', '2025-12-01 02:19:26.981266+00', 'spec_ambiguous', 'spec_ambiguous', 'spec_ambiguous', '{}', NULL, NULL, NULL),
	(8, 6, 1, 'spec', 'w1', 1, '2025-12-01 02:19:27.074146+00', '2025-12-01 02:19:27.102601+00', 'spec_wrong', 'exhausted', 'spec_wrong', '{}', NULL, NULL, NULL),
	(9, 7, 1, 'spec', 'w1', 1, '2025-12-01 02:19:27.144452+00', '2025-12-01 02:19:27.169641+00', 'over_budget', 'over_budget', 'over_budget', '{}', NULL, NULL, NULL),
	(10, 8, 1, 'spec', 'w1', 1, '2025-12-01 02:19:27.224738+00', '2025-12-01 02:19:27.234422+00', 'spec_wrong', 'exhausted', 'spec_wrong', '{}', NULL, NULL, NULL),
	(11, 17, 1, 'spec', 'w1', 1, '2025-12-01 02:19:27.825937+00', '2025-12-01 02:19:27.869968+00', 'error', 'error', 'error', '{}', NULL, NULL, NULL),
	(12, 18, 1, 'spec', 'w1', 1, '2025-12-01 02:19:27.993965+00', '2025-12-01 02:19:28.009959+00', NULL, NULL, 'shutdown', '{}', NULL, NULL, NULL),
	(13, 19, 1, 'spec', 'dead', 1, '2025-12-01 02:19:28.102344+00', '2025-12-01 02:19:28.141951+00', 'claim_lost', 'claim_lost', 'The worker died or lost its connection; its claim went stale.', '{}', NULL, NULL, NULL),
	(14, 19, 2, 'spec', 'w2', 2, '2025-12-01 02:19:28.161229+00', NULL, NULL, NULL, '', '{}', NULL, NULL, NULL),
	(15, 20, 1, 'spec', 'w1', 1, '2025-12-01 02:19:28.248222+00', '2025-12-01 02:19:28.301962+00', 'pass', 'pass', 'a spec', '{}', NULL, NULL, NULL),
	(16, 20, 2, 'build', 'w3', 1, '2025-12-01 02:19:28.370177+00', NULL, NULL, NULL, '', '{}', 'dddddddddddddddddddddddddddddddddddddddd', NULL, 'runs/x.log'),
	(17, 21, 1, 'spec', 'w1', 1, '2025-12-01 02:19:28.526297+00', '2025-12-01 02:19:28.550656+00', 'pass', 'pass', 'a spec', '{}', NULL, NULL, NULL),
	(18, 21, 2, 'build', 'w1', 1, '2025-12-01 02:19:28.615711+00', '2025-12-01 02:19:28.626692+00', 'pass', 'pass', 'built', '{}', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', NULL, NULL),
	(19, 21, 3, 'review', 'w4', 1, '2025-12-01 02:19:28.678301+00', NULL, NULL, NULL, '', '{}', NULL, NULL, NULL);

INSERT INTO cost_ledger (id, project_id, item_id, run_id, phase, model, input_tokens, output_tokens, usd, estimated, created_at) OVERRIDING SYSTEM VALUE VALUES
	(1, 1, 1, 1, 'spec', 'model/x', 1200, 300, 0.012300, false, '2025-12-01 02:19:26.393986+00'),
	(2, 1, 3, 4, 'spec', 'model/x', 1200, 300, 0.012300, false, '2025-12-01 02:19:26.75288+00'),
	(3, 1, 4, 6, 'spec', 'model/x', 1200, 300, 0.012300, false, '2025-12-01 02:19:26.890527+00'),
	(4, 1, 5, 7, 'spec', 'model/x', 1200, 300, 0.012300, false, '2025-12-01 02:19:26.967777+00'),
	(5, 1, 6, 8, 'spec', 'model/x', 1200, 300, 0.012300, false, '2025-12-01 02:19:27.084482+00'),
	(6, 1, 7, 9, 'spec', 'model/x', 1200, 300, 0.012300, false, '2025-12-01 02:19:27.164507+00'),
	(7, 1, 8, 10, 'spec', 'model/x', 1200, 300, 0.012300, false, '2025-12-01 02:19:27.226753+00'),
	(8, 1, 17, 11, 'spec', 'model/x', 1200, 300, 0.012300, false, '2025-12-01 02:19:27.840918+00'),
	(9, 1, 20, 15, 'spec', 'model/x', 1200, 300, 0.012300, false, '2025-12-01 02:19:28.261976+00'),
	(10, 1, 21, 17, 'spec', 'model/x', 1200, 300, 0.012300, false, '2025-12-01 02:19:28.542562+00'),
	(11, 1, 20, NULL, 'build', 'unmeasured', NULL, NULL, NULL, false, '2025-12-01 02:19:29.05804+00');

INSERT INTO events_outbox (id, event_id, seq, type, project_id, item_id, actor, data, created_at) OVERRIDING SYSTEM VALUE VALUES
	(1, '6ecc4a63-ffff-4fe7-9221-fb06d49f1d76', 1, 'project.added', 1, NULL, 'test', '{"name": "alpha", "repo": "/srv/alpha.git"}', '2025-12-01 02:19:25.723382+00'),
	(2, 'f5cfd67e-ba62-48f0-bbf4-35e53d045994', 2, 'project.added', 2, NULL, 'test', '{"name": "beta", "repo": "/srv/beta.git"}', '2025-12-01 02:19:25.754398+00'),
	(32, '0c465915-6ec6-4853-b7a1-95bfd7311645', 32, 'work.changed', 1, 10, 'felix', '{"priority": 9, "budget_usd": 9.5, "budget_cycles": 6}', '2025-12-01 02:19:27.409051+00'),
	(3, '58a46d2f-06be-4c4b-bd70-8bdc13a41486', 3, 'project.added', 3, NULL, 'test', '{"name": "gamma", "repo": "/srv/gamma.git"}', '2025-12-01 02:19:25.77054+00'),
	(4, '3d3036dc-9372-433e-9adf-5bd9dd14c355', 4, 'project.changed', 3, NULL, 'felix', '{"unset": [], "conventions": "Be brief.", "budget_cycles": "5", "max_concurrency": null}', '2025-12-01 02:19:25.78473+00'),
	(5, '0ee6c68a-c2d9-4eb8-b3d2-7c78225648db', 5, 'work.ingested', 1, 1, 'test', '{"to": "spec", "key": "merged", "sha": "a9f5ec89cc121c2e4eda3ba65b3543a443e4e8b0f39fb3e25fe5da6929263084", "epoch": 0, "title": "Story merged", "attempts": 0, "priority": 9, "budget_usd": "2.5000", "budget_cycles": 3}', '2025-12-01 02:19:25.903744+00'),
	(6, 'd820ad13-b3b8-4794-8a5c-b5bb046e1dc3', 6, 'work.ingested', 1, 2, 'test', '{"to": "spec", "key": "waits-for-merged", "sha": "9015c0a79d51a722e394d7131c261b10184a976425b1a025649566cf52b2732f", "epoch": 0, "title": "Story waits-for-merged", "attempts": 0, "priority": 9, "budget_usd": "2.5000", "budget_cycles": 3}', '2025-12-01 02:19:25.986101+00'),
	(7, 'b4fb6dd3-9d3c-410e-be2b-89267bb80b7f', 7, 'gate.closed', 1, 2, 'test', '{"gate": 1, "kind": "after_item", "after_item": 1}', '2025-12-01 02:19:26.147865+00'),
	(8, '00078f96-519e-40f5-88d3-c6a427d4762a', 8, 'work.spec_ready', 1, 1, 'w1', '{"to": "build", "run": 1, "from": "spec", "epoch": 1, "summary": "a spec", "verdict": "pass", "attempts": 0, "spec_sha": "41082de729ed492fbf1237ed8c3045e92737c1637717fd5da63be3b29bebe148", "effective": "pass", "test_command": ["pytest", "-q"], "budget_cycles": 3, "consecutive_errors": 0}', '2025-12-01 02:19:26.419686+00'),
	(9, 'adcaa342-bb5b-4d40-b51e-cda0da56e263', 9, 'work.built', 1, 1, 'w1', '{"to": "review", "run": 2, "from": "build", "epoch": 2, "summary": "built", "verdict": "pass", "attempts": 0, "head_sha": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "effective": "pass", "pr_number": 1, "budget_cycles": 3, "consecutive_errors": 0}', '2025-12-01 02:19:26.494352+00'),
	(10, 'ce7545f4-7f8c-4037-a929-50896c9389b7', 10, 'work.merged', 1, 1, 'w1', '{"to": "merged", "run": 3, "from": "review", "epoch": 3, "summary": "merged", "verdict": "pass", "attempts": 0, "base_sha": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "head_sha": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "effective": "pass", "merge_sha": "cccccccccccccccccccccccccccccccccccccccc", "budget_cycles": 3, "consecutive_errors": 0}', '2025-12-01 02:19:26.603736+00'),
	(11, '4fb9915c-1b42-4ce9-8ddd-5deafbb49f7e', 11, 'gate.opened', 1, 2, 'damascus', '{"gate": 1, "after_item": 1}', '2025-12-01 02:19:26.603816+00'),
	(12, 'fa0ec004-9990-48ef-b816-53bdf1c55368', 12, 'work.ingested', 1, 3, 'test', '{"to": "spec", "key": "retried", "sha": "95952b47c5c5bcd68f9a06a9421a847d42f91ace24326dd0e2019e18d0724561", "epoch": 0, "title": "Story retried", "attempts": 0, "priority": 9, "budget_usd": "2.5000", "budget_cycles": 3}', '2025-12-01 02:19:26.637313+00'),
	(13, 'd21bf663-353d-4659-972d-bfc01658ddc3', 13, 'work.spec_ready', 1, 3, 'w1', '{"to": "build", "run": 4, "from": "spec", "epoch": 1, "summary": "a spec", "verdict": "pass", "attempts": 0, "spec_sha": "41082de729ed492fbf1237ed8c3045e92737c1637717fd5da63be3b29bebe148", "effective": "pass", "test_command": ["pytest", "-q"], "budget_cycles": 3, "consecutive_errors": 0}', '2025-12-01 02:19:26.763014+00'),
	(14, '924b24b1-4c40-4e39-96de-d486abb53a28', 14, 'work.retry', 1, 3, 'w1', '{"to": "build", "run": 5, "from": "build", "epoch": 2, "summary": "fail", "verdict": "fail", "attempts": 1, "effective": "fail", "budget_cycles": 3, "consecutive_errors": 0}', '2025-12-01 02:19:26.818139+00'),
	(15, '180ceaad-61eb-4d35-b999-96251877e6f5', 15, 'work.ingested', 1, 4, 'test', '{"to": "spec", "key": "asks", "sha": "eed565a024c34a3a8f0528f3c9169e6703ddd36151745cedf4fd6319694b70e9", "epoch": 0, "title": "Story asks", "attempts": 0, "priority": 9, "budget_usd": "2.5000", "budget_cycles": 3}', '2025-12-01 02:19:26.843296+00'),
	(16, 'd72a54b7-8245-4e54-8d47-351a6d2a2d93', 16, 'work.awaiting_human', 1, 4, 'w1', '{"to": "awaiting_human", "run": 6, "from": "spec", "epoch": 1, "issue": 1, "summary": "spec_ambiguous", "verdict": "spec_ambiguous", "attempts": 0, "effective": "spec_ambiguous", "budget_cycles": 3, "consecutive_errors": 0}', '2025-12-01 02:19:26.900381+00'),
	(17, '65179cb2-3993-4516-b7ce-dc847a5911aa', 17, 'work.ingested', 1, 5, 'test', '{"to": "spec", "key": "answered", "sha": "a1b640fb73f735209bc4f1ff094b9c936d3c47e1930b94f972eed8488dfc01d9", "epoch": 0, "title": "Story answered", "attempts": 0, "priority": 9, "budget_usd": "2.5000", "budget_cycles": 3}', '2025-12-01 02:19:26.93126+00'),
	(60, 'b404e40f-45f4-4fc2-be0b-9e7871faea66', 60, 'project.paused', 2, NULL, 'felix', '{"reason": "Freeze."}', '2025-12-01 02:19:28.743395+00'),
	(61, '13588ed2-6bef-45d2-9179-4d81a47f2c9d', 61, 'project.paused', 3, NULL, 'felix', '{}', '2025-12-01 02:19:28.752286+00'),
	(18, '8cafe497-f6f8-4f5a-9734-7e6394b69ae4', 18, 'work.awaiting_human', 1, 5, 'w1', '{"to": "awaiting_human", "run": 7, "from": "spec", "epoch": 1, "issue": 2, "summary": "spec_ambiguous", "verdict": "spec_ambiguous", "attempts": 0, "effective": "spec_ambiguous", "budget_cycles": 3, "consecutive_errors": 0}', '2025-12-01 02:19:26.98182+00'),
	(19, '3ae5cbc4-1f9d-4197-9f4f-ed9a16d93c1c', 19, 'work.answered', 1, 5, 'felix', '{"to": "spec", "from": "awaiting_human", "note": "Blue.", "epoch": 2, "issue": 2, "attempts": 0, "budget_usd": 2.5000, "budget_cycles": 3}', '2025-12-01 02:19:26.999319+00'),
	(20, '6d1f97ea-ecc6-4b7c-9472-7d343d9fd198', 20, 'work.changed', 1, 5, 'felix', '{"priority": 9}', '2025-12-01 02:19:27.015341+00'),
	(21, '97738082-ccbe-4d07-a01c-cefeb49cebc4', 21, 'work.ingested', 1, 6, 'test', '{"to": "spec", "key": "blocked", "sha": "db0b67752a998a3cddc80d6ff61dcc2d37d8231a736570c9835c1b09132bf34d", "epoch": 0, "title": "Story blocked", "attempts": 0, "priority": 9, "budget_usd": "2.5000", "budget_cycles": 1}', '2025-12-01 02:19:27.038128+00'),
	(22, '023f5dcc-316b-4877-9d45-e53f721238ff', 22, 'work.blocked', 1, 6, 'w1', '{"to": "blocked", "run": 8, "from": "spec", "epoch": 1, "issue": 3, "summary": "spec_wrong", "verdict": "spec_wrong", "attempts": 1, "effective": "exhausted", "budget_cycles": 1, "consecutive_errors": 0}', '2025-12-01 02:19:27.103172+00'),
	(23, '7e44f062-e0d1-4f51-b499-a4ca26541bf6', 23, 'work.ingested', 1, 7, 'test', '{"to": "spec", "key": "over-budget", "sha": "7e7dfc8b03ff0603c128f0522432d4687d1ce64772171ea9bbd3721578922c49", "epoch": 0, "title": "Story over-budget", "attempts": 0, "priority": 9, "budget_usd": "2.5000", "budget_cycles": 3}', '2025-12-01 02:19:27.116855+00'),
	(24, 'a7a4cdb9-93e4-4bbc-be68-eecce8a6c575', 24, 'work.blocked', 1, 7, 'w1', '{"to": "blocked", "run": 9, "from": "spec", "epoch": 1, "issue": 4, "summary": "over_budget", "verdict": "over_budget", "attempts": 0, "effective": "over_budget", "budget_cycles": 3, "consecutive_errors": 0}', '2025-12-01 02:19:27.170138+00'),
	(25, 'bb097469-5fa3-4fa9-b5f0-5909bee5ac75', 25, 'work.ingested', 1, 8, 'test', '{"to": "spec", "key": "set-going-again", "sha": "3b0735abe6ba4e36e5e5a86a8de640ab2d1da59ccf89f6364d642b9961277434", "epoch": 0, "title": "Story set-going-again", "attempts": 0, "priority": 9, "budget_usd": "2.5000", "budget_cycles": 1}', '2025-12-01 02:19:27.181622+00'),
	(26, 'e75f1414-eb43-4bd0-9353-e5365be4cfdf', 26, 'work.blocked', 1, 8, 'w1', '{"to": "blocked", "run": 10, "from": "spec", "epoch": 1, "issue": 5, "summary": "spec_wrong", "verdict": "spec_wrong", "attempts": 1, "effective": "exhausted", "budget_cycles": 1, "consecutive_errors": 0}', '2025-12-01 02:19:27.234919+00'),
	(27, 'bf642973-e06e-471e-b8b5-cd075f22c677', 27, 'work.retried', 1, 8, 'felix', '{"to": "spec", "from": "blocked", "epoch": 2, "issue": 5, "attempts": 0, "budget_usd": 7.2500, "budget_cycles": 4}', '2025-12-01 02:19:27.275201+00'),
	(28, 'cebabba6-1b3f-487a-aee8-d1c81a350e75', 28, 'work.ingested', 1, 9, 'test', '{"to": "spec", "key": "cancelled", "sha": "24f6b186a807f318dfe5f4036671167268ee7de31b73ad593f7da74d406de112", "epoch": 0, "title": "Story cancelled", "attempts": 0, "priority": 9, "budget_usd": "2.5000", "budget_cycles": 3}', '2025-12-01 02:19:27.298066+00'),
	(29, '0f7a2a8d-eebe-42cc-adf8-b140e5acef7e', 29, 'work.cancelled', 1, 9, 'felix', '{"to": "cancelled", "from": "spec", "note": "No longer wanted.", "epoch": 1, "attempts": 0, "budget_usd": 2.5000, "budget_cycles": 3}', '2025-12-01 02:19:27.335376+00'),
	(30, 'c2ddecc0-d2f6-4c09-b6c9-6b93990b64b7', 30, 'work.ingested', 1, 10, 'test', '{"to": "spec", "key": "changed", "sha": "c8ef86ea35d39dceafd6b276088ffda82b483cf146c67fb7c37f2f1d3c36d35e", "epoch": 0, "title": "Story changed", "attempts": 0, "priority": 9, "budget_usd": "2.5000", "budget_cycles": 3}', '2025-12-01 02:19:27.356278+00'),
	(31, 'ecd70cf5-dcb5-49fd-817f-cf88480028e2', 31, 'work.story_changed', 1, 10, 'felix', '{"sha": "050edbf853bf699295305b0c668fad258d34b5948b1b75ca14a45ccceea7e7da", "epoch": 1, "title": "Story changed"}', '2025-12-01 02:19:27.388275+00'),
	(33, '9154ed14-a9be-44a5-81a3-fd868dca4453', 33, 'work.ingested', 3, 12, 'test', '{"to": "spec", "key": "manual-gate", "sha": "03c5e7b8554812d2417e4ddb68245cd28ebb3b58d549d6594de1bb9d4e5ee817", "epoch": 0, "title": "Story manual-gate", "attempts": 0, "priority": 9, "budget_usd": null, "budget_cycles": 5}', '2025-12-01 02:19:27.435066+00'),
	(34, '7de8e966-9caf-4fdd-a5bb-86e3fc5136f0', 34, 'gate.closed', 3, 12, 'felix', '{"gate": 2, "kind": "manual", "note": "After the holidays."}', '2025-12-01 02:19:27.45503+00'),
	(35, '99b4c772-11d8-4410-ae4a-9310ed9bc40a', 35, 'work.ingested', 3, 13, 'test', '{"to": "spec", "key": "later", "sha": "145b42839ad5985e31fe419d410fad5725eb874e75593ccedea4d34495d73f36", "epoch": 0, "title": "Story later", "attempts": 0, "priority": 9, "budget_usd": null, "budget_cycles": 5}', '2025-12-01 02:19:27.485152+00'),
	(36, 'f917f56c-043e-4a89-9715-3faf980f193c', 36, 'gate.closed', 3, 13, 'felix', '{"gate": 3, "kind": "not_before", "not_before": "2030-01-01T00:00:00+00:00"}', '2025-12-01 02:19:27.507764+00'),
	(37, 'aa5013fd-e1be-4468-802e-48ee465ec1e7', 37, 'work.ingested', 3, 14, 'test', '{"to": "spec", "key": "after", "sha": "e1e852958f54905d65995e002e1aed0bb42006db4a38cfd23d683102186eff04", "epoch": 0, "title": "Story after", "attempts": 0, "priority": 9, "budget_usd": null, "budget_cycles": 5}', '2025-12-01 02:19:27.519476+00'),
	(38, 'ad9c6f0d-eb14-413c-9cd9-bbd17f2dcca0', 38, 'gate.closed', 3, 14, 'test', '{"gate": 4, "kind": "after_item", "after_item": 10}', '2025-12-01 02:19:27.55013+00'),
	(39, 'a36fe750-b16f-4a20-913c-78c12daa79db', 39, 'work.ingested', 3, 15, 'test', '{"to": "spec", "key": "opened", "sha": "34f6111220addbd73bce9e1cd1669f92064292bb8d90586fb725e47f858cf2dd", "epoch": 0, "title": "Story opened", "attempts": 0, "priority": 9, "budget_usd": null, "budget_cycles": 5}', '2025-12-01 02:19:27.576149+00'),
	(40, '84744ae9-65af-461a-9266-4e69b6827fa2', 40, 'gate.closed', 3, 15, 'felix', '{"gate": 5, "kind": "manual"}', '2025-12-01 02:19:27.594093+00'),
	(41, '97776d0a-2603-407c-8842-79ecf682df89', 41, 'gate.opened', 3, 15, 'felix', '{"gate": 5}', '2025-12-01 02:19:27.612849+00'),
	(42, 'aad77980-4ecb-4938-8f5f-13ad25b0f899', 42, 'work.ingested', 2, 16, 'test', '{"to": "spec", "key": "paused", "sha": "c003776e0577b30be377ff6bff272a848be0b923abe8f5c0beef50c45eb4e302", "epoch": 0, "title": "Story paused", "attempts": 0, "priority": 9, "budget_usd": null, "budget_cycles": 3}', '2025-12-01 02:19:27.626908+00'),
	(43, 'cbb8ebec-484d-4133-9ce5-d1a8d8be3d95', 43, 'work.changed', 1, 8, 'test', '{"priority": 9}', '2025-12-01 02:19:27.638742+00'),
	(44, '1c109ad4-a605-4c8a-bce6-363da8f3e46c', 44, 'work.changed', 3, 15, 'test', '{"priority": 9}', '2025-12-01 02:19:27.67219+00'),
	(45, '7c2e2fe9-d82a-4658-8ec0-79e559affe2e', 45, 'work.changed', 1, 5, 'test', '{"priority": 9}', '2025-12-01 02:19:27.706477+00'),
	(46, 'e1698bcb-ffcc-4d4b-b559-e06db1ce11fd', 46, 'work.changed', 1, 10, 'test', '{"priority": 9}', '2025-12-01 02:19:27.734775+00'),
	(47, '8f271f00-edc7-44d4-901a-76903aa30013', 47, 'work.changed', 1, 3, 'test', '{"priority": 9}', '2025-12-01 02:19:27.741118+00'),
	(48, 'f02bc9a5-c14d-4836-b971-754b051e6d9a', 48, 'work.ingested', 1, 17, 'test', '{"to": "spec", "key": "faulty", "sha": "7c9483e560c224a79bc923061a3e460a3bd2b7bed9919464725c3b463ee09423", "epoch": 0, "title": "Story faulty", "attempts": 0, "priority": 9, "budget_usd": "2.5000", "budget_cycles": 3}', '2025-12-01 02:19:27.774024+00'),
	(49, '1da445e1-c424-4e02-a3bd-2b184d0c5fcd', 49, 'work.error', 1, 17, 'w1', '{"to": "spec", "run": 11, "from": "spec", "epoch": 1, "summary": "error", "verdict": "error", "attempts": 0, "effective": "error", "budget_cycles": 3, "consecutive_errors": 1}', '2025-12-01 02:19:27.870679+00'),
	(50, '4ed39e6b-1284-455e-bc2f-255d66de9530', 50, 'work.ingested', 1, 18, 'test', '{"to": "spec", "key": "released", "sha": "c18552e7767565d26d2933b954cc9708aa0c991c1a20b9c29549845f92fe6e2e", "epoch": 0, "title": "Story released", "attempts": 0, "priority": 9, "budget_usd": "2.5000", "budget_cycles": 3}', '2025-12-01 02:19:27.906629+00'),
	(51, '70e8838b-d672-4134-b0bf-568c6ddd55dc', 51, 'work.released', 1, 18, 'w1', '{"to": "spec", "from": "spec", "epoch": 1, "summary": "shutdown", "attempts": 0}', '2025-12-01 02:19:28.010544+00'),
	(52, '6017aee8-eec8-48a6-85e2-8e723eb1dcd7', 52, 'work.changed', 1, 18, 'test', '{"priority": 9}', '2025-12-01 02:19:28.026608+00'),
	(53, 'ee77625b-9168-4be2-af52-f3bbb50b19ab', 53, 'work.ingested', 1, 19, 'test', '{"to": "spec", "key": "lost", "sha": "807bc29d0c0ca7e86fe96052fe6fffe7b444782436864a47eebdb3c4b4d19023", "epoch": 0, "title": "Story lost", "attempts": 0, "priority": 9, "budget_usd": "2.5000", "budget_cycles": 3}', '2025-12-01 02:19:28.049794+00'),
	(54, 'dc70436c-137d-4a37-9bbc-e995164c8f55', 54, 'work.claim_lost', 1, 19, 'w2', '{"to": "spec", "from": "spec", "epoch": 1, "lost_by": "dead", "verdict": "claim_lost", "attempts": 1}', '2025-12-01 02:19:28.142625+00'),
	(55, '144b2b12-315f-4587-bb3f-2600a4506f28', 55, 'work.ingested', 1, 20, 'test', '{"to": "spec", "key": "in-build", "sha": "6b08216ed4d4d4df31ed4cb466147eccf30276425b10dcfe8b0dcaf270d10d48", "epoch": 0, "title": "Story in-build", "attempts": 0, "priority": 9, "budget_usd": "2.5000", "budget_cycles": 3}', '2025-12-01 02:19:28.184754+00'),
	(56, 'd815dfc1-b693-41e2-8341-f4604011546b', 56, 'work.spec_ready', 1, 20, 'w1', '{"to": "build", "run": 15, "from": "spec", "epoch": 1, "summary": "a spec", "verdict": "pass", "attempts": 0, "spec_sha": "41082de729ed492fbf1237ed8c3045e92737c1637717fd5da63be3b29bebe148", "effective": "pass", "test_command": ["pytest", "-q"], "budget_cycles": 3, "consecutive_errors": 0}', '2025-12-01 02:19:28.302478+00'),
	(57, '761a88e4-dd76-48ab-9155-110e8918d217', 57, 'work.ingested', 1, 21, 'test', '{"to": "spec", "key": "merging", "sha": "eee6810be9518846fff245a572fac945e04e3596fcb905c297679f2d788936b2", "epoch": 0, "title": "Story merging", "attempts": 0, "priority": 9, "budget_usd": "2.5000", "budget_cycles": 3}', '2025-12-01 02:19:28.451059+00'),
	(58, 'f4e4cd85-79fa-434d-983e-4b2e5924260e', 58, 'work.spec_ready', 1, 21, 'w1', '{"to": "build", "run": 17, "from": "spec", "epoch": 1, "summary": "a spec", "verdict": "pass", "attempts": 0, "spec_sha": "41082de729ed492fbf1237ed8c3045e92737c1637717fd5da63be3b29bebe148", "effective": "pass", "test_command": ["pytest", "-q"], "budget_cycles": 3, "consecutive_errors": 0}', '2025-12-01 02:19:28.551192+00'),
	(59, 'f9385137-1cdb-4339-ae68-f159a5667899', 59, 'work.built', 1, 21, 'w1', '{"to": "review", "run": 18, "from": "build", "epoch": 2, "summary": "built", "verdict": "pass", "attempts": 0, "head_sha": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "effective": "pass", "pr_number": 1, "budget_cycles": 3, "consecutive_errors": 0}', '2025-12-01 02:19:28.627222+00'),
	(62, 'b2e634db-274b-4fc1-95fc-016a78b43a10', 62, 'project.resumed', 3, NULL, 'felix', '{}', '2025-12-01 02:19:28.782853+00'),
	(63, 'ee7d8a18-0c08-4a34-aa51-2f724e112e21', 63, 'project.paused', 1, NULL, 'damascus', '{"reason": "401"}', '2025-12-01 02:19:28.847034+00'),
	(64, '5f4dea48-66ae-4ba4-8bc2-0ec58bb56a82', 64, 'project.resumed', 1, NULL, 'felix', '{}', '2025-12-01 02:19:28.907086+00'),
	(65, '42d7da54-0236-4742-913e-42ee93459c27', NULL, 'relay.parked', 1, NULL, 'relay', '{"sink": "stream", "error": "refused for ever", "item_id": null, "event_id": "6ecc4a63-ffff-4fe7-9221-fb06d49f1d76", "event_seq": 1, "event_type": "project.added"}', '2025-12-01 02:19:29.20684+00'),
	(66, 'c973f280-0fcd-4356-b5b7-03efae50b44a', NULL, 'work.ingested', 1, 22, 'test', '{"to": "spec", "key": "not-sequenced", "sha": "82ecae8beefae90a3a19cfd2c62e9f9a9d308603b094e9df5f0b68c52db820a0", "epoch": 0, "title": "Story not-sequenced", "attempts": 0, "priority": 9, "budget_usd": "2.5000", "budget_cycles": 3}', '2025-12-01 02:19:29.228506+00');

INSERT INTO human_issues (id, kind, project_id, item_id, phase, title, body, questions, opened_at, closed_at, closed_by, choice, answer) OVERRIDING SYSTEM VALUE VALUES
	(1, 'question', 1, 4, 'spec', 'Blocked', 'because', '[]', '2025-12-01 02:19:26.898437+00', NULL, NULL, NULL, NULL),
	(2, 'question', 1, 5, 'spec', 'Blocked', 'because', '[]', '2025-12-01 02:19:26.981266+00', '2025-12-01 02:19:26.992917+00', 'felix', 'answer', 'Blue.'),
	(3, 'blocked', 1, 6, 'spec', 'Blocked', 'because', '[]', '2025-12-01 02:19:27.102601+00', NULL, NULL, NULL, NULL),
	(4, 'blocked', 1, 7, 'spec', 'Blocked', 'because', '[]', '2025-12-01 02:19:27.169641+00', NULL, NULL, NULL, NULL),
	(5, 'blocked', 1, 8, 'spec', 'Blocked', 'because', '[]', '2025-12-01 02:19:27.234422+00', '2025-12-01 02:19:27.256563+00', 'felix', 'retry', ''),
	(6, 'report', 1, NULL, NULL, 'Project alpha is paused: its forge refuses the token', '401

Put the token right, then run `damascus project resume alpha`.', '[]', '2025-12-01 02:19:28.842871+00', '2025-12-01 02:19:28.901934+00', 'felix', 'resume', NULL);

INSERT INTO evidence (run_id, item_id, kind, head_sha, base_sha, document, created_at) VALUES
	(3, 1, 'exit-status', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', '{"kind": "exit-status", "lines": ["The test command ended with status 0; evidence was not kept yet."], "command": ["pytest", "-q"], "base_sha": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "head_sha": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "sentence": "The test command ended with status 0; evidence was not kept yet."}', '2025-12-01 02:19:26.602546+00');

INSERT INTO test_baselines (key, report, used_at) VALUES
	('0123', '{"runner": "pytest", "tests": []}', '2025-12-01 02:19:26.602546+00');

INSERT INTO idempotency_keys (caller, key, request_hash, response, created_at) VALUES
	('token:1', 'one', '\x7878787878787878787878787878787878787878787878787878787878787878', '{"items": []}', '2025-12-01 02:19:29.046064+00');

INSERT INTO relay_cursors (sink, seq, failures, last_error, updated_at) VALUES
	('file', 5, 0, NULL, '2025-12-01 02:19:29.173971+00'),
	('stream', 1, 0, NULL, '2025-12-01 02:19:29.20667+00');

SELECT pg_catalog.setval('api_tokens_id_seq', 2, true);

SELECT pg_catalog.setval('coordination_gates_id_seq', 5, true);

SELECT pg_catalog.setval('cost_ledger_id_seq', 11, true);

SELECT pg_catalog.setval('events_outbox_id_seq', 66, true);

SELECT pg_catalog.setval('human_issues_id_seq', 6, true);

SELECT pg_catalog.setval('phase_runs_id_seq', 19, true);

SELECT pg_catalog.setval('projects_id_seq', 3, true);

SELECT pg_catalog.setval('work_items_id_seq', 22, true);
