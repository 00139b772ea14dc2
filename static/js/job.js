// A job that a page waits for, `[data-job]` with its socket: how far it is; when it is over, the page is loaded again and
// shows what came of it.

import { LiveChannel } from "./live.js";

const OPEN = ["waiting", "running"];

for (const job of document.querySelectorAll("[data-job]")) {
  const bar = job.querySelector("progress");
  const share = job.querySelector("[data-job-share]");
  new LiveChannel(job.dataset.job, (message) => {
    if (bar) bar.value = message.progress;
    if (share) share.textContent = `${Math.floor(100 * message.progress)} %`;
    if (!OPEN.includes(message.state)) window.location.reload();
  });
}
