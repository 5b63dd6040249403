// Keeps the page alive. It knows no event by name: elements say by their attributes which subject and field they show.
"use strict";

const KEPT_SECONDS = 600, WIDTH = 300, HEIGHT = 60;
const STALE_SECONDS = 60; // heartbeats come every 15 s at the slowest for what moves
const WORDS = { good: "All is well", note: "All is well", warning: "Needs attention", critical: "In trouble" };
const SHORT = { celsius: "°C", percent: "%", volts: "V", amperes: "A", watts: "W", dbm: "dBm", rpm: "rpm", "per second": "/s" };
const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

const LABELS = new Set(["cause", "collector", "device", "mountpoint", "segment", "sink", "thing"]);

let socket = null, pause = 1000, lines = new Map(), newest = 0, redrawn = 0, asked = false;

function number(value) {
  const size = Math.abs(value), digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  const text = value.toFixed(digits);
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
}

function duration(seconds) {
  if (seconds < 60) return number(seconds) + " s";
  const whole = Math.floor(seconds);
  for (const [big, small, a, b] of [[86400, 3600, "d", "h"], [3600, 60, "h", "min"], [60, 1, "min", "s"]])
    if (whole >= big) return `${Math.floor(whole / big)} ${a} ${Math.floor(whole % big / small)} ${b}`;
  return "";
}

