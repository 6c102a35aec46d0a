"""The command line of every script, made from the signature of its ``main``."""

import logging
import os
import sys
from collections.abc import Callable

import cyclopts


def run(main: Callable[..., None]) -> None:
    """Parse ``sys.argv`` by the signature of ``main`` and call it, logging to standard error.

    Errors that a user can mend (bad input, a missing file) end with one line; anything else keeps its traceback for
    the log.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    # No hub is asked for anything while a job runs; fetch_model is the one rule that goes online and unsets these.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    app = cyclopts.App(default_parameter=cyclopts.Parameter(consume_multiple=True, negative=""), result_action="return_none")
    app.default(main)
    app(exit_on_error=True, print_error=True)
