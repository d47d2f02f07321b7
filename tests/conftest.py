"""One BLAS thread, strict warnings, Hypothesis profiles, and a record of which equation tests passed."""

import json
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "refdiff",
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("nightly", parent=settings.get_profile("refdiff"), max_examples=2000, derandomize=False)
settings.register_profile("brief", parent=settings.get_profile("refdiff"), max_examples=5)
settings.load_profile(os.environ.get("REFDIFF_HYPOTHESIS", "refdiff"))

_outcomes: dict[str, str] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.outcome != "passed":
        key = report.nodeid.split("[")[0]
        if _outcomes.get(key) != "failed":
            _outcomes[key] = report.outcome


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The site prints under each equation which tests prove it, and refuses a test that did not pass."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        return
    path = Path(session.config.rootpath, "build", "outcomes.json")
    path.parent.mkdir(exist_ok=True)
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | _outcomes, indent=1, sort_keys=True))
