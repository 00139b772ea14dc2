// A sheet of all maps as they are shown: what they are of at its head, title, settings and figures under each.

const [SIDE, GAP, LINE] = [224, 16, 17];

/** A canvas; `about`: model, image and class as text. */
export function sheetOf(studio, tiles, texts, about) {
  const rows = tiles.isCutOuts ? cutOutRows(studio) : [mapCells(studio)];
  const columns = tiles.isCutOuts
    ? Math.max(...rows.map((row) => row.length))
    : Math.min(rows[0].length, Math.ceil(Math.sqrt(1.5 * rows[0].length)));
  const lines = tiles.isCutOuts ? rows : chunks(rows[0], columns);
  const textLines = Math.max(...lines.flat().map((cell) => cell.lines.length));
  const head = [
    `${texts.model} ${about.model}   ${texts.image} ${about.image}   ${texts.class} ${about.class}`,
    ...wrapped(window.location.href, 34 * columns),
  ];
  const cell = SIDE + textLines * LINE + GAP;
  const canvas = document.createElement("canvas");
  canvas.width = columns * (SIDE + GAP) + GAP;
  canvas.height = GAP + head.length * LINE + GAP + lines.length * cell;
  const context = canvas.getContext("2d");
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.textBaseline = "top";
  const font = getComputedStyle(document.body).fontFamily;
  head.forEach((text, index) => {
    context.font = `${index ? 10 : 13}px ${font}`;
    context.fillStyle = index ? "#666b72" : "#1c1d1f";
    context.fillText(text, GAP, GAP + index * LINE, canvas.width - 2 * GAP);
  });
  lines.forEach((row, line) => {
    row.forEach(({ picture, lines: text }, column) => {
      const [x, y] = [GAP + column * (SIDE + GAP), 2 * GAP + head.length * LINE + line * cell];
      context.drawImage(picture, x, y, SIDE, SIDE);
      text.forEach((part, index) => {
        context.font = `${index ? 11 : 13}px ${font}`;
        context.fillStyle = index ? "#50545a" : "#1c1d1f";
        context.fillText(part, x, y + SIDE + 3 + index * LINE, SIDE);
      });
    });
  });
  return canvas;
}

const shown = (studio) =>
  [...studio.querySelectorAll(".tile")].filter((tile) => tile.querySelector(".pane-map canvas:not([hidden])"));
const text = (tile, selector) => tile.querySelector(selector)?.textContent.trim().replace(/\s+/g, " ") ?? "";

function mapCells(studio) {
  return shown(studio).map((tile) => ({
    picture: tile.querySelector(".pane-map canvas"),
    lines: [
      text(tile, "h3"),
      text(tile, ".tile-own"),
      [text(tile, ".tile-range"), text(tile, ".at-value")].filter(Boolean).join("   "),
    ].filter(Boolean),
  }));
}

function cutOutRows(studio) {
  return shown(studio).map((tile) => {
    const spans = [...tile.querySelectorAll(".cut-figures span")].map((span) => span.textContent);
    const main = { picture: tile.querySelector(".pane-map canvas"), lines: [text(tile, "h3"), ...spans] };
    const others = [...tile.querySelectorAll(".strip button")].map((button) => ({
      picture: button.querySelector("canvas"),
      lines: button.querySelector("span").textContent.split("\n"),
    }));
    return [main, ...others];
  });
}

function chunks(cells, size) {
  return Array.from({ length: Math.ceil(cells.length / size) }, (_, index) => cells.slice(index * size, (index + 1) * size));
}

function wrapped(long, signs) {
  return long.match(new RegExp(`.{1,${signs}}`, "g")) ?? [];
}
