"""One instance in virtual time: by hand (`Driver`) or by a script (`simulate`), always by the real `step`.

Stands on `compiler` and what is below it; knows nothing of stores, handlers' modules, files or clocks.
Inside, from the ground: world (time), driver; scenario, script, expect, simulate.
"""

from statewf.simulator.driver import Driver
from statewf.simulator.scenario import Scenario
from statewf.simulator.script import read_scenario
from statewf.simulator.simulate import Outcome, simulate

__all__ = ["Driver", "Outcome", "Scenario", "read_scenario", "simulate"]
