// What becomes of maps and predictions: parts of the page are renewed as the worker is done with them.

import { LiveChannel } from "../live.js";

const token = () => document.querySelector("#studio-form [name=csrfmiddlewaretoken]").value;
const parsed = async (answer) => document.createRange().createContextualFragment(await answer.text());

export class LiveTiles {
  constructor(studio, tiles) {
    this.studio = studio;
    this.tiles = tiles;
    this.renewing = new Map();
    if (studio.dataset.socket) this.watch(studio.dataset.socket);
    this.askForClasses();
    studio.addEventListener("click", (event) => this.change(event));
  }

  watch(address) {
    const receive = (message) => {
      for (const row of message.type === "snapshot" ? message.rows : [message]) {
        if (row.type === "explanation") this.renewTile(row);
        if (row.type === "progress") this.showProgress(row);
        if (row.type === "prediction" && (row.state === "ready" || row.state === "failed")) this.renewClasses(row);
      }
    };
    return new LiveChannel(address, receive);
  }

  showProgress({ id, part, share }) {
    const bar = document.querySelector(`#tile-${id} .map-progress[data-part=${part}]`);
    if (!bar) return;
    bar.hidden = false;
    bar.value = share;
  }

  async renewTile(row) {
    const wanted = `${row.state} ${row.curves}`;
    const tile = document.getElementById(`tile-${row.id}`);
    const shown = tile && `${tile.dataset.state} ${tile.dataset.curves}`;
    if (!tile || shown === wanted || this.renewing.get(row.id) === wanted) return;
    this.renewing.set(row.id, wanted);
    const answer = await fetch(tile.dataset.tile).catch(() => null);
    if (!answer?.ok) {
      // What the socket says next, after a reconnection for one, is another chance.
      this.renewing.delete(row.id);
      return;
    }
    const fresh = (await parsed(answer)).firstElementChild;
    const old = document.getElementById(`tile-${row.id}`);
    const drawn = old.querySelector(".pane-map canvas:not([hidden])");
    if (drawn && fresh.querySelector(".panes canvas")) {
      // The picture stays where it is while its curves arrive.
      fresh.querySelector(".panes").replaceWith(drawn.closest(".panes"));
      fresh.classList.toggle("tile-wide", old.classList.contains("tile-wide"));
      for (const button of fresh.querySelectorAll("[data-heat-png]")) button.hidden = false;
    }
    old.replaceWith(fresh);
    if (!this.studio.querySelector(".tile [name=cancel]")) document.getElementById("maps-open")?.remove();
    this.tiles.drawSoon();
  }

  /** Cancels or retries without losing the place on the page. */
  async change(event) {
    const button = event.target.closest("[data-change]");
    if (!button) return;
    event.preventDefault();
    button.disabled = true;
    const form = document.getElementById("change-maps");
    const body = new FormData(form);
    body.append(button.name, button.value);
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
    if (answer.ok) window.location.reload();
    else button.disabled = false;
  }

  /** The classes of an image that has just been chosen are asked for without a press of the button. */
  async askForClasses() {
    const form = document.querySelector("#predict-form[data-auto]");
    if (!form) return;
    const headers = { Accept: "application/json", "X-CSRFToken": token() };
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers });
    if (!answer.ok || !answer.headers.get("Content-Type").includes("json")) return;
    const row = await answer.json();
    if (row.state === "ready" || row.state === "failed") this.renewClasses(row);
    else this.watch(`/ws/studio/?prediction=${row.id}`);
  }

  async renewClasses(row) {
    const part = document.getElementById("class");
    if (part.dataset.prediction === String(row.id) && part.dataset.state === row.state) return;
    const form = document.getElementById("predict-form");
    const address = new URLSearchParams(window.location.search);
    address.set("mode", this.studio.dataset.mode);
    for (const field of form ? new FormData(form) : []) {
      if (field[0] !== "csrfmiddlewaretoken" && !address.has(field[0])) address.append(...field);
    }
    const answer = await fetch(`${this.studio.dataset.predicted}?${address}`);
    if (answer.ok) part.replaceWith(await parsed(answer));
  }
}
