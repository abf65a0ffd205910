#include "io/zip/inflate_input.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/zip/zip_memory.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16, BLOCK = 1 << 16, MOST = 1 << 30 }; /* for zlib: the largest window, and the header of gzip */
static_assert((int)SL_GZIP_HEAD_BYTES <= (int)BLOCK, "the head is part of the first block");

typedef struct inflate_filter {
    sl_input_filter base;
    sl_input from;
    z_stream stream; /* stream.next_in points into the block */
    uint64_t taken;  /* bytes read of `from` */
    bool drained;    /* `from` has ended */
    bool complete;   /* the data may end here, behind a member */
    bool padded;     /* zeros were found there */
    bool pending;    /* a step without input may write bytes, because the last one ran out of room */
    bool is_member;  /* of a zip archive: `left` bytes have to come, and `crc` is to be that of all */
    size_t left;
    uint32_t crc, crc_so_far;
    unsigned char block[BLOCK];
} inflate_filter;

/* The byte of the file at which decompression stands. */
static sluice_status fail(const inflate_filter *filter, const char *problem, sluice_error *error)
{
    const size_t byte = (size_t)(filter->taken - filter->stream.avail_in);
    return filter->is_member
               ? sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, filter->from.name, byte,
                              "expected the deflated data of the zip archive's member, found %s; the file is damaged", problem)
               : sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, filter->from.name, byte,
                              "expected gzip data, found %s; check with gzip -t FILE; download or compress the file again",
                              problem);
}

static sluice_status fail_zlib(const inflate_filter *filter, int code, sluice_error *error)
{
    if (code == Z_MEM_ERROR)
        return sl_fail(error, SLUICE_STATUS_NO_MEMORY, "%s: out of memory to decompress it; raise the limit", filter->from.name);
    return fail(filter, filter->stream.msg ? filter->stream.msg : zError(code), error);
}

/* Refill the block, if it is empty and more can come. */
static sluice_status refill(inflate_filter *filter, sluice_error *error)
{
    if (filter->stream.avail_in || filter->drained || filter->pending)
        return SLUICE_STATUS_OK;
    size_t got;
    const sluice_status status =
        sl_input_read_some(&filter->from, (size_t)filter->taken, filter->block, BLOCK, &got, &filter->drained, error);
    if (status)
        return status;
    filter->taken += got;
    filter->stream.next_in = filter->block;
    filter->stream.avail_in = (unsigned)got;
    return SLUICE_STATUS_OK;
}

/* Behind a gzip member: skip zeros, with which some archives are padded, or begin the next member. */
static sluice_status begin_member(inflate_filter *filter, sluice_error *error)
{
    z_stream *stream = &filter->stream;
    for (; stream->avail_in && !*stream->next_in; stream->next_in++, stream->avail_in--)
        filter->padded = true;
    if (!stream->avail_in)
        return SLUICE_STATUS_OK;
    if (filter->is_member || filter->padded || *stream->next_in != 0x1f)
        return fail(filter, filter->is_member ? "more behind their end" : "neither the end of the file nor another gzip member",
                    error);
    inflateReset(stream);
    filter->complete = false;
    return SLUICE_STATUS_OK;
}

/* Count what came out of a zip archive's member, and at its end compare. */
static sluice_status check_member(inflate_filter *filter, const void *data, size_t got, sluice_error *error)
{
    if (!filter->is_member)
        return SLUICE_STATUS_OK;
    filter->crc_so_far = (uint32_t)crc32_z(filter->crc_so_far, data, got);
    filter->left -= got;
    if (filter->complete && filter->left)
        return fail(filter, "fewer bytes than the archive's directory says", error);
    return filter->complete && filter->crc_so_far != filter->crc
               ? fail(filter, "bytes with another CRC than the directory's", error)
               : SLUICE_STATUS_OK;
}

