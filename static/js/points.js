// Cost against score: a point with its intervals for each result, those that are best for their cost joined by a line.

import { axis, escaped, layout, OPTIONS, token } from "./charts.js";

function errors(interval, colour) {
  const none = interval.low === null || interval.high === null;
  return {
    type: "data",
    symmetric: false,
    array: [none ? 0 : interval.high - interval.value],
    arrayminus: [none ? 0 : interval.value - interval.low],
    color: colour,
    thickness: 1,
    width: 3,
    visible: !none,
  };
}

function pointTrace(point, method) {
  const colour = token(`--method-${method.colour}`);
  return {
    x: [point.cost.value],
    y: [point.shown.value],
    error_x: errors(point.cost, colour),
    error_y: errors(point.shown, colour),
    mode: "markers",
    name: escaped(method.title),
    marker: {
      color: point.front ? colour : token("--surface"),
      line: { color: colour, width: 2 },
      size: 10,
      symbol: point.marked ? "square" : "circle",
    },
    hovertemplate: "%{x:.3g} · %{y:.2f}<extra>" + escaped(method.title) + "</extra>",
  };
}

/** Draws into the elements with data-points; `data` as ComparisonPage.charts gives it. */
export function drawPoints(root, data, hidden) {
  if (!window.Plotly || !data) return;
  for (const element of root.querySelectorAll("[data-points]")) {
    const table = data.points[element.dataset.points];
    if (!table) continue;
    const shown = table.points.filter((point) => !hidden.has(point.method));
    const front = shown.filter((point) => point.front);
    const line = {
      x: front.map((point) => point.cost.value),
      y: front.map((point) => point.shown.value),
      mode: "lines",
      line: { color: token("--line-strong"), width: 1.5, dash: "dot" },
      hoverinfo: "skip",
    };
    const xAxis = { ...axis(), type: "log", title: { text: table.x_title, standoff: 8 }, exponentformat: "none" };
    const yAxis = { ...axis(), title: { text: table.y_title, standoff: 8 } };
    const traces = [line, ...shown.map((point) => pointTrace(point, data.methods[point.method]))];
    window.Plotly.react(element, traces, layout({ hovermode: "closest", xaxis: xAxis, yaxis: yAxis }), OPTIONS);
  }
}
