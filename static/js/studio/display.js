// How the page shows its maps: what the toolbar says, and the toolbar's own figures.

import { fill } from "../figures.js";
import { tableFor } from "./pictures.js";

const PERTURBED = new Set(["insertion", "deletion"]);
const field = (name) => document.querySelector(`#toolbar [name="${name}"]`);

/** The settings of the toolbar. */
export function display() {
  const value = (name, usual) => field(name)?.value ?? usual;
  const ratios = value("ratios", "").split(/[\s,;，、]+/).map(Number);
  return {
    view: document.querySelector("#toolbar [name=view]:checked")?.value ?? "overlay",
    opacity: Number(value("opacity", 50)) / 100,
    colours: value("colours", "inferno"),
    low: Number(value("low", 0)),
    high: Number(value("high", 100)),
    against: value("against", ""),
    step: Number(value("step", 0)),
    keep: Number(value("keep", 20)),
    ratios: ratios.filter((ratio) => ratio > 0 && ratio <= 100).slice(0, 8),
    rest: value("rest", "black"),
  };
}

export function isPerturbed(view) {
  return PERTURBED.has(view);
}

/** Shows the tools of the view, and their values; `steps`: of a curve. */
export function renewToolbar(texts, protocol, steps) {
  const shown = display();
  for (const tool of document.querySelectorAll("#toolbar [data-views]")) {
    tool.hidden = !tool.dataset.views.split(" ").includes(shown.view);
  }
  const put = (id, text) => {
    const place = document.getElementById(id);
    if (place && place.textContent !== text) place.textContent = text;
  };
  put("keep-shown", `${shown.keep} %`);
  put("clip-shown", `${Math.min(shown.low, shown.high)}–${Math.max(shown.low, shown.high)}`);
  put("scale-low", shown.view === "difference" ? "−1" : "0");
  if (field("step")) field("step").max = steps;
  const share = ((100 * shown.step) / steps).toFixed(1);
  put("step-shown", fill(texts.step, { step: shown.step, steps, share }));
  put("view-note", note(shown, texts, protocol));
  drawScale(shown);
}

function note(shown, texts, protocol) {
  if (isPerturbed(shown.view)) return fill(texts.perturbed, { protocol: protocol.name });
  if (shown.view === "difference") {
    return fill(texts.against, { against: field("against")?.selectedOptions[0]?.textContent ?? "" });
  }
  const [low, high] = [Math.min(shown.low, shown.high), Math.max(shown.low, shown.high)];
  return low === 0 && high === 100 ? texts.whole : fill(texts.clipped, { low, high });
}

function drawScale(shown) {
  const canvas = document.getElementById("scale");
  const wanted = shown.view === "difference" ? "difference" : shown.colours;
  if (!canvas || canvas.dataset.drawn === wanted) return;
  canvas.dataset.drawn = wanted;
  const table = tableFor(shown);
  const context = canvas.getContext("2d");
  for (let x = 0; x < canvas.width; x += 1) {
    const tone = 3 * Math.round((255 * x) / (canvas.width - 1));
    context.fillStyle = `rgb(${table[tone]}, ${table[tone + 1]}, ${table[tone + 2]})`;
    context.fillRect(x, 0, 1, canvas.height);
  }
}

/** Sets a tool as if by hand; `done`: false while it is still being moved. */
export function setTool(name, value, done = true) {
  const tool = field(name);
  if (!tool) return;
  tool.value = value;
  tool.dispatchEvent(new Event("input", { bubbles: true }));
  if (done) tool.dispatchEvent(new Event("change", { bubbles: true }));
}

export function setView(view) {
  const choice = document.querySelector(`#toolbar [name=view][value=${view}]`);
  if (choice && !choice.checked) choice.click();
}
