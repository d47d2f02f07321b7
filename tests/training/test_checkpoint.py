import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from refdiff.core import trees
from refdiff.nn import Linear, Optimizer, Sequential, SiLU, adam, ema, rates
from refdiff.training import begin, describe, export, load, load_params, save, train

RNG = np.random.default_rng
NET = Sequential(Linear(2, 16), SiLU(), Linear(16, 2))


def batch(rng):
    return rng.standard_normal((64, 2))


def squares(params, rng, x):
    y, pull = NET(params, x.astype(np.float32) + 0.1 * rng.standard_normal(x.shape, dtype=np.float32))
    error = y - np.sin(x.astype(np.float32))
    return np.mean(error**2), pull(2 * error / error.size)[0]


def fresh(net=NET, average=None, bits=np.random.PCG64, dtype=np.float32, about="a net", optimizer=None):
    return begin(
        net.init(RNG(0), dtype),
        optimizer=optimizer or adam(rates.cosine(1e-2, 1000)),
        average=average or ema(0.99),
        rng=np.random.Generator(bits(3)),
        about=about,
    )


def same(a, b):
    return (
        a.step == b.step
        and a.flat.tobytes() == b.flat.tobytes()
        and all(a.slots[k].tobytes() == b.slots[k].tobytes() for k in a.slots)
        and all(a.averaged[k].tobytes() == b.averaged[k].tobytes() for k in a.averaged)
        and str(a.rng.bit_generator.state) == str(b.rng.bit_generator.state)
        and a.rng.bit_generator.random_raw(2).tolist() == b.rng.bit_generator.random_raw(2).tolist()
    )


@pytest.mark.parametrize(
    "bits", [np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64]
)
def test_a_resumed_run_is_bit_for_bit_the_one_that_never_stopped(bits, tmp_path):
    whole, part = fresh(bits=bits), fresh(bits=bits)
    list(train(squares, batch, whole, steps=30))
    list(train(squares, batch, part, steps=13, path=tmp_path / "run.npz"))
    part.rng.integers(0, 100, dtype=np.uint16)  # as if it had gone on before it was killed
    resumed = load(tmp_path / "run.npz", fresh(bits=bits))
    assert resumed.step == 13
    list(train(squares, batch, resumed, steps=30))
    assert same(resumed, whole)


SCRIPT = """
import sys
sys.path[:0] = {path!r}
from test_checkpoint import batch, fresh, load, save, squares, train
from pathlib import Path
path = Path(sys.argv[1])
state = fresh()
if path.exists():
    load(path, state)
for record in train(squares, batch, state, steps=int(sys.argv[2]), path=path, every=1):
    print(record.step, flush=True)
"""


def test_a_run_killed_at_any_moment_resumes_to_bit_identical_weights(tmp_path):
    """A real process, a real SIGKILL, several times, while it writes a checkpoint after every step."""
    path, steps = tmp_path / "run.npz", 100_000
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", SCRIPT.format(path=[str(root), str(Path(__file__).parent)]), str(path), str(steps)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    delays, reached = RNG(8), []
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        process.stdout.readline()
        time.sleep(delays.uniform(0.02, 0.15))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        reached.append(load(path, fresh()).step)
    assert reached == sorted(reached)
    assert 0 < reached[0] < reached[-1] < steps
    goal = reached[-1] + 20
    subprocess.run([*command[:-1], str(goal)], check=True, capture_output=True, env=environment)
    whole = fresh()
    list(train(squares, batch, whole, steps=goal))
    assert same(load(path, fresh()), whole)


def test_a_checkpoint_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    state = fresh()
    list(train(squares, batch, state, steps=2, path=path))
    good = path.read_bytes()

    def full_disk(file, *args, **kwargs):
        file.write(b"half of ")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match=r"No space left on device: '.*run\.npz'"):
        list(train(squares, batch, state, steps=4, path=path))
    assert [(file, file.read_bytes()) for file in tmp_path.iterdir()] == [(path, good)]  # no part takes up room


def test_a_checkpoint_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    def forbidden(*args):
        raise PermissionError(13, "Permission denied", "run.npz")

    monkeypatch.setattr("pathlib.Path.open", forbidden)
    with pytest.raises(PermissionError, match="denied"):
        describe(tmp_path / "run.npz")


