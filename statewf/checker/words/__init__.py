"""What properties speak of.

`atoms` are found in steps, `functions` are asked of snapshots and steps, `monitors` watch a run, and a `question` is what a
property asks of one machine.
"""
