// How values are written. The units are the exporter's own table (units.js); the styles are those of model/unit.py.
import { UNITS } from "./units.js";

export const UNKNOWN = "–";
const STEPS = [[86400, 3600, "d", "h"], [3600, 60, "h", "min"], [60, 1, "min", "s"]];
const PREFIXES = { 1000: ["", "k", "M", "G", "T"], 1024: ["", "Ki", "Mi", "Gi", "Ti"] };

// as the exporter rounds: a tie goes to the even digit
function fix(value, digits) {
  const text = value.toFixed(digits), isTie = Math.abs(value * 2 ** (digits + 1)) % 2 === 1;
  return isTie && text.at(-1) % 2 ? (value - Math.sign(value) * 0.5 / 10 ** digits).toFixed(digits) : text;
}

function shorten(value) {
  const size = Math.abs(value), text = fix(value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function prefix(value, step, suffix) {
  let power = 0;
  while (Math.abs(value) >= step && power < 4) { value /= step; power++; }
  return `${shorten(value)} ${PREFIXES[step][power]}${suffix}`;
}

export function duration(seconds) {
  if (seconds < 0) return `-${duration(-seconds)}`;
  if (seconds > 0 && seconds < 0.9995) return `${shorten(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${shorten(+fix(seconds, 1))} s`;
  const whole = seconds < 3600 ? +fix(seconds, 0) : Math.floor(seconds);
  const [big, small, first, second] = STEPS.find(([least]) => whole >= least), rest = Math.floor(whole % big / small);
  return `${Math.floor(whole / big)} ${first}${rest ? ` ${rest} ${second}` : ""}`;
}

const STYLES = {
  binary: (value, unit) => prefix(value, 1024, unit.suffix),
  count: (value, unit) => `${Number.isInteger(value) ? value.toLocaleString("en") : shorten(value)} ${unit.suffix}`,
  decimal: (value, unit) => prefix(value, 1000, unit.suffix),
  duration: (value) => duration(value),
  fixed: (value, unit) => `${fix(value, unit.digits)} ${unit.suffix}`,
  plain: (value, unit) => `${fix(value, 0)} ${unit.suffix}`,
  short: (value, unit) => `${shorten(value)} ${unit.suffix}`,
};

// A value in its unit. Times are written by the exporter, in the board's zone: null.
export function format(value, unit = "") {
  if (value === undefined || value === null) return UNKNOWN;
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "yes" : "no";
  const shape = UNITS[unit];
  return shape.style in STYLES ? STYLES[shape.style](value * shape.scale, shape).trimEnd() : null;
}

// -- times, in the board's zone
const PARTS = {
  hm: { hour: "2-digit", minute: "2-digit" }, s: { second: "2-digit" }, d: { weekday: "short", day: "numeric" },
  m: { month: "short" }, day: { weekday: "long", day: "numeric", month: "long" },
};
const formats = new Map();

function formatOf(zone, options) {
  const key = zone + JSON.stringify(options);
  if (!formats.has(key)) {
    let found;
    try {
      found = new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options });
    } catch { // a zone that this browser does not know
      found = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options, timeZoneName: "short" });
    }
    formats.set(key, found);
  }
  return formats.get(key);
}

export function clock(moment, zone, ...parts) {
  const options = Object.assign({}, ...parts.map((part) => PARTS[part]));
  return formatOf(zone, options).format(new Date(moment * 1000)).replaceAll(",", "");
}

// By how many seconds this zone is ahead of UTC at that moment.
export function ahead(moment, zone) {
  const format = formatOf(zone, { hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric",
    hour: "numeric", minute: "numeric", second: "numeric" });
  const part = Object.fromEntries(format.formatToParts(new Date(moment * 1000)).map(({ type, value }) => [type, +value]));
  return Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second) / 1000 - Math.floor(moment);
}
