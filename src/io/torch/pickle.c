#include "io/torch/pickle.h"

#include "base/arena.h"
#include "base/error.h"
#include "io/json.h"
#include "io/label.h"

#include <assert.h>
#include <string.h>

/* Values that have no node of their own: they are frequent. */
enum { NOTHING, THE_NONE, THE_TRUE, THE_FALSE, THE_EMPTY_TUPLE, SMALL_INTS, FIXED = SMALL_INTS + 256 };
enum { CALLED, ARGUMENTS, STATE, OBJECT_CELLS };

typedef struct machine {
    sl_pickle *pickle;
    sluice_error *error;
    sl_value *memo, *stack;
    size_t depth, cell_count, memo_count, mark_count;
    size_t marks[SL_PICKLE_MAX_MARKS];
} machine;

/* ---- Values ---------------------------------------------------------------------------------------------------------------- */

static sl_node *get_node(const machine *m, sl_value value)
{
    return &m->pickle->nodes[value];
}

static sl_value make(machine *m, sl_value_kind kind, size_t at)
{
    sl_node *node = &m->pickle->nodes[m->pickle->node_count];
    *node = (sl_node){.kind = (unsigned char)kind, .at = (uint32_t)at};
    return (sl_value)m->pickle->node_count++;
}

static void push(machine *m, sl_value value)
{
    m->stack[m->depth++] = value;
}

static sl_value pop(machine *m)
{
    return m->stack[--m->depth];
}

static void append(machine *m, sl_value to, sl_value value)
{
    const uint32_t cell = (uint32_t)m->cell_count++;
    sl_node *node = get_node(m, to);
    m->pickle->cells[cell] = (sl_cell){.value = value};
    if (node->first)
        m->pickle->cells[node->last].next = cell;
    else
        node->first = cell;
    node->last = cell;
}

/* Append the topmost values of the stack, in their order, and take them away. */
static void append_top(machine *m, sl_value to, size_t count)
{
    m->depth -= count;
    for (size_t k = 0; k < count; k++)
        append(m, to, m->stack[m->depth + k]);
}

static void make_fixed(machine *m)
{
    make(m, SL_VALUE_NOTHING, 0);
    make(m, SL_VALUE_NONE, 0);
    get_node(m, make(m, SL_VALUE_BOOL, 0))->number = 1;
    make(m, SL_VALUE_BOOL, 0);
    make(m, SL_VALUE_TUPLE, 0);
    for (int k = 0; k < 256; k++)
        get_node(m, make(m, SL_VALUE_INT, 0))->number = k;
}

static sluice_status make_string(machine *m, size_t at, size_t begin, size_t bytes, sl_value *made)
{
    const char *text = (const char *)m->pickle->text.bytes + begin;
    for (size_t k = 0, step; k < bytes; k += step) {
        step = text[k] ? sl_utf8_get_bytes(text + k, bytes - k) : 0;
        if (!step)
            return sl_pickle_fail(&m->pickle->text, begin + k, m->error,
                                  "a string of the pickle is not UTF-8, or has a NUL; the file is damaged");
    }
    *made = make(m, SL_VALUE_STRING, at);
    get_node(m, *made)->begin = (uint32_t)begin;
    get_node(m, *made)->bytes = (uint32_t)bytes;
    return SLUICE_STATUS_OK;
}

/* ---- Classes and functions ------------------------------------------------------------------------------------------------- */

/* What no model needs, but what files are known to name that run a program where Python loads them. Here they would be names like any
 * other; the file is refused so that its user learns of it. */
static bool is_known_attack(const sl_pickle *pickle, const sl_node *global)
{
    static const char *const modules[] = {"posix", "nt", "os", "subprocess", "pty", "socket", "runpy", "webbrowser"};
    static const char *const functions[] = {"eval", "exec", "execfile", "compile", "open", "__import__"};
    for (size_t k = 0; k < sizeof modules / sizeof *modules; k++)
        if (sl_pickle_is_text(pickle, global->module, modules[k]))
            return true;
    if (!sl_pickle_is_text(pickle, global->module, "builtins") && !sl_pickle_is_text(pickle, global->module, "__builtin__"))
        return false;
    for (size_t k = 0; k < sizeof functions / sizeof *functions; k++)
        if (sl_pickle_is_text(pickle, global->global, functions[k]))
            return true;
    return false;
}

