#include "perf/bench/case_export.h"

#include "perf/bench/fixture.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/npy/npy.h"
#include "io/output.h"
#include "model/model.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_BYTES = 4096 };

static sluice_status make_directory(const char *path, sluice_error *error)
{
    return mkdir(path, 0777) == 0 || errno == EEXIST
               ? SLUICE_STATUS_OK
               : sl_fail(error, SLUICE_STATUS_IO, "%s: cannot be made: %s; name a directory that can", path, strerror(errno));
}

static sluice_status join(char path[PATH_BYTES], const char *directory, const char *name, sluice_error *error)
{
    return snprintf(path, PATH_BYTES, "%s/%s", directory, name) < PATH_BYTES
               ? SLUICE_STATUS_OK
               : sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "--export: '%.120s...' is longer than %d bytes", directory, PATH_BYTES);
}

/* ---- Arrays ------------------------------------------------------------------------------------------------------------------ */

static sluice_status write_array(const char *directory, const char *name, sl_npy_header header, const void *data,
                                 sluice_error *error)
{
    char path[PATH_BYTES];
    sl_npy_writer *writer;
    size_t elements = 1; /* they are in memory, so their number fits */
    for (size_t k = 0; k < header.dims; k++)
        elements *= header.shape[k];
    sluice_status status = join(path, directory, name, error);
    status = status ? status : sl_npy_create(path, &header, &writer, error);
    if (status)
        return status;
    status = sl_npy_write(writer, 0, elements, data, error);
    if (!status)
        return sl_npy_commit(writer, error);
    sl_npy_abort(writer);
    return status;
}

static sl_npy_header x_header(const sl_case *shape)
{
    return (sl_npy_header){SL_NPY_F4, 3, {shape->batch, shape->steps, shape->input}, 0};
}

static sl_npy_header y_header(const sl_case *shape, const sl_fixture_y *y)
{
    return y->gives_steps ? (sl_npy_header){SL_NPY_F4, 3, {shape->batch, shape->steps, y->width}, 0}
                          : (sl_npy_header){SL_NPY_F4, 2, {shape->batch, y->width}, 0};
}

static sl_npy_header state_header(const sl_case *shape)
{
    return (sl_npy_header){SL_NPY_F4, 3, {shape->layers * shape->directions, shape->batch, shape->hidden}, 0};
}

static sluice_status write_arrays(const sl_fixture *fixture, const sl_case *shape, const sluice_batch *batch,
                                  const int64_t *lengths, const char *directory, sluice_error *error)
{
    const sl_fixture_y y = sl_fixture_get_y(fixture);
    const sl_npy_header x = x_header(shape), state = state_header(shape), length = {SL_NPY_I8, 1, {shape->batch}, 0};
    sluice_status status = write_array(directory, "x.npy", x, batch->x, error);
    status = status ? status : write_array(directory, "lengths.npy", length, lengths, error);
    status = status ? status : write_array(directory, "y.npy", y_header(shape, &y), y.values, error);
    if (!status && batch->hn)
        status = write_array(directory, "hn.npy", state, batch->hn, error);
    if (!status && batch->cn)
        status = write_array(directory, "cn.npy", state, batch->cn, error);
    return status;
}

/* The incoming gradients, and the expected ones but for the weights. */
static sluice_status write_gradients(const sl_fixture *fixture, const sl_case *shape, const char *directory, sluice_error *error)
{
    const sluice_gradient *of = sl_gradients_get_expected(sl_fixture_get_gradients(fixture));
    const sl_fixture_y y = sl_fixture_get_y(fixture);
    const sl_npy_header x = x_header(shape), state = state_header(shape);
    sluice_status status = write_array(directory, "dy.npy", y_header(shape, &y), of->dy, error);
    status = status ? status : write_array(directory, "dhn.npy", state, of->dhn, error);
    status = status ? status : write_array(directory, "dcn.npy", state, of->dcn, error);
    status = status ? status : write_array(directory, "dx.npy", x, of->dx, error);
    status = status ? status : write_array(directory, "dh0.npy", state, of->dh0, error);
    return status ? status : write_array(directory, "dc0.npy", state, of->dc0, error);
}

/* ---- Weights ----------------------------------------------------------------------------------------------------------------- */

/* What a file of tensors holds: the weights, or their gradients, of each direction of each layer. */
typedef struct tensor_set {
    const sluice_model *model;
    const sluice_gradient *gradient; /* NULL: the weights */
    const float *bias_hh;            /* of each: the library's one bias is the first of torch's two; NULL: the second is the same */
} tensor_set;

/* One tensor of a direction of a layer. */
typedef struct tensor {
    const char *kind;
    size_t columns; /* 0: a vector */
    const float *data;
} tensor;

enum { TENSORS = 4 };

