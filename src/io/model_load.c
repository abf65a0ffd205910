/* sluice_model_load and sluice_model_list: which reader a file is for, by its content. */
#include "base/error.h"
#include "base/size.h"
#include "base/struct_size.h"
#include "io/content.h"
#include "io/keras/keras_read.h"
#include "io/model/model_read.h"
#include "io/onnx/onnx_read.h"
#include "io/safetensors/safetensors.h"
#include "io/torch/torch.h"
#include "io/zip/zip.h"
#include "sluice_tools.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define FORMATS "Keras, PyTorch, ONNX or safetensors"

/* What is to become of a file: a model, or a list of what it has. */
typedef struct job {
    const sluice_names *names;
    sluice_model **model;         /* NULL: a list */
    sluice_choice_visitor *visit; /* of a list, with its context */
    void *context;
} job;

/* Does this with an input, which it takes over in any case. */
typedef sluice_status reader(sl_input *input, const job *wanted, sluice_error *error);

static sluice_status read_source(sl_tensor_source *source, const job *wanted, sluice_error *error)
{
    return wanted->model ? sl_model_read(source, wanted->names, wanted->model, error)
                         : sl_model_list(source, wanted->visit, wanted->context, error);
}

static sluice_status read_safetensors(sl_input *input, const job *wanted, sluice_error *error)
{
    sl_tensor_source source;
    sluice_status status = sl_safetensors_open_input(input, &source, error);
    if (!status)
        status = read_source(&source, wanted, error);
    sl_source_release(&source);
    return status;
}

static sluice_status read_torch(sl_input *input, sl_torch_layout layout, const job *wanted, sluice_error *error)
{
    sl_tensor_source source;
    sluice_status status = sl_torch_open(input, layout, &source, error);
    source.remark = "detail: x is [N][T][I] here, as with batch_first, which is not in the file; --layout tnc reads [T][N][I]";
    if (!status)
        status = read_source(&source, wanted, error);
    sl_source_release(&source);
    return status;
}

static sluice_status read_torch_zip(sl_input *input, const job *wanted, sluice_error *error)
{
    return read_torch(input, SL_TORCH_ZIP, wanted, error);
}

static sluice_status read_torch_legacy(sl_input *input, const job *wanted, sluice_error *error)
{
    return read_torch(input, SL_TORCH_LEGACY, wanted, error);
}

/* A Keras file says itself which layers are its network: there is nothing to choose from. */
static sluice_status read_keras_zip(sl_input *input, const job *wanted, sluice_error *error)
{
    return wanted->model ? sl_keras_read_zip(input, wanted->names, wanted->model, error) : SLUICE_STATUS_OK;
}

static sluice_status read_keras_hdf5(sl_input *input, const job *wanted, sluice_error *error)
{
    return wanted->model ? sl_keras_read_hdf5(input, wanted->names, wanted->model, error) : SLUICE_STATUS_OK;
}

static sluice_status read_onnx(sl_input *input, const job *wanted, sluice_error *error)
{
    return wanted->model ? sl_onnx_read(input, wanted->names, wanted->model, error)
                         : sl_onnx_list(input, wanted->visit, wanted->context, error);
}

/* What is no kind of model file is refused here, what has no kind at all by the reader of safetensors. */
static reader *find_reader(sl_content content)
{
    static const struct {
        sl_content content;
        reader *read;
    } readers[] = {{SL_CONTENT_SAFETENSORS, read_safetensors},   {SL_CONTENT_KERAS_ZIP, read_keras_zip},
                   {SL_CONTENT_HDF5, read_keras_hdf5},           {SL_CONTENT_TORCH_ZIP, read_torch_zip},
                   {SL_CONTENT_TORCH_LEGACY, read_torch_legacy}, {SL_CONTENT_ONNX, read_onnx}};
    for (size_t k = 0; k < sizeof readers / sizeof *readers; k++)
        if (readers[k].content == content)
            return readers[k].read;
    return sl_content_describe(content) ? NULL : read_safetensors;
}

