#include "io/hdf5/hdf5_file.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/label.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_BYTES = 4096, READ_WORK = 16 };

uint64_t sl_hdf5_take(sl_hdf5_bytes *from, size_t bytes)
{
    const unsigned char *data = sl_hdf5_take_bytes(from, bytes);
    uint64_t number = 0;
    for (size_t k = bytes; data && k--;)
        number = number << 8 | data[k];
    return number;
}

const unsigned char *sl_hdf5_take_bytes(sl_hdf5_bytes *from, size_t bytes)
{
    if (from->lacking || bytes > from->size - from->used) {
        from->lacking = true;
        return NULL;
    }
    const unsigned char *data = from->data + from->used;
    from->used += bytes;
    return data;
}

sluice_status sl_hdf5_fail(const sl_hdf5 *file, size_t at, sluice_error *error, const char *format, ...)
{
    char part[sizeof(sl_label) + sizeof "HDF5: object \"\": "] = "HDF5: ";
    va_list arguments;
    if (file->current)
        snprintf(part, sizeof part, "HDF5: object \"%s\": ", sl_label_get(file->current->path).text);
    va_start(arguments, format);
    const sluice_status status = sl_fail_part(error, SLUICE_STATUS_BAD_DATA, file->input->name, at, part, format, arguments);
    va_end(arguments);
    return status;
}

sluice_status sl_hdf5_fail_damaged(const sl_hdf5 *file, size_t at, const char *what, sluice_error *error)
{
    return sl_hdf5_fail(file, at, error, "expected %s here; the file is damaged", what);
}

bool sl_hdf5_is_undefined(uint64_t address)
{
    return address == UINT64_MAX;
}

sluice_status sl_hdf5_place(const sl_hdf5 *file, uint64_t address, uint64_t bytes, size_t stated_at, const char *what, size_t *at,
                            sluice_error *error)
{
    const size_t room = file->end - file->base;
    if (address > room || bytes > room - address)
        return sl_hdf5_fail(file, stated_at, error,
                            "%s at address %llu, of %llu bytes, would end behind the file's %zu; it is "
                            "damaged",
                            what, (unsigned long long)address, (unsigned long long)bytes, room);
    *at = file->base + (size_t)address;
    return SLUICE_STATUS_OK;
}

/* Read what is known to be before the end. */
static sluice_status read_input(sl_hdf5 *file, size_t at, void *data, size_t bytes, sluice_error *error)
{
    size_t got;
    const sluice_status status = sl_input_read(file->input, at, data, bytes, &got, error);
    if (status || got == bytes)
        return status;
    return sl_fail_byte(error, SLUICE_STATUS_IO, file->input->name, at + got,
                        "the file ends here, but was longer when it was opened");
}

/* What is small comes through the window: neighbouring structures are then one read. */
static sluice_status move_window(sl_hdf5 *file, size_t at, sluice_error *error)
{
    const size_t bytes = sl_size_min(SL_HDF5_WINDOW, file->end - at);
    file->window_bytes = 0;
    const sluice_status status = read_input(file, at, file->window, bytes, error);
    if (status)
        return status;
    file->window_at = at;
    file->window_bytes = bytes;
    return SLUICE_STATUS_OK;
}

static bool is_in_window(const sl_hdf5 *file, size_t at, size_t bytes)
{
    return at >= file->window_at && at - file->window_at <= file->window_bytes &&
           bytes <= file->window_bytes - (at - file->window_at);
}

sluice_status sl_hdf5_read(sl_hdf5 *file, size_t at, void *data, size_t bytes, sluice_error *error)
{
    if (at > file->end || bytes > file->end - at)
        return sl_hdf5_fail(file, at, error, "expected %zu bytes here, but the file ends at %zu; it is damaged", bytes, file->end);
    const bool small = bytes <= SL_HDF5_WINDOW, ready = small && is_in_window(file, at, bytes);
    const size_t work = READ_WORK + (ready ? 0 : small ? SL_HDF5_WINDOW : bytes);
    if (work > file->work_left)
        return sl_hdf5_fail(file, at, error,
                            "the structures before here refer to each other so often that reading them takes too "
                            "long; the file is damaged");
    file->work_left -= work;
    if (!small)
        return read_input(file, at, data, bytes, error);
    const sluice_status status = ready ? SLUICE_STATUS_OK : move_window(file, at, error);
    if (!status && bytes)
        memcpy(data, file->window + (at - file->window_at), bytes);
    return status;
}

sluice_status sl_hdf5_read_head(sl_hdf5 *file, size_t at, const char *signature, const char *what, unsigned char *head,
                                size_t bytes, sluice_error *error)
{
    enum { SIGNATURE = 5 };
    const sluice_status status = sl_hdf5_read(file, at, head, bytes, error);
    return status || memcmp(head, signature, SIGNATURE) == 0 ? status : sl_hdf5_fail_damaged(file, at, what, error);
}

sluice_status sl_hdf5_load(sl_hdf5 *file, size_t at, size_t bytes, sl_hdf5_bytes *loaded, sluice_error *error)
{
    assert(bytes <= SL_HDF5_SCRATCH);
    *loaded = (sl_hdf5_bytes){.data = file->scratch, .size = bytes, .at = at};
    return sl_hdf5_read(file, at, file->scratch, bytes, error);
}

/* Begin a block with room for `bytes` bytes. */
static sluice_status add_block(sl_hdf5 *file, size_t bytes, size_t at, sluice_error *error)
{
    const size_t room = sl_size_max(bytes, BLOCK_BYTES - sizeof(sl_hdf5_block)), all = room + sizeof(sl_hdf5_block);
    if (all > file->memory_left)
        return sl_hdf5_fail(file, at, error,
                            "what begins here needs more memory than a file of %zu bytes should; the file is damaged", file->end);
    sl_hdf5_block *block = sl_alloc(all);
    if (!block)
        return sl_fail_memory(error, "the structure of an HDF5 file", all);
    file->memory_left -= all;
    file->memory += all;
    *block = (sl_hdf5_block){.next = file->blocks, .bytes = room};
    file->blocks = block;
    return SLUICE_STATUS_OK;
}

sluice_status sl_hdf5_keep(sl_hdf5 *file, size_t count, size_t bytes, size_t at, void *memory, sluice_error *error)
{
    size_t size;
    if (!sl_size_mul(count, bytes, &size) || size > SIZE_MAX / 2)
        return sl_fail_size(error, "the structure of an HDF5 file");
    size = sl_size_round_up(size, sizeof(void *));
    if (!file->blocks || size > file->blocks->bytes - file->blocks->used) {
        const sluice_status status = add_block(file, size, at, error);
        if (status)
            return status;
    }
    void *place = (char *)(file->blocks + 1) + file->blocks->used;
    file->blocks->used += size;
    memcpy(memory, &place, sizeof place);
    return SLUICE_STATUS_OK;
}
