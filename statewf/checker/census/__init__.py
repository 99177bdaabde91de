"""Counting configurations without going to them, and what can be proved by that.

A step is studied by itself (`plain`, `units`); what it can be at are the letters of words (`parts`), and one sweep over the
steps reads all words that are configurations (`sweep`, whose head says why that is exact). `counts` asks how many there
are, `proofs` whether there are any that violate a property.
"""
