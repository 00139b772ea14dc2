// The studio's page: choosing, asking, and maps that appear as they are ready.

import { fill } from "./figures.js";
import { LiveChannel } from "./live.js";
import { MapTiles } from "./map_tiles.js";

const studio = document.getElementById("studio");
if (studio) start();

function start() {
  const texts = JSON.parse(document.getElementById("studio-texts").textContent);
  const tiles = new MapTiles(studio, texts);
  const toolbar = document.getElementById("toolbar");
  const form = document.getElementById("studio-form");

  // A form that was refused leaves the browser at the form's address, which can't be opened again.
  if (window.location.pathname !== studio.dataset.base) {
    window.history.replaceState(null, "", `${studio.dataset.base}?${studio.dataset.address}`);
  }
  if (toolbar) toolbar.hidden = false;
  tiles.drawScale();
  tiles.drawAll();
  prepareChoices(form);
  // The settings of the model that has just been chosen; once this module is there as a whole.
  if (new URLSearchParams(window.location.search).has("settings_of")) queueMicrotask(() => writeAddress(form));
  prepareUpload(texts);
  if (toolbar) prepareToolbar(toolbar, tiles, form);
  prepareZoom(tiles);
  prepareDownloads();
  if (studio.dataset.socket) watch(studio.dataset.socket, tiles);
  askForClasses(tiles);
}

// --- what is ready ---------------------------------------------------------------------------------------------

function watch(address, tiles) {
  const receive = (message) => {
    for (const row of message.type === "snapshot" ? message.rows : [message]) {
      if (row.type === "explanation") renewTile(row, tiles);
      if (row.type === "prediction" && (row.state === "ready" || row.state === "failed")) renewClasses(row);
    }
  };
  return new LiveChannel(address, receive, () => {});
}

const renewing = new Map();

async function renewTile(row, tiles) {
  const wanted = `${row.state} ${row.curves}`;
  const tile = document.getElementById(`tile-${row.id}`);
  const shown = tile && `${tile.dataset.state} ${tile.dataset.curves}`;
  if (!tile || shown === wanted || renewing.get(row.id) === wanted) return;
  renewing.set(row.id, wanted);
  const answer = await fetch(tile.dataset.tile);
  if (!answer.ok) return;
  const fresh = document.createRange().createContextualFragment(await answer.text()).firstElementChild;
  const old = document.getElementById(`tile-${row.id}`);
  const drawn = old.querySelector("canvas:not([hidden])");
  if (drawn && fresh.querySelector("canvas")) {
    // The picture stays where it is while its curves arrive.
    fresh.querySelector(".tile-picture").replaceWith(drawn.closest(".tile-picture"));
  }
  old.replaceWith(fresh);
  if (fresh.dataset.values) tiles.draw(fresh);
}

function token() {
  return document.querySelector("#studio-form [name=csrfmiddlewaretoken]").value;
}

/** The classes of an image that has just been chosen are asked for without a press of the button. */
async function askForClasses() {
  const form = document.querySelector("#predict-form[data-auto]");
  if (!form) return;
  const headers = { Accept: "application/json", "X-CSRFToken": token() };
  const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers });
  if (!answer.ok || !answer.headers.get("Content-Type").includes("json")) return;
  const row = await answer.json();
  if (row.state === "ready" || row.state === "failed") renewClasses(row);
  else watch(`/ws/studio/?prediction=${row.id}`, null);
}

async function renewClasses(row) {
  const part = document.getElementById("class");
  if (part.dataset.prediction === String(row.id) && part.dataset.state === row.state) return;
  const form = document.getElementById("predict-form");
  const address = new URLSearchParams(window.location.search);
  address.set("mode", studio.dataset.mode);
  for (const field of form ? new FormData(form) : []) {
    if (field[0] !== "csrfmiddlewaretoken" && !address.has(field[0])) address.append(...field);
  }
  const answer = await fetch(`${studio.dataset.predicted}?${address}`);
  if (answer.ok) part.replaceWith(document.createRange().createContextualFragment(await answer.text()));
}

// --- choosing --------------------------------------------------------------------------------------------------

