// Keeps the page alive. Without it the page is what the exporter drew: all it adds are newer values and what moves.
import { Contact } from "./contact.js";
import { drawCores } from "./cores.js";
import { WORDS } from "./drawing.js";
import { all, one } from "./elements.js";
import { clock, duration } from "./format.js";
import { startHappenings } from "./happenings.js";
import { startTables } from "./tables.js";
import { TimeLine } from "./timeline.js";
import { applyEvent, indexValues, redrawOld, redrawSoon } from "./values.js";
import { ageVerdict, callTab, drawVerdict, sayTime } from "./verdict.js";

const drawn = Date.parse(one("#link time").dateTime) / 1000, timeLine = new TimeLine(drawn), { zone } = timeLine;
let heard = drawn, isLost = false, hasHeard = false;

function receive(message, isFirst) {
  if (message.alive) timeLine.set(message.alive);
  [heard, hasHeard] = [timeLine.now(), true];
  if (message.verdict && drawVerdict(message.verdict, heard, zone) && !isFirst) redrawSoon();
  const events = message.snapshot?.readings ?? message.events ?? [];
  events.forEach(applyEvent);
  drawCores(events);
  if (events.some(({ name }) => !name.endsWith(".updated"))) happened();
  if (message.dropped || (isFirst && isLost)) happened(); // this page has missed something
}

function happened() {
  redrawSoon();
  timeLine.happened();
}

function judge({ isLost: lost, words }) {
  const said = capitalise(words), title = one("#lost h2").childNodes[1], now = timeLine.now();
  if (hasHeard || lost) say(one("#link"), lost ? `${words} since ${clock(heard, zone, "hm")}` : "live");
  say(title, said);
  say(one("#lost-for"), duration(Math.round(now - heard)));
  ageVerdict(now, zone);
  if (lost !== isLost) {
    isLost = lost;
    document.body.classList.toggle("lost", lost);
    one("#lost").hidden = !lost;
    one("#verdict").hidden = lost;
    timeLine.lose(lost ? heard : null);
    say(one("#lost-at"), clock(heard, zone, "hm", "s"));
    say(one("#lost b"), WORDS[document.body.dataset.level]);
    for (const mark of all(".was")) say(mark, `at ${sayTime(heard, now, zone)}`);
  }
  if (isLost) callTab("unknown", words);
  else callTab(document.body.dataset.level, WORDS[document.body.dataset.level]);
}

const capitalise = (words) => words[0].toUpperCase() + words.slice(1);

// What is the same is not read out again.
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

one("#lost-for").setAttribute("aria-live", "off"); // or it would be read out each second
indexValues();
startTables();
startHappenings();
new Contact({ receive, judge });
document.body.classList.add("alive"); // from here on the verdict ages by contact alone
setInterval(() => {
  timeLine.tick();
  if (!isLost && !document.hidden) redrawOld();
}, 1000);
