#include "cli/series/series_options.h"

#include <string.h>

static const char *const header_words[] = {
    [SL_CSV_HEADER_GUESS] = "auto", [SL_CSV_HEADER_THERE] = "yes", [SL_CSV_HEADER_NONE] = "no"};
static const char *const missing_words[] = {
    [SL_CSV_MISSING_ERROR] = "error", [SL_CSV_MISSING_ZERO] = "zero", [SL_CSV_MISSING_PREVIOUS] = "previous"};
enum { HEADERS = sizeof header_words / sizeof *header_words, MISSINGS = sizeof missing_words / sizeof *missing_words };

const char *sl_series_header_word(size_t value)
{
    return value < HEADERS ? header_words[value] : NULL;
}

const char *sl_series_missing_word(size_t value)
{
    return value < MISSINGS ? missing_words[value] : NULL;
}

/* The number of a word; of NULL, 0. */
static size_t find_word(const char *const *words, size_t count, const char *word)
{
    size_t k = 0;
    while (word && k + 1 < count && strcmp(words[k], word) != 0)
        k++;
    return k;
}

char sl_series_delimiter_find(const char *text)
{
    if (strcmp(text, "tab") == 0)
        return '\t';
    return text[0] && !text[1] && !strchr("\"\r\n", text[0]) && (text[0] == '\t' || (text[0] >= ' ' && text[0] <= '~')) ? text[0]
                                                                                                                        : '\0';
}

sl_csv_options sl_series_options_get_table(const sl_series_options *options)
{
    return (sl_csv_options){.delimiter = options->delimiter ? sl_series_delimiter_find(options->delimiter) : '\0',
                            .header = (sl_csv_header)find_word(header_words, HEADERS, options->header),
                            .missing = (sl_csv_missing)find_word(missing_words, MISSINGS, options->missing),
                            .sequence_column = options->sequence_column};
}

bool sl_series_options_has_table(const sl_series_options *options)
{
    return options->delimiter || options->header || options->sequence_column;
}
