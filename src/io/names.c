/* Finding an LSTM, its embedding and its head among a file's tensors. */
#include "io/names.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"

#include <stdio.h>
#include <string.h>

/* ---- Words for messages ---------------------------------------------------------------------------------------------------- */

/* A list of quoted names, cut to what a message can hold. */
typedef struct name_list {
    char text[400];
    size_t length;
    size_t count, shown;
} name_list;

static void list_add(name_list *list, const char *name, size_t bytes)
{
    const size_t room = sizeof list->text - list->length;
    if (list->shown == list->count++) {
        const int n = snprintf(list->text + list->length, room, "%s\"%.*s\"", list->shown ? ", " : "", (int)bytes, name);
        if (n > 0 && (size_t)n < room) {
            list->length += (size_t)n;
            list->shown++;
        } else {
            snprintf(list->text + list->length, room, "%.*s", (int)sl_size_min(5, room - 1), ", ...");
        }
    }
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && memcmp(text + length - tail, end, tail) == 0;
}

static const char weight_end[] = ".weight";

/* Bytes before ".weight", 0 if the name is not of this form. */
static size_t stem_bytes(const char *name)
{
    return ends_with(name, weight_end) ? strlen(name) - (sizeof weight_end - 1) : 0;
}

static bool stem_is(const char *name, const char *stem)
{
    const size_t bytes = stem_bytes(name);
    return bytes == strlen(stem) && memcmp(name, stem, bytes) == 0;
}

/* ---- Checking one tensor --------------------------------------------------------------------------------------------------- */

typedef struct names_context {
    sl_safetensors *file;
    sl_binding *binding;
    sluice_error *error;
} names_context;

static sluice_status bad(const names_context *context, sluice_status status, const char *name, const char *what)
{
    return sl_fail(context->error, status, "%s: tensor \"%s\"%s", context->file->input.name, name, what);
}

/* A tensor of a known place: its type can be read, its shape is [rows][columns], or [rows] with columns 0. `letters` says the
 * shape in the words of the manual. The tensor is used from then on. */
static sluice_status check_tensor(const names_context *context, sl_tensor *tensor, size_t rows, size_t columns, const char *letters)
{
    const char *path = context->file->input.name;
    if (!tensor->readable)
        return sl_fail(context->error, SLUICE_STATUS_BAD_DATA,
                       "%s: byte %zu: tensor \"%s\": expected type F32, F16 or BF16, found %s; convert it", path, tensor->stated_at,
                       tensor->name, tensor->dtype);
    const size_t expected[] = {rows, columns}, dims = columns ? 2 : 1;
    if (tensor->dims != dims || memcmp(tensor->shape, expected, dims * sizeof *expected) != 0)
        return sl_fail(context->error, SLUICE_STATUS_BAD_DATA, "%s: byte %zu: tensor \"%s\": expected shape %s (%s), found %s",
                       path, tensor->stated_at, tensor->name, sl_shape_get_text(expected, dims).text, letters,
                       sl_shape_get_text(tensor->shape, tensor->dims).text);
    tensor->used = true;
    return SLUICE_STATUS_OK;
}

/* ---- The LSTM -------------------------------------------------------------------------------------------------------------- */

static const char first_name[] = "weight_ih_l0";

enum { WEIGHT_HR = SL_CELL_PARTS, KINDS }; /* a projection comes after the kinds that are bound */
static const char *const kinds[KINDS] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"};

/* What a name says behind the prefix: kind_l{layer}[_reverse]. */
typedef struct part {
    int kind;
    size_t layer;
    bool reverse;
} part;

static bool parse_part(const char *text, part *found)
{
    for (found->kind = 0; found->kind < KINDS; found->kind++)
        if (strncmp(text, kinds[found->kind], strlen(kinds[found->kind])) == 0)
            break;
    if (found->kind == KINDS)
        return false;
    text += strlen(kinds[found->kind]);
    if (text[0] != '_' || text[1] != 'l' || text[2] < '0' || text[2] > '9' || (text[2] == '0' && text[3] >= '0' && text[3] <= '9'))
        return false;
    found->layer = 0;
    for (text += 2; *text >= '0' && *text <= '9'; text++)
        if (!sl_size_mul(found->layer, 10, &found->layer) || !sl_size_add(found->layer, (size_t)(*text - '0'), &found->layer))
            return false;
    found->reverse = strcmp(text, "_reverse") == 0;
    return *text == '\0' || found->reverse;
}