static sl_label get_label(const sl_pickle *pickle, sl_value string)
{
    const sl_node *node = sl_pickle_get(pickle, string);
    return sl_label_get_part((const char *)pickle->text.bytes + node->begin, node->bytes);
}

static sluice_status push_global(machine *m, size_t at, sl_value module, sl_value name)
{
    const sl_pickle *pickle = m->pickle;
    if (sl_pickle_get(pickle, module)->kind != SL_VALUE_STRING || sl_pickle_get(pickle, name)->kind != SL_VALUE_STRING)
        return sl_pickle_fail(&pickle->text, at, m->error, "the name of a class of the pickle is no string; the file is damaged");
    const sl_value made = make(m, SL_VALUE_GLOBAL, at);
    get_node(m, made)->module = module;
    get_node(m, made)->global = name;
    if (is_known_attack(pickle, get_node(m, made)))
        return sl_pickle_fail(
            &pickle->text, at, m->error,
            "the pickle names %s.%s, by which a file runs code where Python loads it; nothing was run here: do not load "
            "this file elsewhere, and get the model from a source that you trust",
            get_label(pickle, module).text, get_label(pickle, name).text);
    push(m, made);
    return SLUICE_STATUS_OK;
}

static sluice_status push_lines(machine *m, const sl_pickle_op *op)
{
    const unsigned char *text = m->pickle->text.bytes + op->begin, *newline = memchr(text, '\n', op->bytes);
    assert(newline); /* sl_pickle_decode has found two lines */
    const size_t first = (size_t)(newline - text);
    sl_value module, name;
    sluice_status status = make_string(m, op->at, op->begin, first, &module);
    if (!status)
        status = make_string(m, op->at, op->begin + first + 1, op->bytes - first - 1, &name);
    return status ? status : push_global(m, op->at, module, name);
}

/* What a call would return: an empty OrderedDict is a dict, anything else an object. */
static sluice_status push_object(machine *m, const sl_pickle_op *op)
{
    const sl_value arguments = pop(m), called = pop(m);
    if (sl_pickle_get(m->pickle, arguments)->kind != SL_VALUE_TUPLE)
        return sl_pickle_fail(&m->pickle->text, op->at, m->error,
                              "the arguments of a call of the pickle are no tuple; the file is damaged");
    if (!sl_pickle_get(m->pickle, arguments)->first && sl_pickle_is_global(m->pickle, called, "collections", "OrderedDict")) {
        push(m, make(m, SL_VALUE_DICT, op->at));
        return SLUICE_STATUS_OK;
    }
    const sl_value made = make(m, SL_VALUE_OBJECT, op->at);
    append(m, made, called);
    append(m, made, arguments);
    append(m, made, NOTHING);
    push(m, made);
    return SLUICE_STATUS_OK;
}

/* ---- Opcodes --------------------------------------------------------------------------------------------------------------- */

static uint32_t get_cell(const sl_pickle *pickle, sl_value value, size_t index)
{
    uint32_t cell = sl_pickle_get(pickle, value)->first;
    while (cell && index--)
        cell = pickle->cells[cell].next;
    return cell;
}

static sluice_status fail_kind(const machine *m, const sl_pickle_op *op)
{
    return sl_pickle_fail(&m->pickle->text, op->at, m->error,
                          "opcode 0x%02x of the pickle has a value below it that it does not fit; the file is damaged", op->code);
}

