/* sluice info of a file that leaves a choice: what there is to choose from. */
#include "cli/info/info_parts.h"

#include "program/format.h"
#include "program/print_json.h"
#include "sluice_tools.h"

#include <stdio.h>
#include <string.h>

static json_t *make_size(size_t size)
{
    return size ? json_integer((json_int_t)size) : json_null();
}

/* Add a choice to the array that `context` is. */
static void take(void *context, const sluice_choice *choice)
{
    char option[32];
    snprintf(option, sizeof option, "--%s", choice->field);
    json_array_append_new(context,
                          json_pack("{so ss so so so so}", "name", choice->name ? sl_json_string(choice->name) : json_null(),
                                    "option", option, "inputs", make_size(choice->inputs), "hidden", make_size(choice->hidden),
                                    "layers", make_size(choice->layers), "directions", make_size(choice->directions)));
}

/* "64 inputs, 128 units, 2 layers, both directions": what is known of it. */
static void print_sizes(json_t *choice)
{
    const struct {
        const char *key, *one, *many;
    } sizes[] = {{"inputs", "input", "inputs"}, {"hidden", "unit", "units"}, {"layers", "layer", "layers"}};
    const char *before = "";
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        const json_int_t size = json_integer_value(json_object_get(choice, sizes[k].key));
        if (size)
            printf("%s%lld %s", before, (long long)size, size == 1 ? sizes[k].one : sizes[k].many);
        before = size ? ", " : before;
    }
    if (json_integer_value(json_object_get(choice, "directions")) == 2)
        printf("%sboth directions", before);
}

/* How an option chooses, for a user. */
static const char *get_remedy(const char *option)
{
    if (strcmp(option, "--prefix") == 0)
        return "--prefix NAME runs one of them alone; --lstm NAME,NAME several, one after the other";
    return strcmp(option, "--lstm") == 0 ? "--lstm NAME runs one of them alone; --to NODE what comes before a node"
                                         : "--network NAME runs one of them";
}

static sl_exit print_text(const char *path, const char *format, json_t *choices, const char *reason)
{
    size_t k;
    json_t *choice;
    printf("model         ");
    sl_format_print_clean(path, SIZE_MAX, stdout);
    printf("\nformat        %s\n", format);
    json_array_foreach(choices, k, choice)
    {
        printf(k ? "              \"" : "candidates    \"");
        sl_format_print_clean(json_string_value(json_object_get(choice, "name")), SIZE_MAX, stdout);
        printf("\": ");
        print_sizes(choice);
        printf("\n");
    }
    printf("choose        %s\n", get_remedy(json_string_value(json_object_get(json_array_get(choices, 0), "option"))));
    printf("reason        ");
    sl_format_print_clean(reason, SIZE_MAX, stdout);
    printf("\n");
    return SL_EXIT_OK;
}

/* A graph that is no chain still has LSTMs that can be run alone, also a single one; tensors or networks are a choice where there are
 * several. */
static bool is_choice(const json_t *choices, const sluice_error *why)
{
    const char *option = json_string_value(json_object_get(json_array_get(choices, 0), "option"));
    return option && strcmp(option, "--lstm") == 0 ? why->status == SLUICE_STATUS_UNSUPPORTED : json_array_size(choices) > 1;
}

sl_exit sl_info_choices(const sl_options *options, const char *format, const sluice_error *why)
{
    const sluice_names *of = &options->names;
    json_t *choices = json_array();
    sl_exit code = SL_EXIT_OK;
    if (!choices)
        return sl_report_memory("JSON");
    const bool is_chosen = of->network || of->prefix || of->lstm || of->to;
    if (is_chosen || sluice_model_list(options->model, take, choices, NULL) || !is_choice(choices, why))
        code = sl_report_error(why);
    else if (options->json)
        code = sl_json_print(json_pack("{so ss sO so}", "model", sl_json_string(options->model), "format", format, "candidates",
                                       choices, "reason", sl_json_string(why->message)),
                             stdout);
    else
        code = print_text(options->model, format, choices, why->message);
    json_decref(choices);
    return code;
}
