"""Evidence of a merge: what ran, by name, and that it could have said no.

runners/     how each test runner is recognised, and started so that it reports
reports/     how its reports are read
languages/   tests and sources of many languages: found, broken on purpose, made to fail
compare.py   the base's report and the merge's, test by test
sampling.py  which tests are broken
criteria.py  the tests that a spec names for its criteria
trees.py     the tree, laid out anew for each run
judge.py     the runs, and what they show
"""