function prepareChoices(form) {
  for (const chooser of document.querySelectorAll("form[data-auto-choose]")) {
    chooser.querySelector("button").hidden = true;
    chooser.addEventListener("change", () => {
      takeAddress(chooser);
      chooser.requestSubmit();
    });
  }
  // Links to other images, classes and modes keep what has been ticked since the page came.
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".thumbnails a, .top-classes a, [data-keeps-address]");
    if (!link) return;
    const own = new URL(link.href);
    const here = new URLSearchParams(window.location.search);
    for (const name of [...own.searchParams.keys()]) if (isSetting(name)) own.searchParams.delete(name);
    for (const [name, value] of here) if (isSetting(name)) own.searchParams.append(name, value);
    link.href = own;
  });
  form.addEventListener("change", (event) => {
    writeAddress(form);
    if (event.target.name === "method" || event.target.name === "enhanced") renewSettings();
  });
}

const ABOUT = new Set(["model", "dataset", "image", "picture", "class", "from", "page", "q"]);
const LEFT_OUT = new Set(["csrfmiddlewaretoken", "mode", "shown", "begin", "settings_of"]);

function isSetting(name) {
  return !ABOUT.has(name) && !LEFT_OUT.has(name);
}

/** Hidden fields for what has been ticked since the page came. */
function takeAddress(chooser) {
  for (const field of chooser.querySelectorAll("input[type=hidden]")) if (isSetting(field.name)) field.remove();
  for (const [name, value] of new URLSearchParams(window.location.search)) {
    if (!isSetting(name)) continue;
    const field = Object.assign(document.createElement("input"), { type: "hidden", name, value });
    chooser.append(field);
  }
}

/** The page's address says all that is chosen, so that it can be sent to a colleague. */
function writeAddress(form) {
  const address = new URLSearchParams();
  for (const [name, value] of new URLSearchParams(window.location.search)) {
    if (ABOUT.has(name) && name !== "q") address.append(name, value);
  }
  for (const field of form.elements) {
    if (!field.name || LEFT_OUT.has(field.name) || ABOUT.has(field.name)) continue;
    if (field.type === "radio" && !field.checked) continue;
    if (field.name === "method" || field.name === "enhanced") {
      if (field.checked) address.append(field.name, field.value);
    } else if (field.type === "checkbox") {
      if (String(field.checked) !== usual(field) || isTold(field)) address.set(field.name, field.checked);
    } else if (field.value !== usual(field) || isTold(field)) address.set(field.name, field.value);
  }
  window.history.replaceState(window.history.state, "", `?${address}`);
}

/** Whether the address has a field of which the page does not know what an address leaves out. */
function isTold(field) {
  return field.dataset.usual === undefined && new URLSearchParams(window.location.search).has(field.name);
}

function usual(field) {
  if (field.dataset.usual !== undefined) return field.dataset.usual;
  if (field.type === "checkbox") return String(field.defaultChecked);
  if (field.type === "radio") return "overlay";
  if (field.tagName !== "SELECT") return field.defaultValue;
  return ([...field.options].find((option) => option.defaultSelected) ?? field.options[0]).value;
}

function renewSettings() {
  const there = [...document.querySelectorAll("#method-settings input[name=shown]")].map((each) => each.value);
  const ticked = [...document.querySelectorAll("#studio-form :checked[name=method], #studio-form :checked[name=enhanced]")];
  const begin = [...ticked.map((each) => each.value), "enhancement"].filter((key) => !there.includes(key));
  const address = `${studio.dataset.settings}${window.location.search}&${new URLSearchParams(begin.map((key) => ["begin", key]))}`;
  const open = [...document.querySelectorAll("#method-settings details[open] input[name=shown]")].map((each) => each.value);
  fetch(address).then(async (answer) => {
    if (!answer.ok) return;
    const part = document.createRange().createContextualFragment(await answer.text());
    for (const field of part.querySelectorAll("input[name=shown]")) {
      if (open.includes(field.value)) field.closest("details").open = true;
    }
    document.getElementById("method-settings").replaceWith(part);
    // A method that is new begins with the member's own settings: the address says them.
    writeAddress(document.getElementById("studio-form"));
  });
}

// --- pictures of one's own -------------------------------------------------------------------------------------

