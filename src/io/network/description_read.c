/* A description is read as the tables of network_fields.h have it: a key that is in none of them is a failure,
 * and objects stand within each other no deeper than the tables do. */
#include "io/network/description_read.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/layer.h"
#include "base/memory.h"
#include "io/json.h"
#include "io/label.h"
#include "io/network/network_fields.h"
#include "model/network_check.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* A network as the description has it. */
typedef struct draft {
    const char *name;
    size_t inputs;
    unsigned masking;
    float mask_value;
    sluice_layer layers[SLUICE_MAX_LAYERS];
    size_t layer_count;
    size_t layer_at[SLUICE_MAX_LAYERS];       /* where each begins in the text */
    sluice_cell cells[2 * SLUICE_MAX_LAYERS]; /* of all layers, in their order */
    size_t cell_count;
    char *classes; /* names, one behind the other, each terminated; NULL: none are stated */
    size_t class_count, class_bytes;
    size_t index, at; /* among the networks; where it begins in the text */
} draft;

typedef struct reader {
    sl_scan scan; /* the first, as `report` finds the reader by it */
    const sl_tensor_source *source;
    const sl_metadata *entry;
    sluice_error *error;
    char path[256]; /* of what is being read, "networks[0].layers[2].units" */
    size_t path_bytes;
    const char *wanted;                             /* name of the network to be read; NULL: the only one */
    bool is_list;                                   /* none is to be read, all are listed */
    const char *names[SL_DESCRIPTION_NETWORKS];     /* of the networks so far, NULL of one without */
    sluice_choice choices[SL_DESCRIPTION_NETWORKS]; /* what else is said of them */
    size_t version, networks;
    draft drafts[2], *next, *chosen; /* the network that is read next; the one that is wanted, or NULL */
} reader;

/* ---- Places ---------------------------------------------------------------------------------------------------------------- */

/* The byte of the file of which text[at] was made. */
static size_t find_byte(const reader *from, size_t at)
{
    const sl_metadata *entry = from->entry;
    char *written = sl_alloc(entry->value_bytes);
    size_t inside = 0;
    if (written && !sl_source_read_at(from->source, entry->value_at, written, entry->value_bytes, NULL)) {
        sl_scan scan = {.what = "the header", .text = written, .size = entry->value_bytes, .at = 1};
        inside = sl_scan_json_characters(&scan, at) ? scan.at : 0;
    }
    sl_free(written);
    return entry->value_at + inside;
}

static sluice_status fail_at(const reader *from, size_t at, sluice_status status, const char *path, const char *message)
{
    return sl_fail_byte(from->error, status, from->source->input.name, find_byte(from, at), "metadata \"%s\": %s%s%s",
                        SL_DESCRIPTION_KEY, path, *path ? ": " : "", message);
}

static sluice_status report(sl_scan *scan, size_t at, const char *message)
{
    const reader *from = (const reader *)scan;
    return fail_at(from, at, SLUICE_STATUS_BAD_DATA, from->path, message);
}

/* Go from a place to one within it; returns what leave() needs. */
static size_t enter(reader *from, const char *format, ...) __attribute__((format(printf, 2, 3)));
static size_t enter(reader *from, const char *format, ...)
{
    const size_t before = from->path_bytes, room = sizeof from->path - before;
    va_list arguments;
    va_start(arguments, format);
    const int n = vsnprintf(from->path + before, room, format, arguments);
    va_end(arguments);
    from->path_bytes += (size_t)n < room ? (size_t)n : room - 1;
    return before;
}

static bool leave(reader *from, size_t before)
{
    from->path_bytes = before;
    from->path[before] = '\0';
    return true;
}

/* ---- Lists ----------------------------------------------------------------------------------------------------------------- */

typedef bool item_reader(reader *from, void *to);

