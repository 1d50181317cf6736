/*
 * tests/fuzz/replay.c - runs a fuzz target over files instead of inventions, so that everything a fuzzer once found is tested again by an
 * ordinary compiler. Arguments: files, and folders whose files are taken. Prints the count; no file at all is an error.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static long run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    /* Exactly as large as the file, so that a sanitizer sees a read past its end. */
    uint8_t *data = size < 0 ? NULL : malloc(size == 0 ? 1 : (size_t)size);
    int read_all = 0;
    if (data != NULL) {
        rewind(file);
        read_all = fread(data, 1, (size_t)size, file) == (size_t)size;
    }
    fclose(file);
    if (!read_all) {
        fprintf(stderr, "%s: cannot be read\n", path);
        free(data);
        return -1;
    }
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    return 1;
}

static long run_path(const char *path)
{
    struct stat about;
    if (stat(path, &about) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    if (!S_ISDIR(about.st_mode)) {
        return run_file(path);
    }
    DIR *folder = opendir(path);
    if (folder == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    long count = 0;
    struct dirent *entry;
    while (count >= 0 && (entry = readdir(folder)) != NULL) {
        char child[4096];
        if (entry->d_name[0] == '.' || snprintf(child, sizeof(child), "%s/%s", path, entry->d_name) >= (int)sizeof(child)) {
            continue;
        }
        long more = run_path(child);
        count = more < 0 ? -1 : count + more;
    }
    closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    long total = 0;
    for (int i = 1; i < argc; i++) {
        long count = run_path(argv[i]);
        if (count < 0) {
            return 1;
        }
        total += count;
    }
    printf("%s: %ld inputs\n", argv[0], total);
    return total == 0;
}
