/* The program sluice: one process. */
#include "cli/cli_main.h"

int main(int argc, char **argv)
{
    sl_cli_begin();
    return sl_cli_main(argc, argv, NULL, 1);
}
