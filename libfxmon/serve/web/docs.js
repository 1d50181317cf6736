// Renders /openapi.json: each operation with its parameters, body and answers, and a link to try what can be tried by a link.
"use strict";
(async () => {
  const make = (tag, className, text) => {
    const e = document.createElement(tag);
    if (className) e.className = className;
    if (text !== undefined) e.textContent = text;
    return e;
  };
  const row = (cell, ...texts) => { const r = make("tr"); r.append(...texts.map((t) => make(cell, "", t))); return r; };
  const kind = (s) => !s ? "" : s.$ref ? s.$ref.split("/").pop() : s.enum ? s.enum.join(" | ") : s.type === "array" ? kind(s.items) + "[]" :
    [].concat(s.type || []).join(" or ") + (s.minimum !== undefined ? " " + s.minimum + "–" + s.maximum : "") + (s.default !== undefined ? ", default " + s.default : "");
  const table = (title, head, rows) => {
    if (!rows.length) return [];
    const t = make("table"), caption = make("caption", "hidden", title);
    t.append(caption, row("th", ...head), ...rows.map((r) => row("td", ...r)));
    return [t];
  };

  function operation(method, path, o, doc) {
    const d = make("details", "operation"), s = make("summary"), body = make("div", "body");
    s.append(make("span", "verb " + method, method.toUpperCase()), make("span", "path", path), make("span", "about", o.summary));
    body.append(...table("Parameters", ["Parameter", "In", "Type", ""], (o.parameters || []).map((p) => [p.name, p.in, kind(p.schema), p.description])));
    if (o.requestBody) {
      const name = kind(o.requestBody.content["application/json"].schema), schema = doc.components.schemas[name];
      body.append(...table("Body", ["Member of the body", "Type", ""], Object.entries(schema.properties).map(([n, p]) => [n, kind(p), (schema.required || []).includes(n) ? "required" : ""])));
    }
    body.append(...table("Answers", ["Answer", "Body"], Object.entries(o.responses).map(([status, r]) =>
      [status, r.$ref ? "problem" : Object.entries(r.content || {}).map(([type, c]) => type + " " + kind(c.schema)).join(", ")])));
    if (method === "get" && !path.includes("{")) {
      const p = make("p"), link = make("a", "", "Try it");
      link.href = path;
      p.append(link);
      body.append(p);
    }
    d.append(s, body);
    return d;
  }

  try {
    const doc = await (await fetch("/openapi.json")).json(), place = document.getElementById("operations");
    document.getElementById("version").textContent = "version " + doc.info.version;
    document.getElementById("intro").textContent = doc.info.description;
    for (const [title, wanted] of [["Canonical", (p) => p.startsWith("/api/")], ["Short paths and pages", (p) => !p.startsWith("/api/")]]) {
      place.append(make("h2", "", title));
      for (const [path, methods] of Object.entries(doc.paths))
        if (wanted(path)) for (const [method, o] of Object.entries(methods)) place.append(operation(method, path, o, doc));
    }
  } catch {
    const banner = document.getElementById("banner");
    banner.textContent = "The description could not be loaded.";
    banner.hidden = false;
  }
})();
