// The step of the curves: one for all maps, moved by a slider, by the keyboard, or by dragging along a curve.

import { fill } from "../figures.js";
import { display, isPerturbed, setTool, setView } from "./display.js";

const [WIDTH, HEIGHT] = [200, 72]; // of the curves' own coordinates

/** What a tile's curves are: the lists of probabilities, or undefined. */
export function figuresOf(tile) {
  if (tile.figures === undefined) tile.figures = JSON.parse(tile.dataset.figures || "{}");
  return tile.figures;
}

/** Marks the step on a tile's curves and says the probabilities there. */
export function showStep(tile, shown, protocol, texts) {
  const scrub = tile.querySelector(".scrub");
  if (!scrub) return;
  const { insertion, deletion } = figuresOf(tile);
  const last = insertion.length - 1;
  const step = Math.min(shown.step, last);
  const slider = scrub.querySelector(".scrubber");
  scrub.hidden = false;
  slider.max = last;
  if (slider.valueAsNumber !== step) slider.value = step;
  const marked = isPerturbed(shown.view);
  const x = (WIDTH * step) / last;
  tile.querySelector(".at-step").setAttribute("d", marked ? `M${x} 0V${HEIGHT}` : "");
  for (const [name, curve] of Object.entries({ insertion, deletion })) {
    const dot = tile.querySelector(`.dot.${name}`);
    dot.setAttribute("cx", marked ? x : -9);
    dot.setAttribute("cy", marked ? HEIGHT * (1 - curve[step]) : -9);
    dot.classList.toggle("dot-shown", shown.view === name);
  }
  const value = marked ? (shown.view === "insertion" ? insertion : deletion)[step].toFixed(4) : "";
  scrub.querySelector(".at-value").textContent = value && fill(texts.score, { value });
}

/** Lets the sliders and the curves of all tiles move the step. */
export function prepareScrubber(studio) {
  let dragged = null;

  const move = (step, done) => {
    if (!isPerturbed(display().view)) setView("deletion");
    setTool("step", step, done);
  };
  const along = (chart, event) => {
    // From the curves' own coordinates: the chart keeps its proportions within its box.
    const { a, e } = chart.getScreenCTM();
    const last = figuresOf(chart.closest(".tile")).insertion.length - 1;
    return Math.round(last * Math.min(1, Math.max(0, (event.clientX - e) / a / WIDTH)));
  };
  for (const kind of ["input", "change"]) {
    studio.addEventListener(kind, (event) => {
      if (event.target.matches(".scrubber")) move(event.target.value, kind === "change");
    });
  }
  studio.addEventListener("pointerdown", (event) => {
    dragged = event.target.closest(".mini-chart");
    if (!dragged) return;
    event.preventDefault();
    dragged.setPointerCapture(event.pointerId);
    move(along(dragged, event), false);
  });
  studio.addEventListener("pointermove", (event) => {
    if (dragged) move(along(dragged, event), false);
  });
  studio.addEventListener("pointerup", (event) => {
    if (dragged) move(along(dragged, event), true);
    dragged = null;
  });
  studio.addEventListener("pointercancel", () => {
    dragged = null;
  });
}
