"""Evidence of a merge: what ran, by name, and that it could have said no.

runners/     how each test runner is recognised, and started so that it reports
reports/     how its reports are read
languages/   tests and sources of many languages: found, broken on purpose, made to fail
compare.py   the base's report and the merge's, test by test
sampling.py  which tests are broken
criteria.py  the tests that a spec names for its criteria
orders.py    which files and tests a spec orders to change
steering.py  the base's copies of what decides how tests run (scripts.py)
support.py   the base's copies of what tests alone use
together.py  tests that run in one process, and how they are run apart
trees.py     the tree, laid out anew for each run
runs.py      the runs: started, and their reports read
judge.py     what the runs show: base_tests.py, test_detection.py, tripwire.py, sabotage.py,
             mutants.py

import_roots.py  where a checkout keeps its packages, to be found before installed copies
imports.py       what Python imported in a run
packages.py      the packages that the work changes (spoiled.py: sources that cannot be loaded)
stand_ins.py     copies and builds that tests may load in place of a source
"""
