// A map's values and the picture it belongs to, and what can be made of the two.

import { colourTable } from "./colour_tables.js";

/** Reads what NumPy writes: float32 [height, width] in C order. */
export function readNpy(buffer) {
  const start = new DataView(buffer).getUint16(8, true) + 10;
  const header = new TextDecoder("latin1").decode(new Uint8Array(buffer, 10, start - 10));
  const [, height, width] = /'shape': \((\d+), (\d+)\)/.exec(header).map(Number);
  return new MapValues(new Float32Array(buffer, start, height * width), width, height);
}

export class MapValues {
  constructor(values, width, height) {
    this.values = values;
    this.width = width;
    this.height = height;
    let low = Infinity;
    let high = -Infinity;
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    this.low = low;
    this.span = high > low ? high - low : 1;
  }

  /** The rank of every pixel, 0 for the most salient; ties by ascending raster index. */
  get ranks() {
    if (!this.rankOf) {
      const order = Uint32Array.from(this.values, (_, index) => index);
      order.sort((a, b) => this.values[b] - this.values[a] || a - b);
      this.rankOf = new Uint32Array(order.length);
      for (let rank = 0; rank < order.length; rank += 1) this.rankOf[order[rank]] = rank;
    }
    return this.rankOf;
  }

  /** How many pixels a share of them (in %) is. */
  count(share) {
    return Math.round((share / 100) * this.values.length);
  }

  /** RGBA of the map over the picture; opacity 0 … 1. */
  overlay(pixels, opacity, colours) {
    const table = colourTable(colours);
    const result = new Uint8ClampedArray(pixels);
    for (let index = 0; index < this.values.length; index += 1) {
      const tone = 3 * Math.min(255, Math.floor(((this.values[index] - this.low) / this.span) * 256));
      for (let channel = 0; channel < 3; channel += 1) {
        const place = 4 * index + channel;
        result[place] = pixels[place] * (1 - opacity) + table[tone + channel] * opacity;
      }
    }
    return result;
  }

  /** RGBA of the picture of which the highest `share` % of the pixels are kept; `rest`: what the others show. */
  cutOut(pixels, share, rest, blurred) {
    const kept = this.count(share);
    const result = new Uint8ClampedArray(pixels);
    for (let index = 0; index < this.values.length; index += 1) {
      if (this.ranks[index] < kept) continue;
      const place = 4 * index;
      if (rest === "transparent") result[place + 3] = 0;
      for (let channel = 0; channel < 3; channel += 1) {
        result[place + channel] = rest === "blurred" ? blurred[place + channel] : 0;
      }
    }
    return result;
  }

  /** Intersection over union of the kept pixels with a mask (Uint8Array, 0 outside). */
  iou(share, mask) {
    const kept = this.count(share);
    let both = 0;
    let either = 0;
    for (let index = 0; index < mask.length; index += 1) {
      const inside = this.ranks[index] < kept;
      if (inside && mask[index]) both += 1;
      if (inside || mask[index]) either += 1;
    }
    return either ? both / either : 0;
  }
}

/** RGBA smoothed by three running means each way, nearly a Gaussian of standard deviation `radius`. */
export function blurred(pixels, width, height, radius) {
  let from = Float32Array.from(pixels);
  let to = new Float32Array(from.length);
  for (let turn = 0; turn < 3; turn += 1) {
    runningMean(from, to, width, height, 4, 4 * width, radius);
    runningMean(to, from, height, width, 4 * width, 4, radius);
  }
  return Uint8ClampedArray.from(from);
}

function runningMean(from, to, length, lines, step, lineStep, radius) {
  const inside = (place) => Math.min(length - 1, Math.max(0, place));
  for (let line = 0; line < lines; line += 1) {
    for (let channel = 0; channel < 4; channel += 1) {
      const start = line * lineStep + channel;
      let sum = 0;
      for (let place = -radius; place <= radius; place += 1) sum += from[start + inside(place) * step];
      for (let place = 0; place < length; place += 1) {
        to[start + place * step] = sum / (2 * radius + 1);
        sum += from[start + inside(place + radius + 1) * step] - from[start + inside(place - radius) * step];
      }
    }
  }
}
