// The page of a benchmark: live progress by WebSocket, results refreshed as shards finish, maps that arrive.

import { drawCharts, onThemeChange } from "./charts.js";
import { drawDistribution } from "./distributions.js";
import { count, duration, fill, pace } from "./figures.js";
import { LiveChannel } from "./live.js";
import { MapColumn } from "./maps.js";
import { STATE_CLASSES } from "./states.js";

const REFRESH_PAUSE = 2000;

const live = document.getElementById("live");
const texts = JSON.parse(document.getElementById("live-texts").textContent);
const fields = Object.fromEntries([...live.querySelectorAll("[data-live]")].map((each) => [each.dataset.live, each]));
const maps = new MapColumn(live.dataset.maps, texts);

function show(field, text) {
  if (field.textContent !== text) field.textContent = text;
}

function showProgress(progress) {
  show(fields.images_done, count(progress.images_done));
  show(fields.images_total, count(progress.images_total));
  show(fields.pace, pace(progress.images_per_second, texts));
  show(fields.left, duration(progress.seconds_left, texts));
  fields.bar.max = progress.images_total;
  fields.bar.value = progress.images_done;
}

function showState(benchmark) {
  live.dataset.state = benchmark.state;
  const mark = fields.state.querySelector(".state");
  mark.className = `state state-${STATE_CLASSES[benchmark.state] ?? "waiting"}`;
  show(mark, texts.states[benchmark.state]);
  for (const part of live.querySelectorAll(".live-running")) part.hidden = !benchmark.in_queue;
}

/** Of the workers for which the benchmark waits where there is none; messages of progress do not tell of it. */
let missingLabel = live.dataset.missingLabel;

function showClassifier(classifier) {
  const waits = live.dataset.state === "queued" && classifier.state !== "ready";
  let note = waits ? texts.classifier_states[classifier.state] : "";
  if (waits && classifier.state === "preparing" && classifier.bytes_total) {
    note = fill(texts.fetching, {
      share: Math.floor((100 * classifier.bytes_done) / classifier.bytes_total),
      total: Math.round(classifier.bytes_total / 1e6),
    });
  }
  if (!note && missingLabel) note = fill(texts.missing_label, { label: missingLabel });
  show(fields.note, note);
}

let lastRefresh = 0;
let waitingRefresh = null;

function refreshResults() {
  if (waitingRefresh !== null) return;
  const pause = Math.max(0, lastRefresh + REFRESH_PAUSE - Date.now());
  waitingRefresh = setTimeout(() => {
    waitingRefresh = null;
    lastRefresh = Date.now();
    const address = live.dataset.refresh + window.location.search;
    window.htmx.ajax("GET", address, { target: "#live-sink", swap: "none" });
  }, pause);
}

/** New rows come by themselves while the page of the table is not full; after that, at the press of a button. */
function noteNewImages(progress) {
  const table = document.getElementById("benchmark-images");
  const more = progress.shards_done > Number(table.dataset.shards);
  const first = !new URLSearchParams(window.location.search).has("page");
  if (more && first && Number(table.dataset.rows) < 25) refreshImages();
  else document.getElementById("images-refresh").hidden = !more;
}

function refreshImages() {
  document.getElementById("images-refresh").hidden = true;
  const address = live.dataset.images + window.location.search;
  window.htmx.ajax("GET", address, { target: "#benchmark-images", swap: "outerHTML" });
}

function receive(message) {
  if (message.type === "explanation") {
    maps.receive(message);
    return;
  }
  if (message.benchmark) {
    showState(message.benchmark);
    missingLabel = message.benchmark.missing_label;
  }
  if (message.progress) showProgress(message.progress);
  if (message.classifier) showClassifier(message.classifier);
  if (message.type === "events") {
    refreshResults();
    if (message.progress.shards_done) noteNewImages(message.progress);
  }
  if (message.type === "snapshot" && message.seq > renderedSeq()) {
    refreshResults();
    if (message.progress.shards_done) noteNewImages(message.progress);
  }
  // Maps that were finished while the socket was away are asked for again.
  if (message.type === "snapshot") maps.ask();
}

/** How far the log on the page goes: a snapshot that goes further means that something was missed. */
function renderedSeq() {
  return Number(document.getElementById("benchmark-log").dataset.seq);
}

const hidden = new Set((new URLSearchParams(window.location.search).get("hidden") ?? "").split("-").filter(Boolean).map(Number));

function drawAll() {
  const data = document.getElementById("charts-data");
  if (!data) return;
  const charts = JSON.parse(data.textContent);
  drawCharts(document, charts, hidden);
  drawDistribution(document, charts, hidden);
}

function showLegend() {
  for (const entry of document.querySelectorAll(".legend-entry")) {
    entry.setAttribute("aria-pressed", String(!hidden.has(Number(entry.dataset.method))));
  }
}

/** What is hidden is kept in the address, like all the page's state. */
function toggle(method) {
  if (!hidden.delete(method)) hidden.add(method);
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
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-auto-submit]");
  if (form) form.requestSubmit();
});

/** Forms that are sent as soon as something is chosen need no button. */
function hideButtons() {
  for (const button of document.querySelectorAll("form[data-auto-submit] button")) button.hidden = true;
}

showLegend();
hideButtons();
window.addEventListener("load", drawAll);
onThemeChange(drawAll);
document.addEventListener("htmx:oobAfterSwap", (event) => {
  if (event.target.id === "chart-data") drawAll();
  hideButtons();
});
document.addEventListener("htmx:load", (event) => {
  if (event.target.id === "benchmark-images") maps.ask();
  hideButtons();
});
document.getElementById("images-refresh").addEventListener("click", refreshImages);
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-draw-maps]")) maps.ask(true);
});

new LiveChannel(live.dataset.socket, receive, () => show(fields.gone, fields.gone.dataset.text));
