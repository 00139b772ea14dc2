// What every page needs: menus that close, passwords that can be shown, times in the reader's own zone.

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (menu !== except) menu.open = false;
  }
}

document.addEventListener("click", (event) => closeMenus(event.target.closest("details[data-menu]")));

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("details[data-menu][open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

function prepareReveals(root) {
  for (const button of root.querySelectorAll("[data-reveal]")) {
    const input = document.getElementById(button.dataset.reveal);
    button.hidden = false;
    button.addEventListener("click", () => {
      const shown = input.type === "text";
      input.type = shown ? "password" : "text";
      button.setAttribute("aria-pressed", String(!shown));
      button.textContent = shown ? button.dataset.show : button.dataset.hide;
      input.focus();
    });
  }
}

// Where the bar is wider than the window, the page's own entry is in sight.
const nav = document.querySelector(".topnav");
const here = nav?.querySelector("[aria-current]");
if (here) {
  const beyond = here.getBoundingClientRect().right - nav.getBoundingClientRect().right;
  if (beyond > 0) nav.scrollLeft += beyond;
}

const pad = (number) => String(number).padStart(2, "0");

export function localiseTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const day = `${moment.getFullYear()}-${pad(moment.getMonth() + 1)}-${pad(moment.getDate())}`;
    const hours = `${pad(moment.getHours())}:${pad(moment.getMinutes())}`;
    time.textContent = time.hasAttribute("data-seconds")
      ? `${day} ${hours}:${pad(moment.getSeconds())}`
      : `${day} ${hours}`;
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  // Not form.dataset: in a form with a field of that name it is the field.
  const confirmation = form.getAttribute("data-confirm");
  if (confirmation && !window.confirm(confirmation)) {
    event.preventDefault();
    return;
  }
  const busy = form.getAttribute("data-busy");
  if (busy) {
    const button = form.querySelector("button.button-primary");
    // After the browser has taken the form's values, so that the button's own is among them.
    setTimeout(() => {
      button.disabled = true;
      button.textContent = busy;
    });
  }
});

// A page that comes back from the browser's cache must not keep its button disabled.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload();
});

prepareReveals(document);
localiseTimes(document);
document.addEventListener("htmx:load", (event) => localiseTimes(event.target));
