// What can be made of a picture and its map: all take and give RGBA, Uint8ClampedArray.

import { colourTable } from "../colour_tables.js";

/** The colours of tones (Uint8Array) over a picture; opacity 0 … 1. */
export function overlay(pixels, tones, opacity, table) {
  const result = new Uint8ClampedArray(pixels);
  if (opacity === 0) return result;
  const rest = 1 - opacity;
  for (let index = 0, place = 0; index < tones.length; index += 1, place += 4) {
    const colour = 3 * tones[index];
    result[place] = pixels[place] * rest + table[colour] * opacity;
    result[place + 1] = pixels[place + 1] * rest + table[colour + 1] * opacity;
    result[place + 2] = pixels[place + 2] * rest + table[colour + 2] * opacity;
  }
  return result;
}

/** Where tones are higher than others (red) or lower (blue). */
export function difference(tones, others) {
  const result = new Uint8ClampedArray(4 * tones.length).fill(255);
  const table = divergingTable();
  for (let index = 0, place = 0; index < tones.length; index += 1, place += 4) {
    const colour = 3 * ((tones[index] - others[index] + 255) >> 1);
    result[place] = table[colour];
    result[place + 1] = table[colour + 1];
    result[place + 2] = table[colour + 2];
  }
  return result;
}

const BLUE = [33, 102, 172];
const WHITE = [247, 247, 247];
const RED = [178, 24, 43];

/** From blue through white to red: 256 × 3. */
export function divergingTable() {
  return Uint8Array.from({ length: 768 }, (_, place) => {
    const share = Math.floor(place / 3) / 255;
    const [from, to, part] = share < 0.5 ? [BLUE, WHITE, 2 * share] : [WHITE, RED, 2 * share - 1];
    return Math.round(from[place % 3] + (to[place % 3] - from[place % 3]) * part);
  });
}

export function tableFor(display) {
  return display.view === "difference" ? divergingTable() : colourTable(display.colours);
}

/** `end` where the rank is below `changed`, `start` elsewhere: a step of a curve as the scorer composes it. */
export function perturbed(start, end, ranks, changed) {
  const from = new Uint32Array(start.buffer);
  const to = new Uint32Array(end.buffer);
  const result = new Uint32Array(from.length);
  for (let index = 0; index < result.length; index += 1) {
    result[index] = ranks[index] < changed ? to[index] : from[index];
  }
  return new Uint8ClampedArray(result.buffer);
}

/** One colour everywhere, black unless told; `alpha` 0 is transparent. */
export function plain(length, alpha, [red, green, blue] = [0, 0, 0]) {
  const result = new Uint8ClampedArray(length);
  for (let place = 0; place < length; place += 4) result.set([red, green, blue, alpha], place);
  return result;
}

/** The protocol's blurred canvas: a Gaussian of `kernel` taps, borders reflected without repeating the edge. */
export function blurred(pixels, width, height, kernel, sigma) {
  const half = kernel >> 1;
  const taps = Float64Array.from({ length: kernel }, (_, tap) => Math.exp(-((tap - half) ** 2) / (2 * sigma ** 2)));
  const sum = taps.reduce((total, tap) => total + tap, 0);
  for (let tap = 0; tap < kernel; tap += 1) taps[tap] /= sum;
  const across = new Float64Array(pixels.length);
  const result = new Float64Array(pixels.length);
  smoothed(pixels, across, width, height, 4, 4 * width, taps);
  smoothed(across, result, height, width, 4 * width, 4, taps);
  for (let place = 3; place < result.length; place += 4) result[place] = 255;
  return Uint8ClampedArray.from(result);
}

function smoothed(from, to, length, lines, step, lineStep, taps) {
  const half = taps.length >> 1;
  const period = Math.max(1, 2 * (length - 1));
  const reflected = Int32Array.from({ length: length + 2 * half }, (_, place) => {
    const within = (((place - half) % period) + period) % period;
    return step * Math.min(within, period - within);
  });
  for (let line = 0; line < lines; line += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      const start = line * lineStep + channel;
      for (let place = 0; place < length; place += 1) {
        let value = 0;
        for (let tap = 0; tap < taps.length; tap += 1) value += taps[tap] * from[start + reflected[place + tap]];
        to[start + place * step] = value;
      }
    }
  }
}
