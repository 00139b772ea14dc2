// The page of a comparison: charts with a legend that hides results, and maps side by side.

import { drawCharts, onThemeChange } from "./charts.js";
import { LiveChannel } from "./live.js";
import { MapColumn } from "./maps.js";
import { drawPoints } from "./points.js";

const FEW_RESULTS = 4;

const asked = new URLSearchParams(window.location.search).get("hidden") ?? "";
const hidden = new Set(asked.split("-").filter(Boolean).map(Number));

function drawAll() {
  const element = document.getElementById("charts-data");
  if (!element) return;
  const data = JSON.parse(element.textContent);
  drawCharts(document, data, hidden);
  drawPoints(document, data, hidden);
}

function showLegend() {
  for (const entry of document.querySelectorAll(".legend-entry")) {
    entry.setAttribute("aria-pressed", String(!hidden.has(Number(entry.dataset.method))));
  }
}

/** What is hidden is kept in the address, like all the page's state. */
function toggle(result) {
  if (!hidden.delete(result)) hidden.add(result);
  const address = new URL(window.location.href);
  if (hidden.size) address.searchParams.set("hidden", [...hidden].sort((a, b) => a - b).join("-"));
  else address.searchParams.delete("hidden");
  window.history.replaceState(window.history.state, "", address);
  showLegend();
  drawAll();
}

document.addEventListener("click", (event) => {
  const entry = event.target.closest(".legend-entry");
  if (entry) toggle(Number(entry.dataset.method));
});

/** Maps are drawn for this reader by the studio's worker: at once for few results, else at the press of a button. */
function prepareMaps() {
  const images = document.getElementById("benchmark-images");
  if (!images) return;
  const button = document.getElementById("draw-maps");
  const maps = new MapColumn(images.dataset.maps, JSON.parse(document.getElementById("live-texts").textContent));
  const draw = () => {
    button.hidden = true;
    // Maps that were finished while the socket was away are asked for again with the next snapshot.
    new LiveChannel(images.dataset.socket, (message) => {
      if (message.type === "explanation") maps.receive(message);
      if (message.type === "snapshot") maps.ask();
    });
  };
  const results = new Set([...images.querySelectorAll("[data-map]")].map((each) => each.dataset.method)).size;
  if (results <= FEW_RESULTS) draw();
  else {
    button.hidden = false;
    button.addEventListener("click", draw);
  }
}

showLegend();
window.addEventListener("load", drawAll);
onThemeChange(drawAll);
prepareMaps();
