// Single-key shortcuts. The list in the dialog is what they are: a link's `data-keys` are the keys that follow it.
// Loaded only for members who have not switched them off.

const SEQUENCE_PAUSE = 1500;
const SEARCH = "main input[type='search'], main input[data-filter], main input[name='q']";

const dialog = document.getElementById("shortcuts");
const links = new Map([...dialog.querySelectorAll("[data-keys]")].map((link) => [link.dataset.keys, link]));
let begun = "";
let forget = null;

function isTyping(target) {
  return target.isContentEditable || target.closest("input:not([type='checkbox'], [type='radio'], [type='button']), textarea, select");
}

function searchField() {
  return [...document.querySelectorAll(SEARCH)].find((field) => field.checkVisibility());
}

function begin(key) {
  begun = key;
  clearTimeout(forget);
  forget = setTimeout(() => {
    begun = "";
  }, SEQUENCE_PAUSE);
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (isTyping(event.target)) return;
  // Another dialog has the keyboard to itself.
  if (document.querySelector("dialog[open]:not(#shortcuts)")) return;
  if (event.key === "?") {
    event.preventDefault();
    if (dialog.open) dialog.close();
    else dialog.showModal();
    return;
  }
  if (event.key === "/" && !dialog.open) {
    const field = searchField();
    if (!field) return;
    event.preventDefault();
    field.focus();
    return;
  }
  const keys = begun ? `${begun} ${event.key}` : event.key;
  begun = "";
  const link = links.get(keys);
  if (link) {
    event.preventDefault();
    link.click();
  } else if ([...links.keys()].some((each) => each.startsWith(`${event.key} `))) {
    begin(event.key);
  }
});

// A click beside the dialog closes it, as Esc does.
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});

for (const button of document.querySelectorAll("[data-show-shortcuts]")) {
  button.hidden = false;
  button.addEventListener("click", () => dialog.showModal());
}
