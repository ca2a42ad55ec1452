"""The settings of a test run that misses one guard on purpose: production settings know nothing of this.

`OPSC_UNPLUG` names the middleware. Its absence has to be noticed by a test; see `make unplug`.
"""

import os

from opsconductor.settings import *  # noqa: F403
from opsconductor.settings import SAFETY_MIDDLEWARE as _COMPLETE

UNPLUGGED = os.environ["OPSC_UNPLUG"]
if UNPLUGGED not in _COMPLETE:
    raise ValueError(f"OPSC_UNPLUG={UNPLUGGED} is none of SAFETY_MIDDLEWARE: {', '.join(_COMPLETE)}")
SAFETY_MIDDLEWARE = [path for path in _COMPLETE if path != UNPLUGGED]
# The check that refuses to start so; no other one is silenced.
SILENCED_SYSTEM_CHECKS = ["safety.E001"]
