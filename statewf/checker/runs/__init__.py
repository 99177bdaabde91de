"""What all runs of a machine say of its properties.

`search` looks for a run that violates one among all that was explored, `retrace` goes along it once more, in time, and
`retold` tells it as others can play it. `verdict` says what becomes of a property, `deadlock` where nothing goes on.
"""
