#!/usr/bin/env python3
"""make_wheel.py FOLDER: the Python package as a wheel that runs on other machines, and trials of it: on a bare Debian 12, beside PyTorch.

The wheel that pip makes needs this machine's libgomp.so.1, which slim containers lack. The repaired one has it beside the package, in
sluice.libs, under its own name: so a process that holds PyTorch too has one OpenMP runtime, whichever is imported first; two of them
would each have threads of their own, and a forked child of PyTorch's would hang. A renamed copy, as auditwheel makes, is a second one.
"""
import base64
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

SOURCE = pathlib.Path(__file__).resolve().parents[1]
LIBRARIES = "sluice.libs"
BUNDLED = "libgomp.so.1"
# What every Linux with glibc and Python has.
EXPECTED = {"libc.so.6", "libm.so.6", "libpthread.so.0", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "libz.so.1", BUNDLED}
BLIS = "0.9.0"  # the release inside: its path's results depend on it
LICENCES = {"BLIS": "libblis4-openmp", "libgomp": "libgomp1"}
TRIAL = """
import numpy, sluice, sys
model = sluice.load(sys.argv[1])
assert sluice.environment().blis_version == sys.argv[2], sluice.environment().blis_version
x = numpy.frombuffer(b"thoughtfulness", numpy.uint8)[None]
classes = model(x)
assert model.info.class_names[classes[0].argmax()] == "english", classes
random = sluice.random_model(inputs=64, hidden=96, layers=2, directions=2, gemm="blis", threads=2)
assert numpy.isfinite(random(numpy.ones((9, 30, 64), numpy.float32))).all()
runtimes = {line.split()[-1] for line in open("/proc/self/maps") if "libgomp" in line}
assert len(runtimes) == 1 and "sluice.libs" in runtimes.pop()
print("sluice", sluice.__version__, classes.tobytes().hex())
"""


def run(*command, **options):
    """The standard output of a command, whose failure ends the script; what it says on standard error is shown."""
    return subprocess.run([str(word) for word in command], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          **options).stdout


def needs(binary):
    """The libraries that a binary names."""
    return set(re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", binary)))


def glibc_of(*binaries):
    """The newest version of glibc whose symbols the binaries use, (2, 34) for example."""
    versions = re.findall(r"Name: GLIBC_(\d+)\.(\d+)", "".join(run("readelf", "-V", name) for name in binaries))
    return max((int(major), int(minor)) for major, minor in versions)


def write_record(folder, info):
    """RECORD: each file with its digest and size."""
    lines = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != f"{info.name}/RECORD":
            digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{path.stat().st_size}")
    (info / "RECORD").write_text("\n".join([*lines, f"{info.name}/RECORD,,"]) + "\n")


def repair(wheel, folder):
    """The repaired wheel of the one that pip made, in `folder`."""
    tree = folder / "unpacked"
    shutil.rmtree(tree, ignore_errors=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tree)
    core, info = next(tree.glob("sluice/_core*.so")), next(tree.glob("*.dist-info"))
    runtime = tree / LIBRARIES / BUNDLED
    runtime.parent.mkdir()
    shutil.copy(run("gcc", f"-print-file-name={BUNDLED}").strip(), runtime)
    strange = (needs(core) | needs(runtime)) - EXPECTED
    if strange or BUNDLED not in needs(core):
        sys.exit(f"make_wheel: {core.name} has to need {BUNDLED}, and nothing beyond {sorted(EXPECTED)}; it needs {sorted(needs(core))}")
    run("patchelf", "--set-rpath", f"$ORIGIN/../{LIBRARIES}", core)
    for name, package in LICENCES.items():
        shutil.copy(f"/usr/share/doc/{package}/copyright", info / f"LICENCE.{name}")
    shutil.copy(SOURCE / "LICENSE", info)
    major, minor = glibc_of(core, runtime)
    tag = f"manylinux_{major}_{minor}_{os.uname().machine}"
    name, version, python, abi, _ = wheel.stem.split("-")
    text = re.sub(r"^Tag: .*$", f"Tag: {python}-{abi}-{tag}", (info / "WHEEL").read_text(), flags=re.MULTILINE)
    (info / "WHEEL").write_text(text)
    write_record(tree, info)
    result = folder / f"{name}-{version}-{python}-{abi}-{tag}.whl"
    with zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(tree.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(tree).as_posix())
    print(f"wheel: {result.name}, {result.stat().st_size / 1e6:.1f} MB: Python 3.11 or newer, glibc {major}.{minor} or newer, BLIS and "
          "libgomp within")
    return result


def try_bare(wheel, folder):
    """Install the wheel into a Debian 12 that has Python's venv and nothing else, without a network, and run a model there."""
    root = folder / "bookworm"
    if not (root / "usr/bin/python3").exists():
        print("wheel: making a bare Debian 12", file=sys.stderr)
        run("debootstrap", "--variant=minbase", "--include=python3-venv", "bookworm", root, stderr=subprocess.DEVNULL)
    inside = root / "wheels"
    shutil.rmtree(inside, ignore_errors=True)
    inside.mkdir()
    shutil.copy(wheel, inside)
    shutil.copy(SOURCE / "perf/langid/langid.safetensors", inside)
    (inside / "trial.py").write_text(TRIAL)
    run(sys.executable, "-m", "pip", "download", "-q", "--only-binary=:all:", "-d", inside, "numpy>=1.24")
    shutil.rmtree(root / "trial", ignore_errors=True)
    lines = ["ls /usr/lib/*/libgomp.so.1 /usr/bin/gcc 2>/dev/null && exit 1", "python3 -m venv /trial", "mount -t proc proc /proc",
             "/trial/bin/pip install -q --no-index --find-links /wheels sluice", f"/trial/bin/python /wheels/trial.py /wheels/langid.safetensors {BLIS}"]
    script = f"mount --bind {root}/dev {root}/dev; chroot {root} sh -c '{'; '.join(lines)}'"
    print("wheel: on a bare Debian 12, without gcc and libgomp1:", run("unshare", "--mount", "sh", "-ec", script).strip())


def try_beside(wheel, folder):
    """The tests of the package in a process with others, of the wheel, in the environment of perf/peers/setup, if there is one: in
    either order of imports PyTorch and the wheel have one of their two copies of libgomp."""
    python = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "sluice-peers/bin/python"
    if not python.exists():
        print("wheel: not tried beside PyTorch: perf/peers/setup makes the environment for that")
        return
    beside = folder / "beside"
    shutil.rmtree(beside, ignore_errors=True)
    run(python, "-m", "pip", "install", "-q", "--target", beside, wheel, "pytest")
    variables = {**os.environ, "PYTHONPATH": f"{beside}:{SOURCE}/tests", "SLUICE_SOURCE": str(SOURCE), "SLUICE_BUILD": str(folder)}
    found = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", SOURCE / "tests/python/test_py_process.py", env=variables)
    print("wheel: in a process with PyTorch and others:", found.splitlines()[-1])


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.whl"):
        old.unlink()
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, SOURCE)
    wheel = repair(next(folder.glob("*-linux_*.whl")), folder)
    try_beside(wheel, folder)
    if os.geteuid() == 0:
        try_bare(wheel, folder)
    else:
        print("wheel: not tried on a bare Debian 12, which needs root")


if __name__ == "__main__":
    main()
