"""What the table of a state machine tells by itself: `edges` and their `graph`, the `search` in it, and the rules.

A rule is one function of a graph, in `shadows`, `timing` and `rules`, which lists them all.
"""
