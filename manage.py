#!/usr/bin/env python3
"""Entry point of the management commands."""

import os
import sys

from opsconductor.embedded import command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsconductor.settings")
    command_line.run(sys.argv)
