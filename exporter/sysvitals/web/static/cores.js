// The bars of the CPU tile: how busy each CPU is. Which event says so stands on the picture.
import { draft, one } from "./elements.js";
import { format } from "./format.js";

const COLUMNS = 64, HOT_PERCENT = 90;
const known = new Map();

export function drawCores(events) {
  const picture = one(".cores[data-event]"), seen = events.filter(({ name }) => name === picture?.dataset.event);
  if (!seen.length) return;
  for (const { data } of seen) known.set(data.cpu, data.online ? data.busy_percent : undefined);
  const busy = [...known].filter(([, percent]) => percent !== undefined).sort(([one], [other]) => one - other);
  if (!busy.length) return;
  const rows = Math.ceil(busy.length / COLUMNS), paths = { "": "", hot: "" };
  busy.forEach(([, percent], i) => {
    const height = Math.round(Math.min(percent, rows > 1 ? 96 : 100)), bottom = 100 * (Math.floor(i / COLUMNS) + 1);
    paths[percent >= HOT_PERCENT ? "hot" : ""] += `M${i % COLUMNS} ${bottom}v${-height}h.9v${height}z`;
  });
  const [busiest, percent] = busy.reduce((most, pair) => pair[1] > most[1] ? pair : most);
  const title = `${busy.length} CPU${busy.length > 1 ? "s" : ""}, busiest ${busiest} with ${format(percent, "percent")}`;
  picture.setAttribute("viewBox", `0 0 ${Math.min(COLUMNS, busy.length)} ${100 * rows}`);
  picture.setAttribute("aria-label", title);
  one("title", picture).textContent = title;
  picture.querySelectorAll("path").forEach((path) => path.remove());
  for (const [kind, d] of Object.entries(paths)) if (d) picture.append(draft(kind ? { class: kind, d } : { d }, "path"));
}
