#include "cli/info/layer_table.h"

#include "base/layer.h"
#include "cli/info/layer_words.h"
#include "program/format.h"
#include "program/model_shape.h"
#include "program/print_json.h"

#include <stdlib.h>
#include <string.h>

json_t *sl_layer_table_get_json(const sluice_model *model)
{
    const sluice_network network = sl_model_network(model);
    json_t *list = json_array();
    for (size_t k = 0; list && k < network.layer_count; k++) {
        const sl_layer_facts facts = sl_layer_facts_get(model, k);
        const char *per = facts.reads_steps ? "flop_per_step" : "flop_per_row";
        json_array_append_new(list, json_pack("{so ss sI sI ss sI sI sf so}", "name", sl_json_string(facts.layer->name), "kind",
                                              sl_layer_kind_get_name(facts.layer->kind), "inputs", (json_int_t)facts.inputs,
                                              "outputs", (json_int_t)facts.outputs, "gives", facts.gives_steps ? "steps" : "row",
                                              "units", (json_int_t)facts.layer->units, "parameters", (json_int_t)facts.parameters,
                                              per, facts.flop, "options", sl_layer_words_get(&facts)));
    }
    return list;
}

/* ---- The table -------------------------------------------------------------------------------------------------------------- */

enum { NAME, KIND, INPUT, OUTPUT, PARAMETERS, FLOP, COLUMNS, CELL_BYTES = 64 };

static const struct {
    const char *title;
    bool is_number; /* which stands at the right */
} columns[COLUMNS] = {
    [NAME] = {"layer", false},           [KIND] = {"kind", false}, [INPUT] = {"input", false}, [OUTPUT] = {"output", false},
    [PARAMETERS] = {"parameters", true}, [FLOP] = {"FLOP", true}};

typedef struct row {
    const char *name;
    char cells[COLUMNS][CELL_BYTES]; /* but the name's */
    json_t *words;
} row;

static const char *get_cell(const row *of, int column)
{
    return column == NAME ? of->name : of->cells[column];
}

/* Characters of UTF-8. */
static int get_width(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* "[T]" of tokens, "[T][32]" of steps, "[32]" of one vector. */
static void format_shape(size_t floats, bool has_steps, char cell[CELL_BYTES])
{
    if (floats)
        snprintf(cell, CELL_BYTES, "%s[%zu]", has_steps ? "[T]" : "", floats);
    else
        snprintf(cell, CELL_BYTES, "[T]");
}

static void fill_row(row *to, const sl_layer_facts *facts)
{
    char count[SL_FORMAT_COUNT];
    to->name = facts->layer->name;
    snprintf(to->cells[KIND], CELL_BYTES, "%s", sl_layer_kind_get_name(facts->layer->kind));
    format_shape(facts->inputs, facts->reads_steps, to->cells[INPUT]);
    format_shape(facts->outputs, facts->gives_steps, to->cells[OUTPUT]);
    snprintf(to->cells[PARAMETERS], CELL_BYTES, "%s", sl_format_count(facts->parameters, count));
    if (facts->flop > 0)
        snprintf(to->cells[FLOP], CELL_BYTES, "%s a %s", sl_format_count((uint64_t)facts->flop, count),
                 facts->reads_steps ? "step" : "row");
    to->words = sl_layer_words_get(facts);
}

static void print_words(const json_t *words)
{
    for (size_t k = 0; k < json_array_size(words); k++)
        printf("%s%s", k ? ", " : "  ", json_string_value(json_array_get(words, k)));
    printf("\n");
}

static void print_cell(const char *text, int column, int width)
{
    const int blank = width - get_width(text);
    printf("%s%*s", column ? "  " : "", columns[column].is_number ? blank : 0, "");
    sl_format_print_clean(text, SIZE_MAX, stdout);
    printf("%*s", columns[column].is_number ? 0 : blank, "");
}

static void print_rows(const row *rows, size_t count)
{
    int widths[COLUMNS];
    for (int column = 0; column < COLUMNS; column++) {
        widths[column] = get_width(columns[column].title);
        for (size_t k = 0; k < count; k++) {
            const int width = get_width(get_cell(&rows[k], column));
            widths[column] = width > widths[column] ? width : widths[column];
        }
        print_cell(columns[column].title, column, widths[column]);
    }
    printf("  options\n");
    for (size_t k = 0; k < count; k++) {
        for (int column = 0; column < COLUMNS; column++)
            print_cell(get_cell(&rows[k], column), column, widths[column]);
        print_words(rows[k].words);
    }
}

sl_exit sl_layer_table_print(const sluice_model *model)
{
    const size_t count = sl_model_network(model).layer_count;
    row *rows = calloc(count, sizeof *rows);
    if (!rows)
        return sl_report_memory("the table of layers");
    for (size_t k = 0; k < count; k++) {
        const sl_layer_facts facts = sl_layer_facts_get(model, k);
        fill_row(&rows[k], &facts);
    }
    print_rows(rows, count);
    for (size_t k = 0; k < count; k++)
        json_decref(rows[k].words);
    free(rows);
    return SL_EXIT_OK;
}
