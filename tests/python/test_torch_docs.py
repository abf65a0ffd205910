"""docs/torch.md is true: its examples print what it says."""
import pytest

pytest.importorskip("torch")

from test_py_docs import run_examples  # noqa: E402


def test_the_page_of_torch(tmp_path):
    assert run_examples("docs/torch.md", tmp_path) > 12
