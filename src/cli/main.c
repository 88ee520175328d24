#include "cli/command.h"
#include "store/store.h"

int main(int argc, char **argv)
{
    store_own_process();
    return cli_main(argc, argv, stdout, stderr);
}
