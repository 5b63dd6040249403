// The list of what happened: what lies in the time shown, of the kinds asked for.
import { all, make, one, plain, shape } from "./elements.js";
import { clock } from "./format.js";
import { sayTime } from "./verdict.js";

const MOST = 500;

let kind = "", isOpen = false, around = [], shown = null;

const overlaps = ({ from, to }, answer) => (to ?? answer.now) >= answer.from && from <= answer.to;

// The list of an answer. What wider answers before had is "outside", one tap away.
export function drawHappenings(answer, zone) {
  shown = { answer, zone };
  around = [...around.filter((item) => !overlaps(item, answer)), ...answer.happened].slice(-MOST);
  redraw();
}

function redraw() {
  if (!shown) return;
  const { answer, zone } = shown, isWanted = (item) => !kind || item.kind === kind;
  const isInside = (item) => overlaps(item, answer);
  const wanted = around.filter(isWanted), seen = wanted.filter((item) => isOpen || isInside(item));
  const days = new Map();
  for (const item of seen.toSorted((one, other) => other.from - one.from)) {
    const day = clock(item.from, zone, "day");
    if (!days.has(day)) days.set(day, []);
    days.get(day).push(drawItem(item, answer.now, zone));
  }
  const [today, yesterday] = [answer.now, answer.now - 86400].map((moment) => clock(moment, zone, "day"));
  const near = { [yesterday]: "Yesterday, ", [today]: "Today, " };
  one("#events").replaceChildren(...[...days].map(([day, items]) =>
    make("li", {}, make("h3", {}, `${near[day] ?? ""}${day}`), make("ol", {}, ...items))));
  const outside = wanted.filter((item) => !isInside(item)).length, more = one("#more");
  more.hidden = !outside;
  more.textContent = isOpen ? "Only the time shown" : `${outside} more outside the time shown`;
  one("#none").textContent = "Nothing in the time shown.";
  one("#none").hidden = seen.length > 0;
  drawLatest(answer.now, zone);
}

// What was last wrong, or else what happened last, in sight where the list is not.
function drawLatest(now, zone) {
  const newest = around.toSorted((one, other) => other.from - one.from), line = one("#latest");
  const latest = newest.find(({ level }) => level === "critical" || level === "warning") ?? newest[0];
  line.hidden = !latest;
  if (!latest) return;
  const link = make("a", { class: "when", href: addressOf(latest, now) }, sayTime(latest.from, now, zone));
  line.replaceChildren("Last ", link, " ", plain(latest.text));
}

const addressOf = ({ from, to }, now) => `?from=${Math.round(from)}&to=${Math.round(to ?? now)}`;

function drawItem(item, now, zone) {
  const small = [item.small, item.placed ? "Time corrected: the clock was not yet set" : ""].filter(Boolean);
  const text = make("div", {}, plain(item.text));
  if (small.length) text.append(make("small", {}, plain(small.join(". "))));
  const link = make("a", { class: "when", href: addressOf(item, now) }, sayWhen(item.from, item.to, now, zone));
  return make("li", { class: "ev", "data-k": item.kind }, link, shape(item.level, { alone: true }), text);
}

function sayWhen(from, to, now, zone) {
  const begin = clock(from, zone, "hm");
  if (to === null || (to >= now && now > from)) return `since ${begin}`;
  const isSameDay = clock(from, zone, "day") === clock(to, zone, "day");
  const end = isSameDay ? clock(to, zone, "hm") : clock(to, zone, "d", "hm").replace(/ \d+/, "");
  return begin === end ? begin : `${begin}–${end}`;
}

export function startHappenings() {
  one("#more").onclick = () => { isOpen = !isOpen; redraw(); };
  for (const group of all(".kinds")) group.hidden = false;
  for (const button of all("[data-kind]")) button.onclick = () => {
    kind = button.dataset.kind;
    for (const other of all("[data-kind]")) other.ariaPressed = String(other === button);
    redraw();
  };
}
