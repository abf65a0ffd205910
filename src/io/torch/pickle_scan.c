#include "io/torch/pickle_scan.h"

#include "base/error.h"
#include "base/size.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What follows an opcode: a number of 1 to 8 bytes, a text behind its length of 1 or 4 bytes, or two lines. */
typedef enum argument { NO_ARGUMENT, NUMBER_1 = 1, NUMBER_2 = 2, NUMBER_4 = 4, NUMBER_8 = 8, TEXT_1, TEXT_4, LINES } argument;

/* An opcode: its argument, the values that have to be on the stack above the last mark, those that it takes away, and what it adds. What
 * takes all above the mark is seen to in count_op. */
static const struct {
    bool known;
    unsigned char argument, needs, takes, adds, nodes, cells;
} ops[256] = {
    [SL_OP_PROTO] = {true, NUMBER_1, 0, 0, 0, 0, 0},
    [SL_OP_FRAME] = {true, NUMBER_8, 0, 0, 0, 0, 0},
    [SL_OP_STOP] = {true, NO_ARGUMENT, 1, 0, 0, 0, 0},
    [SL_OP_MARK] = {true, NO_ARGUMENT, 0, 0, 0, 0, 0},
    [SL_OP_POP] = {true, NO_ARGUMENT, 0, 0, 0, 0, 0},
    [SL_OP_EMPTY_DICT] = {true, NO_ARGUMENT, 0, 0, 1, 1, 0},
    [SL_OP_EMPTY_LIST] = {true, NO_ARGUMENT, 0, 0, 1, 1, 0},
    [SL_OP_EMPTY_TUPLE] = {true, NO_ARGUMENT, 0, 0, 1, 0, 0},
    [SL_OP_TUPLE] = {true, NO_ARGUMENT, 0, 0, 1, 1, 0},
    [SL_OP_TUPLE1] = {true, NO_ARGUMENT, 1, 1, 1, 1, 1},
    [SL_OP_TUPLE2] = {true, NO_ARGUMENT, 2, 2, 1, 1, 2},
    [SL_OP_TUPLE3] = {true, NO_ARGUMENT, 3, 3, 1, 1, 3},
    [SL_OP_APPEND] = {true, NO_ARGUMENT, 2, 1, 0, 0, 1},
    [SL_OP_APPENDS] = {true, NO_ARGUMENT, 0, 0, 0, 0, 0},
    [SL_OP_SETITEM] = {true, NO_ARGUMENT, 3, 2, 0, 0, 2},
    [SL_OP_SETITEMS] = {true, NO_ARGUMENT, 0, 0, 0, 0, 0},
    [SL_OP_NONE] = {true, NO_ARGUMENT, 0, 0, 1, 0, 0},
    [SL_OP_NEWTRUE] = {true, NO_ARGUMENT, 0, 0, 1, 0, 0},
    [SL_OP_NEWFALSE] = {true, NO_ARGUMENT, 0, 0, 1, 0, 0},
    [SL_OP_BININT] = {true, NUMBER_4, 0, 0, 1, 1, 0},
    [SL_OP_BININT1] = {true, NUMBER_1, 0, 0, 1, 0, 0},
    [SL_OP_BININT2] = {true, NUMBER_2, 0, 0, 1, 1, 0},
    [SL_OP_LONG1] = {true, TEXT_1, 0, 0, 1, 1, 0},
    [SL_OP_BINFLOAT] = {true, NUMBER_8, 0, 0, 1, 1, 0},
    [SL_OP_BINUNICODE] = {true, TEXT_4, 0, 0, 1, 1, 0},
    [SL_OP_SHORT_BINUNICODE] = {true, TEXT_1, 0, 0, 1, 1, 0},
    [SL_OP_BINBYTES] = {true, TEXT_4, 0, 0, 1, 1, 0},
    [SL_OP_SHORT_BINBYTES] = {true, TEXT_1, 0, 0, 1, 1, 0},
    [SL_OP_BINPUT] = {true, NUMBER_1, 1, 0, 0, 0, 0},
    [SL_OP_LONG_BINPUT] = {true, NUMBER_4, 1, 0, 0, 0, 0},
    [SL_OP_MEMOIZE] = {true, NO_ARGUMENT, 1, 0, 0, 0, 0},
    [SL_OP_BINGET] = {true, NUMBER_1, 0, 0, 1, 0, 0},
    [SL_OP_LONG_BINGET] = {true, NUMBER_4, 0, 0, 1, 0, 0},
    [SL_OP_GLOBAL] = {true, LINES, 0, 0, 1, 3, 0},
    [SL_OP_STACK_GLOBAL] = {true, NO_ARGUMENT, 2, 2, 1, 1, 0},
    [SL_OP_REDUCE] = {true, NO_ARGUMENT, 2, 2, 1, 1, 3},
    [SL_OP_NEWOBJ] = {true, NO_ARGUMENT, 2, 2, 1, 1, 3},
    [SL_OP_BUILD] = {true, NO_ARGUMENT, 2, 1, 0, 0, 0},
    [SL_OP_BINPERSID] = {true, NO_ARGUMENT, 1, 1, 1, 1, 0},
};

