// Pictures as they are shown, heat maps, and a sheet of all of them; without scripts the links lead to the server's.

import { display } from "./display.js";
import { overlay, tableFor } from "./pictures.js";
import { sheetOf } from "./sheet.js";
import { put } from "./tiles.js";

export function prepareDownloads(studio, tiles, texts, about) {
  studio.addEventListener("click", (event) => {
    const png = event.target.closest("[data-png]");
    const heat = event.target.closest("[data-heat-png]");
    const sheet = event.target.closest("[data-sheet]");
    const tile = (png ?? heat)?.closest(".tile");
    const canvas = tile?.querySelector(".pane-map canvas:not([hidden])");
    if (png && canvas) {
      event.preventDefault();
      const shown = display();
      save(canvas, `${png.dataset.png}-${tiles.isCutOuts ? `${shown.keep}-${shown.rest}` : shown.view}.png`);
    } else if (heat && canvas) save(heatMap(tiles.valuesOf(tile)), `${heat.dataset.heatPng}.png`);
    else if (sheet && studio.querySelector(".pane-map canvas:not([hidden])")) {
      event.preventDefault();
      save(sheetOf(studio, tiles, texts, about), tiles.isCutOuts ? "cut-outs.png" : "maps.png");
    }
  });
  prepareCopying();
}

function heatMap(values) {
  const shown = display();
  const canvas = document.createElement("canvas");
  const tones = values.tones(shown.low, shown.high);
  const black = new Uint8ClampedArray(4 * tones.length).fill(255);
  put(canvas, overlay(black, tones, 1, tableFor({ ...shown, view: "heat" })), values);
  return canvas;
}

function save(canvas, name) {
  canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}

function prepareCopying() {
  const button = document.querySelector("[data-copy-address]");
  if (!button || !navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(window.location.href);
    const text = button.textContent;
    button.textContent = button.dataset.done;
    setTimeout(() => {
      button.textContent = text;
    }, 1500);
  });
}
