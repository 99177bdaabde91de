"""Other people's machines: read as definitions, proved and run here, and written back.

One module a format, each with `read` and, where the format can be written, `write`. What a format cannot hold is
compiled away and told in a `Remark`, or refused with a `ConversionError`; nothing is dropped in silence. A document
is never more than data: no name in it is imported, no text in it is run.

Below: `definition`. Above: the command line. Beside: `checker`, `simulator`, `diagram`.
"""
