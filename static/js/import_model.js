// Importing a model: an architecture is chosen from those found, and the upload shows how far it is. Without this
// script the form is sent by the browser itself.

/** Fills the fields of the preprocessing in with what is usual for the architecture, but for those that were filled in by
 * hand. */
function propose(usual) {
  for (const [name, text] of Object.entries(usual)) {
    const field = document.getElementById(`id_${name}`);
    if (field.value !== "" && field.value !== (field.dataset.proposed ?? "")) continue;
    field.value = field.dataset.proposed = text;
  }
}

const NOTHING_USUAL = { mean: "", std: "", size: "", pipeline: "", interpolation: "" };

// A name that was typed rather than chosen, or that is none (any more).
document.addEventListener("htmx:afterSettle", () => {
  const { usual } = document.getElementById("architecture-matches")?.dataset ?? {};
  propose(usual ? JSON.parse(usual) : NOTHING_USUAL);
});

function chooseArchitecture(button) {
  const name = document.getElementById("id_architecture");
  document.getElementById("id_library").value = button.dataset.library;
  name.value = button.dataset.architecture;
  document.getElementById("architecture-matches").replaceChildren();
  propose(JSON.parse(button.dataset.usual));
  name.focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest(".match");
  if (button) chooseArchitecture(button);
});

// The list of what was found takes the place of the browser's few suggestions.
function dropSuggestions() {
  document.getElementById("id_architecture").removeAttribute("list");
}

const megabytes = (bytes) => (bytes / 1048576).toFixed(1);

function show(id, visible) {
  document.getElementById(id).hidden = !visible;
}

function tell(problem) {
  const place = document.getElementById("upload-problem");
  place.textContent = problem;
  place.hidden = !problem;
}

function tooBig(form) {
  const most = Number(form.dataset.mostBytes);
  const files = [...form.querySelectorAll("input[type=file]")].flatMap((input) => [...input.files]);
  return files.reduce((sum, file) => sum + file.size, 0) > most;
}

// The page that the server answered with; the chosen files, which it can't send back, are kept from this one.
function replaceBy(html) {
  const answer = new DOMParser().parseFromString(html, "text/html");
  const next = answer.getElementById("import-form");
  if (!next) return false;
  const form = document.getElementById("import-form");
  for (const input of form.querySelectorAll("input[type=file]")) {
    const empty = next.querySelector(`#${input.id}`);
    if (empty && input.files.length) empty.replaceWith(input);
  }
  next.querySelector("[data-files-lost]")?.remove();
  form.replaceWith(document.adoptNode(next));
  dropSuggestions();
  window.htmx.process(next);
  const wrong = next.querySelector(".errors:not([hidden])");
  wrong?.scrollIntoView({ block: "center" });
  wrong?.closest(".field")?.querySelector("input, select")?.focus({ preventScroll: true });
  return true;
}

function upload(form) {
  const request = new XMLHttpRequest();
  const bar = document.getElementById("upload-bar");
  const button = form.querySelector("button.button-primary");
  const end = (problem) => {
    show("upload-progress", false);
    button.disabled = false;
    tell(problem);
  };
  request.upload.addEventListener("progress", (event) => {
    if (!event.lengthComputable) return;
    bar.max = event.total;
    bar.value = event.loaded;
    document.getElementById("upload-figures").textContent =
      `${megabytes(event.loaded)} / ${megabytes(event.total)} MB`;
  });
  request.addEventListener("load", () => {
    if (request.status === 413) end(form.dataset.tooBig);
    else if (request.status === 201) window.location.assign(request.getResponseHeader("Location"));
    // Signed out meanwhile: the server led to another page.
    else if (request.status < 400) window.location.assign(request.responseURL);
    else if (!replaceBy(request.responseText)) end(form.dataset.failed);
  });
  request.addEventListener("error", () => end(form.dataset.failed));
  request.addEventListener("abort", () => end(""));
  document.getElementById("upload-cancel").onclick = () => request.abort();
  request.open("POST", form.action);
  request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
  request.send(new FormData(form));
  button.disabled = true;
  tell("");
  show("upload-progress", true);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.id !== "import-form") return;
  event.preventDefault();
  if (tooBig(form)) tell(form.dataset.tooBig);
  else upload(form);
});

dropSuggestions();