/* One step of decompression. */
static sluice_status step(inflate_filter *filter, void *data, size_t room, size_t *got, sluice_error *error)
{
    z_stream *stream = &filter->stream;
    unsigned char beyond; /* room of one byte where none may come, so that the end of the data is read */
    const bool full = filter->is_member && !filter->left;
    stream->next_out = full ? &beyond : data;
    stream->avail_out = full ? 1 : (unsigned)sl_size_min(room, filter->is_member ? sl_size_min(filter->left, MOST) : MOST);
    const unsigned before = stream->avail_out;
    const int code = inflate(stream, Z_NO_FLUSH);
    *got = before - stream->avail_out;
    if (full && *got)
        return fail(filter, "more bytes than the archive's directory says", error);
    filter->complete = code == Z_STREAM_END;
    filter->pending = code == Z_OK && !stream->avail_out;
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) /* Z_BUF_ERROR: more input is needed */
        return fail_zlib(filter, code, error);
    return check_member(filter, data, *got, error);
}

static sluice_status read_some(sl_input_filter *base, void *data, size_t bytes, size_t *got, bool *ended, sluice_error *error)
{
    inflate_filter *filter = (inflate_filter *)base;
    sluice_status status = refill(filter, error);
    if (!status && filter->complete)
        status = begin_member(filter, error);
    if (!status && !filter->complete)
        status = step(filter, data, bytes, got, error);
    if (status)
        *got = 0; /* bytes that were found to be wrong */
    if (status || *got || !filter->drained || filter->stream.avail_in || filter->pending)
        return status;
    *ended = true;
    return filter->complete ? SLUICE_STATUS_OK : fail(filter, "the end of the file: it is truncated", error);
}

static bool is_ready(const sl_input_filter *base, int milliseconds)
{
    const inflate_filter *filter = (const inflate_filter *)base;
    return filter->pending || filter->drained || filter->stream.avail_in || sl_input_is_ready(&filter->from, milliseconds);
}

static void close_filter(sl_input_filter *base)
{
    inflate_filter *filter = (inflate_filter *)base;
    inflateEnd(&filter->stream);
    sl_input_close(&filter->from);
    sl_free(filter);
}

/* Make *input one of the filter that decompresses it. */
static sluice_status open_filter(sl_input *input, int window, inflate_filter **made, sluice_error *error)
{
    inflate_filter *filter = sl_alloc(sizeof *filter);
    if (!filter) {
        sl_input_close(input);
        return sl_fail_memory(error, "decompression", sizeof *filter);
    }
    filter->base = (sl_input_filter){read_some, is_ready, close_filter};
    filter->from = *input;
    filter->stream = (z_stream){.zalloc = sl_zip_allocate, .zfree = sl_zip_release, .next_in = filter->block};
    const int code = inflateInit2(&filter->stream, window);
    if (code != Z_OK) {
        const sluice_status status = fail_zlib(filter, Z_MEM_ERROR, error);
        *input = (sl_input){.fd = -1};
        close_filter(&filter->base);
        return status;
    }
    *made = filter;
    return sl_input_open_filter(&filter->base, filter->from.name, input, error);
}

sluice_status sl_input_gunzip(sl_input *input, const void *head, size_t head_bytes, sluice_error *error)
{
    inflate_filter *filter = NULL;
    assert(head_bytes <= SL_GZIP_HEAD_BYTES);
    const sluice_status status = open_filter(input, GZIP_WINDOW, &filter, error);
    if (status)
        return status;
    if (head_bytes)
        memcpy(filter->block, head, head_bytes);
    filter->stream.avail_in = (unsigned)head_bytes;
    filter->taken = head_bytes;
    return SLUICE_STATUS_OK;
}

uint64_t sl_input_get_gunzipped(const sl_input *input)
{
    return ((const inflate_filter *)input->filter)->taken;
}

sluice_status sl_input_inflate(sl_input *input, size_t bytes, uint32_t crc, sluice_error *error)
{
    inflate_filter *filter = NULL;
    const sluice_status status = open_filter(input, -MAX_WBITS, &filter, error);
    if (status)
        return status;
    filter->is_member = true;
    filter->left = bytes;
    filter->crc = crc;
    return SLUICE_STATUS_OK;
}
