"""The service: an HTTP API on a store and its executor, for programs.

    GET /api/openapi.json says all of it

From the ground: `reader` looks into the store, beside the executor; `feed` tells what is kept, as it is kept; `shelf` knows of machines
what takes time to find out; `service` is all of these together. `problems` says what went wrong; `api` are the routes;
`guard` stands before them all; `app` puts them together and `serving` serves them.

Below: the runtime. Above: `statewf serve`. It lives on asyncio, as its server does.
"""
