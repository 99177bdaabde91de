"""What all runs of a machine say of its properties.

`exploring` goes all of them, `search` looks for one that violates something, `retrace` goes along it once more, in time, and
`retold` tells it as others can play it. `verdict` says what becomes of a property, `telling` makes a finding of that, and
`deadlock` says where nothing goes on. `narrow` has some of the runs of a workflow that is too large for all.
"""