static void list_tensors(const tensor_set *set, size_t k, tensor made[TENSORS])
{
    const sl_gate_parameters weights = sl_model_get_gates(set->model, k);
    const sluice_gradient *of = set->gradient;
    const float *bias = of ? of->bias[k] : weights.bias;
    made[0] = (tensor){"weight_ih", weights.inputs, of ? of->weight_ih[k] : weights.weight_ih};
    made[1] = (tensor){"weight_hh", set->model->shape.hidden, of ? of->weight_hh[k] : weights.weight_hh};
    made[2] = (tensor){"bias_ih", 0, bias};
    made[3] = (tensor){"bias_hh", 0, set->bias_hh ? set->bias_hh : bias};
}

static size_t bytes_of(const tensor *of, size_t hidden)
{
    return SL_GATES * hidden * (of->columns ? of->columns : 1) * sizeof(float); /* in memory, so it fits */
}

/* The header's object of all tensors; NULL when there is no memory. */
static json_t *describe_tensors(const tensor_set *set)
{
    const sluice_shape *shape = &set->model->shape;
    json_t *made = json_object();
    size_t at = 0;
    for (size_t k = 0; made && k < shape->layers * shape->directions; k++) {
        tensor of[TENSORS];
        list_tensors(set, k, of);
        for (size_t i = 0; i < TENSORS; i++) {
            char name[64];
            const size_t end = at + bytes_of(&of[i], shape->hidden);
            snprintf(name, sizeof name, "%s_l%zu%s", of[i].kind, k / shape->directions, k % shape->directions ? "_reverse" : "");
            json_t *sizes = json_pack("[I]", (json_int_t)(SL_GATES * shape->hidden));
            if (sizes && of[i].columns)
                (void)json_array_append_new(sizes, json_integer((json_int_t)of[i].columns));
            (void)json_object_set_new(
                made, name,
                json_pack("{ss so s[II]}", "dtype", "F32", "shape", sizes, "data_offsets", (json_int_t)at, (json_int_t)end));
            at = end;
        }
    }
    return made;
}

static sluice_status write_tensors(const tensor_set *set, sl_output *output, sluice_error *error)
{
    const sluice_shape *shape = &set->model->shape;
    json_t *header = describe_tensors(set);
    char *text = header ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    if (!text)
        return sl_fail_memory(error, "a header", BUFSIZ);
    const uint64_t length = strlen(text); /* little-endian, as io/safetensors.c asserts */
    sluice_status status = sl_output_write(output, 0, &length, sizeof length, error);
    status = status ? status : sl_output_write(output, sizeof length, text, length, error);
    size_t at = sizeof length + length;
    free(text);
    for (size_t k = 0; k < shape->layers * shape->directions; k++) {
        tensor of[TENSORS];
        list_tensors(set, k, of);
        for (size_t i = 0; !status && i < TENSORS; i++) {
            const size_t bytes = bytes_of(&of[i], shape->hidden);
            status = sl_output_write(output, at, of[i].data, bytes, error);
            at += bytes;
        }
    }
    return status;
}

static sluice_status write_set(const tensor_set *set, const char *directory, const char *name, sluice_error *error)
{
    char path[PATH_BYTES];
    sl_output output;
    sluice_status status = join(path, directory, name, error);
    status = status ? status : sl_output_create(path, &output, error);
    return status ? status : sl_output_end(&output, write_tensors(set, &output, error), error);
}

/* A network's file has its description in the metadata besides (docs/files.md). */
static sluice_status write_network(const sluice_model *model, const char *directory, sluice_error *error)
{
    char path[PATH_BYTES];
    const sluice_status status = join(path, directory, "weights.safetensors", error);
    return status ? status : sluice_model_save(model, path, NULL, error);
}

static sluice_status write_weights(const sluice_model *model, const char *directory, sluice_error *error)
{
    float *zeros = sl_alloc_array(model->shape.hidden, SL_GATES * sizeof(float));
    const tensor_set set = {model, NULL, zeros};
    const sluice_status status =
        zeros ? write_set(&set, directory, "weights.safetensors", error) : sl_fail_memory(error, "a bias", model->shape.hidden);
    sl_free(zeros);
    return status;
}

/* The gradients of the weights, under their names. */
static sluice_status write_weight_gradients(const sluice_model *model, const sluice_gradient *of, const char *directory,
                                            sluice_error *error)
{
    const tensor_set set = {model, of, NULL};
    return write_set(&set, directory, "gradients.safetensors", error);
}

/* ---- The case ---------------------------------------------------------------------------------------------------------------- */

