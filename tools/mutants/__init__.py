"""Mutation testing of a sample: are the tests of the core such that a changed core fails them?

    python -m tools.mutants --sample 1000 --seed 7

It needs `pip install cosmic-ray coverage`. The mutations are cosmic-ray's. What they cost is the tests, so:

- The tests are collected once, in one process. It runs them with coverage, and knows then which test goes through which
  line (`covering.py`).
- A mutant is a fork of that process in which the code of the functions was exchanged. It runs the tests that go through
  the changed line, the fastest first, and ends at the first that fails (`exchanged.py`).
- A mutant of what is done at import, and each that survives so, gets a process that imports all anew, with the changed
  source: a table that was made at import has the old code in it (`imported.py`).
"""
