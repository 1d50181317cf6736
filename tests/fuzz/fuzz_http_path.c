/* tests/fuzz/fuzz_http_path.c - any bytes as a request head and as a request target: no read past the end, and what is accepted keeps its promises. */
#include "serve/head.h"
#include "serve/target.h"

#include <stdlib.h>
#include <string.h>

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void check_target(const char *text, size_t size)
{
    static fxi_target t;
    fxmon_error error;
    memset(&error, 0, sizeof error);
    if (fxi_target_parse(text, size, &t, &error) != FXMON_OK) {
        demand(error.text[0] != '\0');
        return;
    }
    demand(t.segments <= FXI_TARGET_SEGMENTS && t.params <= FXI_TARGET_PARAMS);
    for (size_t i = 0; i < t.segments; i++)
        demand(t.segment[i][0] != '\0' && strlen(t.segment[i]) < FXI_TARGET_SEGMENT && !strpbrk(t.segment[i], "%\\;") && !strstr(t.segment[i], ".."));
    for (size_t i = 0; i < t.params; i++)
        demand(fxi_target_param(&t, t.param[i].name) == t.param[i].value); /* no name twice */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fxi_head head;
    char *text = malloc(size > 0 ? size : 1); /* a block of its own: reading past the end shows */
    demand(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    check_target(text, size);
    fxi_head_read(text, size, &head);
    demand(!(head.status && head.length) && head.length <= size && (!head.status || head.reason));
    if (head.length) {
        demand(head.fields <= FXI_HEAD_FIELDS && head.target.length <= FXI_HEAD_TARGET && head.hosts <= 1 && head.lengths + head.encodings <= 1);
        demand(memchr(text, '\0', head.length) == NULL && memcmp(text + head.length - 4, "\r\n\r\n", 4) == 0);
        check_target(head.target.at, head.target.length);
    }
    free(text);
    return 0;
}
