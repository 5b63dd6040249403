"""What holds for all tests."""

import signal

from hypothesis import HealthCheck, settings

# how long an example takes says something of the machine
settings.register_profile("sysvitals", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sysvitals")

# a shell ignores these for what it starts in the background, and so would the programs that tests start
for _number in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)
