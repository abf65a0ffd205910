#include "io/torch/torch_walk.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/torch/torch_tensor.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MAX_DEPTH = 100, STATE = 2, MAX_TRAINING_KEY = 64 };

/* The walk runs twice: the first time it counts, the second time it fills in. A value that holds others is entered once, so that the
 * walk ends whatever refers to what. */
typedef struct walk {
    sl_pickle *pickle;
    sluice_error *error;
    sl_torch_leaf *leaves; /* NULL: count only */
    char *paths;
    size_t count, path_bytes;
    unsigned char round; /* what `seen` is set to */
    char path[SL_TORCH_MAX_NAME + 1];
} walk;

/* Where a value stands. */
typedef struct place {
    size_t path_bytes; /* the path to it, with the last dot */
    size_t group_bytes;
    sl_value group;
    int depth;
} place;

static sluice_status visit(walk *w, sl_value value, place at);

static sluice_status fail(const walk *w, sl_value value, const char *problem)
{
    return sl_pickle_fail(&w->pickle->text, sl_pickle_get(w->pickle, value)->at, w->error,
                          "%s; write model.state_dict() alone by torch.save", problem);
}

/* ---- Paths ----------------------------------------------------------------------------------------------------------------- */

/* Put a part and a dot behind the path of *at, which is then that of what is below it. */
static sluice_status append(walk *w, sl_value value, const char *part, size_t bytes, place *at)
{
    if (bytes + 1 > SL_TORCH_MAX_NAME - at->path_bytes)
        return fail(w, value, "a tensor's name has too many characters");
    memcpy(w->path + at->path_bytes, part, bytes);
    at->path_bytes += bytes;
    w->path[at->path_bytes++] = '.';
    at->depth++;
    return SLUICE_STATUS_OK;
}

static sluice_status append_index(walk *w, sl_value value, long long index, place *at)
{
    char text[32];
    const int bytes = snprintf(text, sizeof text, "%lld", index);
    return append(w, value, text, (size_t)bytes, at);
}

/* A key that is a string or a number; *named: it is one. */
static sluice_status append_key(walk *w, sl_value key, place *at, bool *named)
{
    const sl_node *node = sl_pickle_get(w->pickle, key);
    *named = node->kind == SL_VALUE_STRING || node->kind == SL_VALUE_INT;
    if (node->kind == SL_VALUE_STRING)
        return append(w, key, (const char *)w->pickle->text.bytes + node->begin, node->bytes, at);
    return *named ? append_index(w, key, node->number, at) : SLUICE_STATUS_OK;
}

/* ---- What values are --------------------------------------------------------------------------------------------------------- */

static bool is_optimizer(const walk *w, sl_value dict)
{
    return sl_pickle_find(w->pickle, dict, "param_groups") && sl_pickle_find(w->pickle, dict, "state");
}

/* A key by which checkpoints have what belongs to training. */
static bool is_training_key(const walk *w, sl_value key)
{
    static const char word[] = "optim";
    const sl_node *node = sl_pickle_get(w->pickle, key);
    if (node->kind != SL_VALUE_STRING || node->bytes > MAX_TRAINING_KEY)
        return false;
    const char *text = (const char *)w->pickle->text.bytes + node->begin;
    for (size_t k = 0; k + sizeof word - 1 <= node->bytes; k++)
        if (strncasecmp(text + k, word, sizeof word - 1) == 0)
            return true;
    return false;
}

/* Attributes that repeat the parameters, as nn.LSTM has them for cuDNN. */
static bool is_repetition(const walk *w, sl_value key)
{
    return sl_pickle_is_text(w->pickle, key, "_flat_weights") || sl_pickle_is_text(w->pickle, key, "_all_weights");
}

/* Whether a value may hold others; or is a tensor, which does too. */
static bool is_container(const walk *w, sl_value value)
{
    const unsigned char kind = sl_pickle_get(w->pickle, value)->kind;
    return kind == SL_VALUE_DICT || kind == SL_VALUE_LIST || kind == SL_VALUE_TUPLE || kind == SL_VALUE_OBJECT;
}

/* Whether a value has not been entered before in this round; it is from here on. */
static bool enter(walk *w, sl_value value)
{
    sl_node *node = &w->pickle->nodes[value];
    const bool is_new = node->seen != w->round;
    node->seen = w->round;
    return is_new;
}

static sl_value get_unwrapped(const walk *w, uint32_t cell)
{
    return sl_torch_unwrap(w->pickle, w->pickle->cells[cell].value);
}

static bool has_tensor(const walk *w, sl_value dict)
{
    for (uint32_t cell = sl_pickle_get_first(w->pickle, dict), next; cell; cell = w->pickle->cells[next].next) {
        next = w->pickle->cells[cell].next;
        if (sl_torch_is_tensor(w->pickle, get_unwrapped(w, next)))
            return true;
    }
    return false;
}

static void begin_group(sl_value value, place *at)
{
    if (at->group)
        return;
    at->group = value;
    at->group_bytes = at->path_bytes;
}

/* ---- The walk -------------------------------------------------------------------------------------------------------------- */

static void add_leaf(walk *w, sl_value tensor, place at)
{
    const size_t bytes = at.path_bytes ? at.path_bytes - 1 : 0; /* without the last dot */
    if (w->leaves) {
        char *path = w->paths + w->path_bytes;
        memcpy(path, w->path, bytes);
        path[bytes] = '\0';
        w->leaves[w->count] = (sl_torch_leaf){.path = path, .group_bytes = at.group_bytes, .group = at.group, .tensor = tensor};
    }
    w->count++;
    w->path_bytes += bytes + 1;
}

