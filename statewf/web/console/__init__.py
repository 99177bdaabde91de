"""The console: pages for people, which read without a script and run with one.

From the ground: `words` are values as people read them, `render` makes pages of templates, `pictures` are the pictures on them;
then a file for each page, with what is done there: `home`, `machine`, `instance`, `search`, `inbox`, `play` (which stands on
`moves`), `login`.

Below: `service`. Above: `app`. Beside: `api`, for programs.
"""
