// Mean insertion and deletion curves with their bands, in the colours of the page's theme.

function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function withAlpha(hex, alpha) {
  const [red, green, blue] = [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}

function traces(curve, x, method) {
  const colour = token(method.colour);
  const line = { color: colour, width: 2 };
  const hidden = { color: "rgba(0,0,0,0)", width: 0 };
  const parts = [];
  if (curve.low && curve.high && curve.low[0] !== null) {
    parts.push(
      { x, y: curve.low, line: hidden, mode: "lines", hoverinfo: "skip", showlegend: false },
      {
        x,
        y: curve.high,
        line: hidden,
        mode: "lines",
        fill: "tonexty",
        fillcolor: withAlpha(colour, 0.2),
        hoverinfo: "skip",
        showlegend: false,
      },
    );
  }
  parts.push({
    x,
    y: curve.mean,
    line,
    mode: "lines",
    name: method.title,
    customdata: curve.low ? curve.mean.map((_, i) => [curve.low[i], curve.high[i]]) : undefined,
    hovertemplate: curve.low
      ? "%{x:.1f} %<br>%{y:.4f} [%{customdata[0]:.4f}, %{customdata[1]:.4f}]<extra></extra>"
      : "%{x:.1f} %<br>%{y:.4f}<extra></extra>",
  });
  return parts;
}

function layout(texts, xTitle) {
  const axis = {
    gridcolor: token("--line"),
    linecolor: token("--line-strong"),
    tickcolor: token("--line-strong"),
    zeroline: false,
    showline: true,
    ticks: "outside",
    ticklen: 4,
    fixedrange: true,
  };
  return {
    autosize: true,
    margin: { l: 48, r: 12, t: 8, b: 44 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: token("--font"), size: 12, color: token("--ink-soft") },
    showlegend: false,
    hovermode: "x",
    hoverlabel: { bgcolor: token("--surface-raised"), bordercolor: token("--line-strong"), font: { color: token("--ink") } },
    xaxis: { ...axis, title: { text: xTitle, standoff: 8 }, range: [0, 100], ticksuffix: "" },
    yaxis: { ...axis, title: { text: texts.probability, standoff: 8 }, range: [0, 1] },
  };
}

/** Draws into the elements with data-curve; `data` is {fraction, insertion, deletion, method, texts}. */
export function drawCurves(root, data) {
  if (!window.Plotly || !data) return;
  const x = data.fraction.map((part) => 100 * part);
  for (const element of root.querySelectorAll("[data-curve]")) {
    const curve = data[element.dataset.curve];
    if (!curve) continue;
    const options = { displayModeBar: false, responsive: true };
    const title = element.dataset.curve === "insertion" ? data.texts.inserted : data.texts.deleted;
    window.Plotly.react(element, traces(curve, x, data.method), layout(data.texts, title), options);
  }
}

/** Calls back whenever the theme changes, by the reader or by the system. */
export function onThemeChange(callback) {
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", callback);
  new MutationObserver(callback).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}
