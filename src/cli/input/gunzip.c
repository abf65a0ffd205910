#include "cli/input/gunzip.h"

#include <stdlib.h>
#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16 }; /* for zlib: the largest window, and the header of gzip */

struct sl_gunzip {
    z_stream stream;
    bool complete; /* after a member */
    bool padded;   /* zeros were found there */
    bool pending;
};

sl_gunzip *sl_gunzip_create(void)
{
    sl_gunzip *gunzip = calloc(1, sizeof *gunzip);
    if (gunzip && inflateInit2(&gunzip->stream, GZIP_WINDOW) != Z_OK) {
        free(gunzip);
        return NULL;
    }
    return gunzip;
}

void sl_gunzip_destroy(sl_gunzip *gunzip)
{
    if (gunzip)
        inflateEnd(&gunzip->stream);
    free(gunzip);
}

bool sl_gunzip_is_pending(const sl_gunzip *gunzip)
{
    return gunzip->pending;
}

bool sl_gunzip_is_complete(const sl_gunzip *gunzip)
{
    return gunzip->complete;
}

/* After a member: skip zeros, with which some archives are padded, or begin the next member. */
static sl_exit begin_member(sl_gunzip *gunzip, const unsigned char *from, size_t bytes, size_t *used, const char **problem)
{
    while (*used < bytes && !from[*used]) {
        gunzip->padded = true;
        ++*used;
    }
    if (*used == bytes)
        return SL_EXIT_OK;
    if (gunzip->padded || from[*used] != 0x1f) {
        *problem = "neither the end of the file nor another gzip member";
        return SL_EXIT_DATA;
    }
    inflateReset(&gunzip->stream);
    gunzip->complete = false;
    return SL_EXIT_OK;
}

sl_exit sl_gunzip_step(sl_gunzip *gunzip, const unsigned char *from, size_t bytes, size_t *used, unsigned char *to, size_t room,
                       size_t *made, const char **problem)
{
    enum { MOST = 1 << 30 }; /* zlib counts in unsigned int */
    *used = *made = 0;
    bytes = bytes < MOST ? bytes : MOST;
    room = room < MOST ? room : MOST;
    const sl_exit code = gunzip->complete ? begin_member(gunzip, from, bytes, used, problem) : SL_EXIT_OK;
    if (code || gunzip->complete)
        return code;
    z_stream *stream = &gunzip->stream;
    stream->next_in = (z_const Bytef *)(from + *used);
    stream->avail_in = (uInt)(bytes - *used);
    stream->next_out = to;
    stream->avail_out = (uInt)room;
    const int status = inflate(stream, Z_NO_FLUSH);
    *used = bytes - stream->avail_in;
    *made = room - stream->avail_out;
    gunzip->complete = status == Z_STREAM_END;
    gunzip->pending = status == Z_OK && !stream->avail_out;
    if (status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR) /* Z_BUF_ERROR: more input is needed */
        return SL_EXIT_OK;
    *problem = stream->msg ? stream->msg : zError(status);
    return status == Z_MEM_ERROR ? SL_EXIT_FAILURE : SL_EXIT_DATA;
}
