/* serve/page.c - the root for programs and for people, and the files of the pages. */
#include <string.h>

#include "serve/serve.h"

static const char root[] =
    "{\"name\":\"FX Rate Monitor (fxmon)\",\"version\":\"" FXMON_VERSION_STRING "\",\"description\":\"Exchange rates, their volatility and history, and "
    "alerts on them\",\"endpoints\":{\"docs\":\"/docs\",\"openapi\":\"/openapi.json\",\"rates\":{\"current\":\"/rates\",\"history\":\"/rates/{pair}/history\","
    "\"live\":\"/api/v1/live\",\"sources\":\"/api/v1/sources\"},\"alerts\":{\"list\":\"/alerts\",\"create\":\"/alerts\",\"delete\":\"/alerts/{id}\","
    "\"history\":\"/alerts/history\"},\"system\":{\"health\":\"/health\",\"ready\":\"/ready\"}},\"status\":\"operational\"}";

const fxi_web_file *fxi_web_find(const char *name)
{
    for (const fxi_web_file *f = fxi_web_files; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static void reply_file(fxi_request *q, fxi_reply *r, const char *name)
{
    const fxi_web_file *f = fxi_web_find(name);
    size_t length;
    if (!f) {
        fxi_reply_problem(r, q, 404, "no-such-resource", NULL, "there is no such file");
        return;
    }
    r->page = true;
    r->cache = "no-cache"; /* kept, but asked for again: the tag says whether the build is another one */
    length = strlen(f->etag);
    if (length < sizeof r->etag)
        memcpy(r->etag, f->etag, length + 1);
    if (fxi_head_lists(q->head->if_none_match, f->etag)) {
        r->status = 304;
        return;
    }
    r->status = 200;
    r->type = f->type;
    r->fixed = f->data;
    r->fixed_length = f->length;
}

void fxi_get_root(fxi_request *q, fxi_reply *r)
{
    r->varies = true;
    if (fxi_head_lists(q->head->accept, "text/html")) {
        reply_file(q, r, "index.html");
        return;
    }
    fxi_reply_json(r);
    r->fixed = root;
    r->fixed_length = sizeof root - 1;
}

void fxi_get_asset(fxi_request *q, fxi_reply *r)
{
    const char *dot = strrchr(q->file, '.');
    if (dot && strcmp(dot, ".html") == 0)
        fxi_reply_problem(r, q, 404, "no-such-resource", NULL, "there is no such file");
    else
        reply_file(q, r, q->file);
}

void fxi_get_docs(fxi_request *q, fxi_reply *r)
{
    reply_file(q, r, "docs.html");
}
