#!/usr/bin/env python3
"""Make old.h5, new.h5 and dense.h5, HDF5 files that tests/hdf5 reads, in this folder: make_hdf5.py (h5py 3.16). test_hdf5.c has their content."""
import pathlib

import h5py
import numpy

HERE = pathlib.Path(__file__).parent
LINKS = 20  # of a group whose links have several nodes of a symbol table
OLD_TYPES = ("f2", "f4", "f8", "i1", "i8", "u1")
NEW_TYPES = ("f4", "f8", "u1")  # and no more than 8 links and attributes, which then are messages


def add_types(group, types):
    """A dataset of each type of element, all of values 0, 1, 2, ..., and of the shapes and layouts that are read."""
    for name in types:
        group[name] = numpy.arange(6, dtype="<" + name).reshape(2, 3)
    pairs = (numpy.arange(6, dtype="<f4").view("<u4") >> 16).astype("<u2")
    group.create_dataset("bf16", data=pairs.view("V2").reshape(2, 3)).attrs["dtype"] = "bfloat16"
    group["empty"] = numpy.zeros((0, 3), "<f4")
    group["scalar"] = numpy.float32(7)
    compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    compact.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple((2, 3))
    made = h5py.h5d.create(group.id, b"compact", h5py.h5t.IEEE_F32LE, space, compact)
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, numpy.arange(6, dtype="<f4").reshape(2, 3))


def add_attributes(group):
    """Strings of all kinds, alone and in lists."""
    group.attrs["text"] = "caf\u00e9"
    group.attrs["fixed"] = numpy.bytes_(b"fixed")
    group.attrs["list"] = numpy.array([b"one", b"three", b""])
    group.attrs["texts"] = ["eins", "", "drei"]
    group.attrs["split0"] = numpy.array([b"a", b"b"])
    group.attrs["split1"] = numpy.array([b"c"])
    group.attrs["number"] = 3


def add_padded(group):
    """A string that ends with spaces."""
    padded = h5py.h5t.C_S1.copy()
    padded.set_size(8)
    padded.set_strpad(h5py.h5t.STR_SPACEPAD)
    attribute = h5py.h5a.create(group.id, b"spaces", padded, h5py.h5s.create(h5py.h5s.SCALAR))
    attribute.write(numpy.array(b"right", dtype="S8"))


def open_new(name, version):
    """An empty file of a version of the format."""
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(*version)
    path = str(HERE / name).encode()
    return h5py.File(h5py.h5f.create(path, h5py.h5f.ACC_TRUNC, None, access))


def make(name, version):
    """A file of an old or a new version of the format."""
    with open_new(name, version) as file:
        add_types(file.create_group("types"), OLD_TYPES if name == "old.h5" else NEW_TYPES)
        add_attributes(file.create_group("outer/inner"))
        add_padded(file["outer"])
        for k in range(LINKS if name == "old.h5" else 4):
            file[f"links/n{k}"] = file["types/f4"]


def make_dense(name):
    """Links and attributes in fractal heaps."""
    with open_new(name, NEW) as file:
        for k in range(9):
            file.create_group(f"links/n{k}")
            file["links"].attrs[f"a{k}"] = "x"


NEW = (h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
make("old.h5", (h5py.h5f.LIBVER_EARLIEST, h5py.h5f.LIBVER_V18))
make("new.h5", NEW)
make_dense("dense.h5")
