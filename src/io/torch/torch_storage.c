#include "io/torch/torch_storage.h"

#include "base/size.h"
#include "io/label.h"

static const sl_torch_type types[] = {
    {"FloatStorage", "float32", "F32", 4, SL_ELEMENT_F32},
    {"HalfStorage", "float16", "F16", 2, SL_ELEMENT_F16},
    {"BFloat16Storage", "bfloat16", "BF16", 2, SL_ELEMENT_BF16},
    {"DoubleStorage", "float64", "F64", 8, SL_ELEMENT_F64},
    {"CharStorage", "int8", "I8", 1, SL_ELEMENT_I8},
    {"ByteStorage", "uint8", "U8", 1, SL_ELEMENT_U8},
    {"BoolStorage", "bool", "BOOL", 1, SL_ELEMENT_OTHER},
    {"ShortStorage", "int16", "I16", 2, SL_ELEMENT_OTHER},
    {"IntStorage", "int32", "I32", 4, SL_ELEMENT_OTHER},
    {"LongStorage", "int64", "I64", 8, SL_ELEMENT_OTHER},
    {"ComplexFloatStorage", "complex64", "C64", 8, SL_ELEMENT_OTHER},
    {"ComplexDoubleStorage", "complex128", "C128", 16, SL_ELEMENT_OTHER},
    {"UntypedStorage", "uint16", "U16", 2, SL_ELEMENT_OTHER},
    {"UntypedStorage", "uint32", "U32", 4, SL_ELEMENT_OTHER},
    {"UntypedStorage", "uint64", "U64", 8, SL_ELEMENT_OTHER},
    {"UntypedStorage", "float8_e4m3fn", "F8_E4M3", 1, SL_ELEMENT_OTHER},
    {"UntypedStorage", "float8_e5m2", "F8_E5M2", 1, SL_ELEMENT_OTHER},
};
enum { TYPES = sizeof types / sizeof types[0] };
static const sl_torch_type bytes_type = {"UntypedStorage", "", "U8", 1, SL_ELEMENT_OTHER};

bool sl_torch_get_size(const sl_pickle *pickle, sl_value value, size_t *size)
{
    const sl_node *node = sl_pickle_get(pickle, value);
    if (node->kind != SL_VALUE_INT || node->number < 0 || (uint64_t)node->number > SIZE_MAX)
        return false;
    *size = (size_t)node->number;
    return true;
}

/* The module of a GLOBAL is torch, or one of these, which a storage of a GPU had in old files. */
static bool is_of_torch(const sl_pickle *pickle, sl_value global)
{
    static const char *const modules[] = {"torch", "torch.storage", "torch.cuda"};
    const sl_node *node = sl_pickle_get(pickle, global);
    for (size_t k = 0; node->kind == SL_VALUE_GLOBAL && k < sizeof modules / sizeof *modules; k++)
        if (sl_pickle_is_text(pickle, node->module, modules[k]))
            return true;
    return false;
}

static const sl_torch_type *find_storage(const sl_pickle *pickle, sl_value global)
{
    if (!is_of_torch(pickle, global))
        return NULL;
    const sl_value name = sl_pickle_get(pickle, global)->global;
    if (sl_pickle_is_text(pickle, name, bytes_type.storage))
        return &bytes_type;
    for (size_t k = 0; k < TYPES; k++)
        if (sl_pickle_is_text(pickle, name, types[k].storage))
            return &types[k];
    return NULL;
}

const sl_torch_type *sl_torch_find_dtype(const sl_pickle *pickle, sl_value dtype)
{
    for (size_t k = 0; k < TYPES; k++)
        if (sl_pickle_is_global(pickle, dtype, "torch", types[k].dtype))
            return &types[k];
    return NULL;
}

static sluice_status fail_storage(const sl_pickle *pickle, size_t at, sluice_error *error)
{
    return sl_pickle_fail(
        &pickle->text, at, error,
        "expected a storage as torch.save states it, (\"storage\", type, key, device, size); the file is damaged");
}

/* The type; where it is none that is known, the message says which. */
static sluice_status read_type(const sl_pickle *pickle, sl_value global, size_t at, const sl_torch_type **type, sluice_error *error)
{
    const sl_node *node = sl_pickle_get(pickle, global);
    if (node->kind != SL_VALUE_GLOBAL)
        return fail_storage(pickle, at, error);
    *type = find_storage(pickle, global);
    if (*type)
        return SLUICE_STATUS_OK;
    const sl_node *name = sl_pickle_get(pickle, node->global);
    return sl_pickle_fail(&pickle->text, at, error,
                          "storage type %s is not read; write the model's state_dict() as float32 tensors by torch.save",
                          sl_label_get_part((const char *)pickle->text.bytes + name->begin, name->bytes).text);
}

/* The part of an old file's storage that is meant: None, all of it, or (key, first element, elements). */
static bool read_view(const sl_pickle *pickle, sl_value view, sl_torch_storage *storage)
{
    size_t first, count;
    storage->view_at = 0;
    storage->view_bytes = storage->bytes;
    if (sl_pickle_get(pickle, view)->kind != SL_VALUE_TUPLE)
        return view == 0 || sl_pickle_get(pickle, view)->kind == SL_VALUE_NONE;
    if (!sl_torch_get_size(pickle, sl_pickle_get_item(pickle, view, 1), &first) ||
        !sl_torch_get_size(pickle, sl_pickle_get_item(pickle, view, 2), &count))
        return false;
    const size_t elements = storage->bytes / storage->type->bytes;
    if (first > elements || count > elements - first)
        return false;
    storage->view_at = first * storage->type->bytes;
    storage->view_bytes = count * storage->type->bytes;
    return true;
}

sluice_status sl_torch_storage_read(const sl_pickle *pickle, sl_value persistent, sl_torch_storage *storage, sluice_error *error)
{
    const sl_node *node = sl_pickle_get(pickle, persistent);
    const size_t at = node->at;
    if (node->kind != SL_VALUE_PERSISTENT)
        return fail_storage(pickle, at, error);
    const sl_value tuple = node->value;
    size_t count;
    *storage = (sl_torch_storage){.key = sl_pickle_get_item(pickle, tuple, 2), .at = at};
    if (sl_pickle_get(pickle, tuple)->kind != SL_VALUE_TUPLE ||
        !sl_pickle_is_text(pickle, sl_pickle_get_item(pickle, tuple, 0), "storage") ||
        sl_pickle_get(pickle, storage->key)->kind != SL_VALUE_STRING ||
        !sl_torch_get_size(pickle, sl_pickle_get_item(pickle, tuple, 4), &count))
        return fail_storage(pickle, at, error);
    const sluice_status status = read_type(pickle, sl_pickle_get_item(pickle, tuple, 1), at, &storage->type, error);
    if (status)
        return status;
    if (!sl_size_mul(count, storage->type->bytes, &storage->bytes))
        return sl_pickle_fail(&pickle->text, at, error, "a storage of %zu elements is too large; the file is damaged", count);
    return read_view(pickle, sl_pickle_get_item(pickle, tuple, 5), storage) ? SLUICE_STATUS_OK : fail_storage(pickle, at, error);
}
