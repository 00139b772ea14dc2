// Pages that wait for data sets: shows how far they are unpacked, and loads the page again when one has got further.

import { LiveChannel } from "./live.js";

const place = document.querySelector("[data-datasets-socket]");
let reloading = false;

function shown(id) {
  return place.querySelectorAll(`[data-dataset="${id}"]`);
}

function compare(row) {
  for (const part of shown(row.id)) {
    if (part.dataset.state === row.state || reloading) continue;
    reloading = true;
    window.location.reload();
  }
}

function showProgress(message) {
  for (const part of shown(message.id)) {
    const bar = part.querySelector("progress");
    if (!bar) continue;
    bar.hidden = false;
    bar.value = message.total ? message.done / message.total : 0;
  }
}

function receive(message) {
  if (message.type === "snapshot") message.rows.forEach(compare);
  if (message.type === "dataset") compare(message);
  if (message.type === "progress") showProgress(message);
}

if (place) new LiveChannel(place.dataset.datasetsSocket, receive, () => {});
