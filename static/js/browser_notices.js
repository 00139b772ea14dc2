// Notifications of the browser when a benchmark finishes or a preparation ends: only where a button of the application was pressed for it,
// and the browser's own question was answered with yes. The choice is kept in this browser.

const KEPT = "saliscope-notify";

const supported = "Notification" in window && window.isSecureContext;

function wanted() {
  return supported && window.Notification.permission === "granted" && window.localStorage.getItem(KEPT) === "yes";
}

/** Shows it while the page is not in sight; the same event in several tabs is one notification. */
export function notifyByBrowser(text, url, event) {
  if (!wanted() || !document.hidden) return;
  const options = { tag: `${url}#${event}`, lang: document.documentElement.lang };
  const notification = new window.Notification(text, options);
  notification.addEventListener("click", () => {
    window.focus();
    window.location.assign(url);
    notification.close();
  });
}

/** Gives a `[data-notify]` part of a page its button and says how things stand. */
function prepare(part) {
  const button = part.querySelector("button");
  const state = part.querySelector("[data-notify-state]");
  const show = () => {
    const refused = !supported || window.Notification.permission === "denied";
    button.hidden = refused;
    button.textContent = wanted() ? part.dataset.stop : part.dataset.start;
    state.textContent = !supported ? part.dataset.unsupported : refused ? part.dataset.refused : wanted() ? part.dataset.on : part.dataset.off;
  };
  button.addEventListener("click", async () => {
    if (wanted()) window.localStorage.removeItem(KEPT);
    else if ((await window.Notification.requestPermission()) === "granted") window.localStorage.setItem(KEPT, "yes");
    show();
  });
  show();
  part.hidden = false;
}

function prepareIn(root) {
  for (const part of root.querySelectorAll("[data-notify]")) prepare(part);
}

prepareIn(document);
document.addEventListener("htmx:load", (event) => {
  // It also comes once for the whole page, which has been prepared.
  if (event.target !== document.body) prepareIn(event.target);
});
