"""The system's browser, for whoever drives one: nothing is downloaded."""

from __future__ import annotations

import shutil

# A window of the one that has nothing but pages takes a third of the work: the others make a profile with all its services.
_NAMES = ("chromium-headless-shell", "chromium", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, _NAMES)), None)
"""Where it is, if there is one."""
NO_BROWSER = "there is no browser: run `apt-get install --no-install-recommends chromium-headless-shell`"
