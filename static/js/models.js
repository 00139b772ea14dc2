// Pages of models: what workers do with them arrives by a socket. Progress is drawn at once; when a state changes the
// part of the page that shows models is fetched again.

import { LiveChannel } from "./live.js";

let channel = null;
let watched = "";

function shown(id) {
  return document.querySelector(`[data-classifier="${id}"]`);
}

function megabytes(bytes) {
  return `${(bytes / 1048576).toFixed(1)} MB`;
}

function refresh() {
  // The title may just tell that something is done.
  const swap = "outerHTML ignoreTitle:true";
  window.htmx.ajax("GET", window.location.href, { target: "#models", select: "#models", swap });
}

function draw(row) {
  const element = shown(row.id);
  if (!element) return false;
  const { state, step, report } = element.dataset;
  if (state !== row.state || step !== row.step || report !== row.report) return true;
  const bar = element.querySelector("progress");
  if (!row.bytes_total || !bar) return false;
  bar.hidden = false;
  bar.max = row.bytes_total;
  bar.value = row.bytes_done;
  element.querySelector(".state").textContent = element.dataset.fetching
    .replace("{share}", String(Math.floor((100 * row.bytes_done) / row.bytes_total)))
    .replace("{total}", megabytes(row.bytes_total));
  return false;
}

function receive(message) {
  const rows = message.type === "snapshot" ? message.classifiers : [message];
  if (message.type === "gone" || rows.map(draw).some(Boolean)) refresh();
}

function watch() {
  const live = document.getElementById("models")?.dataset.live ?? "";
  if (live === watched) return;
  channel?.close();
  watched = live;
  channel = live ? new LiveChannel(`/ws/models/?${live}`, receive) : null;
}

watch();
document.addEventListener("htmx:afterSettle", watch);