sluice_status sl_pickle_fail(const sl_pickle_text *text, size_t at, sluice_error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const sluice_status status =
        sl_fail_part(error, SLUICE_STATUS_BAD_DATA, text->name, text->origin + at, "PyTorch: ", format, arguments);
    va_end(arguments);
    return status;
}

/* ---- One opcode ------------------------------------------------------------------------------------------------------------ */

static uint64_t get_number(const unsigned char *from, size_t bytes)
{
    uint64_t number = 0;
    while (bytes--)
        number = number << 8 | from[bytes];
    return number;
}

static sluice_status fail_end(const sl_pickle_text *text, const sl_pickle_op *op, bool *is_cut, sluice_error *error)
{
    *is_cut = true;
    return sl_pickle_fail(text, op->at, error, "the pickle ends within or before what opcode 0x%02x needs; was the file cut short?",
                          op->code);
}

/* Two lines, each ended by a newline. */
static bool find_lines(const sl_pickle_text *text, sl_pickle_op *op, size_t *at)
{
    const unsigned char *begin = text->bytes + *at, *end = begin;
    for (int line = 0; line < 2; line++) {
        end = memchr(end, '\n', text->size - (size_t)(end - text->bytes));
        if (!end)
            return false;
        end++;
    }
    op->begin = *at;
    op->bytes = (size_t)(end - begin) - 1;
    *at += op->bytes + 1;
    return true;
}

/* Step over `bytes` bytes, which are the opcode's. */
static bool take(const sl_pickle_text *text, sl_pickle_op *op, size_t *at, uint64_t bytes)
{
    if (bytes > text->size - *at)
        return false;
    op->begin = *at;
    op->bytes = (size_t)bytes;
    *at += op->bytes;
    return true;
}

sluice_status sl_pickle_decode(const sl_pickle_text *text, size_t *at, sl_pickle_op *op, bool *is_cut, sluice_error *error)
{
    *op = (sl_pickle_op){.at = *at};
    if (*at >= text->size) {
        *is_cut = true;
        return sl_pickle_fail(text, *at, error, "the pickle ends without its STOP; was the file cut short?");
    }
    op->code = text->bytes[(*at)++];
    if (!ops[op->code].known)
        return sl_pickle_fail(
            text, op->at, error,
            "opcode 0x%02x of the pickle is none that torch.save writes, and is not run; load the file in Python, if "
            "you trust it, and write model.state_dict() by torch.save",
            op->code);
    const unsigned kind = ops[op->code].argument;
    bool good;
    if (kind == LINES)
        good = find_lines(text, op, at);
    else {
        const size_t number = kind == TEXT_1 ? 1 : kind == TEXT_4 ? 4 : kind;
        good = take(text, op, at, number);
        if (good)
            op->number = get_number(text->bytes + op->begin, number);
        if (good && (kind == TEXT_1 || kind == TEXT_4))
            good = take(text, op, at, op->number);
    }
    return good ? SLUICE_STATUS_OK : fail_end(text, op, is_cut, error);
}

/* ---- The whole pickle ------------------------------------------------------------------------------------------------------- */

typedef struct counter {
    const sl_pickle_text *text;
    sl_pickle_extent *extent;
    sluice_error *error;
    size_t depth;                      /* of the stack, marks not counted */
    size_t marks[SL_PICKLE_MAX_MARKS]; /* depths at which they lie */
    size_t mark_count;
    size_t puts;
} counter;

static sluice_status fail_stack(const counter *count, const sl_pickle_op *op)
{
    return sl_pickle_fail(count->text, op->at, count->error,
                          "opcode 0x%02x of the pickle needs more values than are on its stack; the file is damaged", op->code);
}

