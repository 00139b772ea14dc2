// The page's address says all that is chosen, so that it can be sent to a colleague.

const ABOUT = new Set(["model", "dataset", "image", "picture", "class", "preprocessing", "from", "find", "page", "q"]);
const LEFT_OUT = new Set(["csrfmiddlewaretoken", "mode", "shown", "begin", "settings_of"]);

/** Whether a part of the address is about methods and display rather than about what is looked at. */
export function isSetting(name) {
  return !ABOUT.has(name) && !LEFT_OUT.has(name);
}

/** Hidden fields for what has been ticked and moved since the page came. */
export function takeAddress(form) {
  for (const field of form.querySelectorAll("input[type=hidden]")) if (isSetting(field.name)) field.remove();
  for (const [name, value] of new URLSearchParams(window.location.search)) {
    if (isSetting(name)) form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
}

/** The link's address with the methods and the display of this page's address. */
export function keepSettings(link) {
  const own = new URL(link.href);
  for (const name of [...own.searchParams.keys()]) if (isSetting(name)) own.searchParams.delete(name);
  for (const [name, value] of new URLSearchParams(window.location.search)) {
    if (isSetting(name)) own.searchParams.append(name, value);
  }
  link.href = own;
}

/** Writes what the form says into the address. */
export function writeAddress(form) {
  const now = new URLSearchParams(window.location.search);
  const address = new URLSearchParams();
  for (const [name, value] of now) if (ABOUT.has(name) && name !== "q") address.append(name, value);
  for (const field of form.elements) {
    if (!field.name || !isSetting(field.name) || (field.type === "radio" && !field.checked)) continue;
    if (field.name === "method" || field.name === "enhanced") {
      if (field.checked) address.append(field.name, field.value);
    } else if (field.type === "checkbox") {
      if (String(field.checked) !== usual(field) || isTold(field, now)) address.set(field.name, field.checked);
    } else if (field.value !== usual(field) || isTold(field, now)) address.set(field.name, field.value);
  }
  window.history.replaceState(window.history.state, "", `?${address}`);
}

/** Whether the address has a field of which the page does not know what an address leaves out. */
function isTold(field, now) {
  return field.dataset.usual === undefined && now.has(field.name);
}

function usual(field) {
  if (field.dataset.usual !== undefined) return field.dataset.usual;
  if (field.type === "checkbox") return String(field.defaultChecked);
  if (field.type === "radio") return "overlay";
  if (field.tagName !== "SELECT") return field.defaultValue;
  return ([...field.options].find((option) => option.defaultSelected) ?? field.options[0]).value;
}
