// Pictures of one's own: chosen, dropped anywhere on the page, or pasted.

import { fill } from "../figures.js";
import { takeAddress } from "./address.js";

export function prepareUpload(studio, texts) {
  const form = document.getElementById("upload-form");
  const field = document.getElementById("upload-file");
  const problem = document.getElementById("upload-problem");
  const most = Number(studio.dataset.mostBytes);
  form.querySelector("button").hidden = true;

  const send = () => {
    problem.textContent = "";
    if (!field.files.length) return;
    if (field.files[0].size > most) {
      problem.textContent = fill(texts.too_big, { size: most / 2 ** 20 });
      field.value = "";
      return;
    }
    takeAddress(form);
    form.requestSubmit();
  };
  const take = (items) => {
    const pictures = [...items].filter((file) => file.type.startsWith("image/"));
    if (!pictures.length) {
      problem.textContent = texts.no_image;
      return;
    }
    const transfer = new DataTransfer();
    transfer.items.add(pictures[0]);
    field.files = transfer.files;
    send();
  };
  field.addEventListener("change", send);
  const isFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!isFiles(event)) return;
    event.preventDefault();
    form.classList.add("drop-over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) form.classList.remove("drop-over");
  });
  document.addEventListener("drop", (event) => {
    if (!isFiles(event)) return;
    event.preventDefault();
    form.classList.remove("drop-over");
    take(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) take(event.clipboardData.files);
  });
}
