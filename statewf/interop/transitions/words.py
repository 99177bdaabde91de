"""The words that `write`, `running` and the readers share.

Below: nothing. Above: these.
"""

SEPARATOR = "."  # between a state and one in it
ALWAYS = "$always"  # the trigger of transitions without an event