static sluice_status fail_no_lstm(const names_context *context, const char *wanted)
{
    const sl_safetensors *file = context->file;
    name_list list = {0};
    for (size_t k = 0; k < file->count; k++)
        list_add(&list, file->tensors[k].name, strlen(file->tensors[k].name));
    return sl_fail(context->error, SLUICE_STATUS_BAD_DATA,
                   "%s: no LSTM: expected a tensor named \"%s%s\" as torch.nn.LSTM names it, found %zu tensors: %s",
                   file->input.name, wanted, first_name, file->count, file->count ? list.text : "none");
}

/* The prefix that was asked for, or the only one. */
static sluice_status find_prefix(const names_context *context, const char *wanted)
{
    sl_binding *binding = context->binding;
    name_list list = {0};
    bool found = false;
    for (size_t k = 0; k < context->file->count; k++) {
        const char *name = context->file->tensors[k].name;
        if (!ends_with(name, first_name))
            continue;
        const size_t bytes = strlen(name) - (sizeof first_name - 1);
        if (wanted && (bytes != strlen(wanted) || memcmp(name, wanted, bytes) != 0))
            continue;
        list_add(&list, name, bytes);
        binding->prefix = name;
        binding->prefix_bytes = bytes;
        found = true;
    }
    if (!found)
        return fail_no_lstm(context, wanted ? wanted : "[prefix]");
    if (list.count == 1)
        return SLUICE_STATUS_OK;
    return sl_fail(context->error, SLUICE_STATUS_BAD_DATA,
                   "%s: expected one LSTM, found %zu, with the prefixes %s; choose with --prefix (names.prefix)",
                   context->file->input.name, list.count, list.text);
}

/* Layers, directions and biases, as far as any name has them; a projection is refused. */
static sluice_status survey(const names_context *context)
{
    sl_binding *binding = context->binding;
    binding->shape.directions = 1;
    for (size_t k = 0; k < context->file->count; k++) {
        const char *name = context->file->tensors[k].name;
        part found;
        if (strncmp(name, binding->prefix, binding->prefix_bytes) != 0 || !parse_part(name + binding->prefix_bytes, &found))
            continue;
        if (found.kind == WEIGHT_HR)
            return bad(context, SLUICE_STATUS_UNSUPPORTED, name, ": an LSTM with projections (proj_size) cannot be run");
        binding->shape.layers = sl_size_max(binding->shape.layers, found.layer);
        binding->shape.directions = found.reverse ? 2 : binding->shape.directions;
        binding->shape.has_bias |= found.kind == SL_BIAS_IH || found.kind == SL_BIAS_HH;
    }
    /* A name may claim any layer; with as many layers as tensors one is missing for certain, and will be named. */
    binding->shape.layers = sl_size_min(binding->shape.layers, context->file->count) + 1;
    return SLUICE_STATUS_OK;
}

sl_tensor_name sl_names_get_cell(const char *prefix, size_t prefix_bytes, int kind, size_t layer, bool reverse)
{
    sl_tensor_name made;
    snprintf(made.text, sizeof made.text, "%.*s%s_l%zu%s", (int)sl_size_min(prefix_bytes, SL_TENSOR_MAX_NAME), prefix, kinds[kind],
             layer, reverse ? "_reverse" : "");
    return made;
}

/* The tensor of a place, which must be there. */
static sluice_status find_part(const names_context *context, part wanted, sl_tensor **tensor)
{
    const sl_binding *binding = context->binding;
    const sl_tensor_name name =
        sl_names_get_cell(binding->prefix, binding->prefix_bytes, wanted.kind, wanted.layer, wanted.reverse);
    *tensor = sl_safetensors_find(context->file, name.text);
    if (*tensor)
        return SLUICE_STATUS_OK;
    const bool bias = wanted.kind == SL_BIAS_IH || wanted.kind == SL_BIAS_HH;
    return bad(context, SLUICE_STATUS_BAD_DATA, name.text,
               bias                             ? " is missing: expected both biases in every layer and direction, or none at all"
               : wanted.layer || wanted.reverse ? " is missing: expected every layer and direction that other tensors are named for"
                                                : " is missing");
}

