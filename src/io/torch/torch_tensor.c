#include "io/torch/torch_tensor.h"

#include "base/size.h"

/* Arguments of the functions that rebuild a tensor; the type is only that of the third version. */
enum { STORAGE, OFFSET, SIZES, STRIDES, DTYPE = 6 };
enum { CALLED, ARGUMENTS };
enum { MAX_WRAPPERS = 4, MAX_DIMS = 64 }; /* torch's own bound; a tuple may be in many tensors */

static bool is_called(const sl_pickle *pickle, sl_value value, const char *module, const char *name)
{
    return sl_pickle_get(pickle, value)->kind == SL_VALUE_OBJECT &&
           sl_pickle_is_global(pickle, sl_pickle_get_item(pickle, value, CALLED), module, name);
}

static sl_value get_argument(const sl_pickle *pickle, sl_value value, size_t index)
{
    return sl_pickle_get_item(pickle, sl_pickle_get_item(pickle, value, ARGUMENTS), index);
}

sl_value sl_torch_unwrap(const sl_pickle *pickle, sl_value value)
{
    for (int k = 0; k < MAX_WRAPPERS; k++) {
        if (!is_called(pickle, value, "torch._utils", "_rebuild_parameter") &&
            !is_called(pickle, value, "torch._utils", "_rebuild_parameter_with_state") &&
            !is_called(pickle, value, "torch.jit._pickle", "restore_type_tag"))
            break;
        value = get_argument(pickle, value, 0);
    }
    return value;
}

bool sl_torch_is_tensor(const sl_pickle *pickle, sl_value value)
{
    return is_called(pickle, value, "torch._utils", "_rebuild_tensor_v2") ||
           is_called(pickle, value, "torch._utils", "_rebuild_tensor") ||
           is_called(pickle, value, "torch._utils", "_rebuild_tensor_v3");
}

static sluice_status fail_tensor(const sl_pickle *pickle, size_t at, sluice_error *error, const char *problem)
{
    return sl_pickle_fail(&pickle->text, at, error, "a tensor of the pickle %s; the file is damaged", problem);
}

/* The tuple itself, or that in a torch.Size. */
static sl_value get_tuple(const sl_pickle *pickle, sl_value value)
{
    return is_called(pickle, value, "torch", "Size") ? get_argument(pickle, value, 0) : value;
}

/* Read sizes and strides, one of each for a dimension. `last` is the element furthest from the first, counted from there. */
static sluice_status read_dimensions(const sl_pickle *pickle, sl_value value, sl_tensor *tensor, size_t *last, sluice_error *error)
{
    const size_t at = sl_pickle_get(pickle, value)->at;
    const sl_value sizes = get_tuple(pickle, get_argument(pickle, value, SIZES)),
                   strides = get_tuple(pickle, get_argument(pickle, value, STRIDES));
    uint32_t size_cell = sl_pickle_get_first(pickle, sizes), stride_cell = sl_pickle_get_first(pickle, strides);
    bool is_empty = false, fits = true;
    if (sl_pickle_get(pickle, sizes)->kind != SL_VALUE_TUPLE || sl_pickle_get(pickle, strides)->kind != SL_VALUE_TUPLE)
        return fail_tensor(pickle, at, error, "has no tuples of sizes and strides");
    *last = 0;
    tensor->elements = 1;
    for (; size_cell && stride_cell && tensor->dims < MAX_DIMS; tensor->dims++) {
        size_t size, stride, step;
        if (!sl_torch_get_size(pickle, pickle->cells[size_cell].value, &size) ||
            !sl_torch_get_size(pickle, pickle->cells[stride_cell].value, &stride))
            return fail_tensor(pickle, at, error, "has a size or a stride that is no number from 0 on");
        is_empty |= !size;
        fits = fits && (!size || (sl_size_mul(tensor->elements, size, &tensor->elements) && sl_size_mul(size - 1, stride, &step) &&
                                  sl_size_add(*last, step, last)));
        if (tensor->dims < SL_TENSOR_MAX_DIMS) {
            tensor->shape[tensor->dims] = size;
            tensor->stride[tensor->dims] = stride;
        }
        size_cell = pickle->cells[size_cell].next;
        stride_cell = pickle->cells[stride_cell].next;
    }
    if (size_cell || stride_cell)
        return fail_tensor(pickle, at, error, "has not as many strides as sizes, or too many");
    if (!is_empty && !fits)
        return fail_tensor(pickle, at, error, "is larger than any memory");
    tensor->elements = is_empty ? 0 : tensor->elements;
    return SLUICE_STATUS_OK;
}

