#!/usr/bin/env python3
"""Keras files in `sluice run`: --output of each is what Keras computes, masks included, in whole files, pieces and the project's format."""
import json

from support.cli import OK, SOURCE, npy_bytes, read_npy, run_parts, sluice

FAMILY = SOURCE / "tests" / "golden" / "keras" / "family"
OPTIONS = {"graph": ["--to", "left"]}
MASKED = {"masked_both": "token", "embedding_mask_zero_two_dense": "token", "masking_gap": "value"}


def names(*endings):
    """The files of the family with these endings, and outputs to compare with."""
    return [path for ending in endings for path in sorted(FAMILY.glob(f"*{ending}"))
            if path.name.count(".") == 1 and (FAMILY / f"{path.stem}.golden.npy").exists()]


def run(cli, model, x, *words):
    """What --output writes, and standard error."""
    y = cli.path("y.npy")
    y.unlink(missing_ok=True)
    result = sluice("run", model, "-i", x, "-o", y, *words)
    cli.check(result.returncode == OK, f"run {model} {words}: {result.stderr.decode()}")
    return read_npy(y) if result.returncode == OK else ((), []), result.stderr.decode()


def check_golden(cli):
    """Each file's outputs, within what float32 is off by; nothing is said where nothing is assumed."""
    files = names(".keras", ".h5")
    cli.check(len(files) > 30, f"the files are there: {len(files)}")
    for model in files:
        want_shape, want = read_npy(FAMILY / f"{model.stem}.golden.npy")
        (shape, got), said = run(cli, model, FAMILY / f"{model.stem}.input.npy", *OPTIONS.get(model.stem, []))
        worst = max((abs(a - b) for a, b in zip(got, want)), default=0)
        cli.check(shape == want_shape and worst <= 3e-6 * max(map(abs, want)), f"{model.name}: {shape} off by {worst}")
        cli.check(model.stem == "graph" or not said, f"{model.name}: no notes of what is as expected: {said}")


def check_masking(cli):
    """info shows the rule, convert keeps it, --mask replaces it, and chunks and the order of axes change nothing."""
    for name, masking in MASKED.items():
        model, x, out = FAMILY / f"{name}.keras", FAMILY / f"{name}.input.npy", cli.path("out.safetensors")
        facts = json.loads(cli.answers("info", model, "--json"))
        cli.check((facts["masking"], facts["mask_value"]) == (masking, 0), f"{name}: {facts['masking']} {facts['mask_value']}")
        cli.check("\nmasked steps  of " in cli.answers("info", model).decode(), f"{name}: info shows what is masked")
        whole = run(cli, model, x)[0]
        sluice("convert", model, out)
        cli.check(run(cli, out, x)[0] == whole, f"{name}: the project's format has the rule")
        cli.check(run(cli, model, x, "--rows", 1)[0] == whole, f"{name}: a row at a time")
        shape, values = read_npy(x)
        width = len(values) // (shape[0] * shape[1])
        steps = [values[k:k + width] for k in range(0, len(values), width)]
        mask = [int(any(step)) for step in steps]
        cli.check(0 in mask and run(cli, model, x, "--mask", cli.npy("mask.npy", shape[:2], mask, "|u1"))[0] == whole,
                  f"{name}: as with the mask")
        cli.check(run(cli, model, x, "--mask", cli.npy("mask.npy", shape[:2], [1] * len(mask), "|u1"))[0] != whole,
                  f"{name}: a mask of ones in the rule's place")
        turned = [value for t in range(shape[1]) for n in range(shape[0]) for value in steps[n * shape[1] + t]]
        turned_shape = (shape[1], shape[0], *shape[2:])
        cli.write("turned.npy", npy_bytes(turned_shape, turned, "<f4" if len(shape) == 3 else "<i4"))
        got = run(cli, model, cli.path("turned.npy"), "--layout", "tnc")[0][1]
        if len(whole[0]) == 3:
            size = whole[0][2]
            got = [value for n in range(shape[0]) for t in range(shape[1])
                   for value in got[(t * shape[0] + n) * size:(t * shape[0] + n + 1) * size]]
        cli.check(got == whole[1], f"{name}: steps first")
        last = run(cli, model, x, "--lengths", cli.npy("n.npy", shape[:1], [shape[1]] * shape[0], "<i8"))[0]
        cli.check(last == whole, f"{name}: with lengths")


def check_notes(cli):
    """What is assumed of weights alone is said."""
    said = run(cli, FAMILY / "last_only.weights.h5", FAMILY / "last_only.input.npy")[1]
    cli.check("assumed" in said, f"assumptions are shown: {said}")
    torch = SOURCE / "tests" / "golden" / "torch" / "batch_first.pt"
    notes = json.loads(cli.answers("info", torch, "--json"))["notes"]
    cli.check(any(note.startswith("detail: x is [N][T][I]") for note in notes), f"info has the layout: {notes}")
    x = cli.npy("x.npy", (1, 2), [1, 2], "<i4")
    cli.check(run(cli, torch, x, "--head-name", "")[1] == "", "and run does not")


run_parts()
