"""The service: a console for people and an HTTP API for programs, on a store and its executor.

From the ground: `reader` looks into the store, beside the executor; `feed` tells what is kept, as it is kept; `counts` has how many
instances are where; `plate` is a picture that is marked; `shelf` has what takes time to find out; `service` is all of these together.
`problems` says what went wrong, `paths` how things are addressed; `api` are the routes of programs, `console` the pages; `lock` has the
token, `guard` stands before all, `app` puts them together and `serving` serves them.

Below: the runtime. Above: `statewf serve`. It lives on asyncio, as its server does.
"""