/* BUILD: an OrderedDict's attributes, as state_dict's _metadata, are of no use. */
static sluice_status set_state(machine *m, const sl_pickle_op *op)
{
    const sl_value state = pop(m), object = m->stack[m->depth - 1];
    const sl_node *node = sl_pickle_get(m->pickle, object);
    if (node->kind == SL_VALUE_OBJECT)
        m->pickle->cells[get_cell(m->pickle, object, STATE)].value = state;
    else if (node->kind != SL_VALUE_DICT)
        return fail_kind(m, op);
    return SLUICE_STATUS_OK;
}

/* The items above the mark, or the one or two on top. */
static sluice_status add_items(machine *m, const sl_pickle_op *op)
{
    const bool pairs = op->code == SL_OP_SETITEM || op->code == SL_OP_SETITEMS;
    const size_t count = op->code == SL_OP_APPEND ? 1 : op->code == SL_OP_SETITEM ? 2 : m->depth - m->marks[--m->mark_count];
    const sl_value to = m->stack[m->depth - count - 1];
    sl_node *node = get_node(m, to);
    if (node->kind != SL_VALUE_OBJECT && node->kind != (pairs ? SL_VALUE_DICT : SL_VALUE_LIST))
        return fail_kind(m, op);
    node->has_pairs |= pairs;
    append_top(m, to, count);
    return SLUICE_STATUS_OK;
}

static void push_tuple(machine *m, const sl_pickle_op *op)
{
    const size_t count = op->code == SL_OP_TUPLE ? m->depth - m->marks[--m->mark_count] : (size_t)(op->code - SL_OP_TUPLE1 + 1);
    const sl_value made = make(m, SL_VALUE_TUPLE, op->at);
    append_top(m, made, count);
    push(m, made);
}

static void push_int(machine *m, const sl_pickle_op *op)
{
    if (op->code == SL_OP_BININT1) {
        push(m, SMALL_INTS + (sl_value)op->number);
        return;
    }
    uint64_t number = op->number;
    if (op->code == SL_OP_BININT)
        number = (uint64_t)(int64_t)(int32_t)(uint32_t)number;
    const sl_value made = make(m, SL_VALUE_INT, op->at);
    get_node(m, made)->number = (int64_t)number;
    push(m, made);
}

/* LONG1: little-endian two's complement. */
static void push_long(machine *m, const sl_pickle_op *op)
{
    const unsigned char *text = m->pickle->text.bytes + op->begin;
    const bool fits = op->bytes <= sizeof(uint64_t);
    const sl_value made = make(m, fits ? SL_VALUE_INT : SL_VALUE_OPAQUE, op->at);
    uint64_t number = fits && op->bytes && text[op->bytes - 1] & 0x80 ? UINT64_MAX : 0;
    for (size_t k = op->bytes; fits && k--;)
        number = number << 8 | text[k];
    if (fits)
        get_node(m, made)->number = (int64_t)number;
    push(m, made);
}

static void put(machine *m, const sl_pickle_op *op)
{
    sl_value *place = &m->memo[op->code == SL_OP_MEMOIZE ? m->memo_count : (size_t)op->number];
    m->memo_count += !*place;
    *place = m->stack[m->depth - 1];
}

static sluice_status push_memo(machine *m, const sl_pickle_op *op, size_t memo)
{
    if (op->number >= memo || !m->memo[op->number])
        return sl_pickle_fail(&m->pickle->text, op->at, m->error, "the pickle's memo has no value %llu; the file is damaged",
                              (unsigned long long)op->number);
    push(m, m->memo[op->number]);
    return SLUICE_STATUS_OK;
}

static void pop_any(machine *m)
{
    if (m->mark_count && m->depth == m->marks[m->mark_count - 1])
        m->mark_count--;
    else
        m->depth--;
}

static sluice_status push_string(machine *m, const sl_pickle_op *op)
{
    sl_value made;
    const sluice_status status = make_string(m, op->at, op->begin, op->bytes, &made);
    if (!status)
        push(m, made);
    return status;
}

