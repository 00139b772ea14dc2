// The page of backups: how far the one under way is; when it is over, the page shows what came of it.

import { LiveChannel } from "./live.js";

const job = document.getElementById("job");

if (job) {
  const bar = job.querySelector("progress");
  const share = document.getElementById("job-share");
  new LiveChannel(
    job.dataset.socket,
    (message) => {
      bar.value = message.progress;
      share.textContent = `${Math.floor(100 * message.progress)} %`;
      if (!["waiting", "running"].includes(message.state)) window.location.reload();
    },
    () => {},
  );
}
