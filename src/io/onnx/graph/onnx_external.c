#include "io/onnx/graph/onnx_external.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/label.h"
#include "io/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One tensor's file, for messages. */
static sluice_status fail(const sl_onnx_model *model, const sl_onnx_tensor *tensor, sluice_status status, sluice_error *error,
                          const char *problem)
{
    return sl_fail_byte(error, status, model->input->name, tensor->tensor.stated_at,
                        "ONNX: tensor \"%s\": external data in \"%s\": %s", sl_label_get(tensor->tensor.name).text,
                        sl_label_get(tensor->location).text, problem);
}

/* Whether a location is made of names only. */
static bool is_inside(const char *location)
{
    if (!*location || *location == '/' || strchr(location, '\\'))
        return false;
    for (const char *part = location; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        const size_t length = strcspn(part, "/");
        if (!length || (length == 2 && memcmp(part, "..", 2) == 0))
            return false;
    }
    return true;
}

/* The folder of the model; -1 and errno. */
static int open_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char folder[PATH_MAX];
    const size_t length = (size_t)(slash - path) + (slash == path);
    if (length >= sizeof folder) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(folder, path, length);
    folder[length] = '\0';
    return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Go down from a folder, whose descriptor is closed, by names none of which may be a link; -1 and errno. */
static int open_below(int folder, const char *location)
{
    char name[NAME_MAX + 1];
    for (const char *slash; folder >= 0 && (slash = strchr(location, '/')); location = slash + 1) {
        const size_t length = sl_size_min((size_t)(slash - location), NAME_MAX);
        memcpy(name, location, length);
        name[length] = '\0';
        const int below = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        close(folder);
        folder = below;
    }
    if (folder < 0)
        return -1;
    const int made = openat(folder, location, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC); /* a FIFO would be waited for */
    const int problem = errno;
    close(folder);
    errno = problem;
    return made;
}

/* The open file becomes an input of the model. */
static sluice_status add_file(sl_onnx_model *model, const sl_onnx_tensor *tensor, int descriptor, sluice_error *error)
{
    struct stat about;
    sl_input *made = &model->files[model->file_count];
    const size_t length = strlen(tensor->location) + 1;
    if (fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode)) {
        close(descriptor);
        return fail(model, tensor, SLUICE_STATUS_BAD_DATA, error, "expected a regular file");
    }
    *made = (sl_input){.name = sl_alloc(length), .fd = descriptor, .regular = true, .size = (size_t)about.st_size};
    if (!made->name) {
        close(descriptor);
        return sl_fail_memory(error, "a file name", length);
    }
    memcpy(made->name, tensor->location, length);
    model->file_count++;
    return SLUICE_STATUS_OK;
}

static sluice_status open_file(sl_onnx_model *model, const sl_onnx_tensor *tensor, sluice_error *error)
{
    sl_resolved found;
    if (model->input->memory)
        return fail(model, tensor, SLUICE_STATUS_UNSUPPORTED, error,
                    "a model in memory has no folder; load it by its path, or store it with its weights inside");
    if (sl_resolve(model->input->name, STDIN_FILENO, &found) == 0 && found.descriptor >= 0)
        return fail(model, tensor, SLUICE_STATUS_UNSUPPORTED, error,
                    "a model read from a descriptor has no folder; load it by its path");
    if (!is_inside(tensor->location))
        return fail(model, tensor, SLUICE_STATUS_BAD_DATA, error,
                    "expected a file in the model's own folder; store the model with its weights inside");
    if (model->file_count == SL_ONNX_MAX_FILES)
        return fail(model, tensor, SLUICE_STATUS_UNSUPPORTED, error,
                    "the weights are in more than 64 files; store them in one, or in the model");
    const int folder = open_folder(model->input->name);
    const int made = folder < 0 ? -1 : open_below(folder, tensor->location);
    if (made < 0) {
        char problem[200];
        const bool is_link = errno == ELOOP || errno == ENOTDIR;
        snprintf(problem, sizeof problem, "cannot be opened: %s; %s", strerror(errno),
                 is_link ? "copy the file itself, not a link, beside the model" : "copy it beside the model");
        return fail(model, tensor, SLUICE_STATUS_BAD_DATA, error, problem);
    }
    return add_file(model, tensor, made, error);
}

static const sl_input *find_file(const sl_onnx_model *model, const char *location)
{
    for (size_t k = 0; k < model->file_count; k++)
        if (strcmp(model->files[k].name, location) == 0)
            return &model->files[k];
    return NULL;
}

static sluice_status place(sl_onnx_model *model, sl_onnx_tensor *tensor, sluice_error *error)
{
    const sl_input *file = find_file(model, tensor->location);
    sluice_status status = file ? SLUICE_STATUS_OK : open_file(model, tensor, error);
    if (status)
        return status;
    file = file ? file : &model->files[model->file_count - 1];
    size_t bytes;
    const bool fits = sl_size_mul(tensor->tensor.elements, sl_element_get_bytes(tensor->tensor.type), &bytes) &&
                      tensor->offset <= file->size && bytes <= file->size - tensor->offset;
    char problem[200];
    if (!fits) {
        snprintf(problem, sizeof problem, "expected %zu elements of %s from byte %" PRIu64 " on, found a file of %zu bytes",
                 tensor->tensor.elements, tensor->tensor.dtype, tensor->offset, file->size);
        return fail(model, tensor, SLUICE_STATUS_BAD_DATA, error, problem);
    }
    if (tensor->length != UINT64_MAX && tensor->length != bytes) {
        snprintf(problem, sizeof problem, "expected a length of %zu bytes, found one of %" PRIu64, bytes, tensor->length);
        return fail(model, tensor, SLUICE_STATUS_BAD_DATA, error, problem);
    }
    tensor->tensor.input = file;
    tensor->tensor.begin = (size_t)tensor->offset;
    tensor->tensor.end = (size_t)tensor->offset + bytes;
    return SLUICE_STATUS_OK;
}

static sluice_status place_all(sl_onnx_model *model, const sl_onnx_graph *graph, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    for (sl_onnx_tensor *tensor = graph->tensors; tensor && !status; tensor = tensor->next)
        if (tensor->location && tensor->tensor.type)
            status = place(model, tensor, error);
    for (const sl_onnx_node *node = graph->nodes; node && !status; node = node->next)
        for (const sl_onnx_attribute *of = node->attributes; of && !status; of = of->next) {
            if (of->graph)
                status = place_all(model, of->graph, error);
            else if (of->tensor && of->tensor->location && of->tensor->tensor.type)
                status = place(model, of->tensor, error);
        }
    return status;
}

sluice_status sl_onnx_open_external(sl_onnx_model *model, size_t *bytes, sluice_error *error)
{
    const sluice_status status = model->has_external ? place_all(model, model->graph, error) : SLUICE_STATUS_OK;
    *bytes = 0;
    for (size_t k = 0; k < model->file_count; k++)
        *bytes += sl_size_min(model->files[k].size, SIZE_MAX - *bytes);
    return status;
}