/* Values above the last mark. */
static size_t get_above(const counter *count)
{
    return count->depth - (count->mark_count ? count->marks[count->mark_count - 1] : 0);
}

/* Opcodes that take what is above the mark, and the mark. */
static sluice_status count_to_mark(counter *count, const sl_pickle_op *op)
{
    if (!count->mark_count)
        return fail_stack(count, op);
    const size_t values = get_above(count);
    count->depth -= values;
    count->mark_count--;
    count->extent->cells += values;
    if (op->code == SL_OP_TUPLE)
        return SLUICE_STATUS_OK;
    if (op->code == SL_OP_SETITEMS && values % 2)
        return sl_pickle_fail(count->text, op->at, count->error, "the pickle has a key without a value; the file is damaged");
    return get_above(count) ? SLUICE_STATUS_OK : fail_stack(count, op);
}

static sluice_status count_mark(counter *count, const sl_pickle_op *op)
{
    if (count->mark_count == SL_PICKLE_MAX_MARKS)
        return sl_pickle_fail(count->text, op->at, count->error,
                              "more than %d marks of the pickle are open at a time; the file is damaged", SL_PICKLE_MAX_MARKS);
    count->marks[count->mark_count++] = count->depth;
    return SLUICE_STATUS_OK;
}

static sluice_status count_pop(counter *count, const sl_pickle_op *op)
{
    if (get_above(count))
        count->depth--;
    else if (count->mark_count)
        count->mark_count--;
    else
        return fail_stack(count, op);
    return SLUICE_STATUS_OK;
}

/* An index is one of as many as there can be values: it cannot be larger than the text. */
static sluice_status count_put(counter *count, const sl_pickle_op *op)
{
    const uint64_t index = op->code == SL_OP_MEMOIZE ? count->puts : op->number;
    if (index >= count->text->size)
        return sl_pickle_fail(count->text, op->at, count->error,
                              "index %llu of the pickle's memo is too large; the file is damaged", (unsigned long long)index);
    count->puts++;
    count->extent->memo = sl_size_max(count->extent->memo, (size_t)index + 1);
    return SLUICE_STATUS_OK;
}

static sluice_status count_other(counter *count, const sl_pickle_op *op)
{
    switch (op->code) {
    case SL_OP_MARK:
        return count_mark(count, op);
    case SL_OP_POP:
        return count_pop(count, op);
    case SL_OP_TUPLE:
    case SL_OP_APPENDS:
    case SL_OP_SETITEMS:
        return count_to_mark(count, op);
    case SL_OP_BINPUT:
    case SL_OP_LONG_BINPUT:
    case SL_OP_MEMOIZE:
        return count_put(count, op);
    case SL_OP_FRAME:
        return SLUICE_STATUS_OK; /* a hint for readers of streams */
    case SL_OP_STOP:
        return count->mark_count || count->depth != 1
                   ? sl_pickle_fail(count->text, op->at, count->error, "the pickle leaves more than one value; the file is damaged")
                   : SLUICE_STATUS_OK;
    default:
        return SLUICE_STATUS_OK;
    }
}

static sluice_status count_op(counter *count, const sl_pickle_op *op)
{
    if (get_above(count) < ops[op->code].needs)
        return fail_stack(count, op);
    const sluice_status status = count_other(count, op);
    if (status)
        return status;
    sl_pickle_extent *extent = count->extent;
    count->depth = count->depth - ops[op->code].takes + ops[op->code].adds;
    extent->stack = sl_size_max(extent->stack, count->depth);
    extent->nodes += ops[op->code].nodes;
    extent->cells += ops[op->code].cells;
    return SLUICE_STATUS_OK;
}

sluice_status sl_pickle_measure(const sl_pickle_text *text, sl_pickle_extent *extent, sluice_error *error)
{
    counter count = {.text = text, .extent = extent, .error = error};
    sl_pickle_op op = {0};
    size_t at = 0;
    sluice_status status = SLUICE_STATUS_OK;
    *extent = (sl_pickle_extent){0};
    while (!status && op.code != SL_OP_STOP) {
        status = sl_pickle_decode(text, &at, &op, &extent->is_cut, error);
        if (!status)
            status = count_op(&count, &op);
    }
    extent->bytes = at;
    return status;
}
