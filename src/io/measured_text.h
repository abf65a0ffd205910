/* Text whose length is not known before: the same code first measures it, then writes it. */
#ifndef SLUICE_IO_MEASURED_TEXT_H
#define SLUICE_IO_MEASURED_TEXT_H

#include "sluice.h"

typedef struct sl_measured_text {
    char *text; /* NULL: it is only measured */
    size_t size;
    size_t length; /* of the text so far */
} sl_measured_text;

/** Put more text, as printf does. */
void sl_measured_text_put(sl_measured_text *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Puts the whole text; what it puts has to be the same each time. */
typedef void sl_measured_text_writer(sl_measured_text *to, const void *context);

/** The text that `put` puts, called twice, terminated; *made is set on success only, and freed by sl_free. `what` names it in the
 *  message. NO_MEMORY. */
sluice_status sl_measured_text_make(sl_measured_text_writer *put, const void *context, const char *what, char **made,
                                    sluice_error *error);

#endif
