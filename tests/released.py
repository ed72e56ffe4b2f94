"""The whole Syria release of UCDP GED, which is not shipped: where it lies here, or why a test is skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

VARIABLE = "LEDGER_UCDP_RELEASE"
"""Names the release's file, plain or gzipped."""
BESIDE = Path(__file__).parent.parent.parent / "shared" / "data" / "ucdp-ged-syria-2016-2019.csv.gz"
"""Where it lies without being named: beside the checkout."""
PATH = Path(os.environ.get(VARIABLE) or BESIDE)
NAME, AVAILABLE = "Syria 2016-2019", "2020-01-20"

needs_release = pytest.mark.skipif(
    not PATH.is_file(), reason=f"the Syria release of UCDP GED is not here; {VARIABLE} can name its file"
)
