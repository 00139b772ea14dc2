// Maps in the table of images: asked for once the rows are there, shown as they arrive, opened in a large view.

const ASK_AGAIN = 20_000;
// Those that found no room with the studio are asked for once the others are there.
const ASK_FOR_THE_REST = 1000;

export class MapColumn {
  constructor(address, texts) {
    this.address = address;
    this.texts = texts;
    this.waiting = new Map();
    this.early = new Map();
    this.requests = 0;
    this.asksAll = false;
    this.viewer = document.getElementById("viewer");
    this.viewer.addEventListener("click", (event) => {
      if (event.target === this.viewer) this.viewer.close();
    });
  }

  /** Asks for the maps of all rows that show none yet, method by method; for expensive ones only if told so,
   * from then on as long as the page is open. Asks again for those that do not come. */
  async ask(expensive = this.asksAll) {
    this.asksAll = expensive;
    clearTimeout(this.askAgain);
    const all = [...document.querySelectorAll("[data-map]:empty")];
    const empty = all.filter((place) => expensive || !("expensive" in place.dataset));
    const offer = document.querySelector(".draw-maps");
    if (offer) offer.hidden = empty.length === all.length;
    if (!empty.length) return;
    this.askAgain = setTimeout(() => this.ask(), ASK_AGAIN);
    for (const method of new Set(empty.map((place) => place.dataset.method))) {
      this.requests += 1;
      try {
        await this.askFor(method, empty.filter((place) => place.dataset.method === method));
      } finally {
        this.requests -= 1;
        if (!this.requests) this.early.clear();
      }
    }
  }

  async askFor(method, places) {
    const table = document.getElementById("benchmark-images");
    const body = new URLSearchParams([["method", method], ["experiment", table.dataset.experiment ?? "0"]]);
    for (const place of places) {
      body.append("image", place.dataset.map);
      body.append("target", place.dataset.target);
    }
    const { "X-CSRFToken": token } = JSON.parse(document.body.getAttribute("hx-headers"));
    const response = await fetch(this.address, { method: "POST", body, headers: { "X-CSRFToken": token } });
    if (!response.ok) return;
    for (const map of (await response.json()).maps) {
      this.waiting.set(map.id, map);
      this.receive(map);
      if (this.early.has(map.id)) this.receive(this.early.get(map.id));
    }
  }

  /** Shows one map: the answer to a question, or a message of the socket, which may come before the answer. */
  receive(map) {
    if (map.state !== "ready" && map.state !== "failed") return;
    const asked = this.waiting.get(map.id);
    if (asked === undefined) {
      if (this.requests) this.early.set(map.id, map);
      return;
    }
    this.waiting.delete(map.id);
    if (!this.waiting.size && !this.requests) {
      clearTimeout(this.askAgain);
      this.askAgain = setTimeout(() => this.ask(), ASK_FOR_THE_REST);
    }
    const place = [...document.querySelectorAll("[data-map]:empty")].find(
      (each) =>
        each.dataset.map === asked.image &&
        Number(each.dataset.method) === asked.method &&
        Number(each.dataset.target) === asked.target,
    );
    if (!place) return;
    place.append(map.state === "ready" ? this.picture(asked.image, map.overlay_url) : this.refusal(map.problem));
  }

  picture(image, address) {
    const link = document.createElement("a");
    link.href = address;
    const picture = new Image(56, 56);
    picture.src = address;
    picture.loading = "lazy";
    picture.alt = this.texts.map_of.replace("%(image)s", image);
    link.append(picture);
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.viewer.querySelector("img").src = address;
      this.viewer.querySelector("img").alt = picture.alt;
      this.viewer.querySelector("h2").textContent = image;
      this.viewer.showModal();
    });
    return link;
  }

  refusal(problem) {
    const mark = document.createElement("span");
    mark.textContent = this.texts.map_failed;
    mark.title = problem;
    return mark;
  }
}