def test_there_is_no_pickle_inside(tmp_path):
    save(tmp_path / "run.npz", fresh())
    with np.load(tmp_path / "run.npz", allow_pickle=False) as file:
        assert {"flat", "meta", "optimizer/m", "optimizer/v", "optimizer/step", "average/mean"} <= set(file.files)
        assert all(file[name].dtype != object for name in file.files)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_file_cut_short_is_refused(share, tmp_path):
    path = tmp_path / "run.npz"
    save(path, fresh())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match="must be a refdiff checkpoint; got a file cut short or damaged"):
        load(path, fresh())


def test_a_flipped_bit_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    save(path, fresh())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ValueError, match="damaged"):
        load(path, fresh())


def test_foreign_files_are_refused(tmp_path):
    text, npy, npz, pickled = (tmp_path / name for name in ("a.txt", "a.npy", "a.npz", "p.npz"))
    text.write_text("weights")
    np.save(npy, np.zeros(3))
    np.savez(npz, w=np.zeros(3))
    np.savez(pickled, meta=np.array([{"format": 1}], dtype=object))
    for path in (text, npy, npz, pickled):
        with pytest.raises(ValueError, match="must be a refdiff checkpoint; got some other file"):
            load(path, fresh())
    np.savez(npz, meta=np.array(json.dumps({"format": "refdiff checkpoint 9"})))
    with pytest.raises(ValueError, match="got the format 'refdiff checkpoint 9' instead of"):
        load(npz, fresh())


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.npz", fresh())


def test_another_run_is_refused_and_the_state_left_alone(tmp_path):
    path = tmp_path / "run.npz"
    trained = fresh()
    list(train(squares, batch, trained, steps=2, path=path))
    plain = Optimizer(lambda p: {"step": np.zeros((), np.int64)}, lambda p, g, s: None, rates.constant(1.0))
    others = {
        r"same architecture, with 0/b: \(8,\); got \(16,\)": fresh(Sequential(Linear(2, 8), SiLU(), Linear(8, 2))),
        r"same architecture, with 2/b: no such parameter": fresh(Sequential(Linear(2, 16))),
        "must be of another net; got a net": fresh(about="another net"),
        "hold float64 .* as average/mean; got float32": fresh(dtype=np.float64),
        "hold nothing as optimizer/m; got float32": fresh(optimizer=plain),
        "hold the state of a MT19937 generator; got 'PCG64'": fresh(bits=np.random.MT19937),
    }
    for message, state in others.items():
        before = state.flat.copy()
        with pytest.raises(ValueError, match=message):
            load(path, state)
        np.testing.assert_array_equal(state.flat, before)
        assert state.step == 0


def test_a_torn_state_is_not_saved(tmp_path):
    state = fresh()
    state.torn = True
    with pytest.raises(ValueError, match="stand between two steps"):
        save(tmp_path / "run.npz", state)


def test_parameters_can_be_read_without_a_run(tmp_path):
    path = tmp_path / "run.npz"
    state = fresh()
    list(train(squares, batch, state, steps=5, path=path))
    best, last = load_params(path), load_params(path, average=False)
    assert trees.shapes(best) == trees.shapes(state.params)
    np.testing.assert_array_equal(trees.ravel(best), state.averaged["mean"])
    np.testing.assert_array_equal(trees.ravel(last), state.flat)
    assert NET(best, np.zeros((1, 2), np.float32))[0].dtype == np.float32


def test_weights_alone_are_their_average_in_half_precision_and_a_tenth_of_the_size(tmp_path):
    state = fresh(net=Sequential(Linear(64, 256), SiLU(), Linear(256, 64)))
    state.averaged["mean"][:] = state.flat * 1.5
    save(tmp_path / "run.npz", state)
    export(tmp_path / "weights.npz", state)
    weights = trees.ravel(load_params(tmp_path / "weights.npz"))
    assert weights.dtype == np.float16
    np.testing.assert_allclose(weights, state.averaged["mean"], rtol=2**-11, atol=2**-25)  # half an ulp
    assert (tmp_path / "weights.npz").stat().st_size < (tmp_path / "run.npz").stat().st_size / 7
    assert describe(tmp_path / "weights.npz") == ("a net", 0)


def test_no_run_goes_on_from_weights_alone(tmp_path):
    export(tmp_path / "weights.npz", fresh())
    with pytest.raises(ValueError, match="hold float32"):
        load(tmp_path / "weights.npz", fresh())


def test_weights_too_large_for_half_precision_are_not_written(tmp_path):
    state = fresh()
    state.averaged["mean"][3] = 1e5
    with pytest.raises(ValueError, match="state must fit into float16"):
        export(tmp_path / "weights.npz", state)
    assert not list(tmp_path.iterdir())
