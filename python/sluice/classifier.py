"""A classifier of sequences, as scikit-learn has its estimators, without needing scikit-learn: docs/python.md."""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from sluice._arrays import F32, I32, as_array
from sluice._errors import ArgumentError, DataError
from sluice._estimator import Estimator, check_options, random_of, weights_of
from sluice._model import load
from sluice._network import Info
from sluice._sequences import LabelledSequences, are_strings, read_sequences, rows_of, rows_of_embedding, vocabulary_of
from sluice._training import ALONE, check_ranks, make_trainer, sorted_batches, split_rows, train
from sluice.ranks import Exchange

Rows = ArrayLike | Sequence[ArrayLike]
PREDICTED_ROWS = 1024  # of a batch


class Classifier(Estimator):
    """An LSTM network that learns the class of sequences.

    :param hidden: units of each layer and direction. :param layers: LSTM layers. :param bidirectional: each in both directions.
    :param embedding: width of the vectors of tokens, where the sequences are strings.
    :param dropout: probability with which outputs between layers are set to zero in training.
    :param epochs: passes over the rows, at most. :param batch_size: rows of an update. :param shards: parts into which these are cut, which
        decide the last bits of what is learned, and how many ranks can share the work of :meth:`fit`.
    :param rate: learning rate of Adam. :param weight_decay: L2 penalty. :param clip: the norm to which a larger gradient is scaled
        down; None: none. :param label_smoothing: the share of each target that is spread over all classes.
    :param class_weight: weights of the classes in the loss: a dict, "balanced" (by inverse frequency), or None, all 1.
    :param early_stopping: hold out ``validation_fraction`` of each class's rows, keep the epoch of their least loss, and end when
        ``patience`` epochs have not lowered it.
    :param threads: of training and prediction; None: the library's default. No result depends on it.
    :param random_state: an int, with which fit gives the same bits anywhere; a numpy.random.RandomState; None: NumPy's global one.
    :param callback: called with each epoch's report, as ``history_`` has it; ends training by returning True.
    :param verbose: show progress, by tqdm where it is installed, else a line for each epoch on standard error.

    After fit: ``classes_``, the labels in order; ``model_``, the :class:`sluice.Model`; ``vocabulary_``, {token: number} of strings,
    else None; ``n_iter_``, the epochs that were run; ``history_``, their reports: epoch, loss, accuracy and, with early stopping,
    validation_loss and validation_accuracy.
    """

    _estimator_type = "classifier"  # for scikit-learn before 1.6

    def __init__(self, hidden: int = 128, layers: int = 1, *, bidirectional: bool = False, embedding: int = 32, dropout: float = 0.0,
                 epochs: int = 50, batch_size: int = 32, shards: int = 1, rate: float = 1e-3, weight_decay: float = 0.0, clip: float | None = 1.0,
                 label_smoothing: float = 0.0, class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
                 early_stopping: bool = False, validation_fraction: float = 0.1, patience: int = 5, threads: int | None = None,
                 random_state: int | np.random.RandomState | None = None, callback: Callable[[Info], Any] | None = None,
                 verbose: bool = False) -> None:
        self.hidden = hidden
        self.layers = layers
        self.bidirectional = bidirectional
        self.embedding = embedding
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.shards = shards
        self.rate = rate
        self.weight_decay = weight_decay
        self.clip = clip
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.threads = threads
        self.random_state = random_state
        self.callback = callback
        self.verbose = verbose

    def fit(self, X: Rows, y: ArrayLike, sample_weight: ArrayLike | None = None, *, exchange: Exchange | None = None) -> Self:
        """Learn from rows and their labels, anew.

        :param X: N rows: an array [N][T][I] of numbers, or [N][T] of one input a step; or a list of rows of any lengths, each an array
            [T][I] or [T], a string, whose tokens are its characters, or a sequence of strings, which are its tokens.
        :param y: [N] labels of any type that can be ordered.
        :param sample_weight: [N] a weight of each row in the loss, 0 or more, of which the loss is the weighted mean; a row of weight 0 is
            left out. None: all 1.
        :param exchange: with the other ranks, all of which call fit with the same X, y and parameters and learn the same, to the bit, as one
            alone. random_state is then an int; training ends where the callback of one rank ends it, and rank 0 shows the progress.
        :returns: the classifier.
        """
        options = self.get_params()
        check_options(options)
        random = random_of(options["random_state"])
        rows = rows_of(X)
        vocabulary = vocabulary_of(rows) if are_strings(rows) else None
        sequences = read_sequences(rows, vocabulary, None)
        if not sequences.lengths.any():
            raise DataError("X: no row has a step; expected at least one that has")
        classes, numbers = read_labels(y, len(sequences))
        weights = None if sample_weight is None else weights_of(sample_weight, len(sequences), "row")
        counted = np.arange(len(sequences)) if weights is None else np.flatnonzero(weights)
        counts = np.bincount(numbers[counted], minlength=len(classes))
        if not counts.all():
            raise DataError(f"sample_weight: 0 for all rows of class {classes[counts.argmin()]!r}; expected one above 0 at least")
        kept, held = counted, np.arange(0)
        if options["early_stopping"]:
            kept, held = (counted[part] for part in split_rows(numbers[counted], options["validation_fraction"], random))
        if exchange is not None:
            check_ranks(exchange, options, [sequences.values, sequences.lengths, numbers, weights])
        exchange = exchange or ALONE
        shape = {"inputs": sequences.inputs or options["embedding"], "directions": 2 if options["bidirectional"] else 1, "classes": len(classes),
                 "vocabulary": 0 if vocabulary is None else rows_of_embedding(vocabulary)}
        loss = {"label_smoothing": options["label_smoothing"], "class_weights": class_weights_of(options["class_weight"], classes, counts)}
        trainer = make_trainer(options, shape, loss, random, exchange, class_names_of(classes))
        content, reports = train(trainer, LabelledSequences(sequences, numbers, weights), kept, held, options, random, exchange)
        self.model_ = load(content, threads=options["threads"])
        self.classes_ = classes
        self.vocabulary_ = vocabulary
        self.n_iter_ = len(reports)
        self.history_ = reports
        return self

    def predict_proba(self, X: Rows) -> np.ndarray:
        """Probabilities of the classes, float64 [N][C] in the order of ``classes_``. A row's do not depend on the others in X.

        Tokens that were not in fit's X are left out of their rows.
        """
        logits = self._logits(X).astype(np.float64)
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True)

    def predict(self, X: Rows) -> np.ndarray:
        """The most probable label of each row, [N]."""
        logits = self._logits(X)
        return self.classes_[logits.argmax(axis=1)]

    def score(self, X: Rows, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """The share of rows, by their weights, whose label predict gives."""
        predicted = self.predict(X)
        return float(np.average(predicted == labels_of(y, len(predicted)), weights=sample_weight))

    def save(self, path: str | PathLike[str]) -> None:
        """Write the network to a safetensors file, which :func:`sluice.load`, the program ``sluice`` and PyTorch read.

        With the labels as class names where all are words that a file can have; strings whose characters are all ASCII are read by
        ``sluice run --text``. The vocabulary is not in the file: pickle has all.
        """
        self._check_is_fitted()
        self.model_.save(path)

    def _logits(self, X):
        """float32 [N][C], computed in batches of like length."""
        self._check_is_fitted()
        sequences = read_sequences(X, self.vocabulary_, self.model_._network.inputs)
        logits = np.empty((len(sequences), len(self.classes_)), F32)
        for rows in sorted_batches(sequences.lengths, PREDICTED_ROWS):
            part = np.empty((len(rows), len(self.classes_)), F32)
            self.model_._engine.forward(logits=part, **sequences.batch(rows))
            logits[rows] = part
        return logits

    def __sklearn_tags__(self):
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(estimator_type="classifier", target_tags=TargetTags(required=True), classifier_tags=ClassifierTags(),
                    input_tags=InputTags(three_d_array=True, string=True))


def labels_of(y, rows):
    """An array of a label for each row."""
    if y is None:
        raise ArgumentError("y: Classifier requires y to be passed, but the target y is None; give a label for each row")
    labels = as_array(y, "y")
    if labels.ndim != 1 or len(labels) != rows:
        raise ArgumentError(f"y: expected a label for each of {rows} rows, [N]; its shape is {labels.shape}")
    return labels


def read_labels(y, rows):
    """The classes in order, and the number of each row's, int32 [N]."""
    labels = labels_of(y, rows)
    if labels.dtype.kind == "f" and not (np.isfinite(labels) & (labels == np.floor(labels))).all():
        raise DataError("y: Unknown label type: continuous, NaN or infinity; expected labels: integers, strings or booleans")
    try:
        classes, numbers = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise DataError(f"y: labels of different types, which have no order: {error}; expected labels of one type") from error
    if len(classes) < 2:
        raise DataError(f"y: one class, {classes[0]!r}; expected two at least")
    return classes, numbers.astype(I32)


def class_names_of(classes):
    """Labels as names for a file, or None where one is none: it is empty, or has a comma or a character that is not printed."""
    names = [str(label) for label in classes]
    return names if all(name and name.isprintable() and "," not in name for name in names) else None


def class_weights_of(class_weight, classes, counts):
    """float32 [C], or None."""
    if class_weight is None:
        return None
    if isinstance(class_weight, str) and class_weight == "balanced":
        return (counts.sum() / (len(counts) * counts)).astype(F32)
    try:
        weights = np.array([class_weight.get(label, 1) for label in classes.tolist()], F32)
    except (AttributeError, TypeError, ValueError) as error:
        raise ArgumentError(f"class_weight: {class_weight!r}; expected None, \"balanced\" or a dict of numbers by label") from error
    if not (np.isfinite(weights) & (weights > 0)).all():
        raise ArgumentError(f"class_weight: {class_weight!r}; expected finite numbers above 0")
    return weights
