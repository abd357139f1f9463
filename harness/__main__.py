"""``python -m harness`` is ``whiteout-lab``."""

import signal
import sys

# Until the command listens, an interrupt ends the process without a word (130 to a shell): nothing is made yet.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from harness.cli.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
