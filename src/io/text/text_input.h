/* The bytes of a text, whatever it comes in: a file or a pipe, gzip-compressed or not, with or without a byte order mark. Its
 * first bytes decide what it is, not its name. */
#ifndef SLUICE_IO_TEXT_TEXT_INPUT_H
#define SLUICE_IO_TEXT_TEXT_INPUT_H

#include "io/content.h"
#include "io/input.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct sl_text_input {
    sl_input input;
    const char *array_remedy;                  /* of the message for a NumPy array */
    bool begun;                                /* the first bytes have been looked at */
    sl_content content;                        /* what they say */
    bool is_gzip, has_mark;                    /* what they were: gzip data, and a byte order mark that is skipped */
    unsigned char head[SL_CONTENT_TEXT_BYTES]; /* head[head_start..head_end) are looked at and not given out */
    size_t head_start, head_end;
    uint64_t taken; /* bytes read of the input */
    uint64_t end;   /* of what is read of it; UINT64_MAX: all */
    bool drained;   /* it has ended */
    bool ended;     /* and all of the text is given out */
} sl_text_input;

/** Open a text ("-": standard input). `array_remedy`, a literal, says what to do if the file is a NumPy array. On failure *text is
 *  closed; the errors of sl_input_open. */
sluice_status sl_text_input_open(const char *path, const char *array_remedy, sl_text_input *text, sluice_error *error);

/** Look at the first bytes of what may be no text: *content is SL_CONTENT_UNKNOWN for text, UTF8_MARK likewise, else the kind of file that
 *  sl_text_input_read would refuse. Not behind a read. Errors likewise. */
sluice_status sl_text_input_look(sl_text_input *text, sl_content *content, sluice_error *error);

/** After sl_text_input_look, of a regular file that is no gzip data: give out its bytes from `first` on up to `end` only, but no byte order
 *  mark. The errors of sl_text_input_read where it is no text. */
sluice_status sl_text_input_narrow(sl_text_input *text, uint64_t first, uint64_t end, sluice_error *error);

/** Make it an input of all its bytes, decompressed where they are gzip data, after sl_text_input_look. *text is then closed, and so is
 *  *input on failure. NO_MEMORY */
sluice_status sl_text_input_take(sl_text_input *text, sl_input *input, sluice_error *error);

/** Some bytes of the text, at most `room` > 0, in *got; 0 unless text->ended: try again. Waits for them if there are none. A UTF-8
 *  byte order mark is skipped and gzip data are decompressed. BAD_DATA: UTF-16, UTF-32, other compressed files, and gzip data that
 *  are damaged or cut short; IO (with errno EINTR: a signal has come, as of sl_input_read), NO_MEMORY. */
sluice_status sl_text_input_read(sl_text_input *text, void *data, size_t room, size_t *got, sluice_error *error);

/** Whether a read may give bytes, or the end, without a wait longer than this. */
bool sl_text_input_is_ready(const sl_text_input *text, int milliseconds);

/** How far into the file the text has been used when `held` bytes of what was given out are not; of gzip data, how far it is read. */
uint64_t sl_text_input_get_position(const sl_text_input *text, size_t held);

/** One closed already is allowed. */
void sl_text_input_close(sl_text_input *text);

#endif
