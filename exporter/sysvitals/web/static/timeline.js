// The time line at work: what is shown, asked for and pointed at, and the list of what happened in it.
import { drawAxis, drawCurve, drawLane, say, sumCurve, sumLane, WORDS } from "./drawing.js";
import { all, draft, make, one, plain } from "./elements.js";
import { clock, duration } from "./format.js";
import { drawHappenings } from "./happenings.js";

const RANGES = { "1h": 3600, "24h": 86400, "7d": 604800, "30d": 2592000 };
const POINTS = 72; // and its multiples up to 360
const SHORTEST_SECONDS = 20;
const REASK_SECONDS = 60; // while it follows now: each question is work for a small board
const CALM_SECONDS = 15; // between questions because something happened
const SETTLE_MS = 300; // a burst of steps is one question

export class TimeLine {
  #plot = one("#plot");
  #answer = null; // of api/v1/timeline
  #view; // what is drawn
  #wanted = null; // what is asked for
  #at = null; // the moment pointed at
  #follow = null; // the range that ends now
  #asked = 0;
  #lost = null; // since when there is no contact
  #clock;
  #abort = null;
  #keys = []; // pressed before there is an answer to point at
  #timer = 0;
  #problem = "";

  // The server has drawn the same stretch: the values behind it are asked for when somebody points at it, or a minute old.
  constructor(now) {
    this.set(now);
    const { from, to, range } = this.#plot.dataset;
    this.#follow = range || null;
    this.#view = { from: Number(from), to: Number(to) };
    this.#asked = performance.now();
    this.#buildHand();
    this.#bindPointer();
    this.#bindKeys();
    this.#bindLinks();
    let width = this.#plot.clientWidth;
    addEventListener("resize", () => {
      if (this.#plot.clientWidth === width) return;
      width = this.#plot.clientWidth;
      this.#draw();
    });
    if ("missing" in this.#plot.dataset && this.#view.to > 0) this.#fetch(); // the server did not wait for it
  }

  // -- what the rest of the page says

  // The exporter's clock, which the page goes by.
  set(moment) { this.#clock = { server: moment, own: performance.now() }; }

  now() { return this.#clock.server + (performance.now() - this.#clock.own) / 1000; }

  get zone() { return this.#plot.dataset.zone || "UTC"; }

  // Each second.
  tick() {
    if (!this.#follow || this.#at !== null || document.hidden) return;
    if (this.#lost !== null) {
      this.#view = this.#range();
      this.#draw();
    } else if (performance.now() - this.#asked > 1000 * REASK_SECONDS) this.#refresh();
  }

  // Something happened: its line is worth a question, but not one each second.
  happened() {
    if (!this.#follow || this.#timer || this.#lost !== null) return;
    const calm = 1000 * CALM_SECONDS - (performance.now() - this.#asked);
    this.#timer = setTimeout(() => this.#refresh(), Math.max(1000, calm));
  }

  // From this moment on nothing is known; null: the exporter is heard again, and asked for what it recorded meanwhile.
  lose(moment) {
    const wasLost = this.#lost !== null;
    this.#lost = moment;
    if (moment !== null) {
      this.#draw();
      const now = this.#row("verdict", "output");
      if (now) now.textContent = WORDS.unknown;
    } else if (wasLost) this.#refresh();
  }

  // -- asking

  #range() { return { from: this.now() - RANGES[this.#follow], to: this.now() }; }

  #refresh() { this.#show(this.#follow ? this.#range() : this.#view, this.#follow, 0); }

  // Ask for this stretch; the old drawing stays until the answer is there.
  #show({ from, to }, follow = null, settle = SETTLE_MS) {
    if (to - from < SHORTEST_SECONDS) {
      const middle = (from + to) / 2;
      [from, to] = [middle - SHORTEST_SECONDS / 2, middle + SHORTEST_SECONDS / 2];
    }
    const end = Math.min(to, this.now());
    this.#wanted = { from: Math.min(from, end - SHORTEST_SECONDS), to: end };
    this.#follow = follow;
    this.#label(this.#wanted);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fetch(), settle);
  }

  async #fetch() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#abort?.abort();
    const abort = this.#abort = new AbortController(), wanted = this.#wanted ?? this.#view;
    this.#asked = performance.now();
    this.#plot.ariaBusy = "true";
    try {
      const answer = await fetch(this.#address(wanted, this.#follow), { signal: abort.signal, cache: "no-store" });
      if (!answer.ok) throw new Error(await this.#refused(answer));
      this.#take(await answer.json());
    } catch (error) {
      if (abort.signal.aborted) return;
      this.#keys = [];
      this.#problem = `Cannot read the history: ${error instanceof TypeError ? "no contact" : error.message}`;
      this.#say();
    }
    if (this.#abort !== abort) return;
    this.#abort = null;
    this.#plot.ariaBusy = null;
    this.#asked = performance.now();
  }

  // One that is busy says when to come again.
  async #refused(answer) {
    const seconds = Number(answer.headers.get("retry-after"));
    if (seconds) this.#timer = setTimeout(() => this.#fetch(), 1000 * seconds);
    return (await answer.text()).trim() || `HTTP ${answer.status}`;
  }

  #take(answer) {
    this.#answer = answer;
    this.set(answer.now);
    this.#view = { from: answer.from, to: answer.to };
    this.#wanted = null;
    delete this.#plot.dataset.missing;
    this.#problem = answer.partial ?? "";
    this.#draw();
    drawHappenings(answer, this.zone);
    for (const press of this.#keys.splice(0)) press();
  }

  // Pages that follow the same range ask the same, in steps of the width, so that they share an answer.
  #address({ from, to }, range = null) {
    const wide = one(".row > svg", this.#plot)?.clientWidth ?? 0;
    const points = POINTS * Math.max(1, Math.min(5, Math.round(wide / 3 / POINTS)));
    const window = range ? `range=${range}` : `from=${Math.round(from)}&to=${Math.round(to)}`;
    return `api/v1/timeline?${window}&points=${points}`;
  }

  // -- drawing

  #gaps() {
    const { gaps } = this.#answer;
    return this.#lost === null ? gaps : [...gaps, [this.#lost, this.now()]];
  }

  #row(id, part) { return one(`[data-row="${CSS.escape(id)}"] > ${part}`, this.#plot); }

  #draw() {
    const answer = this.#answer, view = this.#view;
    if (!answer) return;
    this.#settleRows([["lane", answer.lanes], ["curve", answer.curves]]);
    const gaps = this.#gaps(), axis = one(".axis > svg", this.#plot);
    axis.innerHTML = drawAxis(view, this.zone, Math.min(13, Math.floor(axis.clientWidth / 45)));
    for (const lane of answer.lanes) {
      const picture = this.#row(lane.id, "svg");
      if (picture) picture.innerHTML = drawLane(lane, view, gaps);
    }
    for (const curve of answer.curves) {
      const picture = this.#row(curve.id, "svg");
      if (picture) picture.innerHTML = drawCurve(curve, answer, view, gaps);
    }
    this.#label(view);
    this.#bound(view);
    this.#point(this.#at);
  }

  #bound({ from, to }) {
    const values = { "aria-valuemin": from, "aria-valuemax": to, "aria-valuenow": this.#at ?? to };
    for (const [name, value] of Object.entries(values)) this.#hand.setAttribute(name, Math.round(value));
  }

  // Each stretch of time has its own lanes and curves: a row stays, comes or goes with what the answer has.
  #settleRows(kinds) {
    let before = one(".axis", this.#plot);
    for (const [kind, rows] of kinds) for (const shown of rows) {
      const row = this.#row(shown.id, "svg")?.parentElement ?? this.#makeRow(kind, shown);
      if (before.nextElementSibling !== row) before.after(row);
      before = row;
    }
    while (before.nextElementSibling !== this.#hand) before.nextElementSibling.remove();
  }

  #makeRow(kind, { id, name, note }) {
    const label = make("span", {}, plain(name));
    if (note) label.append(" ", make("small", { class: "quiet" }, plain(note)));
    return make("div", { class: `row ${kind}`, "data-row": id }, label, draft(), make("output"));
  }

  // What the address, the links and the buttons say of this view.
  #label(view) {
    const { from, to } = view, wide = to - from, zone = this.zone;
    for (const link of all("[data-range]")) link.ariaCurrent = link.dataset.range === this.#follow ? "true" : null;
    const parts = wide > 36000 ? ["d", "m", "hm"] : ["d", "hm", ...(wide < 600 ? ["s"] : [])];
    one("#span").textContent = `${clock(from, zone, ...parts)} – ${clock(to, zone, ...parts)}`;
    const fixed = `?from=${Math.round(from)}&to=${Math.round(to)}`;
    one("#perma").href = fixed;
    for (const link of all("a[data-format]")) link.href = `${this.#address(view)}&format=${link.dataset.format}`;
    for (const link of all("#perma, a[data-format]")) link.hidden = false;
    history.replaceState(null, "", this.#follow ? `?range=${this.#follow}` : fixed);
  }

  // -- pointing

  #hand = make("div", { id: "hand", tabindex: 0, role: "slider", "aria-label": "Moment on the time line" });

  #buildHand() {
    this.#hand.append(make("div", { id: "cross", hidden: "" }, make("span", { id: "flag" })),
      make("div", { id: "mark", hidden: "" }));
    this.#plot.append(this.#hand);
    this.#bound(this.#view);
  }

  #bucket(moment) {
    const { at } = this.#answer;
    return Math.max(0, at.findLastIndex((begin) => begin <= moment));
  }

  // Say what was at this moment; null: the sums of what is shown.
  #point(moment) {
    const answer = this.#answer;
    if (!answer) return;
    const { from, to } = this.#view, wide = to - from;
    this.#at = moment === null ? null : Math.min(to, Math.max(from, moment));
    const at = this.#at ?? to, gaps = this.#gaps(), isBlank = gaps.some(([begin, end]) => begin <= at && at <= end);
    const said = [];
    for (const curve of answer.curves) {
      const text = isBlank && (this.#at !== null || this.#lost !== null) ? "no data"
        : this.#at === null ? sumCurve(curve) : say(curve, this.#bucket(at));
      const output = this.#row(curve.id, "output");
      if (output) output.textContent = text;
      if (curve.unit === "celsius" || curve.id === "cpu") said.push(`${curve.id === "cpu" ? "CPU " : ""}${text}`);
    }
    const reach = wide / Math.max(1, this.#hand.clientWidth) * 2, here = [];
    for (const lane of answer.lanes) {
      const hits = lane.spans.filter(([begin, end]) => begin - reach <= at && at <= (end ?? to) + reach);
      const output = this.#row(lane.id, "output");
      if (output) output.textContent = this.#at === null ? this.#sum(lane) : sayLane(lane, hits, to, isBlank);
      if (hits.length) here.push(lane.id === "verdict" ? sayLane(lane, hits, to) : `${lane.name} ${sayLane(lane, hits, to)}`);
    }
    one("#cross").hidden = this.#at === null;
    this.#hand.setAttribute("aria-valuenow", Math.round(at));
    if (this.#at !== null) {
      one("#cross").style.left = `${(at - from) / wide * 100}%`;
      const zone = this.zone;
      one("#flag").textContent = clock(at, zone, ...(wide > 200000 ? ["d"] : []), "hm", ...(wide < 7200 ? ["s"] : []));
      this.#said = [clock(at, zone, "d", "m", "hm", ...(wide < 20000 ? ["s"] : [])), ...here, ...said].join(" · ");
    }
    this.#say();
  }

  #said = "";

  #say() {
    const line = one("#at");
    line.textContent = this.#at !== null ? this.#said : this.#problem || HINT;
    line.classList.toggle("problem", this.#at === null && this.#problem !== "");
    this.#hand.setAttribute("aria-valuetext", this.#at === null ? "now" : this.#said);
  }

  #sum(lane) {
    return lane.id === "verdict" && this.#lost !== null ? WORDS.unknown : sumLane(lane, this.#view);
  }

  // -- moving

  #move(zoom, slide = 0) {
    const base = this.#wanted ?? this.#view, wide = base.to - base.from;
    const middle = this.#at ?? (zoom < 1 ? base.to : (base.from + base.to) / 2);
    const from = Math.min(middle - (middle - base.from) * zoom + slide * wide, this.now() - wide * zoom);
    this.#show({ from, to: from + wide * zoom });
  }

  #home() { this.#show({ from: this.now() - RANGES["24h"], to: this.now() }, "24h", 0); }

  #bindPointer() {
    const hand = this.#hand;
    let from = null;
    const timeAt = (event) => {
      const box = hand.getBoundingClientRect(), part = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      return this.#view.from + (this.#view.to - this.#view.from) * part;
    };
    const sweep = () => {
      const mark = one("#mark"), { from: begin, to: end } = this.#view;
      mark.hidden = from === null;
      if (from === null) return;
      mark.style.left = `${(Math.min(from, this.#at) - begin) / (end - begin) * 100}%`;
      mark.style.width = `${Math.abs(from - this.#at) / (end - begin) * 100}%`;
    };
    const listen = (kind, act) => hand.addEventListener(kind, (event) => {
      if (this.#answer) act(event);
      else if (!this.#abort) this.#fetch();
    });
    listen("pointermove", (event) => { this.#point(timeAt(event)); if (from !== null) sweep(); });
    listen("pointerdown", (event) => {
      if (event.button) return;
      this.#point(timeAt(event));
      if (event.pointerType === "touch") return; // which scrolls the page
      from = this.#at;
      hand.setPointerCapture(event.pointerId);
    });
    listen("pointerup", () => {
      const begin = from, end = this.#at;
      from = null;
      sweep();
      if (begin === null || Math.abs(begin - end) <= (this.#view.to - this.#view.from) / 100) return;
      this.#point(null);
      this.#show({ from: Math.min(begin, end), to: Math.max(begin, end) }, null, 0);
    });
    listen("pointercancel", () => { from = null; sweep(); });
    listen("pointerleave", (event) => { if (from === null && event.pointerType !== "touch") this.#point(null); });
    listen("dblclick", () => this.#move(2));
    listen("blur", () => this.#point(null));
  }

  #bindKeys() {
    const keys = {
      ArrowLeft: (step) => this.#point((this.#at ?? this.#view.to) - step),
      ArrowRight: (step) => this.#point((this.#at ?? this.#view.to) + step),
      Home: () => this.#point(this.#view.from),
      End: () => this.#point(this.#view.to),
      PageUp: () => this.#move(1, -0.5),
      PageDown: () => this.#move(1, 0.5),
      "+": () => this.#move(0.5),
      "=": () => this.#move(0.5),
      "-": () => this.#move(2),
      Escape: () => { this.#point(null); if (this.#follow !== "24h") this.#home(); },
    };
    this.#hand.addEventListener("focus", () => { if (!this.#answer && !this.#abort) this.#fetch(); });
    this.#hand.addEventListener("keydown", (event) => {
      const act = keys[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const press = () => act((this.#view.to - this.#view.from) / (event.shiftKey ? 12 : 120));
      if (this.#answer) return press();
      this.#keys.push(press);
      if (!this.#abort) this.#fetch();
    });
  }

  #bindLinks() {
    const acts = { in: [0.5], out: [2], earlier: [1, -0.5], later: [1, 0.5] };
    for (const button of all("[data-act]")) button.onclick = () => this.#move(...acts[button.dataset.act]);
    for (const group of all(".move")) group.hidden = false;
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-range], a.when");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.#at = null;
      const { range } = link.dataset;
      if (range) return this.#show({ from: this.now() - RANGES[range], to: this.now() }, range, 0);
      const asked = new URLSearchParams(link.search), from = Number(asked.get("from")), to = Number(asked.get("to"));
      const margin = Math.max(120, (to - from) * 0.15);
      this.#show({ from: from - margin, to: to + margin }, null, 0);
      one("#timeline").scrollIntoView({ block: "start" });
    });
  }
}

const HINT = matchMedia("(pointer: coarse)").matches ? "Tap to read a moment; + and − zoom"
  : "Point to read a moment, drag to zoom; keys: ← → + − Esc";

function sayLane(lane, hits, now, isBlank = false) {
  if (!hits.length) return isBlank ? "no data" : "–";
  const what = hits.at(-1)[2];
  if (lane.id === "verdict") return WORDS[what];
  return what ?? duration(hits.reduce((sum, [begin, end]) => sum + (end ?? now) - begin, 0));
}
