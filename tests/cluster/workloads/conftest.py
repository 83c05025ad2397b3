"""A real API server with our definitions, and a provisioner that works on it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
