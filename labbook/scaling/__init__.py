"""Numbers only: laws, fits, intervals, regimes. Knows no log, no notebook, no screen."""
