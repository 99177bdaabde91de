"""For the tests of those who use statewf: scripts, generated traces, systems beside their model, coverage, crashes.

Each module is for itself, and imports hypothesis or pytest only if it needs it: `playbook`, `strategies` and `stateful`,
`coverage`, `faults`; `pytest_plugin` is found by pytest. Stands on `runtime`. Of all this the command line knows `files`,
`recognise` and `telling`, for it plays and tells the same; nothing else of statewf imports it.
"""
