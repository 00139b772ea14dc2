// The page of a method's settings: the preview follows what is edited; layers are searched.

import { LiveChannel } from "./live.js";

const PAUSE = 400; // milliseconds after the last change

for (const form of document.querySelectorAll("form[data-sends-itself]")) {
  form.querySelector("button").hidden = true;
  form.addEventListener("change", () => form.requestSubmit());
}

const settings = document.getElementById("settings");

function start() {
  for (const layers of document.querySelectorAll(".layers")) prepareLayers(layers);
  const form = document.getElementById("settings-form");
  // A form that was refused leaves the browser at an address that can't be opened again.
  if (window.location.pathname !== settings.dataset.page) {
    window.history.replaceState(null, "", settings.dataset.page);
  }
  const preview = new Preview(form);
  form.addEventListener("input", () => preview.renewSoon());
  form.addEventListener("change", () => preview.renewSoon());
  document.getElementById("ask-preview")?.addEventListener("click", (event) => {
    event.preventDefault();
    preview.ask();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-other-picture]");
    const defaults = event.target.closest("[data-ask-defaults]");
    if (defaults) {
      event.preventDefault();
      preview.ask(true);
    }
    if (link) link.href = `?${preview.addressWith(new URL(link.href).searchParams)}`;
  });
  preview.renew();
}

// --- layers ----------------------------------------------------------------------------------------------------

function prepareLayers(layers) {
  const search = layers.querySelector(".layer-search");
  const scroll = layers.querySelector(".layer-scroll");
  const rows = [...layers.querySelectorAll("tr[data-find]")];
  search.hidden = false;
  search.addEventListener("input", (event) => {
    event.stopPropagation();
    const words = search.value.toLowerCase().replaceAll("x", "×").split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = row.dataset.find.toLowerCase().replaceAll("x", "×").replaceAll(" ", "");
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
  search.addEventListener("change", (event) => event.stopPropagation());
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const first = rows.find((row) => !row.hidden)?.querySelector("input");
    if (!first) return;
    first.checked = true;
    first.focus();
    first.dispatchEvent(new Event("change", { bubbles: true }));
  });
  const chosen = layers.querySelector("input:checked")?.closest("tr");
  if (chosen) scroll.scrollTop = chosen.offsetTop - scroll.clientHeight / 2;
}

// --- the preview -----------------------------------------------------------------------------------------------

class Preview {
  constructor(form) {
    this.form = form;
    this.texts = JSON.parse(document.getElementById("settings-texts").textContent);
    this.turn = 0;
    this.wanted = false;
    this.channel = null;
    this.watched = "";
  }

  renewSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.wanted = false;
      this.renew();
    }, PAUSE);
  }

  get values() {
    const values = new URLSearchParams(new FormData(this.form));
    values.delete("csrfmiddlewaretoken");
    return values;
  }

  /** The page's address about another picture, with what is edited. */
  addressWith(other) {
    const values = this.values;
    for (const name of ["dataset", "image", "picture", "class"]) values.delete(name);
    for (const name of ["dataset", "image", "picture"]) if (other.has(name)) values.set(name, other.get(name));
    return values;
  }

  /** Shows how things are with the values of the form; cheap maps are asked for at once. */
  async renew() {
    const found = await this.send("GET");
    if (!found) return;
    if (this.wanted && found.waits_for_class) return;
    const errors = Object.keys(found.errors).length;
    if (!errors && !found.asked && !found.waits_for_class && (found.cheap || this.wanted)) this.ask();
  }

  /** `withDefaults`: the map with the defaults too, even if it is expensive. */
  ask(withDefaults = false) {
    clearTimeout(this.timer);
    this.wanted = true;
    return this.send("POST", withDefaults);
  }

  async send(method, withDefaults = false) {
    const turn = (this.turn += 1);
    const headers = { Accept: "application/json" };
    const options = { method, headers };
    let address = settings.dataset.preview;
    if (method === "GET") {
      address += `?${this.values}`;
    } else {
      options.body = this.values;
      if (withDefaults) options.body.set("with_defaults", "1");
      headers["X-CSRFToken"] = this.form.querySelector("[name=csrfmiddlewaretoken]").value;
    }
    let found = null;
    try {
      const answer = await fetch(address, options);
      if (answer.ok) found = await answer.json();
    } catch {
      // Said below.
    }
    // Something newer is under way.
    if (turn !== this.turn) return null;
    if (!found) {
      document.getElementById("settings-state").textContent = this.texts.failed;
      return null;
    }
    this.show(found);
    return found;
  }

  show(found) {
    document.getElementById("preview-panel").innerHTML = found.panel;
    document.getElementById("settings-state").textContent = found.state;
    for (const setting of this.form.querySelectorAll("[data-setting]")) {
      const errors = found.errors[setting.dataset.field] ?? [];
      setting.classList.toggle("differs", found.differences.includes(setting.dataset.setting) || errors.length > 0);
      const list = setting.querySelector(".errors");
      list.replaceChildren(
        ...errors.map((text) => Object.assign(document.createElement("li"), { textContent: text })),
      );
      for (const field of setting.querySelectorAll("input, select")) {
        if (errors.length) field.setAttribute("aria-invalid", "true");
        else field.removeAttribute("aria-invalid");
      }
    }
    window.history.replaceState(null, "", `?${found.address}`);
    this.watch(found.socket);
  }

  watch(socket) {
    if (socket === this.watched) return;
    this.watched = socket;
    this.channel?.close();
    this.channel = null;
    if (!socket) return;
    const receive = (message) => {
      const rows = message.type === "snapshot" ? message.rows : [message];
      if (rows.some((row) => row.state !== "waiting")) this.renewFromWorker();
    };
    this.channel = new LiveChannel(socket, receive);
  }

  renewFromWorker() {
    clearTimeout(this.arriving);
    this.arriving = setTimeout(() => this.renew(), 50);
  }
}

if (settings) start();
