// The socket that every page of a member opens. What arrives is passed on as the document's event `member:TYPE`, so
// that other modules can listen for their own topics; finished benchmarks and archives, and models and data sets whose
// preparation has ended, are shown here, on whatever page it is.

import { notifyByBrowser } from "./browser_notices.js";
import { LiveChannel } from "./live.js";

const KEPT = "saliscope-told-up-to";
const MOST_SHOWN = 3;

const place = document.getElementById("member-live");
const title = document.title;
let unseen = [];

const channel = new LiveChannel(address(), receive);

/** A page that follows another one in this tab is told what finished on the way. */
function address() {
  const told = window.sessionStorage.getItem(KEPT);
  return told === null ? place.dataset.socket : `${place.dataset.socket}?after=${told}`;
}

function receive(message) {
  if (message.after !== undefined) {
    const told = Math.max(message.after, Number(window.sessionStorage.getItem(KEPT) ?? 0));
    window.sessionStorage.setItem(KEPT, String(told));
    channel.path = address();
  }
  if (message.type === "finished") showEnded(message, place.dataset[message.state], message.after);
  if (message.type === "archive") {
    showEnded(message, place.dataset[message.state === "ready" ? "archiveReady" : "archiveFailed"], `job-${message.job}`);
  }
  if (message.type.startsWith("prepared_")) {
    const text = { ready: "preparedReady", failed: "preparedFailed", cancelled: "preparedCancelled" }[message.state];
    showEnded(message, place.dataset[text], message.fence);
  }
  document.dispatchEvent(new CustomEvent(`member:${message.type}`, { detail: message }));
}

/** `event` is another number for another end of the same thing. */
function showEnded(message, template, event) {
  const text = template.replace("{name}", message.name);
  if (document.hidden || window.location.pathname !== message.url) {
    unseen = [text.replace(/[.。]$/, ""), ...unseen];
    showInTitle();
  }
  if (window.location.pathname !== message.url) place.append(notice(text, message));
  while (place.childElementCount > MOST_SHOWN) place.firstElementChild.remove();
  notifyByBrowser(text, message.url, event);
}

function showInTitle() {
  const more = unseen.length > 1 ? `(${unseen.length}) ` : "";
  document.title = unseen.length ? `${more}${unseen[0]} · ${title}` : title;
}

function notice(text, message) {
  const shown = document.createElement("div");
  shown.className = `live-notice live-notice-${message.state}`;
  const link = document.createElement("a");
  link.href = message.url;
  link.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button button-small";
  close.textContent = place.dataset.close;
  close.addEventListener("click", () => {
    shown.remove();
    seen();
  });
  shown.append(link, close);
  return shown;
}

function seen() {
  unseen = [];
  showInTitle();
}

// The title has done its work once the page is looked at again; what it said stays on the page until it is dismissed.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) seen();
});
