// Pages of data sets: what workers do with them arrives by a socket. How far a step is, is drawn at once; when a state or
// a step changes the part of the page that shows data sets is fetched again.

import { count } from "./figures.js";
import { LiveChannel } from "./live.js";

let channel = null;
let watched = "";

function refresh() {
  // The title may just tell that something is done.
  const swap = "outerHTML ignoreTitle:true";
  window.htmx.ajax("GET", window.location.href, { target: "#datasets", select: "#datasets", swap });
}

/** Whether the page shows another state or another step than the row has now. */
function draw(row) {
  const part = document.querySelector(`[data-dataset="${row.id}"]`);
  if (!part) return false;
  if (part.dataset.state !== row.state || part.dataset.step !== row.step) return true;
  const bar = part.querySelector("progress");
  if (!bar || !row.total) return false;
  bar.hidden = false;
  bar.max = row.total;
  bar.value = row.done;
  part.querySelector(".state").textContent = part.dataset.counted
    .replace("{share}", String(Math.floor((100 * row.done) / row.total)))
    .replace("{done}", count(row.done))
    .replace("{total}", count(row.total));
  return false;
}

function receive(message) {
  const rows = message.type === "snapshot" ? message.rows : [message];
  if (rows.map(draw).some(Boolean)) refresh();
}

function watch() {
  const live = document.getElementById("datasets")?.dataset.live ?? "";
  if (live === watched) return;
  channel?.close();
  watched = live;
  channel = live ? new LiveChannel(live, receive) : null;
}

watch();
document.addEventListener("htmx:afterSettle", watch);
