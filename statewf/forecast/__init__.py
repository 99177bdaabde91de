"""Price and time before running: what will become of an instance, how likely, when, and for how much.

`assumptions` say what the world outside does, by chance. Under them a machine is a Markov `chain`: `slots` are what
may happen where it is. `crowd` draws lives of it, `exact` follows all of them at once, `extremes` looks for the
shortest and the longest, and `rough` bounds them where there is too much to look at; `outlook` puts what was found
into figures; `forecast` is all of it.

Stands on `simulator`, whose words the assumptions are, `pricing`, and the searches and bounds of the `checker`.
Above: the runtime, for live estimates, and the command line. Pure, but for the numbers that are drawn with a seed.
"""

from statewf.forecast.assume import read_assumptions
from statewf.forecast.assumptions import Arrival, Assumptions, Likely, Returns
from statewf.forecast.cases import Extreme, Range
from statewf.forecast.crowd import crowd
from statewf.forecast.exact import exact
from statewf.forecast.extremes import extremes
from statewf.forecast.outlook import End, Figures, Outlook
from statewf.forecast.spread import Constant, Exponential, LogNormal, Sample, Spread, Uniform
from statewf.forecast.whole import Forecast, forecast

__all__ = [
    "Arrival",
    "Assumptions",
    "Constant",
    "End",
    "Exponential",
    "Extreme",
    "Figures",
    "Forecast",
    "Likely",
    "LogNormal",
    "Outlook",
    "Range",
    "Returns",
    "Sample",
    "Spread",
    "Uniform",
    "crowd",
    "exact",
    "extremes",
    "forecast",
    "read_assumptions",
]
