"""What a meter remembers, as Prometheus reads it (text format 0.0.4).

Below: `runtime.metrics`. Above: the routes.
"""

from __future__ import annotations

from collections.abc import Iterator

from statewf.runtime.metrics import BOUNDS, NAMES, Histogram, Meter, Series

_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
GAUGE = "statewf_owner"  # the one counter that falls


def exposition(meter: Meter) -> str:
    """All of it, by the names of the metrics."""
    return "".join(f"{line}\n" for name in NAMES for line in _metric(meter, name))


def _metric(meter: Meter, name: str) -> Iterator[str]:
    counters = {series: value for series, value in meter.counters.items() if series[0] == name}
    histograms = {series: value for series, value in meter.histograms.items() if series[0] == name}
    if not counters and not histograms:
        return
    kind = "histogram" if histograms else "gauge" if name == GAUGE else "counter"
    yield f"# HELP {name} {NAMES[name]}"
    yield f"# TYPE {name} {kind}"
    for series, value in sorted(counters.items()):
        yield f"{name}{_labels(series)} {value}"
    for series, histogram in sorted(histograms.items(), key=lambda pair: pair[0]):
        yield from _histogram(series, histogram)


def _histogram(series: Series, histogram: Histogram) -> Iterator[str]:
    name, total = series[0], 0
    for bound, count in zip((*BOUNDS, None), histogram.counts, strict=True):
        total += count
        yield f"{name}_bucket{_labels(series, ('le', '+Inf' if bound is None else f'{bound:g}'))} {total}"
    yield f"{name}_sum{_labels(series)} {histogram.total:g}"
    yield f"{name}_count{_labels(series)} {histogram.count}"


def _labels(series: Series, *more: tuple[str, str]) -> str:
    pairs = [f'{name}="{value.translate(_ESCAPED)}"' for name, value in (*series[1], *more)]
    return f"{{{','.join(pairs)}}}" if pairs else ""
