// Draws the time line: pure functions from the answer of api/v1/timeline to markup. The server draws the same markup.
import { ahead, clock, duration, format } from "./format.js";

export const WORDS = { good: "All well", warning: "Needs attention", critical: "In trouble", unknown: "Not known yet" };
const STEPS = [1, 5, 10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 259200, 604800];
const SEVERITIES = { good: ["l0", 5], warning: ["l1", 10], critical: ["l2", 15] }; // height says it too
const ENDINGS = { unclean: "unclean", clean: "clean", unknown: "not known how" }; // of boots, the worst first
const TRIANGLE = "M0 1l7 14H-7z", DIAMOND = "M0 2l6 6-6 6-6-6z";
const ABOVE_LIMIT = 6;
const LEAST = { lane: 0.1, silence: 0.4, gap: 0.2 }; // per cent: 40 ms in 30 days are still seen

const round = (value) => +value.toFixed(2);
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// From and width of a stretch, in per cent of what is shown; null outside. One without an end goes on.
function place([from, to], view, least) {
  const end = to ?? view.to;
  if (end < view.from || from > view.to) return null;
  const part = (moment) => clamp((moment - view.from) / (view.to - view.from) * 100, 0, 100);
  const left = Math.min(part(from), 100 - least);
  return { left: round(left), wide: round(Math.max(least, part(end) - left)) };
}

const hatch = (gaps, view) => gaps.map((gap) => place(gap, view, LEAST.gap)).filter(Boolean)
  .map(({ left, wide }) => `<rect class="nd" x="${left}%" width="${wide}%" height="100%" fill="url(#hatch)"></rect>`)
  .join("");

// `most` ticks at most: as many as the width has room for.
export function drawAxis(view, zone, most) {
  const wide = view.to - view.from, step = STEPS.find((seconds) => wide / seconds <= most) ?? 604800;
  const shift = ahead(view.to, zone);
  let out = "";
  for (let number = Math.ceil((view.from + shift) / step); number * step - shift < view.to; number++) {
    const at = number * step - shift, part = (at - view.from) / wide * 100, isDay = number * step % 86400 === 0;
    if (part < 1.5 || part > 97) continue;
    const text = isDay ? clock(at, zone, "d") : clock(at, zone, "hm", ...(step < 60 ? ["s"] : []));
    out += `<svg x="${+part.toFixed(1)}%"${isDay ? ' class="day"' : ""}><path d="M0 20v6"></path>` +
      `<text y="15">${text}</text></svg>`;
  }
  return out;
}

export function drawLane(lane, view, gaps) {
  let out = hatch(gaps, view); // where nothing is known, no lane claims peace
  for (const span of lane.spans) {
    const found = place(span, view, lane.id === "silence" ? LEAST.silence : LEAST.lane);
    const what = span[2];
    if (!found) continue;
    const at = `x="${found.left}%" width="${found.wide}%"`, [kind, high] = SEVERITIES[what] ?? [];
    if (kind) out += `<rect class="${kind}" ${at} y="${16 - high}" height="${high}"></rect>`;
    else if (lane.id === "silence") out += `<rect class="nd" ${at} height="100%" fill="url(#hatch)"></rect>`;
    else if (lane.id === "reboots")
      out += `<svg x="${found.left}%" class="${what}"><path d="${what === "unclean" ? TRIANGLE : DIAMOND}"></path></svg>`;
    else if (!what) out += `<rect class="on" ${at} y="1" height="14"></rect>`;
  }
  return out;
}

// The pieces of a line, each a list of indexes: no value breaks it, and so does a gap between two buckets.
function pieces(values, at, gaps) {
  const found = [];
  let isOpen = false;
  values.forEach((value, i) => {
    if (isOpen && gaps.some(([from, to]) => to > at[i - 1] && from < at[i])) isOpen = false;
    if (value === null) { isOpen = false; return; }
    if (!isOpen) found.push([]);
    found.at(-1).push(i);
    isOpen = true;
  });
  return found;
}

// A bucket is one wide, and its value stands in its middle; a single one is drawn as wide as it is.
const line = (piece, y) => piece.length === 1 ? `M${piece[0]} ${y[piece[0]]}h1`
  : piece.map((i, n) => `${n ? "L" : "M"}${i}.5 ${y[i]}`).join("");
const band = (piece, least, most) => piece.map((i, n) => `${n ? "L" : "M"}${i}.5 ${most[i]}`).join("") +
  piece.toReversed().map((i) => `L${i}.5 ${least[i]}`).join("") + "z";
