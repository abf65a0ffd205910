#include "io/csv/csv_cell.h"

#include <string.h>

/* Of a quoted cell; `at` is behind its first quote. */
static bool take_quoted(const char *at, const char *end, char delimiter, sl_csv_cell *cell)
{
    *cell = (sl_csv_cell){.text = at, .next = end};
    const char *quote;
    while ((quote = memchr(at, '"', (size_t)(end - at))) && quote + 1 < end && quote[1] == '"') {
        cell->doubled = true;
        at = quote + 2;
    }
    cell->bytes = (size_t)((quote ? quote : end) - cell->text);
    cell->next = quote ? quote + 1 : end;
    return quote && (cell->next == end || *cell->next == delimiter);
}

bool sl_csv_cell_take(const char *at, const char *end, char delimiter, sl_csv_cell *cell)
{
    if (at < end && *at == '"')
        return take_quoted(at + 1, end, delimiter, cell);
    const char *next = memchr(at, delimiter, (size_t)(end - at));
    next = next ? next : end;
    *cell = (sl_csv_cell){.text = at, .bytes = (size_t)(next - at), .next = next};
    return true;
}

size_t sl_csv_cell_copy(const sl_csv_cell *cell, char *to)
{
    if (!cell->doubled) {
        memcpy(to, cell->text, cell->bytes);
        return cell->bytes;
    }
    size_t made = 0;
    for (size_t k = 0; k < cell->bytes; k++) {
        to[made++] = cell->text[k];
        k += cell->text[k] == '"';
    }
    return made;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

sl_csv_cell sl_csv_cell_trim(sl_csv_cell cell)
{
    while (cell.bytes && is_blank(cell.text[0])) {
        cell.text++;
        cell.bytes--;
    }
    while (cell.bytes && is_blank(cell.text[cell.bytes - 1]))
        cell.bytes--;
    return cell;
}
