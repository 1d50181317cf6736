// The page of fxmon. It asks for /api/v1/live every two seconds (mostly answered by 304), for alerts and events more rarely, and goes on
// showing what it knows when the server is away. Text reaches the page by textContent only.
"use strict";
(() => {
  const REFRESH = 2000, LONGEST_WAIT = 30000, RARELY = 2; // every second refresh also alerts, events and health
  const byId = (id) => document.getElementById(id);
  const cards = new Map();
  let failures = 0, turn = 0, skew = 0, timer = 0, liveTag = null, live = null, busy = false;

  const make = (tag, className, text) => {
    const e = document.createElement(tag);
    if (className) e.className = className;
    if (text !== undefined) e.textContent = text;
    return e;
  };
  const say = (element, text) => { if (element.textContent !== text) element.textContent = text; };

  async function ask(path, options = {}) {
    const stop = new AbortController(), limit = setTimeout(() => stop.abort(), 8000);
    try {
      const answer = await fetch(path, { cache: "no-store", credentials: "same-origin", ...options, signal: stop.signal,
        headers: { Accept: "application/json", ...options.headers } });
      const body = answer.status === 304 || answer.status === 204 ? null : await answer.text();
      return { status: answer.status, ok: answer.ok || answer.status === 304, tag: answer.headers.get("ETag"), body };
    } finally { clearTimeout(limit); }
  }

  // Numbers keep the digits the provider wrote: the text between "rate": and the comma, not a double printed again.
  const digits = (body) => {
    const found = [];
    for (const m of body.matchAll(/"pair":"([^"]+)","rate":(-?[0-9.eE+-]+)/g)) found.push(m[2]);
    return found;
  };

  const ago = (ms) => {
    const s = Math.max(0, Math.round(ms / 1000));
    if (s < 2) return "now";
    if (s < 60) return s + " s ago";
    if (s < 3600) return Math.floor(s / 60) + " min ago";
    if (s < 172800) return Math.floor(s / 3600) + " h ago";
    return Math.floor(s / 86400) + " days ago";
  };
  const now = () => Date.now() + skew;
  const short = (value) => value === 0 ? "0" : value < 1e-4 ? value.toExponential(2) : value.toPrecision(3);

  function drawLine(svg, line) {
    const W = 240, H = 46, path = svg.lastChild, area = svg.firstChild;
    if (!line || line.length < 2) { path.setAttribute("d", ""); area.setAttribute("d", ""); return; }
    let low = Infinity, high = -Infinity;
    for (const [, v] of line) { if (v < low) low = v; if (v > high) high = v; }
    const t0 = line[0][0], span = line[line.length - 1][0] - t0, range = high - low;
    const points = line.map(([t, v], i) => {
      const x = span > 0 ? (t - t0) / span * W : i / (line.length - 1) * W;
      const y = range > 0 ? 4 + (high - v) / range * (H - 8) : H / 2;
      return x.toFixed(1) + " " + y.toFixed(1);
    });
    path.setAttribute("d", "M" + points.join("L"));
    area.setAttribute("d", "M0 " + H + "L" + points.join("L") + "L" + W + " " + H + "Z");
  }

  function makeCard(pair) {
    const card = make("li", "card"), head = make("div", "card-head"), name = make("span", "pair"), age = make("span", "age");
    const [base, quote] = pair.split("/");
    name.append(base, make("span", "slash", "/"), quote);
    head.append(name, age);
    const figures = make("div", "figures"), rate = make("span", "rate"), change = make("span", "change");
    figures.append(rate, change);
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "line");
    svg.setAttribute("viewBox", "0 0 240 46");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    for (const c of ["area", "stroke"]) {
      const p = document.createElementNS("http://www.w3.org/2000/svg", "path");
      p.setAttribute("class", c);
      svg.append(p);
    }
    const foot = make("div", "card-foot"), volatility = make("span"), value = make("span", "value"), source = make("span", "source");
    volatility.append("volatility ", value);
    foot.append(volatility, source);
    card.append(head, figures, svg, foot);
    const c = { card, age, rate, change, svg, value, source, text: null, time: 0 };
    cards.set(pair, c);
    return c;
  }

  function showRate(r, text) {
    const c = cards.get(r.pair) || makeCard(r.pair);
    const fresh = c.text !== null && (c.time !== r.timestamp);
    c.time = r.timestamp;
    c.observed = Date.parse(r.observed_at);
    c.stale = r.stale;
    c.text = text;
    say(c.rate, text);
    let change = "", direction = "";
    if (r.previous === null) change = "first quote";
    else {
      const percent = (r.rate - r.previous) / r.previous * 100;
      direction = percent > 0 ? "up" : percent < 0 ? "down" : "";
      change = percent === 0 ? "unchanged" : (percent > 0 ? "▲ +" : "▼ −") + Math.abs(percent).toFixed(Math.abs(percent) < 0.01 ? 4 : 2) + " %";
    }
    say(c.change, change);
    c.change.className = "change " + direction;
    c.change.title = r.previous === null ? "" : "since the quote before: " + r.previous;
    say(c.value, r.volatility === null ? "unknown" : short(r.volatility));
    c.value.className = r.volatility === null ? "value unknown" : "value";
    c.value.title = r.volatility === null ? "fewer than two prices were seen" : "standard deviation of the last prices: " + r.volatility;
    say(c.source, r.source);
    c.source.title = "source: " + r.source;
    drawLine(c.svg, r.line);
    c.svg.setAttribute("aria-label", r.pair + " over its last " + (r.line ? r.line.length : 0) + " quotes");
    if (fresh) { c.card.classList.remove("new"); void c.card.offsetWidth; c.card.classList.add("new"); }
  }

  function showLive() {
    const rates = live.rates, texts = live.texts, grid = byId("rates"), wanted = byId("filter").value.trim().toUpperCase().replace(/[-_ ]/g, "/");
    const seen = new Set();
    let shown = 0;
    rates.forEach((r, i) => {
      showRate(r, texts[i] || String(r.rate));
      seen.add(r.pair);
      const c = cards.get(r.pair), visible = !wanted || r.pair.includes(wanted) || r.pair.replace("/", "").includes(wanted);
      c.card.hidden = !visible;
      shown += visible;
      if (grid.children[i] !== c.card) grid.insertBefore(c.card, grid.children[i] || null);
    });
    for (const [pair, c] of cards) if (!seen.has(pair)) { c.card.remove(); cards.delete(pair); }
    byId("rates-empty").hidden = rates.length > 0;
    byId("rates-none").hidden = rates.length === 0 || shown > 0;
    byId("filter").hidden = rates.length === 0;
    say(byId("pair-count"), String(rates.length));
    const sources = [...new Set(rates.map((r) => r.source))];
    say(byId("source"), sources.length === 0 ? "–" : sources.length < 3 ? sources.join(", ") : sources.length + " sources");
    const list = byId("pairs");
    if (list.children.length !== rates.length) list.replaceChildren(...rates.map((r) => { const o = make("option"); o.value = r.pair; return o; }));
    showAges();
  }

  function showAges() {
    let newest = 0;
    for (const c of cards.values()) {
      say(c.age, (c.stale ? "stale, " : "") + ago(now() - c.observed));
      c.age.className = c.stale ? "age stale" : "age";
      if (c.observed > newest) newest = c.observed;
    }
    say(byId("observed"), newest ? ago(now() - newest) : "–");
  }

  const words = { above: "is above", below: "is below", cross_up: "crosses up", cross_down: "crosses down", cross: "crosses" };

  function showAlerts(alerts, texts) {
    const items = alerts.map((a, i) => {
      const item = make("li"), what = make("span", a.active ? "what" : "what inactive"), remove = make("button", "remove", "Delete");
      what.textContent = a.pair + " " + (words[a.condition] || a.condition) + " " + (texts[i] || a.threshold);
      const notes = [];
      if (!a.active) notes.push("inactive");
      if (a.severity === "critical") notes.push("critical");
      if (a.state && a.state.phase && a.state.phase !== "armed") notes.push(a.state.phase);
      if (notes.length) what.append(make("span", "note", notes.join(", ")));
      remove.type = "button";
      remove.setAttribute("aria-label", "Delete alert: " + what.textContent);
      remove.addEventListener("click", () => removeAlert(a.id, remove));
      item.append(what, remove);
      return item;
    });
    const focused = document.activeElement && document.activeElement.classList.contains("remove");
    if (!focused || byId("alerts").children.length !== items.length) byId("alerts").replaceChildren(...items);
    byId("alerts-empty").hidden = alerts.length > 0;
    say(byId("alert-count"), alerts.length ? String(alerts.length) : "");
  }

  function showEvents(events) {
    byId("events").replaceChildren(...events.map((e) => {
      const item = make("li"), what = make("span", "what", e.message), note = make("span", "note", ago(now() - Date.parse(e.triggered_at)));
      note.title = e.triggered_at;
      what.append(note);
      item.append(make("span", "mark " + (e.kind === "resolved" ? "resolved" : e.severity || "")), what);
      return item;
    }));
    byId("events-empty").hidden = events.length > 0;
  }

  const problem = (body, otherwise) => { try { const p = JSON.parse(body); return { text: typeof p.detail === "string" ? p.detail : otherwise, field: p.field }; } catch { return { text: otherwise }; } };

  function message(text, good, field) {
    const m = byId("alert-message");
    m.textContent = text;
    m.className = good ? "message good" : "message";
    for (const name of ["pair", "condition", "threshold"]) {
      const e = byId("alert-" + name);
      if (field === name) { e.setAttribute("aria-invalid", "true"); e.focus(); } else e.removeAttribute("aria-invalid");
    }
  }

  async function removeAlert(id, button) {
    button.disabled = true;
    try {
      const answer = await ask("/api/v1/alerts/" + id, { method: "DELETE" });
      message(answer.ok || answer.status === 404 ? "Alert deleted." : problem(answer.body, "The alert could not be deleted.").text, answer.ok || answer.status === 404);
      byId("alert-pair").focus({ preventScroll: true });
      await refreshRarely();
    } catch { message("The server did not answer; the alert is still there.", false); button.disabled = false; }
  }

  async function addAlert(event) {
    event.preventDefault();
    const threshold = byId("alert-threshold").value.trim().replace(/^\+/, ""), pair = byId("alert-pair").value.trim();
    if (!pair) return message("Which pair? For example USD/EUR.", false, "pair");
    if (!/^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/.test(threshold)) return message("The level must be a number such as 0.9, with a point.", false, "threshold");
    const button = event.target.querySelector("button");
    button.disabled = true;
    try {
      // the threshold is put in as written, so that no digit is lost on the way
      const body = JSON.stringify({ pair, condition: byId("alert-condition").value }).slice(0, -1) + ',"threshold":' + threshold + "}";
      const answer = await ask("/api/v1/alerts", { method: "POST", body, headers: { "Content-Type": "application/json" } });
      if (answer.ok) { event.target.reset(); message("Alert added.", true); await refreshRarely(); }
      else { const p = problem(answer.body, "The alert was refused."); message(p.text, false, p.field); }
    } catch { message("The server did not answer; please try again.", false); }
    finally { button.disabled = false; }
    return undefined;
  }

  async function refreshRarely() {
    const [alerts, events, health] = await Promise.all([ask("/api/v1/alerts?limit=200"), ask("/api/v1/alerts/history?limit=20"), ask("/api/v1/health")]);
    if (alerts.ok) showAlerts(JSON.parse(alerts.body), [...alerts.body.matchAll(/"threshold":(-?[0-9.eE+-]+)/g)].map((m) => m[1]));
    else { byId("alerts-empty").hidden = true; message(problem(alerts.body, "Alerts are not available.").text, false); }
    if (events.ok) showEvents(JSON.parse(events.body));
    const h = JSON.parse(health.body), parts = h.components || {};
    const bad = Object.entries(parts).filter(([, c]) => !["healthy", "stopped", "stale", "waiting"].includes(c.status)).map(([name, c]) => name + " " + c.status);
    say(byId("status-text"), bad.length ? bad.slice(0, 3).join(", ") : "live");
    byId("status-dot").className = "dot " + (bad.length ? "degraded" : "healthy");
  }

  async function refresh() {
    if (busy) return;
    busy = true;
    try {
      const answer = await ask("/api/v1/live", { headers: liveTag ? { "If-None-Match": liveTag } : {} });
      if (!answer.ok) throw new Error(problem(answer.body, "the server answered " + answer.status).text);
      if (answer.status !== 304) {
        live = JSON.parse(answer.body);
        live.texts = digits(answer.body);
        liveTag = answer.tag;
        skew = Date.parse(live.timestamp) - Date.now();
        showLive();
      }
      if (turn++ % RARELY === 0 || failures > 0) await refreshRarely();
      failures = 0;
      byId("banner").hidden = true;
    } catch (error) {
      failures++;
      turn = 0;
      const banner = byId("banner"), reason = error instanceof TypeError || error.name === "AbortError" ? "the server does not answer" : error.message;
      banner.textContent = "Not up to date: " + reason + ". Trying again.";
      banner.hidden = false;
      byId("status-dot").className = "dot lost";
      say(byId("status-text"), "disconnected");
    }
    busy = false;
    schedule();
  }

  function schedule() {
    clearTimeout(timer);
    const wait = failures ? Math.min(LONGEST_WAIT, REFRESH * 2 ** Math.min(failures - 1, 5)) * (0.75 + Math.random() / 2) : REFRESH;
    timer = setTimeout(refresh, document.hidden ? Math.max(wait, 15000) : wait);
  }

  byId("alert-form").addEventListener("submit", addAlert);
  byId("filter").addEventListener("input", () => { if (live) showLive(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  setInterval(showAges, 1000);
  ask("/").then((a) => say(byId("version"), "fxmon " + JSON.parse(a.body).version)).catch(() => {});
  refresh();
})();
