"""docs/python.md is true: its examples print what it says; the benchmark runs; what README has of Python runs."""
import doctest
import os
import re

import pytest

from conftest import run_script
from sluice import bench
from support.checks import SOURCE


def run_examples(name, folder):
    """Run a document's examples, in a folder that has perf/."""
    text = (SOURCE / name).read_text(encoding="utf-8")
    here = os.getcwd()
    os.symlink(SOURCE / "perf", folder / "perf")
    os.chdir(folder)
    try:
        test = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
        printed = []
        result = doctest.DocTestRunner(verbose=False).run(test, out=printed.append)
    finally:
        os.chdir(here)
    assert result.failed == 0, "".join(printed)
    return result.attempted


def test_the_page(tmp_path):
    assert run_examples("docs/python.md", tmp_path) > 25


def test_readme(tmp_path):
    assert run_examples("README.md", tmp_path) >= 3


def test_every_example_is_a_doctest():
    text = (SOURCE / "docs" / "python.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        assert all(line.startswith((">>> ", "... ")) or not line or ">>>" in block for line in block.splitlines())
        assert block.endswith("\n\n"), "an empty line ends what an example prints"


@pytest.mark.parametrize("words", [["--no-torch", "5,3,8", "7r,4,8"], ["--threads", "1", "5,3,8", "7r,4,8"]], ids=" ".join)
def test_bench(words, capsys):
    bench.main(["--repetitions", "1", *words])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[1].split()[0] == "5,3,8" and all(float(word) > 0 for word in lines[1].split()[1:])


def test_bench_as_a_module():
    assert "sluice us" in run_script("import runpy, sys; sys.argv[1:] = ['--repetitions', '1', '2,2,8']; "
                                     "runpy.run_module('sluice.bench', run_name='__main__')")