static void push_persistent(machine *m, const sl_pickle_op *op)
{
    const sl_value made = make(m, SL_VALUE_PERSISTENT, op->at);
    get_node(m, made)->value = pop(m);
    push(m, made);
}

/* Opcodes whose values are the same each time, or new without an argument. */
static void run_plain(machine *m, const sl_pickle_op *op)
{
    switch (op->code) {
    case SL_OP_NONE:
        push(m, THE_NONE);
        break;
    case SL_OP_NEWTRUE:
        push(m, THE_TRUE);
        break;
    case SL_OP_NEWFALSE:
        push(m, THE_FALSE);
        break;
    case SL_OP_EMPTY_TUPLE:
        push(m, THE_EMPTY_TUPLE);
        break;
    case SL_OP_EMPTY_LIST:
        push(m, make(m, SL_VALUE_LIST, op->at));
        break;
    case SL_OP_EMPTY_DICT:
        push(m, make(m, SL_VALUE_DICT, op->at));
        break;
    case SL_OP_BINFLOAT:
    case SL_OP_BINBYTES:
    case SL_OP_SHORT_BINBYTES:
        push(m, make(m, SL_VALUE_OPAQUE, op->at));
        break;
    case SL_OP_MARK:
        m->marks[m->mark_count++] = m->depth;
        break;
    case SL_OP_POP:
        pop_any(m);
        break;
    default:
        break; /* PROTO, FRAME, STOP */
    }
}

static sluice_status run(machine *m, const sl_pickle_op *op, size_t memo)
{
    switch (op->code) {
    case SL_OP_BININT:
    case SL_OP_BININT1:
    case SL_OP_BININT2:
        push_int(m, op);
        break;
    case SL_OP_LONG1:
        push_long(m, op);
        break;
    case SL_OP_TUPLE:
    case SL_OP_TUPLE1:
    case SL_OP_TUPLE2:
    case SL_OP_TUPLE3:
        push_tuple(m, op);
        break;
    case SL_OP_BINPUT:
    case SL_OP_LONG_BINPUT:
    case SL_OP_MEMOIZE:
        put(m, op);
        break;
    case SL_OP_BINPERSID:
        push_persistent(m, op);
        break;
    case SL_OP_BINGET:
    case SL_OP_LONG_BINGET:
        return push_memo(m, op, memo);
    case SL_OP_BINUNICODE:
    case SL_OP_SHORT_BINUNICODE:
        return push_string(m, op);
    case SL_OP_APPEND:
    case SL_OP_APPENDS:
    case SL_OP_SETITEM:
    case SL_OP_SETITEMS:
        return add_items(m, op);
    case SL_OP_GLOBAL:
        return push_lines(m, op);
    case SL_OP_STACK_GLOBAL:
        m->depth -= 2;
        return push_global(m, op->at, m->stack[m->depth], m->stack[m->depth + 1]);
    case SL_OP_REDUCE:
    case SL_OP_NEWOBJ:
        return push_object(m, op);
    case SL_OP_BUILD:
        return set_state(m, op);
    default:
        run_plain(m, op);
    }
    return SLUICE_STATUS_OK;
}

/* ---- The whole pickle ------------------------------------------------------------------------------------------------------- */

static size_t divide(sl_arena *arena, const sl_pickle_extent *extent, machine *m)
{
    m->pickle->nodes = sl_arena_take(arena, extent->nodes + FIXED, sizeof *m->pickle->nodes);
    m->pickle->cells = sl_arena_take(arena, extent->cells + 1, sizeof *m->pickle->cells);
    m->memo = sl_arena_take(arena, extent->memo, sizeof *m->memo);
    m->stack = sl_arena_take(arena, extent->stack, sizeof *m->stack);
    return arena->fits ? arena->used : SIZE_MAX;
}

static sluice_status run_all(machine *m, const sl_pickle_extent *extent)
{
    sluice_status status = SLUICE_STATUS_OK;
    bool is_cut;
    for (size_t at = 0; !status && at < extent->bytes;) {
        sl_pickle_op op;
        status = sl_pickle_decode(&m->pickle->text, &at, &op, &is_cut, m->error);
        if (!status)
            status = run(m, &op, extent->memo);
    }
    return status;
}