/* Keys and values of a dict, or of an object's items. */
static sluice_status visit_pairs(walk *w, sl_value dict, place at)
{
    sluice_status status = SLUICE_STATUS_OK;
    for (uint32_t cell = sl_pickle_get_first(w->pickle, dict), next; !status && cell; cell = w->pickle->cells[next].next) {
        next = w->pickle->cells[cell].next;
        const sl_value key = w->pickle->cells[cell].value, value = get_unwrapped(w, next);
        place below = at;
        bool named = false;
        if (!is_container(w, value) || is_repetition(w, key) || (is_training_key(w, key) && !sl_torch_is_tensor(w->pickle, value)))
            continue;
        status = append_key(w, key, &below, &named);
        if (!status && named)
            status = visit(w, value, below);
    }
    return status;
}

static sluice_status visit_dict(walk *w, sl_value dict, place at)
{
    if (is_optimizer(w, dict))
        return SLUICE_STATUS_OK;
    if (has_tensor(w, dict))
        begin_group(dict, &at);
    return visit_pairs(w, dict, at);
}

/* Lists of dicts or modules; tensors alone in them have no names. */
static sluice_status visit_list(walk *w, sl_value list, place at)
{
    sluice_status status = SLUICE_STATUS_OK;
    long long index = 0;
    for (uint32_t cell = sl_pickle_get_first(w->pickle, list); !status && cell; cell = w->pickle->cells[cell].next, index++) {
        const sl_value value = get_unwrapped(w, cell);
        place below = at;
        if (!is_container(w, value) || sl_torch_is_tensor(w->pickle, value))
            continue;
        status = append_index(w, list, index, &below);
        if (!status)
            status = visit(w, value, below);
    }
    return status;
}

/* An object's state. A module's parameters, buffers and modules have names as if they were attributes. */
static sluice_status visit_state(walk *w, sl_value object, sl_value state, place at)
{
    static const char *const parts[] = {"_parameters", "_buffers", "_modules"};
    bool is_module = false;
    sluice_status status = SLUICE_STATUS_OK;
    if (sl_pickle_get(w->pickle, state)->kind != SL_VALUE_DICT || !enter(w, state) || is_optimizer(w, state))
        return SLUICE_STATUS_OK;
    begin_group(object, &at);
    for (size_t k = 0; !status && k < sizeof parts / sizeof *parts; k++) {
        const sl_value part = sl_pickle_find(w->pickle, state, parts[k]);
        is_module |= part != 0;
        if (sl_pickle_get(w->pickle, part)->kind == SL_VALUE_DICT && enter(w, part))
            status = visit_pairs(w, part, at);
    }
    return status || is_module ? status : visit_pairs(w, state, at);
}

static sluice_status visit_object(walk *w, sl_value object, place at)
{
    const sluice_status status = visit_state(w, object, sl_pickle_get_item(w->pickle, object, STATE), at);
    if (status)
        return status;
    return sl_pickle_get(w->pickle, object)->has_pairs ? visit_dict(w, object, at) : visit_list(w, object, at);
}

static sluice_status visit(walk *w, sl_value value, place at)
{
    if (sl_torch_is_tensor(w->pickle, value)) {
        add_leaf(w, value, at);
        return SLUICE_STATUS_OK;
    }
    if (!enter(w, value))
        return SLUICE_STATUS_OK;
    if (at.depth > MAX_DEPTH)
        return fail(w, value, "values of the pickle are nested too deeply");
    switch (sl_pickle_get(w->pickle, value)->kind) {
    case SL_VALUE_DICT:
        return visit_dict(w, value, at);
    case SL_VALUE_TUPLE:
    case SL_VALUE_LIST:
        return visit_list(w, value, at);
    case SL_VALUE_OBJECT:
        return visit_object(w, value, at);
    default:
        return SLUICE_STATUS_OK;
    }
}

static sluice_status walk_all(walk *w)
{
    w->round++;
    w->count = w->path_bytes = 0;
    return visit(w, sl_torch_unwrap(w->pickle, w->pickle->root), (place){0});
}

/* Memory for what was counted. */
static sluice_status take_memory(walk *w, sl_torch_leaves *leaves)
{
    size_t bytes;
    if (!sl_size_mul(w->count, sizeof *leaves->leaves + sizeof(sl_tensor), &bytes) || !sl_size_add(bytes, w->path_bytes, &bytes) ||
        bytes > w->pickle->room)
        return fail(w, w->pickle->root, "the pickle has more tensors than are read");
    w->pickle->room -= bytes;
    leaves->leaves = sl_alloc_array(w->count, sizeof *leaves->leaves);
    leaves->paths = sl_alloc(w->path_bytes);
    leaves->count = w->count;
    if (!leaves->leaves || !leaves->paths)
        return sl_fail_memory(w->error, "a list of tensors", bytes);
    w->leaves = leaves->leaves;
    w->paths = leaves->paths;
    return SLUICE_STATUS_OK;
}

sluice_status sl_torch_walk(sl_pickle *pickle, sl_torch_leaves *leaves, sluice_error *error)
{
    walk w = {.pickle = pickle, .error = error};
    *leaves = (sl_torch_leaves){0};
    sluice_status status = walk_all(&w);
    if (!status)
        status = take_memory(&w, leaves);
    if (!status)
        status = walk_all(&w);
    if (status)
        sl_torch_leaves_release(leaves);
    return status;
}

void sl_torch_leaves_release(sl_torch_leaves *leaves)
{
    sl_free(leaves->leaves);
    sl_free(leaves->paths);
    *leaves = (sl_torch_leaves){0};
}
