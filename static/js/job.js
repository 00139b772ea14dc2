// A job that a page waits for, `[data-job]` with its socket: how far it is; when it is over, the page is loaded again and
// shows what came of it. A comparison that gave way to a newer one is asked for again by that, after a while: two pages
// must not take the place from each other without end.

import { LiveChannel } from "./live.js";

const OPEN = ["waiting", "running"];
const ASK_AGAIN = 20_000;

for (const job of document.querySelectorAll("[data-job]")) {
  const bar = job.querySelector("progress");
  const share = job.querySelector("[data-job-share]");
  new LiveChannel(job.dataset.job, (message) => {
    if (bar) bar.value = message.progress;
    if (share) share.textContent = `${Math.floor(100 * message.progress)} %`;
    if (OPEN.includes(message.state)) return;
    setTimeout(() => window.location.reload(), message.state === "cancelled" ? ASK_AGAIN : 0);
  });
}