/* Read a list of at most `most` items with `item`, which counts them. */
static bool read_list(reader *from, size_t most, item_reader *item, void *to)
{
    sl_scan *scan = &from->scan;
    if (!sl_scan_expect(scan, '['))
        return false;
    if (sl_scan_accept(scan, ']'))
        return true;
    for (size_t k = 0; k == 0 || sl_scan_accept(scan, ','); k++) {
        sl_scan_skip(scan);
        if (k == most)
            return sl_scan_fail(scan, scan->at, "expected at most %zu of them, found more", most);
        const size_t before = enter(from, "[%zu]", k);
        if (!item(from, to))
            return false;
        leave(from, before);
    }
    return sl_scan_expect(scan, ']');
}

static bool read_object(reader *from, const sl_fields *fields, void *to);

static bool read_cell(reader *from, void *to)
{
    draft *network = to;
    sluice_cell *cell = &network->cells[network->cell_count++];
    *cell = sl_cell_default;
    return read_object(from, &sl_cell_fields, cell);
}

static bool read_cells(reader *from, sluice_layer *layer)
{
    enum { MOST_DIRECTIONS = 2 };
    draft *network = from->next;
    sl_scan_skip(&from->scan);
    const size_t begin = from->scan.at, first = network->cell_count;
    layer->cells = &network->cells[first];
    return read_list(from, MOST_DIRECTIONS, read_cell, network) &&
           (network->cell_count > first || sl_scan_fail(&from->scan, begin, "expected a cell for each direction, found none"));
}

static bool read_layer(reader *from, void *to)
{
    draft *network = to;
    sl_scan_skip(&from->scan);
    const size_t begin = from->scan.at, first_cell = network->cell_count;
    network->layer_at[network->layer_count] = begin;
    sluice_layer *layer = &network->layers[network->layer_count++];
    *layer = sl_layer_default;
    if (!read_object(from, &sl_layer_fields, layer))
        return false;
    if (layer->kind != SLUICE_LAYER_DENSE)
        layer->has_bias = 0;
    const size_t directions = sl_layer_count_directions(layer);
    return !layer->cells || network->cell_count - first_cell == directions ||
           sl_scan_fail(&from->scan, begin, "expected a cell for each direction, %zu, found %zu", directions,
                        network->cell_count - first_cell);
}

/* A name of at most 255 bytes, which can be printed. */
static bool read_name(reader *from, const char **name)
{
    sl_scan *scan = &from->scan;
    sl_scan_skip(scan);
    const size_t begin = scan->at;
    char *text;
    if (!sl_scan_json_string(scan, "a name", &text))
        return false;
    const char *control = text;
    while (*control && !sl_clean_get_control(control))
        control++;
    if (!*text || *control || strlen(text) > SL_DESCRIPTION_MAX_NAME)
        return sl_scan_fail(scan, begin, "expected a name of 1 to %d bytes without control characters, found \"%s\"",
                            SL_DESCRIPTION_MAX_NAME, sl_label_get(text).text);
    *name = text;
    return true;
}

/* The names are moved together, so that no list of them is needed. Commas separate them in files of other models. */
static bool read_class(reader *from, void *to)
{
    draft *network = to;
    const size_t begin = from->scan.at;
    const char *name;
    if (!read_name(from, &name))
        return false;
    if (strchr(name, ','))
        return sl_scan_fail(&from->scan, begin, "expected a name without commas, found \"%s\"", sl_label_get(name).text);
    const size_t bytes = strlen(name) + 1;
    if (!network->class_count++)
        network->classes = (char *)name;
    memmove(network->classes + network->class_bytes, name, bytes);
    network->class_bytes += bytes;
    return true;
}

/* ---- Objects --------------------------------------------------------------------------------------------------------------- */

static bool read_word(reader *from, const sl_field *field, unsigned *value)
{
    sl_scan *scan = &from->scan;
    sl_scan_skip(scan);
    const size_t begin = scan->at;
    char *text;
    if (!sl_scan_json_string(scan, "a word", &text))
        return false;
    sl_label_list known = {0};
    for (unsigned k = 0; field->word(k); k++) {
        const char *word = field->word(k);
        if (*word && strcmp(word, text) == 0) {
            *value = k;
            return true;
        }
        if (*word)
            sl_label_list_add(&known, word, strlen(word), "");
    }
    return sl_scan_fail(scan, begin, "expected one of %s, found \"%s\"", known.text, sl_label_get(text).text);
}

