#!/usr/bin/env python3
"""Make tests/golden/keras/lstm_model.keras by the lines of Python in README.md. Needs keras: tests/golden/keras/make_readme_model.py."""
import os
import pathlib
import re

os.environ.setdefault("KERAS_BACKEND", "jax")
FOLDER = pathlib.Path(__file__).resolve().parent

text = (FOLDER.parents[2] / "README.md").read_text(encoding="utf-8")
os.chdir(FOLDER)
exec(re.search(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL).group(1))
