/* Finding the two matrices around the LSTM: the embedding before it and the linear head after it. Without a given name, each is
 * taken only if there is exactly one likely candidate; otherwise the binding holds the reason. */
#include "base/error.h"
#include "io/label.h"
#include "io/model/names_find.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What to search for: a matrix [rows][columns] named [stem].weight. */
typedef struct matrix_query {
    const char *what;
    const char *wanted; /* the stem that the caller gave; NULL: any */
    const char *option; /* by which the user chooses */
    bool embedding;     /* search among names like an embedding's, else among all others */
    size_t columns;
    size_t inputs;           /* I */
    const char *letters;     /* the shape as the documentation writes it */
    sl_names_reason *reason; /* set where none is taken */
} matrix_query;

static bool has_word(const char *name, const char *const *words)
{
    while (*words && !strstr(name, *words))
        words++;
    return *words != NULL;
}

bool sl_names_is_like_embedding(const char *name)
{
    static const char *const words[] = {"embed", "emb.weight", NULL};
    return has_word(name, words);
}

/* Whether a tensor is a matrix of weights that is not used yet. */
static bool is_free_matrix(const sl_tensor *tensor)
{
    return !tensor->used && sl_names_get_stem(tensor->name) && tensor->dims == 2 && tensor->shape[0];
}

static bool fits(const matrix_query *query, const sl_tensor *tensor)
{
    return is_free_matrix(tensor) && sl_names_is_like_embedding(tensor->name) == query->embedding &&
           tensor->shape[1] == query->columns;
}

/* ---- Unlikely candidates --------------------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Bytes of a tensor's name before its weight, however that is kept: "fc" of fc.weight, of weight_norm's fc.weight_v and of
 * fc.parametrizations.weight.original1, "gru" of gru.weight_ih_l0; the whole name where no weight is named. */
static size_t get_layer_bytes(const char *name)
{
    static const char *const ends[] = {".parametrizations.weight", ".weight"};
    for (int k = 0; k < 2; k++) {
        const char *end = strstr(name, ends[k]);
        for (const char *next = end; next; next = strstr(next + 1, ends[k]))
            end = next;
        if (end && end != name)
            return (size_t)(end - name);
    }
    return strlen(name);
}

/* Whether two layers' names differ only in the number at their ends, and b's is larger: classifier.0 and classifier.2. No number is
 * smaller than any: fc and fc2. */
static bool is_numbered_later(const char *a, const char *b)
{
    size_t a_end = get_layer_bytes(a), b_end = get_layer_bytes(b), a_at = a_end, b_at = b_end;
    while (a_at && is_digit(a[a_at - 1]))
        a_at--;
    while (b_at && is_digit(b[b_at - 1]))
        b_at--;
    if (b_at == b_end || a_at != b_at || memcmp(a, b, a_at) != 0)
        return false;
    const size_t a_digits = a_end - a_at, b_digits = b_end - b_at;
    return a_digits != b_digits ? a_digits < b_digits : memcmp(a + a_at, b + b_at, a_digits) < 0;
}

/* Whether an unused tensor is the weight of a layer by which the outputs of another layer may be multiplied: of a linear layer, a
 * convolution over steps, a bilinear or recurrent layer. Not the norms that weight_norm keeps, nor recurrent weights. */
static bool is_free_layer(const sl_tensor *tensor)
{
    static const char *const others[] = {"weight_hh", "weight_hr", "weight_g", "original0", "weight_ih_l", NULL};
    return !tensor->used && (tensor->dims == 2 || tensor->dims == 3) && tensor->shape[0] &&
           (strstr(tensor->name, "weight_ih_l0") || !has_word(tensor->name, others));
}

/* Whether a layer takes the outputs of a matrix, judged by sizes. A single output is weak evidence: a filter of one channel has
 * that size too. So is a tensor not named as a weight, if it is square (a CRF's transitions, a table of costs) or of a type that
 * cannot be read. */
static bool takes_outputs(const matrix_query *query, const sl_tensor *layer, size_t outputs)
{
    if (layer->shape[1] != outputs || (outputs == 1 && !is_free_matrix(layer)))
        return false;
    if (sl_names_is_like_embedding(layer->name))
        return outputs != query->inputs;
    return strstr(layer->name, "weight") || (sl_names_is_readable(layer) && layer->shape[0] != outputs);
}

/* A layer that takes the outputs of the matrix, or follows it in a numbered list of layers; NULL if there is none. */
static const sl_tensor *find_follower(const sl_tensor_source *source, const matrix_query *query, const sl_tensor *matrix)
{
    for (size_t k = 0; k < source->count; k++) {
        const sl_tensor *other = &source->tensors[k];
        if (other != matrix && is_free_layer(other) && !sl_names_is_of_tensor(source, other->name) &&
            (takes_outputs(query, other, matrix->shape[0]) || is_numbered_later(matrix->name, other->name)))
            return other;
    }
    return NULL;
}

