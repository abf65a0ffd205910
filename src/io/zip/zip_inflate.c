#include "io/zip/zip_inflate.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/zip/zip_memory.h"

#include <limits.h>
#include <zlib.h>

enum { BLOCK = 1 << 16 };

static sluice_status fail(const sl_zip_member *member, const sl_input *input, const char *problem, sluice_error *error)
{
    return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, input->name, member->data_at, "member \"%.*s\" of the zip archive: %s",
                        (int)sl_size_min(member->name_bytes, 200), member->name, problem);
}

static sluice_status read_stored(const sl_input *input, const sl_zip_member *member, size_t at, void *bytes, size_t size,
                                 sluice_error *error)
{
    size_t got;
    const sluice_status status = sl_input_read(input, member->data_at + at, bytes, size, &got, error);
    return status || got == size ? status : fail(member, input, "the file ends within it", error);
}

/* Inflate block by block. No byte is written behind the size that the directory states. */
static sluice_status inflate_blocks(const sl_input *input, const sl_zip_member *member, z_stream *stream, unsigned char *block,
                                    char *bytes, sluice_error *error)
{
    size_t read = 0, written = 0;
    int ended = Z_OK;
    while (ended == Z_OK) {
        if (!stream->avail_in && read < member->stored_bytes) {
            const size_t size = sl_size_min(BLOCK, member->stored_bytes - read);
            const sluice_status status = read_stored(input, member, read, block, size, error);
            if (status)
                return status;
            read += size;
            stream->next_in = block;
            stream->avail_in = (unsigned)size;
        }
        const unsigned room = (unsigned)sl_size_min(member->bytes - written, UINT_MAX / 2);
        stream->next_out = (unsigned char *)bytes + written;
        stream->avail_out = room;
        ended = inflate(stream, Z_NO_FLUSH);
        written += room - stream->avail_out;
    }
    if (ended == Z_MEM_ERROR)
        return sl_fail_memory(error, "inflating a zip archive", BLOCK);
    if (ended != Z_STREAM_END || written != member->bytes)
        return fail(member, input, "its data cannot be inflated to the size of the directory; the file is damaged", error);
    return SLUICE_STATUS_OK;
}

static sluice_status inflate_member(const sl_input *input, const sl_zip_member *member, char *bytes, sluice_error *error)
{
    z_stream stream = {.zalloc = sl_zip_allocate, .zfree = sl_zip_release};
    unsigned char *block = sl_alloc(BLOCK);
    sluice_status status = SLUICE_STATUS_OK;
    if (!block || inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        status = sl_fail_memory(error, "inflating a zip archive", BLOCK);
    else
        status = inflate_blocks(input, member, &stream, block, bytes, error);
    inflateEnd(&stream);
    sl_free(block);
    return status;
}

sluice_status sl_zip_read_member(sl_zip *zip, const sl_zip_member *member, char **bytes, sluice_error *error)
{
    const sl_input *input = sl_zip_get_input(zip);
    const bool is_deflated = sl_zip_is_deflated(member);
    sluice_status status = is_deflated ? SLUICE_STATUS_OK : sl_zip_check_stored(zip, member, error);
    if (status)
        return status;
    if (!sl_zip_take_memory(zip, member->bytes))
        return fail(member, input, "it is far larger than the file, as no model is; unpack the archive and pack it by zip -0",
                    error);
    char *made = sl_alloc(member->bytes);
    if (!made)
        return sl_fail_memory(error, "a member of a zip archive", member->bytes);
    status = is_deflated ? inflate_member(input, member, made, error) : read_stored(input, member, 0, made, member->bytes, error);
    if (!status && crc32_z(0, (const unsigned char *)made, member->bytes) != member->crc)
        status = fail(member, input, "its data do not have the CRC of the directory; the file is damaged", error);
    if (!status)
        *bytes = made;
    else
        sl_free(made);
    return status;
}
