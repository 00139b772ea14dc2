// A map's values, what order its pixels have, and how they are stretched. Everything is computed once and kept.

/** Reads what NumPy writes: float32 [height, width] in C order. */
export function readNpy(buffer) {
  const start = new DataView(buffer).getUint16(8, true) + 10;
  const header = new TextDecoder("latin1").decode(new Uint8Array(buffer, 10, start - 10));
  const [, height, width] = /'shape': \((\d+), (\d+)\)/.exec(header).map(Number);
  return new MapValues(new Float32Array(buffer, start, height * width), width, height);
}

const PLACES = 2 ** 21; // more pixels than any map has; with 32 bits of a value still a whole number of a double

export class MapValues {
  constructor(values, width, height) {
    this.values = values;
    this.width = width;
    this.height = height;
  }

  /** Pixel indices, the most salient first, ties by ascending raster index. */
  get order() {
    if (!this.orderOf) {
      const bits = new Uint32Array(Float32Array.from(this.values, (value) => value + 0).buffer);
      // One number per pixel that sorts as wanted: a sort of plain numbers is ten times as fast as one that compares.
      const keys = Float64Array.from(bits, (bit, index) => {
        const ascending = bit >>> 31 ? ~bit >>> 0 : (bit | 0x80000000) >>> 0;
        return (0xffffffff - ascending) * PLACES + index;
      });
      this.orderOf = Uint32Array.from(keys.sort(), (key) => key % PLACES);
    }
    return this.orderOf;
  }

  /** The rank of every pixel, 0 for the most salient. */
  get ranks() {
    if (!this.rankOf) {
      this.rankOf = new Uint32Array(this.order.length);
      for (let rank = 0; rank < this.order.length; rank += 1) this.rankOf[this.order[rank]] = rank;
    }
    return this.rankOf;
  }

  /** The value below which a share (0 … 1) of the pixels lies, between two of them as NumPy does it. */
  quantile(share) {
    const last = this.order.length - 1;
    const place = share * last;
    const [below, above] = [Math.floor(place), Math.ceil(place)].map((each) => this.values[this.order[last - each]]);
    return below + (above - below) * (place - Math.floor(place));
  }

  /** Lowest and highest value shown where the percentiles `low` and `high` (0 … 100) are the ends. */
  range(low, high) {
    return [this.quantile(Math.min(low, high) / 100), this.quantile(Math.max(low, high) / 100)];
  }

  /** The values as 0 … 255 between two percentiles; 0 everywhere where nothing lies between them. */
  tones(low, high) {
    const wanted = `${low} ${high}`;
    if (this.tonesFor !== wanted) {
      const [bottom, top] = this.range(low, high);
      const scale = top > bottom ? 256 / (top - bottom) : 0;
      const tones = new Uint8Array(this.values.length);
      for (let index = 0; index < tones.length; index += 1) {
        const tone = (this.values[index] - bottom) * scale;
        tones[index] = tone <= 0 ? 0 : tone >= 255 ? 255 : tone;
      }
      [this.tonesFor, this.tonesOf] = [wanted, tones];
    }
    return this.tonesOf;
  }

  /** How many pixels a share of them (in %) is. */
  count(share) {
    return Math.floor((share / 100) * this.values.length + 0.5);
  }

  /** How the highest `share` % of the pixels agree with a mask (0 outside): shares of 1. */
  agreement(share, mask) {
    const kept = this.count(share);
    let both = 0;
    let object = 0;
    for (let index = 0; index < mask.length; index += 1) {
      if (!mask[index]) continue;
      object += 1;
      if (this.ranks[index] < kept) both += 1;
    }
    const either = kept + object - both;
    return {
      iou: either ? both / either : 0,
      precision: kept ? both / kept : 0,
      recall: object ? both / object : 0,
    };
  }
}
