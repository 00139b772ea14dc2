// Figures as text, the same way as webapp/benchmarks/templatetags/figures.py writes them.

export const NONE = "–";

export function count(value) {
  return value === null || value === undefined ? NONE : Math.floor(value).toLocaleString("en-US");
}

function significant(value) {
  if (value === null || value === undefined) return NONE;
  return value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(3);
}

/** How fast images are done: a rate or, where they are slow, the time of one; `texts` has the translated patterns. */
export function pace(imagesPerSecond, texts) {
  if (imagesPerSecond === null || imagesPerSecond === undefined) return NONE;
  if (imagesPerSecond < 1) return fill(texts.seconds_per_image, { seconds: significant(1 / imagesPerSecond) });
  return fill(texts.images_per_second, { rate: significant(imagesPerSecond) });
}

/** Fills "%(name)s" and "%(name)d" in a translated text, where "%%" stands for a percent sign. */
export function fill(text, values) {
  return text.replace(/%(?:%|\((\w+)\)[sd])/g, (found, name) => (found === "%%" ? "%" : values[name]));
}

/** A time span in at most two units; `texts` has the translated patterns. */
export function duration(seconds, texts) {
  if (seconds === null || seconds === undefined) return NONE;
  const whole = Math.round(seconds);
  if (whole < 1) return texts.under_a_second;
  const units = [
    [86400, 3600, texts.days],
    [3600, 60, texts.hours],
    [60, 1, texts.minutes],
  ];
  for (const [size, smaller, text] of units) {
    if (whole >= size) {
      return fill(text, { whole: Math.floor(whole / size), rest: Math.floor((whole % size) / smaller) });
    }
  }
  return fill(texts.seconds, { seconds: whole });
}
