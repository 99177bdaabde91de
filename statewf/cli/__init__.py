"""The command line: the top of the house. Each verb is a function in a module of its kind.

`main` puts the verbs together and turns every error of statewf into a message and an exit code:
0 fine, 1 the answer is no, 2 the input is wrong. A verb imports what it needs when it runs, so that
`--help` answers at once.
"""
