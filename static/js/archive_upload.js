// Sends an archive with a bar that shows how much has arrived, and a button that stops it. Without this script the form
// is sent as forms are.

const form = document.getElementById("archive-form");
const errors = document.getElementById("upload-errors");
const part = form.querySelector(".upload-progress");
const [bar, text] = part.children;
const send = form.querySelector("button.button-primary");
const stop = form.querySelector("[data-stop]");
const leave = form.querySelector("[data-leave]");
const mebibytes = (bytes) => (bytes / 2 ** 20).toFixed(1);
let request = null;

function show(sentences) {
  errors.replaceChildren(
    ...sentences.map((sentence) => {
      const line = document.createElement("li");
      line.textContent = sentence;
      return line;
    }),
  );
}

function setSending(sending) {
  send.disabled = sending;
  part.hidden = !sending;
  stop.hidden = !sending;
  leave.hidden = sending;
  if (!sending) request = null;
}

function answered() {
  const { status, responseText } = request;
  let answer = {};
  try {
    answer = JSON.parse(responseText);
  } catch {
    answer = { errors: { archive: [responseText.length < 300 ? responseText : form.dataset.lost] } };
  }
  if (status === 201) {
    window.location.assign(answer.address);
    return;
  }
  setSending(false);
  show(Object.values(answer.errors ?? { archive: [form.dataset.lost] }).flat());
}

form.addEventListener("submit", (event) => {
  const file = form.elements.archive.files[0];
  if (!file) return;
  event.preventDefault();
  if (!/\.(zip|tar\.gz|tgz)$/i.test(file.name)) {
    show([form.dataset.wrongKind]);
    return;
  }
  if (file.size > Number(form.dataset.mostBytes)) {
    show([form.dataset.tooBig]);
    return;
  }
  show([]);
  const content = new FormData(form);
  setSending(true);
  bar.value = 0;
  request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.upload.addEventListener("progress", (progress) => {
    bar.value = progress.total ? progress.loaded / progress.total : 0;
    text.textContent = `${form.dataset.sending} ${mebibytes(progress.loaded)} / ${mebibytes(progress.total)} MiB`;
  });
  request.addEventListener("load", answered);
  request.addEventListener("error", () => {
    setSending(false);
    show([form.dataset.lost]);
  });
  request.addEventListener("abort", () => setSending(false));
  request.send(content);
});

stop.addEventListener("click", () => request?.abort());

/** A name is suggested by the file's. */
function suggestName() {
  const file = form.elements.archive.files[0];
  const name = form.elements.name;
  if (file && !name.value) name.value = file.name.replace(/\.(zip|tar\.gz|tgz)$/i, "").slice(0, 100);
}

form.elements.archive.addEventListener("change", suggestName);
// The file may have been chosen before this script was here.
suggestName();