static bool read_network(reader *from, void *to);

static bool read_limit(reader *from, float *value)
{
    sl_scan_skip(&from->scan);
    const size_t begin = from->scan.at;
    return sl_scan_json_number(&from->scan, "a number", value) &&
           (*value > 0 ||
            sl_scan_fail(&from->scan, begin, "expected a limit > 0, found %g; leave the key out for none", (double)*value));
}

static bool read_value(reader *from, const sl_field *field, void *to)
{
    void *value = (char *)to + field->at;
    bool flag = false;
    switch (field->type) {
    case SL_FIELD_SIZE:
        return sl_scan_size(&from->scan, "a size", value);
    case SL_FIELD_NUMBER:
        return sl_scan_json_number(&from->scan, "a number", value);
    case SL_FIELD_LIMIT:
        return read_limit(from, value);
    case SL_FIELD_FLAG:
        if (!sl_scan_json_flag(&from->scan, "a flag", &flag))
            return false;
        *(int *)value = flag;
        return true;
    case SL_FIELD_PART:
        if (!sl_scan_json_flag(&from->scan, "a flag", &flag))
            return false;
        *(unsigned *)value = flag ? *(unsigned *)value | field->bit : *(unsigned *)value & ~field->bit;
        return true;
    case SL_FIELD_WORD:
        return read_word(from, field, value);
    case SL_FIELD_TEXT:
        return read_name(from, value);
    case SL_FIELD_ACTIVATION:
        return read_object(from, &sl_activation_fields, value);
    case SL_FIELD_CELLS:
        return read_cells(from, to);
    case SL_FIELD_LAYERS:
        return read_list(from, SLUICE_MAX_LAYERS, read_layer, to);
    case SL_FIELD_CLASSES:
        return read_list(from, SIZE_MAX, read_class, to);
    case SL_FIELD_NETWORKS:
        break;
    }
    return read_list(from, SL_DESCRIPTION_NETWORKS, read_network, to);
}

/* Which keys of an object were seen, and where. */
typedef struct seen_keys {
    unsigned keys; /* a bit for each field */
    size_t at[32];
} seen_keys;

static bool fail_key(reader *from, size_t at, const sl_fields *fields, const char *key)
{
    sl_label_list known = {0};
    for (size_t k = 0; k < fields->count; k++)
        sl_label_list_add(&known, fields->list[k].key, strlen(fields->list[k].key), "");
    return sl_scan_fail(&from->scan, at, "%s has no \"%s\"; its keys are %s", fields->what, sl_label_get(key).text, known.text);
}

/* Read a key and its value. */
static bool read_member(reader *from, const sl_fields *fields, void *to, seen_keys *seen)
{
    sl_scan *scan = &from->scan;
    sl_scan_skip(scan);
    const size_t begin = scan->at;
    char *key;
    if (!sl_scan_json_string(scan, "a key", &key))
        return false;
    size_t k = 0;
    while (k < fields->count && strcmp(fields->list[k].key, key) != 0)
        k++;
    if (k == fields->count)
        return fail_key(from, begin, fields, key);
    const size_t before = enter(from, "%s%s", from->path_bytes ? "." : "", key);
    if (seen->keys & 1u << k)
        return sl_scan_fail(scan, begin, "this key is there twice");
    seen->keys |= 1u << k;
    seen->at[k] = begin;
    return sl_scan_expect(scan, ':') && read_value(from, &fields->list[k], to) && leave(from, before);
}

