"""Debian's Chromium, driven by Playwright, for tests of the pages."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.services import packages

FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage", "--disable-gpu"]
OURS = ("SECRET_KEY", "OPSC_MESSAGE_KEY", "DATABASE_URL", "OPSC_TEST_RABBITMQ_URL")
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>/usr/share/fonts</dir><dir>{root}/usr/share/fonts</dir><cachedir>{root}/fonts</cachedir>
</fontconfig>
"""


@contextmanager
def running() -> Iterator[Browser]:
    """A headless browser without access to anything but the pages it is sent to.

    Raises:
      ServiceUnavailable: There is no Chromium and none can be got.
    """
    executable, environment = program()
    manager = sync_playwright()
    with _without_our_secrets():  # the driver, a process of its own, is given them by inheritance only
        playwright = manager.start()
        browser = playwright.chromium.launch(
            executable_path=executable, args=FLAGS, env={**os.environ, **environment}
        )
    try:
        yield browser
    finally:
        browser.close()
        playwright.stop()


@contextmanager
def _without_our_secrets() -> Iterator[None]:
    """A browser has no more of ours than the pages it is sent to."""
    kept = {name: os.environ.pop(name) for name in OURS if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


def program() -> tuple[Path, dict[str, str]]:
    """Chromium's program and what its environment needs besides ours."""
    executable = Path("/usr/lib/chromium/chromium")
    if executable.exists() or os.geteuid() == 0:
        return packages.installed("chromium", executable), {}
    root = packages.unpacked("chromium")
    libraries = sorted({str(found.parent) for found in root.rglob("*.so*")})
    fonts = root / "fonts.conf"
    fonts.write_text(FONTS.format(root=root))
    return root / "usr/lib/chromium/chromium", {
        "LD_LIBRARY_PATH": ":".join(libraries),
        "FONTCONFIG_FILE": str(fonts),
    }
