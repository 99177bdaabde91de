"""The HTTP API: routes, one file for each thing that is asked for, and the documents that go in and out.

`documents` says what they look like, and `answers` under which statuses problems come. Below: `service`. Above: `app`.
"""
