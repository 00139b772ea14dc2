// Mean curves with their bands and the spread of figures over images, in the colours of the page's theme.

export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function withAlpha(hex, alpha) {
  const [red, green, blue] = [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}

export function escaped(text) {
  return text.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);
}

function lineTraces(line, method, chart, several) {
  const colour = token(`--method-${method.colour}`);
  const x = chart.percent ? line.x.map((part) => 100 * part) : line.x;
  const hidden = { color: "rgba(0,0,0,0)", width: 0 };
  const parts = [];
  if (line.low && line.high) {
    parts.push(
      { x, y: line.low, line: hidden, mode: "lines", hoverinfo: "skip", showlegend: false },
      {
        x,
        y: line.high,
        line: hidden,
        mode: "lines",
        fill: "tonexty",
        fillcolor: withAlpha(colour, several ? 0.1 : 0.2),
        hoverinfo: "skip",
        showlegend: false,
      },
    );
  }
  const place = chart.named ? "%{x}" : chart.percent ? "%{x:.1f} %" : "%{x:.3g}";
  const value = line.low ? "%{y:.4f} [%{customdata[0]:.4f}, %{customdata[1]:.4f}]" : "%{y:.4f}";
  parts.push({
    x,
    y: line.mean,
    line: { color: colour, width: several ? 1.75 : 2, dash: method.dash },
    mode: chart.named ? "lines+markers" : "lines",
    marker: { size: 5, color: colour },
    name: escaped(method.title),
    customdata: line.low ? line.mean.map((_, i) => [line.low[i], line.high[i]]) : undefined,
    hovertemplate: several ? `${value}<extra>${escaped(method.title)}</extra>` : `${place}<br>${value}<extra></extra>`,
  });
  return parts;
}

function boxTrace(box, method, texts) {
  const colour = token(`--method-${method.colour}`);
  const [low, first, median, third, high] = box.percentiles;
  return {
    type: "box",
    orientation: "h",
    y: [method.title],
    lowerfence: [low],
    q1: [first],
    median: [median],
    q3: [third],
    upperfence: [high],
    mean: [box.mean],
    boxmean: true,
    name: escaped(method.title),
    line: { color: colour, width: 1.5 },
    fillcolor: withAlpha(colour, 0.15),
    hoverinfo: "x",
    showlegend: false,
    width: 0.6,
    hovertext: `${texts.median} ${median.toFixed(2)}, ${texts.mean} ${box.mean.toFixed(2)}`,
  };
}

export function axis() {
  return {
    gridcolor: token("--line"),
    linecolor: token("--line-strong"),
    tickcolor: token("--line-strong"),
    zeroline: false,
    showline: true,
    ticks: "outside",
    ticklen: 4,
    fixedrange: true,
    automargin: true,
  };
}

export function layout(more) {
  return {
    autosize: true,
    // Room on the right for half of the last label, which is left out otherwise.
    margin: { l: 48, r: 24, t: 8, b: 44 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: token("--font"), size: 12, color: token("--ink-soft") },
    showlegend: false,
    hoverlabel: {
      bgcolor: token("--surface-raised"),
      bordercolor: token("--line-strong"),
      font: { color: token("--ink") },
      namelength: -1,
    },
    ...more,
  };
}

export const OPTIONS = { displayModeBar: false, responsive: true };

function drawCurve(element, chart, methods, hidden) {
  const shown = chart.lines.filter((line) => !hidden.has(line.method));
  const several = methods.length > 1;
  const xAxis = { ...axis(), title: { text: chart.x_title, standoff: 8 } };
  if (chart.percent) Object.assign(xAxis, { range: [0, 100], ticksuffix: " %" });
  if (chart.named) Object.assign(xAxis, { type: "category", tickfont: { size: 10 }, nticks: 12 });
  const yAxis = { ...axis(), title: { text: chart.y_title, standoff: 8 } };
  if (chart.within_one) yAxis.range = [0, 1];
  const traces = shown.flatMap((line) => lineTraces(line, methods[line.method], chart, several));
  const mode = several ? "x unified" : "x";
  window.Plotly.react(element, traces, layout({ hovermode: mode, xaxis: xAxis, yaxis: yAxis }), OPTIONS);
}

function drawSpread(element, spread, methods, hidden, texts) {
  const shown = spread.boxes.filter((box) => !hidden.has(box.method)).reverse();
  const traces = shown.map((box) => boxTrace(box, methods[box.method], texts));
  const yAxis = { ...axis(), showticklabels: methods.length > 1, ticks: "", showline: false, tickfont: { size: 11 } };
  const more = { hovermode: "closest", xaxis: axis(), yaxis: yAxis, margin: { l: 8, r: 12, t: 4, b: 28 } };
  window.Plotly.react(element, traces, layout(more), OPTIONS);
}

/**
 * Draws into the elements with data-curve and data-spread; `data` is what ExperimentPage.charts gives, with texts;
 * `hidden`: a Set of the indices of methods that are not to be drawn.
 */
export function drawCharts(root, data, hidden) {
  if (!window.Plotly || !data) return;
  for (const element of root.querySelectorAll("[data-curve]")) {
    const chart = data.curves[element.dataset.curve];
    if (chart) drawCurve(element, chart, data.methods, hidden);
  }
  for (const element of root.querySelectorAll("[data-spread]")) {
    const spread = data.spreads[element.dataset.spread];
    if (spread) drawSpread(element, spread, data.methods, hidden, data.texts);
  }
}

/** Calls back whenever the theme changes, by the reader or by the system. */
export function onThemeChange(callback) {
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", callback);
  new MutationObserver(callback).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}