/* Check that the keys are those that an object of this kind has. */
static bool check_keys(reader *from, const sl_fields *fields, const seen_keys *seen, unsigned kind)
{
    for (size_t k = 0; k < fields->count; k++) {
        const sl_field *field = &fields->list[k];
        const bool is_seen = seen->keys & 1u << k;
        if (!is_seen && (field->needed & kind))
            return sl_scan_fail(&from->scan, from->scan.at - 1, "\"%s\" is missing", field->key);
        if (is_seen && !(field->kinds & kind))
            return sl_scan_fail(&from->scan, seen->at[k], "%s of this kind has no \"%s\"", fields->what, field->key);
    }
    return true;
}

/* This calls itself, by way of values and lists, as deep as the tables stand within each other. */
static bool read_object(reader *from, const sl_fields *fields, void *to)
{
    seen_keys seen = {0};
    if (!sl_scan_expect(&from->scan, '{'))
        return false;
    if (!sl_scan_accept(&from->scan, '}')) {
        do
            if (!read_member(from, fields, to, &seen))
                return false;
        while (sl_scan_accept(&from->scan, ','));
        if (!sl_scan_expect(&from->scan, '}'))
            return false;
    }
    /* Without a kind, the first thing that is missing is the kind. */
    const bool is_layer = fields == &sl_layer_fields && ((sluice_layer *)to)->kind;
    return check_keys(from, fields, &seen, is_layer ? 1u << ((sluice_layer *)to)->kind : SL_EVERY_KIND);
}

/* ---- Networks -------------------------------------------------------------------------------------------------------------- */

#define OF_DRAFT(name) offsetof(draft, name), .kinds = SL_EVERY_KIND
static const sl_field of_network[] = {
    {"name", SL_FIELD_TEXT, OF_DRAFT(name)},
    {"inputs", SL_FIELD_SIZE, OF_DRAFT(inputs)},
    {"masking", SL_FIELD_WORD, OF_DRAFT(masking), .word = sl_masking_get_name},
    {"mask_value", SL_FIELD_NUMBER, OF_DRAFT(mask_value)},
    {"classes", SL_FIELD_CLASSES, 0, .kinds = SL_EVERY_KIND},
    {"layers", SL_FIELD_LAYERS, 0, .kinds = SL_EVERY_KIND, .needed = SL_EVERY_KIND},
};
static const sl_fields network_fields = {"a network", of_network, sizeof of_network / sizeof *of_network};

static const sl_field of_description[] = {
    {"version", SL_FIELD_SIZE, offsetof(reader, version), .kinds = SL_EVERY_KIND, .needed = SL_EVERY_KIND},
    {"networks", SL_FIELD_NETWORKS, 0, .kinds = SL_EVERY_KIND, .needed = SL_EVERY_KIND},
};
static const sl_fields description_fields = {"a description", of_description, sizeof of_description / sizeof *of_description};

