"""An estimator's training: its trainer, epochs of batches by it, the epoch that is kept, progress, and what ranks have to have alike."""

import hashlib
import sys
import tempfile
import warnings
from numbers import Integral
from pathlib import Path

import numpy as np

from sluice import _core
from sluice._errors import ArgumentError, DataError
from sluice._model import INITIALIZERS
from sluice._network import Info
from sluice.ranks import Exchange, cut

ALONE = Exchange(0, 1, None)
OF_ONE_RANK = ("threads", "callback", "verbose")  # which ranks may have each as they like
POOL = 16  # batches whose rows are sorted by length together


def check_ranks(exchange, options, arrays):
    """Refuse parameters or data, arrays or None, that are not the same on all ranks, which would wait for each other for ever."""
    if not isinstance(options["random_state"], Integral):
        raise ArgumentError(f"random_state: {options['random_state']!r}; with an exchange an int is expected, the same on all ranks")
    shared = {name: value for name, value in options.items() if name not in OF_ONE_RANK}
    digest = hashlib.blake2b(repr((shared, [None if array is None else array.shape for array in arrays])).encode(), digest_size=16)
    for array in arrays:
        if array is not None:
            digest.update(np.ascontiguousarray(array))
    if len(set(exchange.gather(digest.digest()))) > 1:
        raise DataError("fit: ranks have different parameters, X, y or sample_weight; the same are expected on all")
    if exchange.rank == 0 and exchange.ranks > options["shards"]:
        warnings.warn(f"shards: {options['shards']} for {exchange.ranks} ranks, of which the others have nothing to compute", stacklevel=3)


def make_trainer(options, shape, loss, random, exchange, class_names=None):
    """A trainer of a network that is drawn by the random numbers.

    :param shape: what an estimator's parameters leave open of the network's. :param loss: fields of the trainer's options that say its loss.
    """
    seeds = random.randint(2**32, size=2, dtype=np.uint32).tolist()
    model = _core.Model.initial(INITIALIZERS.index("torch"), seeds[0], class_names, hidden=options["hidden"], layers=options["layers"], has_bias=1,
                                **shape)
    return _core.Trainer(model, exchange._core, threads=options["threads"] or 0, shards=options["shards"], rate=options["rate"],
                         weight_decay=options["weight_decay"], clip=options["clip"] or 0.0, dropout=options["dropout"], seed=seeds[1], **loss)


def batches_of(lengths, batch_size, random):
    """The rows of one epoch in batches of like length, shuffled."""
    order = random.permutation(len(lengths))
    for begin in range(0, len(order), POOL * batch_size):
        pool = order[begin:begin + POOL * batch_size]
        pool[:] = pool[np.argsort(lengths[pool], kind="stable")]
    begins = random.permutation(np.arange(0, len(order), batch_size))
    return [order[begin:begin + batch_size] for begin in begins]


def sorted_batches(lengths, batch_size):
    """All rows in batches, the shortest first."""
    order = np.argsort(lengths, kind="stable")
    return [order[begin:begin + batch_size] for begin in range(0, len(order), batch_size)]


def split_rows(numbers, fraction, random):
    """(rows to train with, rows to validate with), as many of each class as its share, and one at least to train with."""
    kept = []
    held = []
    for number in range(numbers.max() + 1):
        rows = random.permutation(np.flatnonzero(numbers == number))
        count = min(len(rows) - 1, round(fraction * len(rows)))
        held.append(rows[:count])
        kept.append(rows[count:])
    held = np.sort(np.concatenate(held))
    if len(held) == 0:
        raise ArgumentError(f"validation_fraction: {fraction} of {len(numbers)} rows leaves none to validate with; give more rows, or "
                            "early_stopping=False")
    return np.sort(np.concatenate(kept)), held


class Progress:
    """A line of an epoch's figures: of tqdm where it is installed, else one an epoch on standard error; where not wanted, none."""

    def __init__(self, epochs, is_wanted):
        self._bar = None
        self._is_wanted = is_wanted
        if is_wanted:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                return
            self._bar = tqdm(total=epochs, unit="epoch")

    def show(self, report):
        """Show an epoch."""
        figures = {name: f"{value:.4g}" for name, value in report.items() if name != "epoch"}
        if self._bar is not None:
            self._bar.set_postfix(figures, refresh=False)
            self._bar.update()
        elif self._is_wanted:
            print(f"epoch {report.epoch}:", *(f"{name} {figure}" for name, figure in figures.items()), file=sys.stderr, flush=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._bar is not None:
            self._bar.close()


def run_batches(call, data, batches, shards, exchange):
    """{loss, and of labels accuracy} over batches of `call`, a trainer's step or evaluate."""
    loss = weight = right = rows = 0
    for batch in batches:
        own = exchange.rows(cut(len(batch), shards, data.lengths[batch]))
        labels, values = data.targets(batch[own])
        report = call(labels, values, **data.batch(batch, own))
        loss += report["loss"] * report["weight"]
        weight += report["weight"]
        right += report["right"]
        rows += report["counted"]
    return {"loss": loss / weight} | ({} if labels is None else {"accuracy": right / rows})


def train(trainer, data, kept, held, options, random, exchange):
    """Train with the rows `kept` by epochs, of which the one with the least loss of the rows `held` is kept; of no rows, the last.

    :param data: has ``lengths`` of all rows, ``targets(rows)``, labels and values of some of them, one of both None, and
        ``batch(rows, own)``, fields of a sluice_batch of some rows, of which this rank computes those in the slice `own`.
    :returns: the content of the file of the model, and the reports of all epochs.
    """
    reports = []
    best = None
    held_batches = [held[batch] for batch in sorted_batches(data.lengths[held], options["batch_size"])]
    with tempfile.TemporaryDirectory() as folder, Progress(options["epochs"], options["verbose"] and exchange.rank == 0) as progress:
        path = Path(folder) / "model.safetensors"
        for epoch in range(1, options["epochs"] + 1):
            batches = [kept[batch] for batch in batches_of(data.lengths[kept], options["batch_size"], random)]
            report = Info({"epoch": epoch, **run_batches(trainer.step, data, batches, options["shards"], exchange)})
            if held_batches:
                found = run_batches(trainer.evaluate, data, held_batches, options["shards"], exchange)
                report |= {f"validation_{name}": value for name, value in found.items()}
                if best is None or report.validation_loss < best.validation_loss:
                    best = report
                    trainer.save_model(str(path))
            reports.append(report)
            progress.show(report)
            has_enough = options["callback"] is not None and bool(options["callback"](report))
            if b"\1" in exchange.gather(bytes([has_enough])) or (best is not None and epoch - best.epoch >= options["patience"]):
                break
        if best is None:
            trainer.save_model(str(path))
        return path.read_bytes(), reports
