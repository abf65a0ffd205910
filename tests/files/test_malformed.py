"""The malformed files of test_npy, test_safetensors and test_description, given to the program: exit 65, one line that names the file,
nothing written."""
import os
import subprocess

from support.checks import BUILD
from support.cli import DATA, Network, run_parts, sluice

LEAST = 50


def check_format(cli, name, command):
    """Have the C test of a format leave its malformed files, and run command(path, output) on each."""
    kept = cli.path(f"kept-{name}")
    kept.mkdir()
    subprocess.run([BUILD / "tests" / f"test_{name}"], env={**os.environ, "SLUICE_TEST_KEEP": str(kept), "CK_DEFAULT_TIMEOUT": "0"},
                   check=True, stdout=subprocess.DEVNULL, timeout=300)
    files = sorted(kept.iterdir())
    cli.check(len(files) >= LEAST, f"{name}: {len(files)} malformed files, at least {LEAST} expected")
    output = cli.path(f"output-{name}")
    for path in files:
        found = sluice(*command(path, output))
        message = found.stderr.decode(errors="replace")
        cli.check(found.returncode == DATA and message.startswith("sluice: ") and message.count("\n") == 1 and str(path) in message
                  and not found.stdout and not output.exists(),
                  f"{path.name}: expected exit {DATA} and its name, found exit {found.returncode} and {message!r}")
    cli.check(sorted(kept.iterdir()) == files and not cli.leftovers(), f"{name}: a file was left behind")


def check_safetensors(cli):
    check_format(cli, "safetensors", lambda path, output: ["run", path, "--text", "-o", output])


def check_description(cli):
    check_format(cli, "description", lambda path, output: ["run", path, "--text", "-o", output])


def check_npy(cli):
    model = Network(1, 2, 3).write(cli.path("model.safetensors"))
    check_format(cli, "npy", lambda path, output: ["run", model, "-i", path, "--hn", output])


if __name__ == "__main__":
    run_parts()