/* Whether elements follow each other in row-major order, as what reads any number of dimensions needs it. */
static bool is_strided(const sl_tensor *tensor)
{
    size_t step = 1;
    for (size_t k = sl_size_min(tensor->dims, SL_TENSOR_MAX_DIMS); k-- > 0; step *= tensor->shape[k])
        if (tensor->shape[k] != 1 && tensor->stride[k] != step)
            return true;
    return false;
}

/* Check the elements against the storage, and set where in it they begin and end. A tensor may have an element at several places, as
 * expand() makes it, but not more elements than the storage has. */
static sluice_status find_bytes(const sl_pickle *pickle, size_t at, const sl_torch_storage *storage, size_t element_bytes,
                                size_t offset, size_t last, sl_tensor *tensor, sluice_error *error)
{
    const size_t elements = storage->view_bytes / element_bytes;
    if (offset > elements)
        return fail_tensor(pickle, at, error, "begins beyond its storage");
    tensor->begin = tensor->end = storage->view_at + offset * element_bytes;
    if (!tensor->elements)
        return SLUICE_STATUS_OK;
    if (last >= elements - offset)
        return fail_tensor(pickle, at, error, "ends beyond its storage");
    if (tensor->elements > elements)
        return fail_tensor(pickle, at, error, "has more elements than its storage");
    tensor->end += (last + 1) * element_bytes;
    return SLUICE_STATUS_OK;
}

static sluice_status find_type(const sl_pickle *pickle, sl_value value, const sl_torch_storage *storage, const sl_torch_type **type,
                               sluice_error *error)
{
    *type = storage->type;
    if (!is_called(pickle, value, "torch._utils", "_rebuild_tensor_v3"))
        return SLUICE_STATUS_OK;
    *type = sl_torch_find_dtype(pickle, get_argument(pickle, value, DTYPE));
    return *type ? SLUICE_STATUS_OK : fail_tensor(pickle, sl_pickle_get(pickle, value)->at, error, "has a type that is not known");
}

sluice_status sl_torch_tensor_read(sl_torch_archive *archive, sl_value value, sl_tensor *tensor, sluice_error *error)
{
    const sl_pickle *pickle = &archive->pickle;
    const size_t at = sl_pickle_get(pickle, value)->at;
    sl_torch_storage storage;
    const sl_torch_type *type;
    size_t offset, last = 0, begin = 0;
    if (!sl_torch_get_size(pickle, get_argument(pickle, value, OFFSET), &offset))
        return fail_tensor(pickle, at, error, "has no offset from 0 on");
    sluice_status status = sl_torch_storage_read(pickle, get_argument(pickle, value, STORAGE), &storage, error);
    if (!status)
        status = find_type(pickle, value, &storage, &type, error);
    if (!status)
        status = read_dimensions(pickle, value, tensor, &last, error);
    if (!status)
        status = find_bytes(pickle, at, &storage, type->bytes, offset, last, tensor, error);
    if (!status)
        status = archive->zip ? sl_torch_zip_find(archive, &storage, &begin, error)
                              : sl_torch_legacy_find(archive, &storage, &begin, error);
    if (status)
        return status;
    tensor->dtype = type->name;
    tensor->type = tensor->dims <= SL_TENSOR_MAX_DIMS ? type->element : SL_ELEMENT_OTHER;
    tensor->strided = is_strided(tensor);
    tensor->stated_at = pickle->text.origin + at;
    tensor->begin += begin;
    tensor->end += begin;
    return SLUICE_STATUS_OK;
}
