// Live values. No event is known by name here: elements say by their attributes which subject's field they show.
import { all, one } from "./elements.js";
import { format } from "./format.js";

const REDRAW_SECONDS = 30; // another disk or interface needs other elements, which the exporter draws
const OLD_SECONDS = 300; // sentences that no event keeps current

let subjects = new Map(), redrawn = -Infinity, timer = 0;
const opened = performance.now();

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

// Now and then.
export function redrawOld() {
  if (performance.now() - Math.max(redrawn, opened) > 1000 * OLD_SECONDS) redrawSoon();
}

async function redraw() {
  timer = 0;
  redrawn = performance.now();
  try {
    const answer = await fetch("?range=none", { cache: "no-store" });
    if (answer.ok) replaceParts(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch { /* the connection says so */ }
}

function replaceParts(fresh) {
  const areas = one("#verdict .areas", fresh), old = one("#verdict .areas");
  // what is the same is not read out again, and what somebody is in stays
  if (areas?.innerHTML !== old?.innerHTML && !old?.contains(document.activeElement)) {
    old?.remove();
    if (areas) one("#verdict").append(areas);
  }
  replaceContent(one(".now"), one(".now", fresh));
  for (const part of all(".rest > .panel[id]")) {
    const other = fresh.getElementById(part.id);
    if (other) replaceContent(part, other); else part.remove();
  }
  one(".rest").append(...all(".rest > .panel[id]", fresh).filter(({ id }) => !document.getElementById(id)));
  indexValues();
  document.dispatchEvent(new Event("redrawn"));
}

// What was unfolded and scrolled stays so.
function replaceContent(part, other) {
  if (part.contains(document.activeElement)) return; // somebody is in it
  const depths = all(".scroll", part).map(({ scrollTop }) => scrollTop);
  const open = all("details[open] > summary", part).map((summary) => summary.textContent);
  part.replaceChildren(...document.importNode(other, true).childNodes);
  for (const summary of all("details > summary", part)) summary.parentElement.open = open.includes(summary.textContent);
  all(".scroll", part).forEach((table, i) => { table.scrollTop = depths[i] ?? 0; });
}