static sluice_status find_matrix(const names_context *context, int kind, sl_tensor **tensor)
{
    const sluice_status status = find_part(context, (part){.kind = kind}, tensor);
    if (status != SLUICE_STATUS_OK || ((*tensor)->dims == 2 && (*tensor)->shape[0] && (*tensor)->shape[1]))
        return status;
    return sl_fail(context->error, SLUICE_STATUS_BAD_DATA,
                   "%s: byte %zu: tensor \"%s\": expected shape %s, none of them 0, found %s", context->file->input.name,
                   (*tensor)->stated_at, (*tensor)->name, kind == SL_WEIGHT_IH ? "[4H][I]" : "[4H][H]",
                   sl_shape_get_text((*tensor)->shape, (*tensor)->dims).text);
}

/* I and H, off the first layer's matrices; check_cell looks at them again with all the others. */
static sluice_status read_sizes(const names_context *context)
{
    sluice_shape *shape = &context->binding->shape;
    sl_tensor *weight_ih, *weight_hh;
    sluice_status status = find_matrix(context, SL_WEIGHT_IH, &weight_ih);
    if (status == SLUICE_STATUS_OK)
        status = find_matrix(context, SL_WEIGHT_HH, &weight_hh);
    if (status != SLUICE_STATUS_OK)
        return status;
    const size_t rows = weight_hh->shape[0];
    shape->inputs = weight_ih->shape[1];
    shape->hidden = weight_hh->shape[1];
    if (rows % 4 == 0 && rows / 4 == shape->hidden)
        return SLUICE_STATUS_OK;
    const char *hint = rows / 3 == shape->hidden && rows % 3 == 0 ? "; this looks like a GRU"
                       : rows == shape->hidden                    ? "; this looks like a plain RNN"
                                                                  : "";
    return sl_fail(context->error, SLUICE_STATUS_BAD_DATA, "%s: byte %zu: tensor \"%s\": expected shape [4H][H], found %s%s",
                   context->file->input.name, weight_hh->stated_at, weight_hh->name,
                   sl_shape_get_text(weight_hh->shape, weight_hh->dims).text, hint);
}

/* The tensors of one direction of one layer. */
static sluice_status bind_cell(const names_context *context, size_t cell)
{
    sl_binding *binding = context->binding;
    const sluice_shape *shape = &binding->shape;
    const size_t layer = cell / shape->directions, inputs = layer ? shape->directions * shape->hidden : shape->inputs;
    const size_t columns[] = {[SL_WEIGHT_IH] = inputs, [SL_WEIGHT_HH] = shape->hidden, [SL_BIAS_HH] = 0};
    const char *const letters[] = {layer ? "[4H][D*H]" : "[4H][I]", "[4H][H]", "[4H]", "[4H]"};
    sluice_status status = SLUICE_STATUS_OK;
    for (int kind = 0; kind < (shape->has_bias ? SL_CELL_PARTS : SL_BIAS_IH) && status == SLUICE_STATUS_OK; kind++) {
        sl_tensor *tensor;
        status = find_part(context, (part){kind, layer, cell % shape->directions}, &tensor);
        if (status == SLUICE_STATUS_OK)
            status = check_tensor(context, tensor, 4 * shape->hidden, columns[kind], letters[kind]);
        binding->tensors[(size_t)kind * binding->cells + cell] = tensor;
    }
    return status;
}

