// The page of workers: fetched anew when the socket says that something has changed, and ages that go on counting.

import { fill } from "./figures.js";
import { LiveChannel } from "./live.js";

const SILENT_SECONDS = 15;

const live = document.getElementById("workers-live");
let renderedAt = performance.now();
let told = false;

/** What was opened stays open. */
function opened() {
  return [...live.querySelectorAll("details")].map((each) => each.open);
}

async function refresh() {
  const open = opened();
  await window.htmx.ajax("GET", live.dataset.refresh, { target: "#workers-live", swap: "innerHTML" });
  const found = [...live.querySelectorAll("details")];
  if (found.length === open.length) found.forEach((each, place) => (each.open = open[place]));
  renderedAt = performance.now();
}

function count() {
  const since = (performance.now() - renderedAt) / 1000;
  for (const each of live.querySelectorAll("[data-age]")) {
    const age = Number(each.dataset.age) + since;
    each.textContent = fill(each.dataset.text, { seconds: Math.round(age) });
    each.classList.toggle("silent", age > SILENT_SECONDS);
  }
}

setInterval(count, 1000);

new LiveChannel(live.dataset.socket, () => {
  // The first message says what the page shows already.
  if (told) refresh();
  told = true;
});
