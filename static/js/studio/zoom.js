// One zoom and one place for all pictures, by wheel, drag, two fingers and keyboard; a cross under the pointer in all.

import { fill } from "../figures.js";

const LARGEST = 16;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const pictureOf = (event) => event.target.closest?.(".pane")?.querySelector("canvas:not([hidden])");

export class LinkedZoom {
  /** `x` and `y`: the picture's place in the middle of the pane, as shares of the picture from −0.5 to 0.5. */
  constructor(studio, tiles) {
    this.studio = studio;
    this.tiles = tiles;
    this.factor = 1;
    this.x = 0;
    this.y = 0;
    this.cross = null;
    this.fingers = new Map();
    this.slider = document.getElementById("zoom");
    this.reset = document.getElementById("zoom-reset");
    if (this.slider) this.listen();
  }

  listen() {
    this.slider.addEventListener("input", (event) => {
      event.stopPropagation();
      this.set(Number(this.slider.value));
    });
    this.slider.addEventListener("change", (event) => event.stopPropagation());
    this.reset.addEventListener("click", () => this.set(1));
    this.studio.addEventListener("wheel", (event) => this.turn(event), { passive: false });
    this.studio.addEventListener("pointerdown", (event) => this.press(event));
    this.studio.addEventListener("pointermove", (event) => this.move(event));
    for (const kind of ["pointerup", "pointercancel"]) {
      this.studio.addEventListener(kind, (event) => this.fingers.delete(event.pointerId));
    }
    this.studio.addEventListener("pointerleave", () => this.point(null));
    this.studio.addEventListener("dblclick", (event) => {
      if (pictureOf(event)) this.set(1);
    });
    this.studio.addEventListener("keydown", (event) => this.key(event));
  }

  /** Enlarges all pictures alike; `held`: the place of the pane ([-0.5, 0.5] each way) that stays where it is. */
  set(factor, { x = this.x, y = this.y, held = null } = {}) {
    const next = Math.min(LARGEST, Math.max(1, factor));
    if (held) {
      x += held.x / this.factor - held.x / next;
      y += held.y / this.factor - held.y / next;
    }
    const most = 0.5 - 0.5 / next;
    this.factor = next;
    this.x = Math.min(most, Math.max(-most, x));
    this.y = Math.min(most, Math.max(-most, y));
    const style = this.studio.style;
    style.setProperty("--zoom", this.factor);
    style.setProperty("--shift-x", `${-100 * this.x * this.factor}%`);
    style.setProperty("--shift-y", `${-100 * this.y * this.factor}%`);
    this.studio.classList.toggle("zoomed", this.factor > 1);
    this.slider.value = this.factor;
    this.reset.hidden = this.factor === 1;
    this.placeCross();
  }

  turn(event) {
    const picture = pictureOf(event);
    // Over a picture that is not chosen the wheel goes on with the page.
    if (!picture || !(event.ctrlKey || event.metaKey || picture.parentElement.contains(document.activeElement))) return;
    event.preventDefault();
    this.set(this.factor * 2 ** (-event.deltaY / (event.deltaMode ? 8 : 240)), { held: place(picture, event) });
  }

  press(event) {
    const picture = pictureOf(event);
    if (!picture) return;
    this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.factor === 1 && this.fingers.size < 2) return;
    event.preventDefault();
    picture.focus({ preventScroll: true });
    picture.setPointerCapture(event.pointerId);
  }

  move(event) {
    const picture = pictureOf(event);
    const before = this.fingers.get(event.pointerId);
    if (picture) this.point(pixelAt(picture, event));
    else if (!before) this.point(null);
    if (!before || !picture) return;
    const side = picture.parentElement.getBoundingClientRect().width;
    const now = { x: event.clientX, y: event.clientY };
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    this.fingers.set(event.pointerId, now);
    if (other) {
      const spread = (finger) => Math.max(8, Math.hypot(finger.x - other.x, finger.y - other.y));
      const middle = { clientX: (now.x + other.x) / 2, clientY: (now.y + other.y) / 2 };
      this.set((this.factor * spread(now)) / spread(before), { held: place(picture, middle) });
    }
    const share = (other ? 0.5 : 1) / side / this.factor;
    this.set(this.factor, { x: this.x - (now.x - before.x) * share, y: this.y - (now.y - before.y) * share });
  }

  key(event) {
    if (!event.target.matches(".pane canvas") || event.ctrlKey || event.metaKey || event.altKey) return;
    const move = MOVES[event.key];
    if (event.key === "+" || event.key === "=") this.set(this.factor * 1.25);
    else if (event.key === "-" || event.key === "_") this.set(this.factor / 1.25);
    else if (event.key === "0") this.set(1);
    else if (move && event.shiftKey) this.moveCross(event.target, move);
    else if (move && this.factor > 1) {
      this.set(this.factor, { x: this.x + (0.1 * move[0]) / this.factor, y: this.y + (0.1 * move[1]) / this.factor });
    } else return;
    event.preventDefault();
  }

  moveCross(canvas, [x, y]) {
    const now = this.cross ?? { x: canvas.width >> 1, y: canvas.height >> 1, width: canvas.width, height: canvas.height };
    const within = (value, size) => Math.min(size - 1, Math.max(0, value));
    this.point({ ...now, x: within(now.x + x, now.width), y: within(now.y + y, now.height) });
  }

  /** Shows a cross at a pixel, and the value there, in every tile. */
  point(cross) {
    if (cross?.x === this.cross?.x && cross?.y === this.cross?.y) return;
    this.cross = cross;
    this.studio.classList.toggle("crossed", cross !== null);
    for (const tile of this.tiles.ready) {
      const values = this.tiles.valuesOf(tile);
      const output = tile.querySelector(".tile-value");
      const inside = cross && values && values.width === cross.width;
      const value = inside && values.values[cross.y * values.width + cross.x].toPrecision(4);
      output.textContent = inside ? fill(this.tiles.texts.value, { value, x: cross.x, y: cross.y }) : "";
    }
    this.placeCross();
  }

  placeCross() {
    if (!this.cross) return;
    const along = (pixel, size, middle) => 50 + 100 * ((pixel + 0.5) / size - 0.5 - middle) * this.factor;
    const { x, y, width, height } = this.cross;
    this.studio.style.setProperty("--cross-x", `${along(x, width, this.x)}%`);
    this.studio.style.setProperty("--cross-y", `${along(y, height, this.y)}%`);
  }
}

function place(picture, event) {
  const box = picture.parentElement.getBoundingClientRect();
  return { x: (event.clientX - box.left) / box.width - 0.5, y: (event.clientY - box.top) / box.height - 0.5 };
}

function pixelAt(picture, event) {
  const box = picture.getBoundingClientRect();
  const { width, height } = picture;
  const x = Math.floor(((event.clientX - box.left) / box.width) * width);
  const y = Math.floor(((event.clientY - box.top) / box.height) * height);
  return x < 0 || y < 0 || x >= width || y >= height ? null : { x, y, width, height };
}