static void set_reason(const matrix_query *query, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void set_reason(const matrix_query *query, const char *format, ...)
{
    char reason[sizeof query->reason->text - 120];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    snprintf(query->reason->text, sizeof query->reason->text, "none, as %s; name the %s with %s, \"\" for none", reason,
             query->what, query->option);
}

/* Whether a tensor is named as the head's bias but cannot be it. The matrix is not taken then, because a failure would also stop
 * users who need no head. */
static bool has_unfit_bias(const sl_names_context *context, const matrix_query *query, const sl_tensor *matrix)
{
    const sl_tensor *bias = sl_source_find_joined(context->source, matrix->name, sl_names_get_stem(matrix->name), ".bias");
    if (!bias || (sl_names_is_readable(bias) && bias->dims == 1 && bias->shape[0] == matrix->shape[0]))
        return false;
    set_reason(query, "\"%s\" %s %s is no bias of %zu outputs", sl_label_get(bias->name).text, sl_label_get(bias->dtype).text,
               sl_shape_get_text(bias->shape, bias->dims).text, matrix->shape[0]);
    return true;
}

static bool has_unreadable_type(const matrix_query *query, const sl_tensor *matrix)
{
    if (!sl_names_is_readable(matrix))
        set_reason(query, "\"%s\" %s has type %s and would have to be converted to F32",
                   sl_label_get_part(matrix->name, sl_names_get_stem(matrix->name)).text,
                   sl_shape_get_text(matrix->shape, matrix->dims).text, sl_label_get(matrix->dtype).text);
    return !sl_names_is_readable(matrix);
}

static bool is_unlikely_head(const sl_names_context *context, const matrix_query *query, const sl_tensor *matrix)
{
    static const char *const attention[] = {"attn", "attention", NULL};
    const sl_tensor *follower = find_follower(context->source, query, matrix);
    const sl_label label = sl_label_get_part(matrix->name, sl_names_get_stem(matrix->name));
    const sl_shape_text shape = sl_shape_get_text(matrix->shape, matrix->dims);
    if (follower)
        set_reason(query, "\"%s\" %s is not the last layer: \"%s\" %s follows it", label.text, shape.text,
                   sl_label_get_part(follower->name, get_layer_bytes(follower->name)).text,
                   sl_shape_get_text(follower->shape, follower->dims).text);
    else if (has_word(matrix->name, attention))
        set_reason(query, "\"%s\" %s has the name of an attention, whose outputs are no classes", label.text, shape.text);
    else
        return has_unfit_bias(context, query, matrix);
    return true;
}

/* Whether a layer is named as the last one of a network usually is. */
static bool is_named_as_head(const char *name)
{
    static const char *const usual[] = {"fc",    "head",  "class",   "linear",  "lin",       "out",   "dense", "proj",  "decode",
                                        "logit", "final", "predict", "pred",    "cls",       "tag",   "label", "score", "softmax",
                                        "last",  "top",   "readout", "regress", "generator", "vocab", "mlp",   NULL};
    static const char *const front[] = {"inp", "in_proj", "proj_in", "pre_", NULL};
    char lower[SL_LABEL_BYTES];
    size_t n = 0;
    for (const size_t end = sl_names_get_stem(name); n < end && n + 1 < sizeof lower; n++)
        lower[n] = name[n] >= 'A' && name[n] <= 'Z' ? (char)(name[n] - 'A' + 'a') : name[n];
    lower[n] = '\0';
    return has_word(lower, usual) && !has_word(lower, front);
}

/* Report a head that was taken for its sizes alone: it may as well be a layer before the LSTM, or beside it. */
static void note_unusual_head(const matrix_query *query, const sl_tensor *matrix)
{
    if (!is_named_as_head(matrix->name))
        snprintf(query->reason->text, sizeof query->reason->text,
                 "took \"%s\" %s, as no other matrix fits, though its name is not a usual one; name it with %s, \"\" for none",
                 sl_label_get_part(matrix->name, sl_names_get_stem(matrix->name)).text,
                 sl_shape_get_text(matrix->shape, matrix->dims).text, query->option);
}

static bool is_unlikely_embedding(const matrix_query *query, const sl_tensor *matrix)
{
    static const char *const positions[] = {"pos_emb", "posemb", "position", NULL};
    const bool is_of_positions = has_word(matrix->name, positions);
    if (is_of_positions)
        set_reason(query, "\"%s\" %s has the name of an embedding of positions, not of tokens",
                   sl_label_get_part(matrix->name, sl_names_get_stem(matrix->name)).text,
                   sl_shape_get_text(matrix->shape, matrix->dims).text);
    return is_of_positions;
}

/* ---- Searching ------------------------------------------------------------------------------------------------------------- */

static sluice_status find_named(const sl_names_context *context, const matrix_query *query, sl_tensor **tensor)
{
    *tensor = sl_source_find_joined(context->source, query->wanted, strlen(query->wanted), ".weight");
    if (*tensor)
        return SLUICE_STATUS_OK;
    return sl_fail(context->error, SLUICE_STATUS_BAD_DATA, "%s: tensor \"%s.weight\" is missing, asked for as the %s; see %s",
                   context->source->input.name, sl_label_get(query->wanted).text, query->what, query->option);
}

/* The only likely candidate; NULL if there is none, or the choice is not clear. */
static sl_tensor *find_fitting(const sl_names_context *context, const matrix_query *query)
{
    sl_label_list list = {0};
    sl_tensor *only = NULL, *integers = NULL; /* taken as weights only if there is no other candidate */
    for (size_t k = 0; k < context->source->count; k++) {
        sl_tensor *candidate = &context->source->tensors[k];
        if (!fits(query, candidate))
            continue;
        if (!sl_names_is_readable(candidate) && *candidate->dtype != 'F') {
            integers = candidate;
            continue;
        }
        only = candidate;
        char shape[sizeof(sl_shape_text) + 1];
        snprintf(shape, sizeof shape, " %s", sl_shape_get_text(candidate->shape, candidate->dims).text);
        sl_label_list_add(&list, candidate->name, sl_names_get_stem(candidate->name), shape);
    }
    if (!only)
        only = integers;
    if (list.count > 1)
        set_reason(query, "%zu tensors could be it, %s: %s", list.count, query->letters, list.text);
    const bool unlikely =
        list.count > 1 ||
        (only && (has_unreadable_type(query, only) ||
                  (query->embedding ? is_unlikely_embedding(query, only) : is_unlikely_head(context, query, only))));
    if (only && !unlikely && !query->embedding)
        note_unusual_head(query, only);
    return unlikely ? NULL : only;
}

/* Find and check the matrix; *tensor is NULL if there is none, or none is wanted. */
static sluice_status bind_matrix(const sl_names_context *context, const matrix_query *query, sl_tensor **tensor)
{
    *tensor = NULL;
    if (query->wanted && !*query->wanted)
        return SLUICE_STATUS_OK;
    sluice_status status = SLUICE_STATUS_OK;
    if (query->wanted)
        status = find_named(context, query, tensor);
    else
        *tensor = find_fitting(context, query);
    if (status || !*tensor)
        return status;
    const size_t rows = (*tensor)->dims && (*tensor)->shape[0] ? (*tensor)->shape[0] : 1; /* any number but 0 */
    return sl_names_check_tensor(context, *tensor, rows, query->columns, query->letters);
}

sluice_status sl_names_find_embedding(const sl_names_context *context, const char *stem)
{
    sl_binding *binding = context->binding;
    const matrix_query query = {.what = "embedding",
                                .wanted = stem,
                                .option = "--embedding-name (names.embedding)",
                                .embedding = true,
                                .columns = binding->shape.inputs,
                                .letters = "[V][I]",
                                .reason = &binding->embedding};
    sl_tensor *weight;
    const sluice_status status = bind_matrix(context, &query, &weight);
    if (status || !weight)
        return status;
    if (weight->shape[0] > INT32_MAX)
        return sl_names_fail(context, SLUICE_STATUS_UNSUPPORTED, weight->name, ": a vocabulary beyond 2^31 - 1, the largest token");
    binding->extras[SL_EMBEDDING] = weight;
    binding->shape.vocabulary = weight->shape[0];
    return SLUICE_STATUS_OK;
}

sluice_status sl_names_find_head(const sl_names_context *context, const char *stem)
{
    sl_binding *binding = context->binding;
    const matrix_query query = {.what = "head",
                                .wanted = stem,
                                .option = "--head-name (names.head)",
                                .inputs = binding->shape.inputs,
                                .columns = sl_names_get_width(binding),
                                .letters = binding->projection ? "[C][D*P]" : "[C][D*H]",
                                .reason = &binding->head};
    sl_tensor *weight;
    sluice_status status = bind_matrix(context, &query, &weight);
    if (status || !weight)
        return status;
    binding->extras[SL_HEAD_WEIGHT] = weight;
    binding->shape.classes = weight->shape[0];
    sl_tensor *bias = sl_source_find_joined(context->source, weight->name, sl_names_get_stem(weight->name), ".bias");
    if (bias)
        status = sl_names_check_tensor(context, bias, binding->shape.classes, 0, "[C]");
    binding->extras[SL_HEAD_BIAS] = bias;
    return status;
}
