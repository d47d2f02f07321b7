"""The house keeps its floors: imports go strictly downward, SciPy and Matplotlib wait inside functions."""

import ast
import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import refdiff

HOUSE = Path(refdiff.__file__).parent
FLOORS = (
    ("core",),
    ("schedules", "nn", "metrics"),
    ("process",),
    ("oracles", "samplers", "losses", "guidance"),
    ("likelihood", "data", "models", "inverse"),
    ("training",),
    ("plotting",),
    ("verify",),
    ("systems",),
    ("cli",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
WITHOUT_SCIPY = ("core", "schedules", "nn", "process", "oracles", "samplers", "guidance")
OPTIONAL = ("scipy", "matplotlib", "mpl_toolkits", "tqdm", "torch", "PIL")
FILES = sorted(HOUSE.rglob("*.py"))


def room_of(file):
    return file.relative_to(HOUSE).with_suffix("").parts[0]


def imports(file):
    """Module names imported by a file, each with whether the import is at the top of the module."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    inside = {
        id(node)
        for f in ast.walk(tree)
        if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(f)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports hide the floor"
            names = [f"{node.module}.{a.name}" for a in node.names]
        else:
            continue
        for name in names:
            yield name, id(node) not in inside


IMPORTS = {file: list(imports(file)) for file in FILES}


def test_every_room_has_a_floor():
    rooms = {room_of(f) for f in FILES} - {"__init__", "__main__"}
    assert rooms == set(FLOOR)


def test_imports_go_strictly_downward():
    def may(room, name):
        other = name.split(".")[1] if name.startswith("refdiff.") else None
        return room in ("__init__", "__main__") or other not in FLOOR or other == room or FLOOR[other] < FLOOR[room]

    assert [(str(f), name) for f in FILES for name, _ in IMPORTS[f] if not may(room_of(f), name)] == []


def test_optional_packages_wait_inside_functions():
    for file in FILES:
        for name, at_the_top in IMPORTS[file]:
            package, room = name.split(".")[0], room_of(file)
            assert not (package in OPTIONAL and at_the_top), f"{file}: {name} at the top of a module"
            assert not (package == "matplotlib" and room != "plotting"), f"{file}: {name} outside plotting"
            assert not (package == "scipy" and room in WITHOUT_SCIPY), f"{file}: {name} where browsers run"


def test_an_import_that_breaks_the_rules_is_noticed(tmp_path):
    file = tmp_path / "x.py"
    file.write_text("import scipy.linalg\nfrom refdiff.verify import check\n\n\ndef f():\n    import scipy.stats\n")
    assert sorted(imports(file)) == [("refdiff.verify.check", True), ("scipy.linalg", True), ("scipy.stats", False)]


def test_names_of_modules_are_unique():
    names = [f.stem for f in FILES if f.stem not in ("__init__", "__main__")]
    assert [(a, b) for a, b in combinations(sorted(names), 2) if a == b] == []


def test_modules_stay_on_a_few_screens():
    long = {f.relative_to(HOUSE).as_posix(): n for f in FILES if (n := len(f.read_text("utf-8").splitlines())) > 320}
    assert not long


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_import_refdiff_costs_little_more_than_numpy():
    """CPU time, the best of several: at most 40 ms beside NumPy's own."""
    code = (
        "import time, json, sys; a = time.process_time(); import numpy; b = time.process_time(); import refdiff; "
        "print(json.dumps([time.process_time() - b, [m for m in ('scipy', 'matplotlib') if m in sys.modules]]))"
    )
    runs = [run(code) for _ in range(3)]
    assert all(not loaded for _, loaded in runs)
    assert min(cost for cost, _ in runs) <= 0.040


def test_rooms_load_when_they_are_used():
    code = (
        "import json, sys, refdiff; before = [m for m in sys.modules if m.startswith('refdiff.')]; refdiff.schedules; "
        "print(json.dumps([before, 'refdiff.schedules' in sys.modules, 'refdiff.nn' in sys.modules]))"
    )
    assert run(code) == [[], True, False]


def test_core_to_samplers_run_without_scipy():
    """A whole sampling run and a training step's layers with SciPy made impossible to import."""
    code = """
import json, sys
sys.modules["scipy"] = sys.modules["matplotlib"] = None
import numpy as np
from refdiff import core, nn, oracles, process, samplers, schedules
rng = np.random.default_rng(0)
law = oracles.Mixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.0]], 0.1)
levels = schedules.Chain.linear(20).levels()
x = rng.standard_normal((5, 2))
for walk in (samplers.ddpm(law.denoise, x, levels, rng=rng), samplers.heun(law.denoise, x, levels)):
    assert np.all(np.isfinite(walk))
net = nn.Sequential(nn.Linear(2, 4), nn.SiLU())
y, pull = net(net.init(rng), x.astype(np.float32))
pull(y)
oracles.Empirical(x).denoise(x, levels[3])
law.mmse(levels[3])
print(json.dumps(sorted(m for m in sys.modules if m.startswith(("scipy", "matplotlib")) and sys.modules[m])))
"""
    assert run(code) == []
