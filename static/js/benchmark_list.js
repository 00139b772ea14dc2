// The list of benchmarks: rows that are told of by the socket are brought up to date where they stand; none moves.

import { count, fill } from "./figures.js";
import { LiveChannel } from "./live.js";
import { STATE_CLASSES } from "./states.js";

const table = document.getElementById("benchmark-list");
const texts = JSON.parse(document.getElementById("list-texts").textContent);
const ticks = [...table.querySelectorAll("input[name='benchmark']")];
const all = document.getElementById("select-all");

function show(row, name, text) {
  const place = row.querySelector(`[data-live="${name}"]`);
  if (place && place.textContent !== text) place.textContent = text;
}

function showRow(told) {
  const row = table.querySelector(`[data-benchmark="${told.id}"]`);
  if (!row) return;
  if (told.gone) {
    row.classList.add("faint");
    show(row, "state", texts.gone);
    return;
  }
  const mark = row.querySelector(".state");
  if (mark) {
    mark.className = `state state-${STATE_CLASSES[told.state] ?? "waiting"}`;
    if (mark.textContent !== texts.states[told.state]) mark.textContent = texts.states[told.state];
  }
  show(row, "done", count(told.images_done));
  const bar = row.querySelector("[data-live='bar']");
  if (bar) bar.value = told.images_done;
  if (told.figure) {
    for (const name of ["value", "unit", "half_width"]) show(row, name, told.figure[name]);
    show(row, "protocol", told.figure.protocol);
    show(row, "title", told.figure.method ? `${told.figure.title}: ${told.figure.method}` : told.figure.title);
  }
}

function showSelection() {
  const selected = ticks.filter((tick) => tick.checked).length;
  document.getElementById("selected-count").textContent = fill(texts.selected, { count: selected });
  for (const button of document.querySelectorAll("#selection button")) button.disabled = !selected;
  all.checked = selected === ticks.length;
  all.indeterminate = selected > 0 && selected < ticks.length;
}

all.hidden = false;
all.addEventListener("change", () => {
  for (const tick of ticks) tick.checked = all.checked;
  showSelection();
});
table.addEventListener("change", showSelection);
window.addEventListener("pageshow", showSelection);

new LiveChannel(table.dataset.socket, (message) => message.rows.forEach(showRow));
