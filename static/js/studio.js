// The studio's page: brings together choosing, asking, and maps that appear as they are ready.

import { writeAddress } from "./studio/address.js";
import { prepareChoices } from "./studio/choices.js";
import { prepareDownloads } from "./studio/downloads.js";
import { LiveTiles } from "./studio/live_tiles.js";
import { prepareScrubber } from "./studio/scrubber.js";
import { MapTiles } from "./studio/tiles.js";
import { prepareUpload } from "./studio/upload.js";
import { LinkedZoom } from "./studio/zoom.js";

const studio = document.getElementById("studio");
if (studio) start();

function start() {
  const [texts, protocol, about] = ["texts", "protocol", "sheet"].map((name) =>
    JSON.parse(document.getElementById(`studio-${name}`).textContent),
  );
  const form = document.getElementById("studio-form");
  const toolbar = document.getElementById("toolbar");
  const tiles = new MapTiles(studio, texts, protocol);

  // A form that was refused leaves the browser at the form's address, which can't be opened again.
  if (window.location.pathname !== studio.dataset.base) {
    window.history.replaceState(null, "", `${studio.dataset.base}?${studio.dataset.address}`);
  }
  prepareChoices(studio, form);
  // The settings of the model that has just been chosen.
  if (new URLSearchParams(window.location.search).has("settings_of")) writeAddress(form);
  prepareUpload(studio, texts);
  if (toolbar) {
    toolbar.hidden = false;
    toolbar.addEventListener("input", () => tiles.drawSoon());
    toolbar.addEventListener("change", () => writeAddress(form));
    prepareScrubber(studio);
    prepareDownloads(studio, tiles, texts, about);
    tiles.cutOuts.prepare(studio);
    tiles.drawAll();
  }
  new LinkedZoom(studio, tiles);
  new LiveTiles(studio, tiles);
}
