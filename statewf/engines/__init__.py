"""Other people's engines that run our machines: where one machine of iron is not enough.

Each is a package of its own, with an extra of the same name, and has the interface of `Executor`. A definition and
its handlers are the same everywhere, and so are the histories, for each of them asks the same pure `step`.

Below: the runtime, for what handlers are and how they are called. Above: the command line.
"""
