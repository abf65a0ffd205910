#!/usr/bin/env python3
"""Make the files of tests/golden/keras/family that this project made itself: masked_both, backwards_masked with _last and _zero, graph and cudnn, models by Keras, and their
outputs in float64 by Keras's own layers. Needs keras 3, jax and h5py: JAX_ENABLE_X64=1 tests/golden/keras/make_keras.py."""
import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "jax")
import h5py
import keras
import numpy as np

FOLDER = pathlib.Path(__file__).parent / "family"
layers = keras.layers


def masked_both():
    """Tokens, of which 0 is padding at the end of a row and within it."""
    return keras.Sequential([layers.Input((6,), dtype="int32"), layers.Embedding(9, 4, mask_zero=True),
                             layers.Bidirectional(layers.LSTM(3, return_sequences=True)), layers.LSTM(5),
                             layers.Dropout(0.5), layers.Dense(2, activation="softmax")])


def backwards(*last, zero=False):
    """Steps that are all zeros are masked, at both ends of a row and within it; the mask is not turned with the outputs."""
    first = layers.LSTM(3, go_backwards=True, return_sequences=True, zero_output_for_mask=zero)
    return keras.Sequential([layers.Input((6, 4)), layers.Masking(), first, *last])


def backwards_masked():
    return backwards(layers.Dense(4, activation="relu"), layers.LSTM(2, go_backwards=True, return_sequences=True),
                     layers.LSTM(3, return_sequences=True))


def backwards_last():
    return backwards(layers.LSTM(2, go_backwards=True))


def backwards_zero():
    return backwards(layers.Bidirectional(layers.LSTM(2, return_sequences=True)), zero=True)


def gaps(seed):
    mask = np.array([[1, 1, 0, 1, 0, 0], [0, 1, 1, 1, 0, 1], [0, 0, 1, 0, 1, 1]], np.float32)
    return np.random.default_rng(seed).normal(0, 1, (3, 6, 4)).astype(np.float32) * mask[..., None]


def graph():
    """Two outputs, of which "left" is that of a chain with a model in it; of "right" one layer is no LSTM."""
    x = layers.Input((6, 4), name="x")
    inner = keras.Sequential([layers.Input((6, 4)), layers.LSTM(5, return_sequences=True, name="first"),
                              layers.LeakyReLU(negative_slope=0.1), layers.LSTM(3, return_sequences=True, go_backwards=True)],
                             name="inner")
    left = layers.Dense(2, activation="elu", name="left")(layers.GlobalAveragePooling1D()(inner(x)))
    right = layers.GRU(2, name="right")(x)
    return keras.Model(x, [left, right])


def plain():
    return keras.Sequential([layers.Input((6, 4)), layers.LSTM(5, return_sequences=True), layers.LSTM(3, return_sequences=True)])


def fill(model, seed):
    """Weights that are float32 numbers, whatever the model's type."""
    random = np.random.default_rng(seed)
    model.set_weights([random.normal(0, 0.7, weight.shape).astype(np.float32) for weight in model.get_weights()])
    return model


def make(name, build, seed, x):
    """The model's files, its inputs, and its first output in float64."""
    keras.config.set_dtype_policy("float64")
    outputs = fill(build(), seed)(x)
    golden = np.asarray(outputs[0] if isinstance(outputs, list) else outputs)
    assert golden.dtype == np.float64, golden.dtype
    keras.config.set_dtype_policy("float32")
    keras.utils.clear_session()
    narrow = fill(build(), seed)
    narrow.save(FOLDER / f"{name}.keras")
    narrow.save(FOLDER / f"{name}.h5")
    outputs = narrow(x)
    print(name, "float32 differs by", np.abs(np.asarray(outputs[0] if isinstance(outputs, list) else outputs) - golden).max())
    np.save(FOLDER / f"{name}.input.npy", x)
    np.save(FOLDER / f"{name}.golden.npy", golden)
    return narrow


def permuted(kernel, recurrent, bias):
    """An LSTM's weights as CuDNNLSTM keeps them: the inverse of what Keras 2 does on loading them into an LSTM."""
    inputs, units = kernel.shape[0], recurrent.shape[0]
    blocks = [block.T.reshape(inputs, units) for block in np.split(kernel, 4, axis=1)]
    for block, original in zip(blocks, np.split(kernel, 4, axis=1)):
        assert (block.T.reshape(inputs, units, order="F") == original).all()
    half = (bias / 2).astype(np.float32)
    return np.hstack(blocks), np.hstack([block.T for block in np.split(recurrent, 4, axis=1)]), np.concatenate([half, bias - half])


def cudnn():
    """A whole model as Keras 2.2.0 wrote it, whose "config" is the list of layers."""
    model = make("cudnn", plain, 17, np.random.default_rng(18).normal(0, 1, (3, 6, 4)).astype(np.float32))
    config = [{"class_name": "CuDNNLSTM", "config": {"name": f"cu_dnnlstm_{k + 1}", "units": layer.units, "return_sequences": True,
                                                     "return_state": False, "go_backwards": False, "stateful": False}}
              for k, layer in enumerate(model.layers)]
    config[0]["config"]["batch_input_shape"] = [None, 6, 4]
    (FOLDER / "cudnn.keras").unlink()
    with h5py.File(FOLDER / "cudnn.h5", "w") as file:
        file.attrs["keras_version"] = b"2.2.0"
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": config}).encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [layer["config"]["name"].encode() for layer in config]
        for entry, layer in zip(config, model.layers):
            name = entry["config"]["name"]
            names = [f"{name}/{weight}:0" for weight in ("kernel", "recurrent_kernel", "bias")]
            group.create_group(name).attrs["weight_names"] = [weight.encode() for weight in names]
            for weight, values in zip(names, permuted(*(np.asarray(w) for w in layer.get_weights()))):
                group[name][weight] = values.astype(np.float32)


def main():
    make("masked_both", masked_both, 13, np.array([[1, 2, 3, 4, 5, 6], [7, 8, 0, 1, 0, 0], [0, 3, 0, 0, 2, 8]], np.int32))
    make("backwards_masked", backwards_masked, 19, gaps(20))
    make("backwards_masked_last", backwards_last, 21, gaps(22))
    make("backwards_masked_zero", backwards_zero, 23, gaps(24))
    make("graph", graph, 15, np.random.default_rng(16).normal(0, 1, (3, 6, 4)).astype(np.float32))
    cudnn()


if __name__ == "__main__":
    main()