static bool is_same_name(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static bool read_network(reader *from, void *to)
{
    (void)to;
    draft *network = from->next;
    sl_scan_skip(&from->scan);
    *network = (draft){.index = from->networks, .at = from->scan.at};
    if (!read_object(from, &network_fields, network))
        return false;
    for (size_t k = 0; k < from->networks; k++)
        if (is_same_name(from->names[k], network->name))
            return sl_scan_fail(&from->scan, network->at, "networks[%zu] has the same name, \"%s\"", k,
                                sl_label_get(network->name).text);
    from->choices[from->networks] = (sluice_choice){.struct_size = sizeof(sluice_choice),
                                                    .field = "network",
                                                    .name = network->name,
                                                    .inputs = network->inputs,
                                                    .layers = network->layer_count};
    from->names[from->networks++] = network->name;
    if (from->wanted ? is_same_name(network->name, from->wanted) : network->index == 0) {
        from->chosen = network;
        from->next = &from->drafts[network == from->drafts];
    }
    return true;
}

/* The version, or 0 if the text is not well-formed as far as to it: reading it again says why. A newer version may have keys that
 * this library does not know, before it. */
static sluice_status find_version(const reader *from, size_t *version)
{
    const size_t size = from->scan.size;
    char *copy = sl_alloc(size + 1), *key;
    if (!copy)
        return sl_fail_memory(from->error, "the description of a network", size + 1);
    memcpy(copy, from->scan.text, size);
    sl_scan scan = {.what = from->scan.what, .text = copy, .size = size};
    bool found = false, good = sl_scan_accept(&scan, '{');
    while (good && !found) {
        good = sl_scan_json_string(&scan, "a key", &key) && sl_scan_expect(&scan, ':');
        found = good && strcmp(key, "version") == 0;
        good = good && (found ? sl_scan_size(&scan, "a version", version)
                              : sl_scan_json_skip(&scan, "a value") && sl_scan_expect(&scan, ','));
    }
    if (!good)
        *version = 0;
    sl_free(copy);
    return SLUICE_STATUS_OK;
}

static sluice_status check_version(const reader *from)
{
    size_t version = 0;
    const sluice_status status = find_version(from, &version);
    if (status || version <= SL_DESCRIPTION_VERSION)
        return status;
    return sl_fail(from->error, SLUICE_STATUS_UNSUPPORTED,
                   "%s: metadata \"%s\": version %zu; this library, Sluice %s, reads up to %d: use a newer Sluice",
                   from->source->input.name, SL_DESCRIPTION_KEY, version, sluice_version_get(), SL_DESCRIPTION_VERSION);
}

/* The one that is wanted is among them. */
static sluice_status check_choice(const reader *from)
{
    sl_label_list names = {0};
    for (size_t k = 0; k < from->networks; k++) {
        const char *name = from->names[k] ? from->names[k] : "";
        sl_label_list_add(&names, name, strlen(name), "");
    }
    if (!from->networks)
        return fail_at(from, 0, SLUICE_STATUS_BAD_DATA, "networks", "expected a network, found none");
    for (size_t k = 0; from->networks > 1 && k < from->networks; k++)
        if (!from->names[k])
            return fail_at(from, 0, SLUICE_STATUS_BAD_DATA, "networks",
                           "expected a name for each of several networks, by which one is "
                           "chosen, found one without");
    if (from->wanted && !from->chosen)
        return sl_fail(from->error, SLUICE_STATUS_BAD_DATA, "%s: no network \"%s\": expected one of %s", from->source->input.name,
                       sl_label_get(from->wanted).text, names.text);
    if (!from->wanted && from->networks > 1 && !from->is_list)
        return sl_fail(from->error, SLUICE_STATUS_BAD_DATA,
                       "%s: %zu networks: %s; choose one by its name, by --network or the field `network` of sluice_names",
                       from->source->input.name, from->networks, names.text);
    return SLUICE_STATUS_OK;
}

static sluice_status read_text(reader *from)
{
    sl_scan *scan = &from->scan;
    sl_scan_skip(scan);
    if (scan->at == scan->size || scan->text[scan->at] != '{') {
        sl_scan_fail(scan, scan->at, "expected a JSON object, found %s; if another program wrote this entry, remove it",
                     sl_scan_get_found(scan).text);
        return scan->status;
    }
    const sluice_status status = check_version(from);
    if (status)
        return status;
    if (!read_object(from, &description_fields, from) || !sl_scan_end(scan))
        return scan->status;
    if (!from->version)
        return fail_at(from, 0, SLUICE_STATUS_BAD_DATA, "version", "expected 1, found 0");
    return check_choice(from);
}

/* ---- The network ----------------------------------------------------------------------------------------------------------- */

/* The layer that a message of the checks is about: the last of the shortest chain that fails with it; layer_count: none. */
static size_t find_faulty_layer(const sluice_network *description, const char *message)
{
    sluice_network part = *description;
    sluice_error error = {0};
    for (part.layer_count = 1; part.layer_count <= description->layer_count; part.layer_count++)
        if (sl_network_check_layers(&part, &error) && strcmp(error.message, message) == 0)
            return part.layer_count - 1;
    return description->layer_count;
}

static sluice_status make_network(const reader *from, sl_network **network)
{
    const draft *chosen = from->chosen;
    const sluice_network description = {.struct_size = sizeof description,
                                        .inputs = chosen->inputs,
                                        .layer_count = chosen->layer_count,
                                        .layers = chosen->layers,
                                        .masking = (sluice_masking)chosen->masking,
                                        .mask_value = chosen->mask_value};
    sluice_error inner = {0};
    const sluice_status status = sl_network_create(&description, false, network, &inner);
    if (!status)
        return SLUICE_STATUS_OK;
    const size_t faulty = find_faulty_layer(&description, inner.message);
    const bool is_known = faulty < chosen->layer_count;
    char path[64];
    snprintf(path, sizeof path, is_known ? "networks[%zu].layers[%zu]" : "networks[%zu]", chosen->index, faulty);
    return fail_at(from, is_known ? chosen->layer_at[faulty] : chosen->at,
                   status == SLUICE_STATUS_BAD_ARGUMENT ? SLUICE_STATUS_BAD_DATA : status, path, inner.message);
}

static sluice_status take_classes(const reader *from, sl_described *described)
{
    const draft *chosen = from->chosen;
    const size_t outputs = described->network->ends;
    char path[48], message[96];
    if (!chosen->class_count)
        return SLUICE_STATUS_OK;
    snprintf(path, sizeof path, "networks[%zu].classes", chosen->index);
    snprintf(message, sizeof message, "expected %zu names, as many as the network has outputs, found %zu", outputs,
             chosen->class_count);
    if (chosen->class_count != outputs)
        return fail_at(from, chosen->at, SLUICE_STATUS_BAD_DATA, path, message);
    described->classes = sl_alloc_array(outputs, sizeof *described->classes);
    if (!described->classes)
        return sl_fail_memory(from->error, "class names", outputs * sizeof *described->classes);
    const char *name = chosen->classes;
    for (size_t k = 0; k < outputs; k++, name += strlen(name) + 1)
        described->classes[k] = name;
    return SLUICE_STATUS_OK;
}

bool sl_description_exists(const sl_tensor_source *source)
{
    return sl_source_find_entry(source, SL_DESCRIPTION_KEY);
}

/* A reader of the file's description; NULL: no memory, which is reported. Freed by sl_free. */
static reader *start(const sl_tensor_source *source, sluice_error *error)
{
    const sl_metadata *entry = sl_source_find_entry(source, SL_DESCRIPTION_KEY);
    reader *from = sl_alloc(sizeof *from);
    if (!from) {
        (void)sl_fail_memory(error, "the description of a network", sizeof *from);
        return NULL;
    }
    from->scan = (sl_scan){.what = "the description", .text = entry->value, .size = strlen(entry->value), .report = report};
    from->source = source;
    from->entry = entry;
    from->error = error;
    from->next = from->drafts;
    return from;
}

sluice_status sl_description_list(const sl_tensor_source *source, sluice_choice_visitor *visit, void *context, sluice_error *error)
{
    reader *from = start(source, error);
    if (!from)
        return SLUICE_STATUS_NO_MEMORY;
    from->is_list = true;
    const sluice_status status = read_text(from);
    for (size_t k = 0; !status && k < from->networks; k++)
        visit(context, &from->choices[k]);
    sl_free(from);
    return status;
}

sluice_status sl_description_read(const sl_tensor_source *source, const char *name, sl_described *described, sluice_error *error)
{
    *described = (sl_described){0};
    reader *from = start(source, error);
    if (!from)
        return SLUICE_STATUS_NO_MEMORY;
    from->wanted = name;
    sluice_status status = read_text(from);
    if (!status)
        status = make_network(from, &described->network);
    if (!status) {
        described->name = from->chosen->name;
        described->networks = from->networks;
        status = take_classes(from, described);
    }
    if (status)
        sl_described_release(described);
    sl_free(from);
    return status;
}

void sl_described_release(sl_described *described)
{
    sl_network_destroy(described->network);
    sl_free(described->classes);
    *described = (sl_described){0};
}