static sluice_status bind_lstm(const names_context *context, const char *prefix)
{
    sl_binding *binding = context->binding;
    sluice_status status = find_prefix(context, prefix);
    if (status == SLUICE_STATUS_OK)
        status = survey(context);
    if (status == SLUICE_STATUS_OK)
        status = read_sizes(context);
    if (status != SLUICE_STATUS_OK)
        return status;
    binding->cells = binding->shape.layers * binding->shape.directions;
    binding->count = SL_CELL_PARTS * binding->cells + SL_EXTRAS;
    binding->tensors = sl_alloc_array(binding->count, sizeof *binding->tensors);
    if (!binding->tensors)
        return sl_fail_memory(context->error, "the list of layers", binding->count * sizeof *binding->tensors);
    binding->extras = binding->tensors + SL_CELL_PARTS * binding->cells;
    for (size_t cell = 0; cell < binding->cells && status == SLUICE_STATUS_OK; cell++)
        status = bind_cell(context, cell);
    return status;
}

/* ---- Embedding and head ---------------------------------------------------------------------------------------------------- */

/* What is looked for: a matrix [rows][columns] named [stem].weight. */
typedef struct search {
    const char *what;
    const char *wanted;    /* stem asked for; NULL: any */
    const char *preferred; /* stem taken when several fit */
    const char *option;    /* how the user chooses */
    bool embedding;        /* only names like an embedding's, or only others */
    size_t columns;
    const char *letters; /* of the shape */
} search;

static bool is_like_embedding(const char *name)
{
    return strstr(name, "embed") != NULL || ends_with(name, "emb.weight");
}

static bool fits(const search *wish, const sl_tensor *tensor)
{
    return !tensor->used && stem_bytes(tensor->name) && is_like_embedding(tensor->name) == wish->embedding && tensor->dims == 2 &&
           tensor->shape[0] && tensor->shape[1] == wish->columns;
}

static sluice_status find_named(const names_context *context, const search *wish, sl_tensor **tensor)
{
    for (size_t k = 0; k < context->file->count; k++)
        if (stem_is(context->file->tensors[k].name, wish->wanted)) {
            *tensor = &context->file->tensors[k];
            return SLUICE_STATUS_OK;
        }
    return sl_fail(context->error, SLUICE_STATUS_BAD_DATA, "%s: tensor \"%s.weight\" is missing, asked for as the %s; see %s",
                   context->file->input.name, wish->wanted, wish->what, wish->option);
}

static sluice_status find_fitting(const names_context *context, const search *wish, sl_tensor **tensor)
{
    name_list list = {0};
    for (size_t k = 0; k < context->file->count; k++) {
        sl_tensor *candidate = &context->file->tensors[k];
        if (!fits(wish, candidate))
            continue;
        *tensor = candidate;
        if (stem_is(candidate->name, wish->preferred))
            return SLUICE_STATUS_OK;
        list_add(&list, candidate->name, stem_bytes(candidate->name));
    }
    if (list.count < 2)
        return SLUICE_STATUS_OK;
    *tensor = NULL;
    return sl_fail(context->error, SLUICE_STATUS_BAD_DATA,
                   "%s: expected one tensor that can be the %s, %s, found %zu: %s; choose with %s, \"\" for none",
                   context->file->input.name, wish->what, wish->letters, list.count, list.text, wish->option);
}

/* *tensor is NULL if there is none, or none is wanted. */
static sluice_status bind_matrix(const names_context *context, const search *wish, sl_tensor **tensor)
{
    *tensor = NULL;
    if (wish->wanted && !*wish->wanted)
        return SLUICE_STATUS_OK;
    const sluice_status status = wish->wanted ? find_named(context, wish, tensor) : find_fitting(context, wish, tensor);
    if (status != SLUICE_STATUS_OK || !*tensor)
        return status;
    const size_t rows = (*tensor)->dims && (*tensor)->shape[0] ? (*tensor)->shape[0] : 1; /* any number but 0 */
    return check_tensor(context, *tensor, rows, wish->columns, wish->letters);
}

static sluice_status bind_embedding(const names_context *context, const char *stem)
{
    sl_binding *binding = context->binding;
    const search wish = {.what = "embedding",
                         .wanted = stem,
                         .preferred = "embedding",
                         .option = "--embedding-name (names.embedding)",
                         .embedding = true,
                         .columns = binding->shape.inputs,
                         .letters = "[V][I]"};
    sl_tensor *weight;
    const sluice_status status = bind_matrix(context, &wish, &weight);
    if (status != SLUICE_STATUS_OK || !weight)
        return status;
    if (weight->shape[0] > INT32_MAX)
        return bad(context, SLUICE_STATUS_UNSUPPORTED, weight->name, ": a vocabulary beyond 2^31 - 1, the largest token");
    binding->extras[SL_EMBEDDING] = weight;
    binding->shape.vocabulary = weight->shape[0];
    return SLUICE_STATUS_OK;
}

