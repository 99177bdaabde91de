"""What the plan of a workflow tells by itself: which steps can begin, how they may end, and the rules.

`ground` says what can begin at all, `outcomes` in which states steps can be together. A rule is one function of a ground,
in `timing`, `waits` and `rules`, which lists them all.
"""
