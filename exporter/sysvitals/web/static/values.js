// Live values. No event is known by name here: elements say by their attributes which subject's field they show.
import { all, one } from "./elements.js";
import { format } from "./format.js";

const REDRAW_SECONDS = 30; // another disk or interface needs other elements, which the exporter draws

let subjects = new Map(), redrawn = -Infinity, timer = 0;

// Elements by their event's name; again when parts of the page were replaced.
export function indexValues() {
  subjects = new Map();
  for (const element of all("[data-field]")) {
    const owner = element.closest("[data-event]"), { event, labels } = owner.dataset;
    if (!subjects.has(event)) subjects.set(event, new Map());
    const known = subjects.get(event);
    if (!known.has(labels)) known.set(labels, { labels: JSON.parse(labels), elements: [] });
    known.get(labels).elements.push(element);
  }
}

export function applyEvent({ name, data }) {
  const known = subjects.get(name);
  if (!known) return;
  const found = [...known.values()].filter(({ labels }) => Object.entries(labels).every(([key, value]) => data[key] === value));
  for (const { elements } of found) for (const element of elements) show(element, data);
  if (!found.length) redrawSoon();
}

function show(element, data) {
  const value = data[element.dataset.field], { low, high, unit } = element.dataset;
  if (high !== undefined) { // a bar
    const part = 100 * ((value ?? low) - low) / (high - low);
    one("rect", element.closest("svg")).setAttribute("width", `${+Math.min(100, Math.max(0, part)).toFixed(1)}%`);
    return;
  }
  const words = typeof value === "boolean" ? element.dataset[value] : undefined, text = words ?? format(value, unit);
  if (text !== null && element.textContent !== text) element.textContent = text;
}

// The exporter draws the parts again: something came or went, or this page missed events.
export function redrawSoon() {
  const wait = Math.max(0, 1000 * REDRAW_SECONDS - (performance.now() - redrawn));
  timer ||= setTimeout(redraw, wait);
}

async function redraw() {
  timer = 0;
  redrawn = performance.now();
  try {
    const answer = await fetch("?range=none", { cache: "no-store" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const areas = one("#verdict .areas", fresh);
    one("#verdict .areas")?.remove();
    if (areas) one("#verdict").append(document.importNode(areas, true));
    for (const part of all(".now, .rest > .panel[id]")) {
      const other = part.id ? fresh.getElementById(part.id) : one(".now", fresh);
      if (!other) continue;
      const open = all("details[open] > summary", part).map((summary) => summary.textContent);
      part.replaceChildren(...document.importNode(other, true).childNodes);
      for (const summary of all("details > summary", part)) summary.parentElement.open = open.includes(summary.textContent);
    }
    indexValues();
    document.dispatchEvent(new Event("redrawn"));
  } catch { /* the connection says so */ }
}
