"""Values that everything else is made of: frozen JSON, durations, canonical text and digests.

Stands on `errors` alone. Nothing here knows what a workflow is.
"""