static sluice_status bind_head(const names_context *context, const char *stem)
{
    sl_binding *binding = context->binding;
    const search wish = {.what = "head",
                         .wanted = stem,
                         .preferred = "fc",
                         .option = "--head-name (names.head)",
                         .columns = binding->shape.directions * binding->shape.hidden,
                         .letters = "[C][D*H]"};
    sl_tensor *weight;
    sluice_status status = bind_matrix(context, &wish, &weight);
    if (status != SLUICE_STATUS_OK || !weight)
        return status;
    binding->extras[SL_HEAD_WEIGHT] = weight;
    binding->shape.classes = weight->shape[0];
    char name[SL_TENSOR_MAX_NAME + 1];
    snprintf(name, sizeof name, "%.*s.bias", (int)stem_bytes(weight->name), weight->name);
    sl_tensor *bias = sl_safetensors_find(context->file, name);
    if (bias)
        status = check_tensor(context, bias, binding->shape.classes, 0, "[C]");
    binding->extras[SL_HEAD_BIAS] = bias;
    return status;
}

/* ---- Class names ----------------------------------------------------------------------------------------------------------- */

bool sl_names_class_is_plain(const char *name)
{
    bool plain = *name != '\0';
    for (const char *c = name; *c; c++)
        plain = plain && (unsigned char)*c >= 0x20 && *c != 0x7f && *c != ',';
    return plain;
}

static sluice_status check_class(const names_context *context, size_t k, const char *name)
{
    if (sl_names_class_is_plain(name))
        return SLUICE_STATUS_OK;
    return sl_fail(context->error, SLUICE_STATUS_BAD_DATA,
                   "%s: metadata \"classes\": expected a printable name for class %zu, found \"%.80s\"", context->file->input.name,
                   k, name);
}

static sluice_status bind_classes(const names_context *context)
{
    sl_binding *binding = context->binding;
    const size_t expected = binding->shape.classes;
    char *text = sl_safetensors_find_metadata(context->file, "classes");
    if (!text || !expected)
        return SLUICE_STATUS_OK;
    size_t count = 1;
    for (const char *c = text; *c; c++)
        count += *c == ',';
    if (count != expected)
        return sl_fail(context->error, SLUICE_STATUS_BAD_DATA,
                       "%s: metadata \"classes\": expected %zu names separated by commas, as tensor \"%s\" has rows, found %zu",
                       context->file->input.name, expected, binding->extras[SL_HEAD_WEIGHT]->name, count);
    binding->classes = sl_alloc_array(count, sizeof *binding->classes);
    if (!binding->classes)
        return sl_fail_memory(context->error, "class names", count * sizeof *binding->classes);
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; k < count && status == SLUICE_STATUS_OK; k++) {
        binding->classes[k] = text;
        text += strcspn(text, ",");
        *text++ = '\0';
        status = check_class(context, k, binding->classes[k]);
    }
    return status;
}

sluice_status sl_names_bind(sl_safetensors *file, const sluice_names *names, sl_binding *binding, sluice_error *error)
{
    static const sluice_names open = {0};
    const sluice_names *wanted = names ? names : &open;
    const names_context context = {file, binding, error};
    *binding = (sl_binding){0};
    sluice_status status = bind_lstm(&context, wanted->prefix);
    if (status == SLUICE_STATUS_OK)
        status = bind_embedding(&context, wanted->embedding);
    if (status == SLUICE_STATUS_OK)
        status = bind_head(&context, wanted->head);
    if (status == SLUICE_STATUS_OK)
        status = bind_classes(&context);
    if (status != SLUICE_STATUS_OK)
        sl_names_release(binding);
    return status;
}

void sl_names_release(sl_binding *binding)
{
    sl_free(binding->tensors);
    sl_free(binding->classes);
    *binding = (sl_binding){0};
}
