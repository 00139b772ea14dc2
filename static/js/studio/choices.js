// Choosing: models, images, classes and methods, without a press of a button where none is needed.

import { keepSettings, takeAddress, writeAddress } from "./address.js";

export function prepareChoices(studio, form) {
  for (const chooser of document.querySelectorAll("form[data-auto-choose]")) {
    chooser.querySelector("button").hidden = true;
    chooser.addEventListener("change", () => {
      takeAddress(chooser);
      chooser.requestSubmit();
    });
  }
  document.querySelector("form[data-search]")?.addEventListener("submit", (event) => takeAddress(event.target));
  // Links to other images, classes and modes keep what has been ticked since the page came.
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".thumbnails a, .top-classes a, [data-keeps-address], .studio-part .pages a");
    if (link) keepSettings(link);
    const adder = event.target.closest("[data-adds]");
    if (adder) {
      const address = new URLSearchParams(window.location.search);
      address.append("method", adder.dataset.adds);
      adder.href = `${studio.dataset.base}?${address}${adder.hash}`;
    }
  });
  form.addEventListener("change", (event) => {
    writeAddress(form);
    if (event.target.name === "method" || event.target.name === "enhanced") renewSettings(studio);
  });
}

function renewSettings(studio) {
  const there = [...document.querySelectorAll("#method-settings input[name=shown]")].map((each) => each.value);
  const ticked = [...document.querySelectorAll("#studio-form :checked[name=method], #studio-form :checked[name=enhanced]")];
  const begin = [...ticked.map((each) => each.value), "enhancement"].filter((key) => !there.includes(key));
  const address = `${studio.dataset.settings}${window.location.search}&${new URLSearchParams(begin.map((key) => ["begin", key]))}`;
  const open = [...document.querySelectorAll("#method-settings details[open] input[name=shown]")].map((each) => each.value);
  fetch(address).then(async (answer) => {
    if (!answer.ok) return;
    const part = document.createRange().createContextualFragment(await answer.text());
    for (const field of part.querySelectorAll("input[name=shown]")) {
      if (open.includes(field.value)) field.closest("details").open = true;
    }
    document.getElementById("method-settings").replaceWith(part);
    // A method that is new begins with the member's own settings: the address says them.
    writeAddress(document.getElementById("studio-form"));
  });
}
