// The tiles of the studio: maps drawn on canvases from their values, so that every change is seen at once.

import { colourTable } from "./colour_tables.js";
import { fill } from "./figures.js";
import { blurred, readNpy } from "./map_values.js";

const BLUR_RADIUS = 8;

export class MapTiles {
  /** `studio`: the page's element; `texts`: its translated texts. */
  constructor(studio, texts) {
    this.studio = studio;
    this.texts = texts;
    this.known = new Map();
    this.zoom = { factor: 1, x: 0, y: 0 };
    this.frame = studio.dataset.frame ? this.pixelsOf(studio.dataset.frame) : null;
    this.mask = studio.dataset.mask ? this.maskOf(studio.dataset.mask) : Promise.resolve(null);
  }

  async pixelsOf(address) {
    const picture = new Image();
    picture.src = address;
    await picture.decode();
    const canvas = document.createElement("canvas");
    canvas.width = picture.naturalWidth;
    canvas.height = picture.naturalHeight;
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  }

  async maskOf(address) {
    const { data } = await this.pixelsOf(address);
    return Uint8Array.from({ length: data.length / 4 }, (_, index) => data[4 * index]);
  }

  /** The settings of the toolbar. */
  get display() {
    const value = (name) => document.querySelector(`#toolbar [name="${name}"]`)?.value;
    const ratios = (value("ratios") ?? "").split(/[\s,;，、]+/).map(Number);
    return {
      view: document.querySelector("#toolbar [name=view]:checked")?.value ?? "overlay",
      opacity: Number(value("opacity") ?? 50) / 100,
      colours: value("colours") ?? "inferno",
      keep: Number(value("keep") ?? 20),
      ratios: ratios.filter((ratio) => ratio > 0 && ratio <= 100).slice(0, 8),
      rest: value("rest") ?? "black",
    };
  }

  /** Shows every map whose values are there. */
  async drawAll() {
    await Promise.all([...this.studio.querySelectorAll("[data-values]")].map((tile) => this.draw(tile)));
  }

  async values(tile) {
    const address = tile.dataset.values;
    if (!this.known.has(address)) {
      const asked = fetch(address).then(async (answer) => {
        if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
        return readNpy(await answer.arrayBuffer());
      });
      this.known.set(address, asked);
    }
    return this.known.get(address);
  }

  async draw(tile) {
    const [values, frame] = await Promise.all([this.values(tile), this.frame]);
    const canvas = tile.querySelector("canvas");
    if (!canvas || !frame || frame.data.length !== 4 * values.values.length) return;
    const display = this.display;
    if (this.studio.dataset.mode === "cut-outs") await this.drawCutOuts(tile, canvas, values, frame, display);
    else this.put(canvas, values, this.pictured(values, frame, display));
    if (canvas.hidden) {
      tile.querySelector(".tile-picture img").hidden = true;
      canvas.hidden = false;
    }
  }

  pictured(values, frame, display) {
    const opacity = { overlay: display.opacity, heat: 1, original: 0 }[display.view];
    return values.overlay(frame.data, opacity, display.colours);
  }

  put(canvas, values, pixels) {
    canvas.width = values.width;
    canvas.height = values.height;
    canvas.getContext("2d").putImageData(new ImageData(pixels, values.width, values.height), 0, 0);
  }

  async drawCutOuts(tile, canvas, values, frame, display) {
    if (display.rest === "blurred" && !this.smooth) {
      this.smooth = blurred(frame.data, frame.width, frame.height, BLUR_RADIUS);
    }
    const mask = await this.mask;
    const cut = (share) => values.cutOut(frame.data, share, display.rest, this.smooth);
    const iou = (share) => fill(this.texts.iou, { value: values.iou(share, mask).toFixed(3) });
    this.put(canvas, values, cut(display.keep));
    if (mask) tile.querySelector(".iou").textContent = iou(display.keep);
    const wanted = JSON.stringify([display.ratios, display.rest]);
    const strip = tile.querySelector(".strip");
    if (strip.dataset.drawn === wanted) return;
    strip.dataset.drawn = wanted;
    strip.replaceChildren(
      ...display.ratios.map((share) => {
        const button = document.createElement("button");
        button.type = "button";
        button.dataset.share = share;
        const small = document.createElement("canvas");
        this.put(small, values, cut(share));
        const label = document.createElement("span");
        label.textContent = mask ? `${share} %\n${iou(share)}` : `${share} %`;
        button.append(small, label);
        return button;
      }),
    );
  }

  drawScale() {
    const canvas = document.getElementById("scale");
    if (!canvas) return;
    const table = colourTable(this.display.colours);
    const context = canvas.getContext("2d");
    for (let x = 0; x < canvas.width; x += 1) {
      const tone = 3 * Math.round((255 * x) / (canvas.width - 1));
      context.fillStyle = `rgb(${table[tone]}, ${table[tone + 1]}, ${table[tone + 2]})`;
      context.fillRect(x, 0, 1, canvas.height);
    }
  }

  /** Enlarges all pictures alike; x and y are where their centre is, as shares of a picture, from −0.5 to 0.5. */
  setZoom(factor, x = this.zoom.x, y = this.zoom.y) {
    const most = 0.5 - 0.5 / factor;
    const within = (value) => Math.min(most, Math.max(-most, value));
    this.zoom = { factor, x: within(x), y: within(y) };
    const style = this.studio.style;
    style.setProperty("--zoom", factor);
    style.setProperty("--shift-x", `${-100 * this.zoom.x * factor}%`);
    style.setProperty("--shift-y", `${-100 * this.zoom.y * factor}%`);
    this.studio.classList.toggle("zoomed", factor > 1);
  }

  /** What the map's value is at a place of the window. */
  async valueAt(canvas, event) {
    const values = await this.values(canvas.closest(".tile"));
    const box = canvas.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * values.width);
    const y = Math.floor(((event.clientY - box.top) / box.height) * values.height);
    if (x < 0 || y < 0 || x >= values.width || y >= values.height) return "";
    return fill(this.texts.value, { value: values.values[y * values.width + x].toPrecision(4), x, y });
  }
}
