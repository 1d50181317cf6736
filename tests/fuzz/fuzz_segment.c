/*
 * tests/fuzz/fuzz_segment.c - any bytes as the segments of a log: read to the end and sought, never a crash, offsets one after the other, every byte of the file accounted for.
 * The first byte says where the input is cut into two segments and how the second is named.
 */
#include <fcntl.h>
#include <fxmon/plugin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const fxmon_stream_ops fxi_stream_file;

static void put(const char *folder, const char *name, const uint8_t *data, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        abort();
    }
    close(fd);
}

static const char *option(void *user, const char *name)
{
    (void)user;
    return strcmp(name, "max-record") == 0 ? "1k" : NULL;
}

static void read_all(const char *url)
{
    static const fxmon_env env = {.size = sizeof env, .option = option};
    fxmon_record records[7];
    fxmon_error error;
    void *reader;
    size_t count;
    int64_t next = -1, end = 0, first = 0;
    if (fxi_stream_file.open_reader(&env, url, "fuzz", &reader, &error) != FXMON_DONE) {
        abort();
    }
    while (fxi_stream_file.read(reader, records, 7, &count, 0, &error) == FXMON_DONE && count > 0) {
        for (size_t i = 0; i < count; i++) {
            const fxmon_record *r = &records[i];
            if (r->kind == FXMON_GAP) {
                if (r->from >= r->offset || fxi_stream_file.seek(reader, 0, r->offset, &error) != FXMON_DONE) {
                    abort();
                }
                next = r->offset;
            } else if (r->kind == FXMON_RECORD) {
                if ((next >= 0 && r->offset != next) || memchr(r->data, '\n', r->length) || (r->length > 1024 && !r->oversize)) {
                    abort();
                }
                next = r->offset + 1;
            }
        }
    }
    if (fxi_stream_file.bounds(reader, 0, &first, &end, &error) != FXMON_DONE || (next >= 0 && next != end)) {
        abort();
    }
    for (int64_t place = first; place <= end && place < first + 40; place++) {
        fxi_stream_file.seek(reader, 0, place, &error);
    }
    fxi_stream_file.close_reader(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char folder[64], url[80];
    if (!folder[0]) {
        const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        snprintf(folder, sizeof folder, "%s/fxmon-fuzz-segment-%ld", memory, (long)getpid());
        snprintf(url, sizeof url, "file:%s", folder);
    }
    if (size < 2) {
        return 0;
    }
    static const char first[] = "00000000000000000000.ndjson", index[] = "00000000000000000000.index";
    char second[64], path[256];
    mkdir(folder, 0777);
    size_t cut = 1 + (size - 1) * (data[0] & 15) / 15;
    snprintf(second, sizeof second, "%020d.ndjson", (data[0] >> 4) + 1);
    put(folder, first, data + 1, cut - 1);
    put(folder, second, data + cut, size - cut);
    put(folder, index, data + 1, size - 1); /* and the same bytes as an index */
    read_all(url);
    const char *const all[] = {first, second, index, "log.id", "log.lock"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, all[i]);
        unlink(path);
    }
    rmdir(folder);
    return 0;
}
