"""A process that is killed and started again, many times over; `tests.runtime.test_kill` does so.

`notes` are what it writes down, `jobs` what it has to do, `__main__` is the process itself, and `evidence` holds
what it noted against what the store kept.
"""