sluice_status sl_pickle_read(const sl_pickle_text *text, const sl_pickle_extent *extent, size_t room, sl_pickle *pickle,
                             sluice_error *error)
{
    *pickle = (sl_pickle){.text = *text};
    machine m = {.pickle = pickle, .error = error, .cell_count = 1};
    sl_arena sizing = {.fits = true};
    const size_t bytes = divide(&sizing, extent, &m), most = SL_PICKLE_TIMES * extent->bytes + room;
    if (extent->bytes > SL_PICKLE_MAX_BYTES || bytes > most)
        return sl_pickle_fail(
            text, 0, error,
            "a pickle of %zu bytes with %zu values is more than is read; write model.state_dict() alone by torch.save",
            extent->bytes, extent->nodes);
    sl_arena arena = {.base = sl_alloc(bytes), .fits = true};
    if (!arena.base)
        return sl_fail_memory(error, "the values of a pickle", bytes);
    (void)divide(&arena, extent, &m);
    make_fixed(&m);
    const sluice_status status = run_all(&m, extent);
    if (status) {
        sl_pickle_release(pickle);
        return status;
    }
    pickle->root = m.stack[0];
    pickle->room = most - bytes;
    return SLUICE_STATUS_OK;
}

void sl_pickle_release(sl_pickle *pickle)
{
    sl_free(pickle->nodes);
    *pickle = (sl_pickle){0};
}

/* ---- Looking at values ------------------------------------------------------------------------------------------------------ */

sl_value sl_pickle_get_item(const sl_pickle *pickle, sl_value value, size_t index)
{
    const unsigned char kind = sl_pickle_get(pickle, value)->kind;
    if (kind != SL_VALUE_TUPLE && kind != SL_VALUE_LIST && kind != SL_VALUE_OBJECT)
        return NOTHING;
    return pickle->cells[get_cell(pickle, value, index)].value; /* cell 0 has no value */
}

bool sl_pickle_is_text(const sl_pickle *pickle, sl_value value, const char *text)
{
    const sl_node *node = sl_pickle_get(pickle, value);
    return node->kind == SL_VALUE_STRING && node->bytes == strlen(text) &&
           memcmp(pickle->text.bytes + node->begin, text, node->bytes) == 0;
}

bool sl_pickle_is_global(const sl_pickle *pickle, sl_value value, const char *module, const char *name)
{
    const sl_node *node = sl_pickle_get(pickle, value);
    return node->kind == SL_VALUE_GLOBAL && sl_pickle_is_text(pickle, node->global, name) &&
           sl_pickle_is_text(pickle, node->module, module);
}

uint32_t sl_pickle_get_first(const sl_pickle *pickle, sl_value value)
{
    const sl_node *node = sl_pickle_get(pickle, value);
    if (node->kind == SL_VALUE_OBJECT)
        return get_cell(pickle, value, OBJECT_CELLS);
    return node->kind == SL_VALUE_TUPLE || node->kind == SL_VALUE_LIST || node->kind == SL_VALUE_DICT ? node->first : 0;
}

sl_value sl_pickle_find(const sl_pickle *pickle, sl_value dict, const char *key)
{
    sl_value found = NOTHING;
    const sl_node *node = sl_pickle_get(pickle, dict);
    if (node->kind != SL_VALUE_DICT && !(node->kind == SL_VALUE_OBJECT && node->has_pairs))
        return NOTHING;
    for (uint32_t cell = sl_pickle_get_first(pickle, dict), next; cell; cell = pickle->cells[next].next) {
        next = pickle->cells[cell].next; /* cell 0, where a pair is not whole, has no value and no next */
        if (sl_pickle_is_text(pickle, pickle->cells[cell].value, key))
            found = pickle->cells[next].value;
    }
    return found;
}
