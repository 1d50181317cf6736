/*
 * The names are those of Kafka Connect's dead-letter queues, so that what people have for these works here too; what has no counterpart there begins
 * with fxmon. All values are texts, also numbers, as in Connect.
 */
#include "codec/dead_letter.h"

#include <string.h>

#include "base/base64.h"
#include "base/utf8.h"

enum header { TOPIC, PARTITION, OFFSET, CONNECTOR, TASK, STAGE, CLASS, EXCEPTION, MESSAGE, OWN_CLASS, STREAM, HOPS };

static const char *const names[FXI_DEAD_HEADERS] = {
    [TOPIC] = "__connect.errors.topic", [PARTITION] = "__connect.errors.partition", [OFFSET] = "__connect.errors.offset",
    [CONNECTOR] = "__connect.errors.connector.name", [TASK] = "__connect.errors.task.id", [STAGE] = "__connect.errors.stage",
    [CLASS] = "__connect.errors.class.name", [EXCEPTION] = "__connect.errors.exception.class.name",
    [MESSAGE] = "__connect.errors.exception.message", [OWN_CLASS] = "fxmon-errors.class", [STREAM] = "fxmon-stream", [HOPS] = "fxmon-hops",
};

static void put_value(const fxmon_dead_letter *letter, const fxi_dead_origin *origin, int which, fxi_buf *out)
{
    switch (which) {
    case TOPIC:
        fxi_buf_puts(out, origin->topic);
        break;
    case PARTITION:
        fxi_buf_int(out, letter->partition);
        break;
    case OFFSET:
        fxi_buf_int(out, letter->offset);
        break;
    case CONNECTOR:
        fxi_buf_puts(out, letter->lane);
        break;
    case TASK:
        fxi_buf_puts(out, origin->instance);
        break;
    case STAGE:
        fxi_buf_puts(out, origin->applied ? "TASK_PUT" : "VALUE_CONVERTER");
        break;
    case CLASS:
        fxi_buf_puts(out, origin->applied ? "fxmon.lane" : "fxmon.codec");
        break;
    case EXCEPTION:
        fxi_buf_puts(out, "fxmon.");
        fxi_buf_puts(out, letter->reason);
        break;
    case MESSAGE:
        fxi_buf_puts(out, letter->text);
        break;
    case OWN_CLASS:
        fxi_buf_puts(out, letter->reason);
        break;
    case STREAM:
        fxi_buf_puts(out, letter->stream);
        break;
    default: /* HOPS */
        fxi_buf_int(out, origin->hops);
        break;
    }
}

void fxi_dead_letter_headers(const fxmon_dead_letter *letter, const fxi_dead_origin *origin, fxi_buf *text, fxi_dead_header out[FXI_DEAD_HEADERS])
{
    for (int i = 0; i < FXI_DEAD_HEADERS; i++) {
        out[i] = (fxi_dead_header){names[i], text->length};
        put_value(letter, origin, i, text);
        fxi_buf_putc(text, '\0');
    }
}

bool fxi_dead_letter_line(const fxmon_dead_letter *letter, const fxi_dead_origin *origin, fxi_buf *out)
{
    fxi_buf value;
    fxi_buf_init(&value, out->maximum);
    fxi_buf_putc(out, '{');
    for (int i = 0; i < FXI_DEAD_HEADERS; i++) {
        fxi_buf_clear(&value);
        put_value(letter, origin, i, &value);
        fxi_buf_jsonz(out, names[i]);
        fxi_buf_putc(out, ':');
        fxi_buf_json(out, value.data ? value.data : "", value.length);
        fxi_buf_putc(out, ',');
    }
    if (fxi_utf8_valid(letter->data, letter->length)) {
        fxi_buf_puts(out, "\"value\":");
        fxi_buf_json(out, letter->data, letter->length);
    } else {
        fxi_buf_puts(out, "\"value_base64\":\"");
        fxi_base64_put(out, letter->data, letter->length);
        fxi_buf_putc(out, '"');
    }
    fxi_buf_putc(out, '}');
    bool good = !out->failed && !value.failed;
    fxi_buf_free(&value);
    return good;
}

void fxi_dead_letter_key(const fxmon_dead_letter *letter, const fxi_dead_origin *origin, fxi_buf *out)
{
    fxi_buf_puts(out, origin->topic);
    fxi_buf_putc(out, '/');
    fxi_buf_int(out, letter->partition);
    fxi_buf_putc(out, '/');
    fxi_buf_int(out, letter->offset);
}
