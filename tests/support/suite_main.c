/* The main of test programs that have none of their own. */
#include "support/suite.h"

int main(void)
{
    test_begin();
    return test_run(test_suite());
}
