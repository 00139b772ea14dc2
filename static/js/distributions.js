// Histograms and violins of per-image figures, as webapp/benchmarks/distributions.py computes them.

import { axis, escaped, layout, OPTIONS, token, withAlpha } from "./charts.js";

const VIOLIN_HALF = 0.42;

function histogramTrace(part, method, several) {
  const colour = token(`--method-${method.colour}`);
  return {
    x: part.x,
    y: part.y.map((share) => 100 * share),
    mode: "lines",
    line: { color: colour, width: 1.75, dash: method.dash, shape: "hvh" },
    fill: several ? "none" : "tozeroy",
    fillcolor: withAlpha(colour, 0.15),
    name: escaped(part.title),
    hovertemplate: `%{x:.4g}: %{y:.1f} %<extra>${escaped(part.title)}</extra>`,
  };
}

/** A violin is a closed line around its place: the density to both sides, scaled to the widest of all. */
function violinTrace(part, method, place, most) {
  const colour = token(`--method-${method.colour}`);
  const widths = part.y.map((density) => (VIOLIN_HALF * density) / most);
  return {
    x: [...part.x, ...part.x.toReversed()],
    y: [...widths.map((width) => place + width), ...widths.toReversed().map((width) => place - width)],
    mode: "lines",
    line: { color: colour, width: 1.5 },
    fill: "toself",
    fillcolor: withAlpha(colour, 0.15),
    hoveron: "fills",
    name: escaped(part.title),
    text: `${escaped(part.title)}, n ${part.n}`,
    hoverinfo: "text",
  };
}

function medianTrace(part, method, place) {
  return {
    x: [part.median],
    y: [place],
    mode: "markers",
    marker: { size: 7, color: token(`--method-${method.colour}`), symbol: "line-ns-open" },
    name: escaped(part.title),
    hovertemplate: `%{x:.4g}<extra>${escaped(part.title)}</extra>`,
  };
}

/** Draws into the element with data-distribution; `hidden`: indices of methods that are not to be drawn. */
export function drawDistribution(root, data, hidden) {
  const element = root.querySelector("[data-distribution]");
  if (!element || !window.Plotly || !data?.distribution) return;
  const { kind, parts } = data.distribution;
  // With one method the parts are its figures, and there is no legend to hide them by.
  const several = data.methods.length > 1;
  const shown = parts.filter((part) => !several || !hidden.has(part.method));
  const xAxis = { ...axis(), title: { text: element.dataset.title, standoff: 8 } };
  if (kind === "histogram") {
    const yAxis = { ...axis(), title: { text: element.dataset.share, standoff: 8 }, rangemode: "tozero" };
    const traces = shown.map((part) => histogramTrace(part, data.methods[part.method], several));
    window.Plotly.react(element, traces, layout({ hovermode: "closest", xaxis: xAxis, yaxis: yAxis }), OPTIONS);
    return;
  }
  const most = Math.max(...shown.flatMap((part) => part.y), Number.MIN_VALUE);
  const places = shown.map((_, index) => shown.length - 1 - index);
  const yAxis = {
    ...axis(),
    ticks: "",
    showline: false,
    showgrid: false,
    tickvals: places,
    ticktext: shown.map((part) => escaped(part.title)),
    range: [-0.6, shown.length - 0.4],
    tickfont: { size: 11 },
  };
  const traces = shown.flatMap((part, index) => [
    violinTrace(part, data.methods[part.method], places[index], most),
    medianTrace(part, data.methods[part.method], places[index]),
  ]);
  window.Plotly.react(element, traces, layout({ hovermode: "closest", xaxis: xAxis, yaxis: yAxis }), OPTIONS);
}