const hump = (piece, y) => `M${piece[0]} 50V${y[piece[0]]}${piece.map((i) => `L${i}.5 ${y[i]}`).join("")}h.5V50z`;

const ceiling = (value) => {
  const power = 2 ** Math.floor(Math.log2(value));
  return value <= power ? power : value <= power * 1.5 ? power * 1.5 : power * 2;
};

// Parts of a whole go from 0 to 100, temperatures to their limit at least.
function findAxis(curve) {
  const { low, high, limit } = curve;
  if (curve.mirror) return [0, ceiling(Math.max(1, ...curve.mean, ...curve.down))];
  if (curve.unit === "percent") return [0, 100];
  if (curve.unit === "celsius") return [10 * Math.floor(low / 10), limit ? Math.max(high, limit + ABOVE_LIMIT) : high];
  return [Math.min(0, low), ceiling(Math.max(1, high))];
}

export function drawCurve(curve, answer, view, gaps) {
  const { at, from, to } = answer, isMirror = Boolean(curve.mirror);
  const [low, high] = findAxis(curve);
  const depth = (value) => value === null ? null : 2 + 96 * (1 - (value - low) / (high - low || 1));
  const side = (sign) => (value) => value === null ? null : Math.round(50 + sign * 48 * value / high);
  const draw = (kind, values, make) => {
    const d = pieces(values, at, answer.gaps).map(make).join("");
    return d && `<path class="${kind}" d="${d}"></path>`;
  };
  let body;
  if (isMirror) {
    const [up, down] = [curve.mean.map(side(-1)), curve.down.map(side(1))];
    body = draw("up", up, (piece) => hump(piece, up)) + draw("down", down, (piece) => hump(piece, down));
  } else {
    const [least, mean, most] = [curve.min, curve.mean, curve.max]
      .map((values) => values.map((value) => value === null ? null : Math.round(depth(value))));
    body = draw("band", mean, (piece) => band(piece, least, most)) + draw("mean", mean, (piece) => line(piece, mean));
  }
  // what was answered need not be what is shown: without contact the time goes on
  const left = round((from - view.from) / (view.to - view.from) * 100);
  const wide = round((to - from) / (view.to - view.from) * 100);
  const base = isMirror ? 50 : 99, limit = curve.limit && `${+depth(curve.limit).toFixed(1)}%`;
  return `<line class="base" x2="100%" y1="${base}%" y2="${base}%"></line>` +
    `<svg viewBox="0 0 ${at.length} 100" preserveAspectRatio="none"${left ? ` x="${left}%"` : ""} width="${wide}%"` +
    ` height="100%">${body}</svg>` +
    (limit ? `<line class="limit" x2="100%" y1="${limit}" y2="${limit}"></line>` : "") + hatch(gaps, view) +
    (limit ? `<text class="top max" x="3" y="${limit}" dy="12">limit ${curve.limit.toFixed(0)} °C</text>`
      : `<text class="top" x="3" y="11">${format(high, curve.unit)}</text>`);
}

export function sumLane(lane, view) {
  const seen = lane.spans.filter(([from, to]) => (to ?? view.to) >= view.from && from <= view.to);
  if (lane.id === "verdict") return WORDS[seen.at(-1)?.[2] ?? "unknown"];
  if (!seen.length) return lane.blank ? "no data" : "none";
  if (lane.id === "reboots") {
    const count = (ending) => seen.filter(([, , what]) => what === ending).length;
    return Object.keys(ENDINGS).filter(count).map((ending) => `${count(ending)} ${ENDINGS[ending]}`).join(", ");
  }
  const count = lane.count ?? seen.length;
  const seconds = lane.seconds ??
    seen.reduce((sum, [from, to]) => sum + Math.min(to ?? view.to, view.to) - Math.max(from, view.from), 0);
  return count === 1 ? duration(seconds) : `${count.toLocaleString("en")} times, ${duration(seconds)}`;
}

// What a curve says of one bucket.
export function say(curve, i) {
  const value = curve.mean[i] ?? null;
  if (value === null) return "no data";
  if (!curve.mirror) return format(value, curve.unit);
  return `${format(value, curve.unit)} ${curve.ways[0]}\n${format(curve.down[i], curve.unit)} ${curve.ways[1]}`;
}

// What a curve says of all that is shown.
export function sumCurve(curve) {
  const last = say(curve, curve.mean.length - 1);
  return curve.mirror || curve.high === null ? last : `${last}\nhighest ${format(curve.high, curve.unit)}`;
}
