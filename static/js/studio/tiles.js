// The tiles of the studio: maps drawn on canvases from their values, so that every change is seen at once.

import { fill } from "../figures.js";
import { CutOuts } from "./cut_outs.js";
import { display, isPerturbed, renewToolbar } from "./display.js";
import { readNpy } from "./map_values.js";
import { blurred, difference, overlay, perturbed, plain, tableFor } from "./pictures.js";
import { showStep } from "./scrubber.js";

export class MapTiles {
  /** `studio`: the page's element; `texts`: its translated texts; `protocol`: of the curves. */
  constructor(studio, texts, protocol) {
    this.studio = studio;
    this.texts = texts;
    this.protocol = protocol;
    this.asked = new Map();
    this.known = new Map();
    this.frame = studio.dataset.frame ? pixelsOf(studio.dataset.frame) : Promise.resolve(null);
    this.mask = studio.dataset.mask ? maskOf(studio.dataset.mask) : Promise.resolve(null);
    this.cutOuts = new CutOuts(this);
  }

  get isCutOuts() {
    return this.studio.dataset.mode === "cut-outs";
  }

  /** Tiles whose values are there or can be fetched. */
  get ready() {
    return [...this.studio.querySelectorAll("[data-values]")];
  }

  /** Steps of a curve of pictures of this size. */
  get steps() {
    const pixels = this.seen ? this.seen.width * this.seen.height : 224 * 224;
    return Math.ceil(pixels / this.protocol.step_pixels);
  }

  /** Draws all tiles before the screen is renewed next, however often it is asked for until then. */
  drawSoon() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      this.drawAll();
    });
  }

  drawAll() {
    renewToolbar(this.texts, this.protocol, this.steps);
    for (const tile of this.ready) this.draw(tile);
  }

  /** The values of a map, or undefined where they are not there yet. */
  valuesOf(tile) {
    return this.known.get(tile?.dataset.values);
  }

  async load(tile) {
    const address = tile.dataset.values;
    if (!this.asked.has(address)) {
      this.asked.set(
        address,
        fetch(address).then(async (answer) => {
          if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
          this.known.set(address, readNpy(await answer.arrayBuffer()));
        }).catch((problem) => {
          // Asked for again when the tile is next drawn.
          this.asked.delete(address);
          throw problem;
        }),
      );
    }
    [this.seen, this.object] = await Promise.all([this.frame, this.mask, this.asked.get(address)]);
  }

  draw(tile) {
    const values = this.valuesOf(tile);
    if (!values || !this.seen) {
      this.load(tile).then(() => this.drawSoon());
      return;
    }
    const canvas = tile.querySelector(".pane-map canvas");
    if (!canvas || this.seen.data.length !== 4 * values.values.length) return;
    const shown = display();
    if (this.isCutOuts) this.cutOuts.draw(tile, canvas, values, shown);
    else {
      put(canvas, this.pictured(values, shown), values);
      this.showOriginal(tile, shown.view === "side", values);
      showStep(tile, shown, this.protocol, this.texts);
    }
    this.showRange(tile, values, shown);
    if (canvas.hidden) {
      tile.querySelector(".pane-map img").hidden = true;
      canvas.hidden = false;
      for (const button of tile.querySelectorAll("[data-heat-png]")) button.hidden = false;
    }
  }

  pictured(values, shown) {
    const pixels = this.seen.data;
    if (isPerturbed(shown.view)) {
      const canvas = this.protocol.canvas[shown.view] === "zeros" ? this.meanColour : this.canvas;
      const [start, end] = shown.view === "deletion" ? [pixels, canvas] : [canvas, pixels];
      return perturbed(start, end, values.ranks, shown.step * this.protocol.step_pixels);
    }
    const tones = values.tones(shown.low, shown.high);
    if (shown.view === "difference") {
      const other = this.ready.find((tile) => tile.dataset.name === shown.against);
      const others = this.valuesOf(other);
      return others ? difference(tones, others.tones(shown.low, shown.high)) : overlay(pixels, tones, 0);
    }
    const opacity = { overlay: shown.opacity, heat: 1, side: 1, original: 0 }[shown.view];
    return overlay(pixels, tones, opacity, tableFor(shown));
  }

  get meanColour() {
    this.meanColourOf ??= plain(this.seen.data.length, 255, this.protocol.mean);
    return this.meanColourOf;
  }

  /** The blurred picture, which shows where the image is taken away. */
  get canvas() {
    if (!this.canvasOf) {
      const { data, width, height } = this.seen;
      this.canvasOf = blurred(data, width, height, this.protocol.kernel, this.protocol.sigma);
    }
    return this.canvasOf;
  }

  showOriginal(tile, wanted, values) {
    const pane = tile.querySelector(".pane-original");
    if (pane.hidden !== wanted) return;
    pane.hidden = !wanted;
    tile.classList.toggle("tile-wide", wanted);
    if (wanted) put(pane.querySelector("canvas"), this.seen.data, values);
  }

  showRange(tile, values, shown) {
    const [low, high] = this.isCutOuts ? values.range(0, 100) : values.range(shown.low, shown.high);
    const ends = { low: low.toPrecision(3), high: high.toPrecision(3) };
    tile.querySelector(".tile-range").textContent = fill(this.texts.range, ends);
  }
}

/** Puts RGBA on a canvas. */
export function put(canvas, pixels, { width, height }) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
}

async function pixelsOf(address) {
  const picture = new Image();
  picture.src = address;
  await picture.decode();
  const canvas = document.createElement("canvas");
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

async function maskOf(address) {
  const { data } = await pixelsOf(address);
  return Uint8Array.from({ length: data.length / 4 }, (_, index) => data[4 * index]);
}
