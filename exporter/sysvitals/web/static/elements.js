// Short words for the document.
export const one = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// An element with attributes and children; text is text, whatever stands in it.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Text from the host: another script keeps to itself, and a letter that cannot be seen is written out.
export function plain(text) {
  const seen = text.replace(/\p{C}|(?! )\p{Z}/gu, write);
  return /^[\x00-\x7f]*$/.test(text) ? seen : make("bdi", {}, seen);
}

// Text with commands between backticks, as nodes.
export const prose = (text) => text.split("`").map((piece, i) => i % 2 ? make("code", {}, piece) : plain(piece));

const write = (letter) => `⟨${letter.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;

const SVG = "http://www.w3.org/2000/svg", SHAPES = { warning: "attention", critical: "trouble", good: "well", note: "note" };

// The same for what pictures consist of.
export function draft(attributes = { "aria-hidden": "true" }, tag = "svg") {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// The shape of a level: by itself it has a name, beside its word it is hidden.
export function shape(level, { alone = false } = {}) {
  const said = alone ? { role: "img", "aria-label": SHAPES[level] ?? "not known" } : { "aria-hidden": "true" };
  const picture = draft({ class: `sh ${level}`, ...said });
  picture.append(draft({ href: `#s-${level}` }, "use"));
  return picture;
}
