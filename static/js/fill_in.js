// Buttons and links that fill in fields (`data-fill`: name → text), and notes that say whether the fields have the
// member's own settings (`data-own-note`); links that take fields along (`data-carries`: a method's key). Without scripts the links lead to an address that has the values.

function fieldsOf(name) {
  return [...document.getElementsByName(name)].filter((field) => field.form && field.type !== "hidden");
}

function textOf(name) {
  const fields = fieldsOf(name);
  if (!fields.length) return undefined;
  if (fields[0].type === "radio") return fields.find((field) => field.checked)?.value ?? "";
  return fields[0].type === "checkbox" ? String(fields[0].checked) : fields[0].value;
}

function fillIn(name, text) {
  for (const field of fieldsOf(name)) {
    if (field.type === "radio") field.checked = field.value === text;
    else if (field.type === "checkbox") field.checked = text === "true";
    else field.value = text;
  }
}

/** A link to the page of a method's settings takes along what its fields have. */
function carry(link) {
  const address = new URL(link.href);
  for (const field of document.querySelectorAll(`[name^="${link.dataset.carries}-"]`)) {
    const name = (link.dataset.as ?? link.dataset.carries) + field.name.slice(link.dataset.carries.length);
    address.searchParams.set(name, textOf(field.name));
    address.searchParams.set("edited", "1");
  }
  link.href = address;
}

function renewNotes() {
  for (const note of document.querySelectorAll("[data-own-note]")) {
    if (!note.dataset.state) continue;
    const own = Object.entries(JSON.parse(note.dataset.ownNote));
    note.dataset.state = own.every(([name, text]) => textOf(name) === text) ? "own" : "other";
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-carries]");
  if (link) carry(link);
  const button = event.target.closest("[data-fill]");
  if (!button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const texts = Object.entries(JSON.parse(button.dataset.fill));
  const known = texts.filter(([name]) => fieldsOf(name).length);
  if (!known.length) return;
  event.preventDefault();
  for (const [name, text] of known) fillIn(name, text);
  for (const [name] of known) fieldsOf(name)[0].dispatchEvent(new Event("change", { bubbles: true }));
  renewNotes();
});
document.addEventListener("change", renewNotes);
