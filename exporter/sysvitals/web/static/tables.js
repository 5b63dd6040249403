// Names that do not fit, and tables that sort.
import { all } from "./elements.js";

export function startTables() {
  document.addEventListener("click", ({ target }) => target.closest(".mid")?.classList.toggle("open"));
  document.addEventListener("pointerover", ({ target }) => {
    const name = target.closest(".mid");
    if (name) name.title = name.textContent;
  });
  document.addEventListener("redrawn", prepare);
  prepare();
}

function prepare() {
  for (const button of all("[data-whole]")) unfold(button);
  for (const button of all("th button")) sort(button);
}

const isCut = (panel) => all(".mid > i", panel).some((part) => part.scrollWidth > part.clientWidth);

function unfold(button) {
  const panel = button.closest(".panel");
  button.hidden = !isCut(panel) && !panel.classList.contains("whole");
  const say = () => { button.textContent = panel.classList.contains("whole") ? "Short names" : "Whole names"; };
  say();
  button.onclick = () => { panel.classList.toggle("whole"); say(); };
}

function sort(button) {
  button.disabled = false;
  button.onclick = () => {
    const head = button.parentElement, body = head.closest("table").tBodies[0], column = head.cellIndex;
    const isDown = head.ariaSort !== "descending", of = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent;
    for (const other of head.parentElement.cells) other.ariaSort = null;
    head.ariaSort = isDown ? "descending" : "ascending";
    const compare = (one, other) => of(one) - of(other) || String(of(one)).localeCompare(of(other));
    body.append(...[...body.rows].sort((one, other) => (isDown ? -1 : 1) * compare(one, other)));
  };
}
