"""The loss an unfinished run will end at (science.md 6).

`see` and `track` turn logged curves into bins, once; `forecast` takes a run's `Progress` and the finished runs
it may be compared with, and returns a `Forecast` or the reason there is none. `replay` forecasts finished runs
at earlier moments, and `own_share` measures the interval on them.
"""

from labbook.triage.forecast.bins import Seen, see
from labbook.triage.forecast.engine import forecast
from labbook.triage.forecast.reference import Progress, Reference, Track, track
from labbook.triage.forecast.replay import Finished, Row, as_progress, as_reference, own_share, replay
from labbook.triage.forecast.schedule import Schedule, constant, schedule
from labbook.triage.forecast.values import Ahead, Forecast, Mode, NoForecast

__all__ = [
    "Ahead",
    "Finished",
    "Forecast",
    "Mode",
    "NoForecast",
    "Progress",
    "Reference",
    "Row",
    "Schedule",
    "Seen",
    "Track",
    "as_progress",
    "as_reference",
    "constant",
    "forecast",
    "own_share",
    "replay",
    "schedule",
    "see",
    "track",
]
