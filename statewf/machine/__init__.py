"""What a definition means: one or more flat state machines (regions), and the pure function `step`.

Stands on `expr` and `values`; knows nothing of files, definitions, clocks or handlers. The import order
is the reading order: `events` (what happened) and `effects` (what is to be done) mirror each other,
`fsm` is the table, `snapshot` where one instance is, `step` the only thing that moves it (by `macrostep`,
or by the `short` cut); `replay`, `record` and `work` are for those who keep, show and perform steps;
`explore` tries all that `step` can do from the start on, and `flatten` makes one flat machine of that.
"""
