/*
 * Runs the files it is given through a fuzz target, one after the other, without libFuzzer: so the
 * corpus is replayed by any compiler, with or without sanitizers. Prints the name of each file that
 * the target stands; a program that ends before shows by the next name which file it does not.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MOST (4 * 1024 * 1024)

static int replay(const char *name)
{
    uint8_t *data = malloc(INPUT_MOST);
    FILE *file = fopen(name, "rb");
    size_t len;

    if (!data || !file) {
        perror(name);
        free(data);
        return 1;
    }
    len = fread(data, 1, INPUT_MOST, file);
    fclose(file);
    LLVMFuzzerTestOneInput(data, len);
    free(data);
    printf("%s\n", name);
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0;
    int i;

    LLVMFuzzerInitialize(&argc, &argv);
    for (i = 1; i < argc; i++) {
        failed |= replay(argv[i]);
    }
    return failed;
}
