/* sluice_model_list: what each format's files have to choose from, and what it refuses. */
#include "sluice_tools.h"

#include "support/message.h"

#include <stdlib.h>

typedef struct listing {
    size_t count;
    char text[400]; /* "field name inputs hidden layers directions;" of each */
} listing;

static void take(void *context, const sluice_choice *choice)
{
    listing *list = context;
    const size_t used = strlen(list->text);
    ck_assert_uint_eq(choice->struct_size, sizeof *choice);
    snprintf(list->text + used, sizeof list->text - used, "%s %s %zu %zu %zu %zu;", choice->field,
             choice->name ? choice->name : "-", choice->inputs, choice->hidden, choice->layers, choice->directions);
    list->count++;
}

/* The path of a golden file; good until the next call. */
static const char *get_path(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/%s", getenv("SLUICE_SOURCE"), name);
    return path;
}

static const struct {
    const char *name, *text;
} cases[] = {
    {"onnx/silero.onnx", "lstm /recurrent/LSTM 128 128 1 1;"},  {"onnx/bidirectional.onnx", "lstm lstm 4 5 1 2;"},
    {"onnx/cell_in_if.onnx", "lstm /cell/LSTM 4 5 1 1;"},       {"torch/bidirectional_2_layers.pt", "prefix lstm. 4 5 2 2;"},
    {"torch/projection.pt", "prefix lstm. 4 5 1 1;"},           {"torch/state_dict_legacy.pt", "prefix lstm. 4 5 1 1;"},
    {"torch/data_parallel_prefix.pt", "prefix lstm. 4 5 1 1;"}, {"keras/dense.h5", ""},
    {"checkpoint_0_3.safetensors", "prefix lstm. 1 2 1 1;"},
};

TEST_EACH(golden, cases)
{
    listing list = {0};
    SUCCEEDS(sluice_model_list, get_path(cases[_i].name), take, &list);
    ck_assert_msg(strcmp(list.text, cases[_i].text) == 0, "%s: expected \"%s\", found \"%s\"", cases[_i].name, cases[_i].text,
                  list.text);
}

TEST(refused)
{
    listing list = {0};
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "path is NULL", sluice_model_list, NULL, take, &list);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "visit is NULL", sluice_model_list, get_path("langid"), NULL, &list);
    REFUSED(SLUICE_STATUS_NO_INPUT, "absent", sluice_model_list, get_path("absent"), take, &list);
    REFUSED(SLUICE_STATUS_BAD_DATA, "README.md", sluice_model_list, get_path("torch/README.md"), take, &list);
    REFUSED(SLUICE_STATUS_BAD_DATA, "posix.system", sluice_model_list, get_path("torch/evil/reduce_os_system.pt"), take, &list);
    ck_assert_uint_eq(list.count, 0);
}
