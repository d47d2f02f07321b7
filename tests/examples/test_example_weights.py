"""The script that made the weights in the package, in short form."""

import importlib.util
from pathlib import Path

import pytest


@pytest.mark.slow
def test_weights_are_made_by_a_run_and_an_export(tmp_path):
    path = Path(__file__).parents[2] / "examples" / "digits_weights.py"
    spec = importlib.util.spec_from_file_location("digits_weights", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "tiny.toml").write_text("batch = 8\n[network]\nwidths = [8, 8]\n")
    result = module.main(4, str(tmp_path / "run"), str(tmp_path), each=2, config=str(tmp_path / "tiny.toml"))
    assert {"digits-unet.npz", "digits-unet.jsonl", "run"} <= {p.name for p in tmp_path.iterdir()}
    assert result["test images read right"] > 0.95
    assert result["kB"] < 100
