// The verdict as the exporter sends it, drawn as the server draws it; and its colour in the tab's title and icon.
import { WORDS } from "./drawing.js";
import { all, make, one, plain, prose, shape } from "./elements.js";
import { clock, duration } from "./format.js";

const SEEN_REASONS = 4, MOST_REASONS = 100;
const SIGNS = { good: "✓", warning: "▲", critical: "✖", unknown: "?" };
const toneOf = (level) => level === "note" ? "good" : level;

export function callTab(level, words) {
  const host = one("h1").textContent, title = `${SIGNS[level]} ${host}: ${words}`;
  if (document.title !== title) document.title = title;
  const icon = one("link[rel=icon]"), address = icon.getAttribute("href").replace(/icon-\w+/, `icon-${level}`);
  if (icon.getAttribute("href") !== address) icon.setAttribute("href", address);
}

let last = null;

// Whether it is another verdict than before.
export function drawVerdict(verdict, now, zone) {
  if (JSON.stringify(verdict) === JSON.stringify(last)) return false; // what is the same is not read out again
  last = verdict;
  const section = one("#verdict"), level = toneOf(verdict.level), words = WORDS[level];
  const open = new Set(all("details[open]", section).map((details) => details.dataset.key));
  const items = verdict.reasons.map((reason) => drawReason(reason, open));
  const seen = items.length > SEEN_REASONS ? SEEN_REASONS - 1 : items.length, list = make("ul", { class: "reasons" });
  list.append(...items.slice(0, seen));
  if (items.length > seen) {
    const rest = make("details", { class: "fold", "data-key": "more" },
      make("summary", {}, `and ${items.length - seen} more reasons`),
      make("ul", { class: "reasons" }, ...items.slice(seen, MOST_REASONS)));
    if (items.length > MOST_REASONS) rest.lastChild.append(make("li", {}, `${items.length - MOST_REASONS} are not shown`));
    rest.open = open.has("more");
    list.append(make("li", {}, rest));
  }
  const heading = make("h2", {}, shape(level), words);
  const since = saySince(verdict, level, now, zone);
  if (since) heading.append(" ", make("small", { "aria-live": "off" }, since));
  const areas = one(".areas", section), parts = [heading]; // which the exporter has drawn, with what it checked
  if (verdict.unknown || verdict.now) parts.push(make("p", {}, plain(verdict.unknown || verdict.now)));
  if (items.length) parts.push(list);
  if (areas) {
    gradeAreas(areas, verdict.reasons, level === "unknown");
    areas.classList.toggle("wide", items.length < 2);
    parts.push(areas);
  }
  section.className = `verdict ${level}`;
  document.body.dataset.level = level;
  const held = section.contains(document.activeElement) ? document.activeElement : null;
  section.replaceChildren(...parts);
  if (held) findAgain(held, section)?.focus({ preventScroll: true });
  return true;
}

// What stands now where this stood, for the keys.
function findAgain(held, section) {
  if (held.isConnected) return held;
  const key = held.closest("details")?.dataset.key;
  return all("details", section).find((details) => details.dataset.key === key)?.querySelector(held.localName);
}

// How long it has been so.
export function ageVerdict(now, zone) {
  const small = one("#verdict h2 small"), text = last && saySince(last, toneOf(last.level), now, zone);
  if (small && text && small.textContent !== text) small.textContent = text;
}

function saySince(verdict, level, now, zone) {
  if (verdict.since === null || verdict.since === undefined || level === "unknown") return "";
  const lasted = Math.max(0, Math.round(now - verdict.since)), long = duration(lasted);
  return level === "good" ? `for ${long}` : `since ${sayTime(verdict.since, now, zone)}, ${long}`;
}

// As short as it is clear.
export function sayTime(moment, now, zone) {
  const isNear = now - moment < 43200 || clock(moment, zone, "day") === clock(now, zone, "day");
  return isNear ? clock(moment, zone, "hm") : clock(moment, zone, "d", "m", "hm");
}

function drawReason(reason, open) {
  const { level } = reason, key = [reason.alert, ...reason.subject].join("\n");
  const more = make("a", { href: `runbook#${reason.alert.toLowerCase()}` }, "More in the runbook");
  const details = make("details", { "data-key": key },
    make("summary", {}, shape(level), make("span", {}, plain(reason.text)), make("em", {}, make("span", {}, "what to do"))),
    make("p", {}, ...(reason.remedy ? [...prose(reason.remedy), " "] : []), more));
  details.open = open.has(key);
  return make("li", { class: level }, details);
}

const RANKS = ["critical", "warning"];

function gradeAreas(areas, reasons, isUnknown) {
  for (const link of all("a[data-area]", areas)) {
    const levels = reasons.filter(({ area }) => area === link.dataset.area).map(({ level }) => level);
    const level = RANKS.find((rank) => levels.includes(rank)) ?? (isUnknown ? "unknown" : link.dataset.least);
    link.querySelector(".sh").replaceWith(shape(level, { alone: true }));
  }
}