/* Where the first member of an archive does not say what it is, another one may. */
static sluice_status look_into_zip(const sl_input *input, sl_content *content, sluice_error *error)
{
    sl_zip *zip;
    const sluice_status status = sl_zip_open(input, &zip, error);
    if (status)
        return status;
    for (size_t k = 0; *content == SL_CONTENT_ZIP && k < sl_zip_count(zip); k++)
        *content = sl_content_find_member(sl_zip_get(zip, k)->name, sl_zip_get(zip, k)->name_bytes);
    sl_zip_close(zip);
    return SLUICE_STATUS_OK;
}

static sluice_status read_content(sl_input *input, sl_content content, const job *wanted, sluice_error *error)
{
    reader *read = find_reader(content);
    if (read)
        return read(input, wanted, error);
    return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: expected a model file (" FORMATS "), found %s", input->name,
                   sl_content_describe(content));
}

/* The failure to open a folder that TensorFlow has saved a model to says so. */
static sluice_status explain_folder(sluice_status status, const char *path, sluice_error *error)
{
    char inside[PATH_MAX];
    struct stat about;
    const int length = snprintf(inside, sizeof inside, "%s/saved_model.pb", path);
    if (status != SLUICE_STATUS_NO_INPUT || length < 0 || (size_t)length >= sizeof inside || stat(inside, &about) != 0)
        return status;
    return sl_fail(error, status,
                   "%s: expected a model file (" FORMATS
                   "), found a folder of TensorFlow's (SavedModel); load it in Python with Keras "
                   "2, write it with model.save(\"model.h5\"), and name that file",
                   path);
}

/* Read from an input that was opened with this status, and close it. */
static sluice_status load(sluice_status status, sl_input *input, const job *wanted, sluice_error *error)
{
    char beginning[SL_CONTENT_BYTES];
    size_t bytes = sl_size_min(sizeof beginning, input->size);
    if (!status)
        status = sl_input_read(input, 0, beginning, bytes, &bytes, error);
    sl_content content = status ? SL_CONTENT_UNKNOWN : sl_content_find(beginning, bytes);
    if (!status && content == SL_CONTENT_ZIP)
        status = look_into_zip(input, &content, error);
    if (!status)
        status = read_content(input, content, wanted, error);
    sl_input_close(input);
    return status;
}

/* Check a call's arguments; the names, which may be NULL, are copied. `expected` says what the input is to be. */
static sluice_status check_arguments(const char *expected, const void *input, const sluice_names *names, sluice_names *known,
                                     sluice_model **model, sluice_error *error)
{
    if (!model)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "model: expected a place for the result, found NULL");
    *model = NULL;
    if (!input)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s, found NULL", expected);
    *known = (sluice_names){0};
    return names ? sl_struct_take(known, names, SL_STRUCT(sluice_names), "names", error) : SLUICE_STATUS_OK;
}

sluice_status sluice_model_load(const char *path, const sluice_names *names, sluice_model **model, sluice_error *error)
{
    sluice_names known;
    const sluice_status status = check_arguments("path: expected the name of a file", path, names, &known, model, error);
    sl_input input;
    if (status)
        return status;
    return load(explain_folder(sl_input_open_regular(path, &input, error), path, error), &input,
                &(job){.names = &known, .model = model}, error);
}

sluice_status sluice_model_list(const char *path, sluice_choice_visitor *visit, void *context, sluice_error *error)
{
    sl_input input;
    if (!path || !visit)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_model_list: %s is NULL", path ? "visit" : "path");
    return load(explain_folder(sl_input_open_regular(path, &input, error), path, error), &input,
                &(job){.visit = visit, .context = context}, error);
}

sluice_status sluice_model_load_memory(const void *bytes, size_t size, const sluice_names *names, sluice_model **model,
                                       sluice_error *error)
{
    sluice_names known;
    const sluice_status status = check_arguments("bytes: expected the content of a file", bytes, names, &known, model, error);
    sl_input input;
    return status ? status
                  : load(sl_input_open_memory(bytes, size, &input, error), &input, &(job){.names = &known, .model = model}, error);
}
