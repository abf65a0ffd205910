"""sluice.Classifier among scikit-learn's own: its checks of estimators, clone, Pipeline, GridSearchCV and cross-validation."""
import pickle

import numpy as np
import pytest

import sluice

sklearn = pytest.importorskip("sklearn")
from sklearn import model_selection, pipeline, preprocessing
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks

SERIES = "the second axis has the steps of a series, of any number in fit and predict, not features with names and a number of their own"
WORDS = "a ValueError in the library's own words, where scikit-learn looks for its own"
BATCHES = "rows in another order, or twice instead of with weight 2, make other batches, whose sums differ in their last bits"
LEFT_OUT = {
    "check_sample_weights_invariance zeros": BATCHES + "; without another order test_py_classifier.py compares the bits",
    "check_sample_weight_equivalence_on_dense_data": BATCHES,
    "check_n_features_in": SERIES,
    "check_n_features_in_after_fitting": SERIES,
    "check_dataframe_column_names_consistency": SERIES,
    "check_classifiers_train": SERIES + "; that it learns is in test_py_classifier.py",
    "check_complex_data": WORDS,
    "check_estimators_empty_data_messages": WORDS,
    "check_fit2d_predict1d": WORDS,
    "check_supervised_y_2d": "labels in a column are refused, in words, where scikit-learn warns and goes on",
}


def small(**changes):
    """A classifier that learns fast."""
    return sluice.Classifier(**{"hidden": 16, "epochs": 30, "rate": 0.02, "random_state": 0} | changes)


def name_of(check):
    """With what it is called for, if it is called for several."""
    return " ".join([check.func.__name__, *filter(None, [check.keywords.get("kind")])])


def checks(are_left_out):
    """(estimator, check) of scikit-learn's that are in LEFT_OUT, or that are not."""
    if hasattr(estimator_checks, "estimator_checks_generator"):
        pairs = estimator_checks.estimator_checks_generator(small())
    else:
        pairs = estimator_checks.check_estimator(small(), generate_only=True)
    return [pytest.param(estimator, check, id=f"{n}-{name_of(check)}") for n, (estimator, check) in enumerate(pairs)
            if (name_of(check) in LEFT_OUT) == are_left_out]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator, check", checks(are_left_out=False))
def test_check(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator, check", checks(are_left_out=True))
def test_what_is_left_out_fails(estimator, check):
    """Else it has to leave the list."""
    with pytest.raises((AssertionError, ValueError)):
        check(estimator)


@pytest.fixture
def ragged(rng):
    """60 series of 3 inputs and 1 to 8 steps; their classes are the sign of their first input's sum."""
    X = [rng.standard_normal((length, 3), np.float32) for length in rng.integers(1, 9, 60)]
    return X, ["p" if x[:, 0].sum() > 0 else "n" for x in X]


def test_a_clone_has_the_parameters_and_nothing_learned(ragged):
    fitted = small(hidden=4).fit(*ragged)
    copy = clone(fitted)
    assert is_classifier(copy) and copy.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError, match="fit"):
        copy.predict(ragged[0])


def test_cross_validation(ragged):
    X, y = ragged
    scores = model_selection.cross_val_score(small(), X, y, cv=3)
    assert scores.shape == (3,) and scores.mean() > 0.7
    assert model_selection.cross_val_predict(small(), X, y, cv=3, method="predict_proba").shape == (60, 2)
    strings = ["ab" * (n + 1) if n % 2 else "ba" * (n + 1) for n in range(30)]
    for rows in (strings, np.array(strings), np.array(strings, object)):
        assert model_selection.cross_val_score(small(), rows, np.arange(30) % 2, cv=3, scoring="roc_auc").min() == 1


def test_grid_search(ragged):
    search = model_selection.GridSearchCV(small(), {"hidden": [1, 16], "bidirectional": [False, True]}, cv=2, n_jobs=2).fit(*ragged)
    assert search.best_params_["hidden"] == 16 and set(search.predict(ragged[0])) == {"n", "p"}
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_pipeline(rng):
    X = rng.standard_normal((40, 6)) * 1000 + 5000
    y = X[:, 0] > 5000
    chain = pipeline.make_pipeline(preprocessing.StandardScaler(), small()).set_params(classifier__hidden=8)
    assert chain.fit(X, y).score(X, y) > 0.9 and chain[-1].model_.info.layers[0].units == 8


def test_not_fitted_is_pickled():
    """As joblib brings it from a process that computes; one class for all, which is scikit-learn's too."""
    with pytest.raises(NotFittedError) as raised:
        small().predict(["ab"])
    again = pickle.loads(pickle.dumps(raised.value))
    assert type(again) is type(raised.value) and issubclass(type(again), sluice.NotFittedError) and str(again) == str(raised.value)


def test_data_frames(rng):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(rng.standard_normal((20, 4)))
    y = pandas.Series(["a", "b"] * 10)
    assert small().fit(frame, y).predict_proba(frame).tobytes() == small().fit(frame.to_numpy(), y).predict_proba(frame.to_numpy()).tobytes()
    frames = [pandas.DataFrame(rng.standard_normal((length, 2)), columns=["a", "b"]) for length in (3, 1, 2, 5)]
    assert small().fit(frames, y[:4]).predict_proba(frames).shape == (4, 2)
    words = pandas.Series(["left", "right"] * 10)
    assert small().fit(words, y).score(words, y) == 1
