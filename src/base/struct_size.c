#include "base/struct_size.h"

#include "base/error.h"
#include "base/size.h"

#include <string.h>

static size_t size_of(const void *given)
{
    size_t size;
    memcpy(&size, given, sizeof size);
    return size;
}

sluice_status sl_struct_check(const void *to, const sl_struct_type *type, const char *call, sluice_error *error)
{
    if (!to)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: %s is NULL", call, type->name);
    if (size_of(to) < type->least || size_of(to) > SL_STRUCT_MOST)
        return sl_fail(
            error, SLUICE_STATUS_BAD_ARGUMENT,
            "%s: struct_size of %s is %zu; set it to sizeof(%s), at least %zu, and compile with a header of Sluice 0.4 or "
            "later",
            call, type->name, size_of(to), type->name, type->least);
    return SLUICE_STATUS_OK;
}

sluice_status sl_struct_take(void *to, const void *from, const sl_struct_type *type, const char *call, sluice_error *error)
{
    const sluice_status status = sl_struct_check(from, type, call, error);
    if (status)
        return status;
    const size_t given = size_of(from), known = sl_size_min(given, type->size);
    for (size_t k = type->size; k < given; k++)
        if (((const char *)from)[k])
            return sl_fail(
                error, SLUICE_STATUS_BAD_ARGUMENT,
                "%s: %s has a field set that this library, version %s, does not know (byte %zu of %zu); leave it 0, or use "
                "a newer library",
                call, type->name, sluice_version_get(), k, given);
    memcpy(to, from, known);
    memset((char *)to + known, 0, type->size - known);
    memcpy(to, &type->size, sizeof type->size);
    return SLUICE_STATUS_OK;
}

void sl_struct_give(void *to, const void *from, const sl_struct_type *type)
{
    const size_t room = size_of(to), known = sl_size_min(room, type->size);
    memcpy((char *)to + sizeof room, (const char *)from + sizeof room, known - sizeof room);
    memset((char *)to + known, 0, room - known);
}