static sluice_status write_case(const sl_result *result, const char *directory, sluice_error *error)
{
    const sl_case *shape = &result->shape;
    char path[PATH_BYTES];
    /* clang-format off */
    json_t *made = json_pack("{sI sI sI sI sI sI ss? ss ss sI sI sf sf sf sf sf sf si ss}",
                             "steps", (json_int_t)shape->steps,
                             "batch", (json_int_t)shape->batch,
                             "input", (json_int_t)shape->input,
                             "hidden", (json_int_t)shape->hidden,
                             "layers", (json_int_t)shape->layers,
                             "directions", (json_int_t)shape->directions,
                             "network", sl_named_network_get_name(shape->network),
                             "ragged", sl_ragged_get_name(shape->ragged),
                             "train", sl_train_pass_get_name(shape->train),
                             "seed", (json_int_t)shape->seed,
                             "total_steps", (json_int_t)result->total_steps,
                             "flop", sl_result_flop(result),
                             "bound", (double)sl_case_bound(shape),
                             "gradient_bound", sl_gradient_bound(shape, 0, 1),
                             "weight_gradient_bound", sl_gradient_bound(shape, result->total_steps, 1),
                             "bf16_bound", sl_precision_bound(shape, SLUICE_PRECISION_BF16),
                             "int8_bound", sl_precision_bound(shape, SLUICE_PRECISION_INT8),
                             "neighbour_scale", SL_NEIGHBOUR_SCALE,
                             "version", sluice_version_get());
    /* clang-format on */
    char *text = made ? json_dumps(made, JSON_INDENT(4)) : NULL;
    json_decref(made);
    if (!text)
        return sl_fail_memory(error, "case.json", BUFSIZ);
    const size_t bytes = strlen(text);
    text[bytes] = '\n'; /* it replaces the terminator, which is not needed */
    sluice_status status = join(path, directory, "case.json", error);
    status = status ? status : sl_output_save(path, text, bytes + 1, error);
    free(text);
    return status;
}

/* The lengths of all rows, which a batch of equal rows does not have; to be freed with sl_free. NULL when there is no memory. */
static int64_t *copy_lengths(const sluice_batch *batch)
{
    int64_t *made = sl_alloc_array(batch->rows, sizeof *made);
    for (size_t n = 0; made && n < batch->rows; n++)
        made[n] = batch->lengths ? batch->lengths[n] : (int64_t)batch->steps;
    return made;
}

static sluice_status write_fixture(const sl_fixture *fixture, const sl_result *result, const char *directory, sluice_error *error)
{
    const sluice_model *model;
    sluice_batch batch;
    const sl_gradients *gradients = sl_fixture_get_gradients(fixture);
    sl_fixture_look(fixture, &model, &batch);
    int64_t *lengths = copy_lengths(&batch);
    sluice_status status = lengths ? SLUICE_STATUS_OK : sl_fail_memory(error, "the lengths", batch.rows);
    const sl_case *shape = &result->shape;
    status = status ? status : write_arrays(fixture, shape, &batch, lengths, directory, error);
    if (!status)
        status = shape->network ? write_network(model, directory, error) : write_weights(model, directory, error);
    if (!status && gradients)
        status = write_gradients(fixture, shape, directory, error);
    if (!status && gradients)
        status = write_weight_gradients(model, sl_gradients_get_expected(gradients), directory, error);
    if (!status)
        status = write_case(result, directory, error); /* last: where it exists, the other files do */
    sl_free(lengths);
    return status;
}

sluice_status sl_export_write(const sl_case *shape, const char *directory, sluice_error *error)
{
    const sl_timing_plan once = {.min_seconds = 1e-9, .repetitions = 1};
    const sl_setting setting = {.gemm = SLUICE_GEMM_FUSED, .precision = SLUICE_PRECISION_F32};
    char name[256], path[PATH_BYTES];
    sl_fixture *fixture;
    sl_result result;
    if (shape->ragged == SL_RAGGED_TAIL)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                       "--export: with --ragged tail the files would be mostly padding; use another --ragged");
    if (shape->network)
        snprintf(name, sizeof name, "%zu,%zu,%s", shape->steps, shape->batch, sl_named_network_get_name(shape->network));
    else
        snprintf(name, sizeof name, "%zu,%zu,%zu,%zu,%zu,%zu,%s%s%s", shape->steps, shape->batch, shape->input, shape->hidden,
                 shape->layers, shape->directions, sl_ragged_get_name(shape->ragged), shape->train ? "," : "",
                 shape->train ? sl_train_pass_get_name(shape->train) : "");
    sluice_status status = join(path, directory, name, error);
    status = status ? status : make_directory(directory, error);
    status = status ? status : make_directory(path, error);
    if (status)
        return status;
    status = sl_fixture_create(shape, SL_CHECKED_FLOP, &fixture, error);
    status = status ? status : sl_fixture_run(fixture, &setting, &once, &result, error);
    status = status ? status : write_fixture(fixture, &result, path, error);
    sl_fixture_destroy(fixture);
    return status;
}
