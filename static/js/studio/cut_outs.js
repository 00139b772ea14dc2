// Cut-outs: the most salient pixels kept, the rest black, blurred or transparent.

import { fill } from "../figures.js";
import { setTool } from "./display.js";
import { perturbed, plain } from "./pictures.js";
import { figuresOf } from "./scrubber.js";
import { put } from "./tiles.js";

export class CutOuts {
  constructor(tiles) {
    this.tiles = tiles;
  }

  draw(tile, canvas, values, shown) {
    put(canvas, this.cut(values, shown.keep, shown.rest), values);
    tile.querySelector(".cut-figures").replaceChildren(...this.lines(tile, values, shown.keep, shown.rest));
    const strip = tile.querySelector(".strip");
    const wanted = JSON.stringify([shown.ratios, shown.rest, Boolean(tile.dataset.figures)]);
    if (strip.dataset.drawn !== wanted) {
      strip.dataset.drawn = wanted;
      strip.replaceChildren(...shown.ratios.map((share) => this.button(tile, values, share, shown.rest)));
    }
    for (const button of strip.children) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.share) === shown.keep));
    }
  }

  /** RGBA of the picture of which the highest `share` % of the pixels are kept. */
  cut(values, share, rest) {
    const { seen, canvas } = this.tiles;
    const around = rest === "blurred" ? canvas : plain(seen.data.length, rest === "transparent" ? 0 : 255);
    return perturbed(around, seen.data, values.ranks, values.count(share));
  }

  button(tile, values, share, rest) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.share = share;
    const small = document.createElement("canvas");
    put(small, this.cut(values, share, rest), values);
    const label = document.createElement("span");
    const probability = this.probability(tile, values, share, rest);
    const parts = [`${share} %`, probability && `p ${probability}`];
    const { object } = this.tiles;
    if (object) parts.push(fill(this.tiles.texts.iou, { value: values.agreement(share, object).iou.toFixed(3) }));
    label.textContent = parts.filter(Boolean).join("\n");
    button.append(small, label);
    return button;
  }

  /** What is known about a cut-out, a line each. */
  lines(tile, values, share, rest) {
    const { texts, object } = this.tiles;
    const lines = [];
    const after = this.probability(tile, values, share, rest);
    const before = figuresOf(tile).probability;
    if (after && before !== undefined) lines.push(fill(texts.cut_out, { before: before.toFixed(2), after }));
    if (object) {
      const found = Object.entries(values.agreement(share, object)).map(([name, value]) => [name, value.toFixed(3)]);
      lines.push(fill(texts.of_mask, Object.fromEntries(found)));
    }
    return lines.map((text) => Object.assign(document.createElement("span"), { textContent: text }));
  }

  /** The probability of the class for a cut-out as text, "≈" where it lies between two that were measured. */
  probability(tile, values, share, rest) {
    const figures = figuresOf(tile);
    const [places, measured] = points(figures, rest, values, this.tiles.protocol);
    const wanted = share / 100;
    const above = places.findIndex((place) => place >= wanted - 1e-9);
    if (above < 0) return "";
    if (Math.abs(places[above] - wanted) < 1e-9) return measured[above].toFixed(2);
    if (above === 0) return "";
    const part = (wanted - places[above - 1]) / (places[above] - places[above - 1]);
    return `≈ ${(measured[above - 1] + part * (measured[above] - measured[above - 1])).toFixed(2)}`;
  }

  /** A ratio that is pressed becomes the one shown large. */
  prepare(studio) {
    studio.addEventListener("click", (event) => {
      const button = event.target.closest(".strip button");
      if (button) setTool("keep", button.dataset.share);
    });
  }
}

/** Shares of the pixels (0 … 1) with measured probabilities: on black by the studio, on the canvas by insertion. */
function points(figures, rest, values, protocol) {
  if (rest === "blurred") {
    const curve = figures.insertion ?? [];
    return [curve.map((_, step) => Math.min(1, (step * protocol.step_pixels) / values.values.length)), curve];
  }
  if (!figures.cut_outs) return [[], []];
  return [
    [...figures.cut_outs.shares.map((share) => share / 100), 1],
    [...figures.cut_outs.black, figures.probability],
  ];
}
