"""For the tests of those who use statewf: `faults` kills a program at every moment, and has it go on.

Stands on `runtime`. Nothing of statewf imports it.
"""