function moment(date) {
  const two = (n) => String(n).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function format(value, unit) {
  if (value === undefined || value === null) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return value;
  if (unit === "bytes" || unit === "bytes per second") {
    let power = 0;
    while (value >= 1024 && power < SIZES.length - 1) { value /= 1024; power++; }
    return `${number(value)} ${SIZES[power]}${unit === "bytes" ? "" : "/s"}`;
  }
  if (unit === "timestamp_seconds") return moment(new Date(value * 1000));
  if (unit === "hertz") return `${(value / 1e6).toFixed(0)} MHz`;
  if (unit === "seconds") return duration(value);
  if (unit === "ratio") return `${(100 * value).toFixed(0)} %`;
  if (unit === "percent") return `${value.toFixed(0)} %`;
  if (unit === "celsius") return `${value.toFixed(1)} °C`;
  const text = Number.isInteger(value) ? value.toLocaleString("en") : number(value);
  return `${text} ${SHORT[unit] ?? unit}`.trim();
}

function show(element, data) {
  const value = data[element.dataset.field];
  if (element instanceof HTMLMeterElement) {
    element.value = value ?? 0;
  } else if (element.classList.contains("state")) {
    const [no, yes] = element.dataset.tints.split(" ");
    element.className = `state ${value === undefined ? "unknown" : value ? yes : no}`;
    element.textContent = value === undefined ? "–" : value ? element.dataset.true : element.dataset.false;
  } else {
    element.textContent = format(value, element.dataset.unit);
  }
}

// elements of an event's name, each with the labels that it is for; made anew when the page's parts change
let subjects = new Map();

function index() {
  subjects = new Map();
  for (const element of document.querySelectorAll("#main [data-labels]")) {
    const found = { element, labels: JSON.parse(element.dataset.labels), fields: element.querySelectorAll("[data-field]") };
    if (!subjects.has(element.dataset.event)) subjects.set(element.dataset.event, []);
    subjects.get(element.dataset.event).push(found);
  }
}

function apply(event) {
  newest = Math.max(newest, event.uptime);
  const known = subjects.get(event.name);
  if (!known) return;
  let isNew = true;
  for (const { element, labels, fields } of known) {
    if (Object.entries(labels).every(([name, value]) => event.data[name] === value)) {
      isNew = false;
      for (const field of fields) show(field, event.data);
      const card = element.closest(".card");
      if (card) { card.dataset.at = String(performance.now()); card.classList.remove("stale"); }
    }
  }
  if (isNew) redraw();
}

function note(event) {
  // a reading says what is now; all else happened
  if (event.name.endsWith(".updated")) return;
  const item = document.createElement("li"), time = document.createElement("time");
  const name = document.createElement("b"), said = document.createElement("span");
  time.dateTime = event.time;
  time.textContent = moment(new Date(event.time));
  name.textContent = event.name.replace(/^system\./, "").replaceAll(/[._]/g, " ");
  said.textContent = Object.entries(event.data).map(([key, value]) => LABELS.has(key) ? value :
    key === "seconds" ? `for ${duration(value)}` : `${key.replaceAll("_", " ")} ${format(value, "")}`).join(", ");
  item.append(time, " ", name, " ", said);
  const list = document.getElementById("changes");
  list.prepend(item);
  while (list.children.length > 100) list.lastElementChild.remove();
}

function trend(event) {
  const labels = Object.values(event.data).filter((value) => typeof value === "string");
  for (const line of document.querySelectorAll(`polyline[data-event="${CSS.escape(event.name)}"]`)) {
    const wanted = JSON.parse(line.dataset.subject), value = event.data[line.dataset.field];
    if (value === undefined || !wanted.every((label) => labels.includes(label))) continue;
    const key = [event.name, ...wanted, line.dataset.field].join("\u0000");
    if (!lines.has(key)) lines.set(key, []);
    lines.get(key).push([event.uptime, Number(value)]);
  }
}

function across(at) {
  return (WIDTH * (1 - (newest - at) / KEPT_SECONDS)).toFixed(1);
}

function lane(points, order, lanes) {
  const path = [];
  let last = null;
  for (const [at, value] of points) {
    const y = (HEIGHT * (order + (value ? 0.2 : 0.9)) / lanes).toFixed(1);
    if (last !== null && last !== y) path.push(`${across(at)},${last}`);
    path.push(`${across(at)},${y}`);
    last = y;
  }
  return path.join(" ");
}

function curve(points, bottom, top) {
  return points.map(([at, value]) => {
    const part = (Math.min(Math.max(value, bottom), top) - bottom) / (top - bottom);
    return `${across(at)},${(HEIGHT * (1 - part)).toFixed(1)}`;
  }).join(" ");
}

function draw() {
  for (const chart of document.querySelectorAll(".chart")) {
    const shapes = [...chart.querySelectorAll("polyline")], { bottom, top, lanes, unit } = chart.dataset;
    const drawn = shapes.map((shape) => {
      const key = [shape.dataset.event, ...JSON.parse(shape.dataset.subject), shape.dataset.field].join("\u0000");
      const points = (lines.get(key) ?? []).filter(([at]) => at >= newest - KEPT_SECONDS);
      lines.set(key, points);
      return points;
    });
    const low = Number(bottom), highest = Math.max(low + 1e-9, ...drawn.flat().map(([, value]) => value));
    const high = top === undefined ? highest : Number(top);
    shapes.forEach((shape, order) => shape.setAttribute("points",
      lanes === undefined ? curve(drawn[order], low, high) : lane(drawn[order], order, shapes.length)));
    if (lanes === undefined) chart.querySelector(".top b").textContent = format(high, unit);
  }
}

function judge(verdict) {
  const section = document.getElementById("verdict"), list = section.querySelector("ul");
  section.className = verdict.level;
  const word = WORDS[verdict.level], title = section.querySelector("h2");
  if (title.textContent !== word) title.textContent = word; // what does not change is not read out again
  const items = verdict.reasons.map((reason) => {
    const item = document.createElement("li"), link = document.createElement("a");
    item.className = reason.level;
    link.href = `${section.dataset.runbook}#${reason.alert.toLowerCase()}`;
    link.textContent = "what to do";
    item.append(`${reason.text} `, link);
    return item;
  });
  list.replaceChildren(...items);
}

function localise() {
  for (const time of document.querySelectorAll("#changes time")) time.textContent = moment(new Date(time.dateTime));
  for (const element of document.querySelectorAll('[data-unit="timestamp_seconds"]')) {
    const at = Date.parse(element.textContent.replace(" UTC", "Z").replace(" ", "T"));
    if (!Number.isNaN(at)) element.textContent = moment(new Date(at));
  }
}

// what comes or goes (a disk, an interface) needs other elements: the server draws them, as at first
async function redraw() {
  if (performance.now() - redrawn < 5000) return;
  redrawn = performance.now();
  try {
    const answer = await fetch(location.pathname, { cache: "no-store" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
    const open = [...document.querySelectorAll("#main details")].map((details) => details.open);
    document.getElementById("main").replaceChildren(...document.importNode(fresh, true).childNodes);
    document.querySelectorAll("#main details").forEach((details, at) => { details.open = open[at] ?? false; });
    index();
    localise();
    draw();
  } catch { /* the connection tells */ }
}

function say(kind, text) {
  const status = document.getElementById("connection");
  if (status.className !== kind || status.textContent !== text) { status.className = kind; status.textContent = text; }
}

function begin(snapshot) {
  lines = new Map();
  for (const { subject, field, points } of snapshot.trends) lines.set([...subject, field].join("\u0000"), points);
  newest = Math.max(0, ...snapshot.readings.map((event) => event.uptime));
  for (const event of snapshot.readings) apply(event);
  draw();
}

function receive(message) {
  if (message.snapshot) begin(message.snapshot);
  for (const event of message.events ?? []) { apply(event); trend(event); note(event); }
  if (message.events) draw();
  if (message.verdict) judge(message.verdict);
  if (message.dropped) redraw(); // this browser was too slow: start from what is true now
}

function connect(again) {
  const address = new URL("api/v1/live", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  address.search = address.hash = "";
  socket = new WebSocket(address);
  let heard = 0;
  socket.onmessage = (message) => {
    if (!heard++) {
      pause = 1000;
      asked = false;
      say("live", "live");
      if (again) { redrawn = -5000; redraw(); } // whatever happened meanwhile is on the server's page
    }
    receive(JSON.parse(message.data));
  };
  socket.onclose = (event) => {
    const why = event.code === 1013 ? "too many are watching" : "the connection is lost";
    say("lost", `${why}; these values are old`);
    document.querySelectorAll(".card[data-at]").forEach((card) => card.classList.add("stale"));
    // the cookie may be too old: the page, for which browsers send the password, gives another one
    if (!heard && !asked) fetch(location.pathname, { method: "HEAD", cache: "no-store" }).then(() => { asked = true; }, () => {});
    setTimeout(() => connect(true), pause);
    pause = Math.min(pause * 2, 15000);
  };
}

index();
localise();
connect(false);
setInterval(() => {
  for (const card of document.querySelectorAll(".card[data-at]"))
    if (performance.now() - Number(card.dataset.at) > 1000 * STALE_SECONDS) card.classList.add("stale");
}, 5000);