function prepareUpload(texts) {
  const form = document.getElementById("upload-form");
  const field = document.getElementById("upload-file");
  const problem = document.getElementById("upload-problem");
  const most = Number(studio.dataset.mostBytes);
  form.querySelector("button").hidden = true;

  const send = () => {
    problem.textContent = "";
    if (!field.files.length) return;
    if (field.files[0].size > most) {
      problem.textContent = fill(texts.too_big, { size: most / 2 ** 20 });
      field.value = "";
      return;
    }
    takeAddress(form);
    form.requestSubmit();
  };
  const take = (items) => {
    const pictures = [...items].filter((file) => file.type.startsWith("image/"));
    if (!pictures.length) {
      problem.textContent = texts.no_image;
      return;
    }
    const transfer = new DataTransfer();
    transfer.items.add(pictures[0]);
    field.files = transfer.files;
    send();
  };
  field.addEventListener("change", send);
  const isFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!isFiles(event)) return;
    event.preventDefault();
    form.classList.add("drop-over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) form.classList.remove("drop-over");
  });
  document.addEventListener("drop", (event) => {
    if (!isFiles(event)) return;
    event.preventDefault();
    form.classList.remove("drop-over");
    take(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) take(event.clipboardData.files);
  });
}

// --- looking ---------------------------------------------------------------------------------------------------

function prepareToolbar(toolbar, tiles, form) {
  const zoom = document.getElementById("zoom");
  let drawing = null;
  toolbar.addEventListener("input", (event) => {
    if (event.target === zoom) {
      tiles.setZoom(Number(zoom.value));
      return;
    }
    const kept = document.getElementById("keep-shown");
    if (kept) kept.textContent = `${toolbar.querySelector("[name=keep]").value} %`;
    if (drawing !== null) return;
    drawing = requestAnimationFrame(() => {
      drawing = null;
      tiles.drawScale();
      tiles.drawAll();
    });
  });
  toolbar.addEventListener("change", () => writeAddress(form));
  studio.addEventListener("click", (event) => {
    const button = event.target.closest(".strip button");
    if (!button) return;
    const slider = toolbar.querySelector("[name=keep]");
    slider.value = button.dataset.share;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    slider.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

function prepareZoom(tiles) {
  const pointer = document.getElementById("pointer");
  let grip = null;
  studio.addEventListener("pointerdown", (event) => {
    const picture = event.target.closest(".tile-picture canvas");
    if (!picture || tiles.zoom.factor === 1) return;
    event.preventDefault();
    grip = { x: event.clientX, y: event.clientY, from: { ...tiles.zoom }, side: picture.getBoundingClientRect().width };
    picture.setPointerCapture(event.pointerId);
  });
  studio.addEventListener("pointermove", async (event) => {
    if (grip) {
      const [x, y] = [(event.clientX - grip.x) / grip.side, (event.clientY - grip.y) / grip.side];
      tiles.setZoom(grip.from.factor, grip.from.x - x, grip.from.y - y);
      return;
    }
    const canvas = event.target.closest(".tile-picture canvas");
    if (canvas && pointer) pointer.textContent = await tiles.valueAt(canvas, event);
  });
  const release = () => {
    grip = null;
  };
  studio.addEventListener("pointerup", release);
  studio.addEventListener("pointercancel", release);
  studio.addEventListener("keydown", (event) => {
    if (!event.target.matches(".tile-picture canvas")) return;
    const slider = document.getElementById("zoom");
    const factors = { "+": 0.5, "=": 0.5, "-": -0.5 };
    const moves = { ArrowLeft: [-0.05, 0], ArrowRight: [0.05, 0], ArrowUp: [0, -0.05], ArrowDown: [0, 0.05] };
    if (event.key in factors) slider.value = Number(slider.value) + factors[event.key];
    else if (event.key === "0") slider.value = 1;
    else if (!(event.key in moves) || tiles.zoom.factor === 1) return;
    event.preventDefault();
    const [x, y] = moves[event.key] ?? [0, 0];
    tiles.setZoom(Number(slider.value), tiles.zoom.x + x, tiles.zoom.y + y);
  });
}

/** PNG of a canvas as it is shown; without one the link leads to the server's picture. */
function prepareDownloads() {
  studio.addEventListener("click", (event) => {
    const link = event.target.closest("[data-png]");
    const canvas = link?.closest(".tile").querySelector(".tile-picture canvas:not([hidden])");
    if (!canvas) return;
    event.preventDefault();
    canvas.toBlob((blob) => {
      const saved = document.createElement("a");
      saved.href = URL.createObjectURL(blob);
      saved.download = link.dataset.png;
      saved.click();
      setTimeout(() => URL.revokeObjectURL(saved.href), 1000);
    });
  });
}
