#include "io/zip/zip_inflate.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/zip/inflate_input.h"

#include <stdio.h>
#include <zlib.h>

enum { NAME_BYTES = 200 };

static sluice_status fail(const sl_zip_member *member, const sl_input *input, const char *problem, sluice_error *error)
{
    return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, input->name, member->data_at, "member \"%.*s\" of the zip archive: %s",
                        (int)sl_size_min(member->name_bytes, NAME_BYTES), member->name, problem);
}

static sluice_status read_stored(const sl_input *input, const sl_zip_member *member, char *bytes, sluice_error *error)
{
    size_t got;
    const sluice_status status = sl_input_read(input, member->data_at, bytes, member->bytes, &got, error);
    if (status)
        return status;
    if (got < member->bytes)
        return fail(member, input, "the file ends within it", error);
    return crc32_z(0, (const unsigned char *)bytes, member->bytes) == member->crc
               ? SLUICE_STATUS_OK
               : fail(member, input, "its data do not have the CRC of the directory; the file is damaged", error);
}

/* Of its size and CRC, which are checked. */
static sluice_status inflate_member(const sl_input *input, const sl_zip_member *member, char *bytes, sluice_error *error)
{
    char name[NAME_BYTES], beyond;
    size_t got;
    sl_input part;
    snprintf(name, sizeof name, "%.*s", (int)sl_size_min(member->name_bytes, NAME_BYTES - 1), member->name);
    sluice_status status = sl_input_open_part(input, member->data_at, member->stored_bytes, name, &part, error);
    if (!status)
        status = sl_input_inflate(&part, member->bytes, member->crc, error);
    if (status)
        return status;
    status = sl_input_read(&part, 0, bytes, member->bytes, &got, error);
    if (!status)
        status = sl_input_read(&part, member->bytes, &beyond, sizeof beyond, &got, error); /* the end, where all is compared */
    sl_input_close(&part);
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
    status = is_deflated ? inflate_member(input, member, made, error) : read_stored(input, member, made, error);
    if (!status)
        *bytes = made;
    else
        sl_free(made);
    return status;
}
