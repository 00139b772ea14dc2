// A WebSocket that comes back: 1, 2, 4, 8, then every 10 seconds. Messages are passed on as objects; one whose number
// was already seen is dropped. While any socket of the page is away, the page says so (components/member_live.html).

const LONGEST_PAUSE = 10000;
const SIGNED_OUT = 4401;
const NOT_FOUND = 4404;

const status = document.getElementById("live-connection");
const away = new Set();

/** Says that live parts of the page stand still while a socket is away, or for good when one has signed out. */
function showConnection(channel, text) {
  if (text) away.add(channel);
  else away.delete(channel);
  if (!status) return;
  if (text) status.textContent = text;
  else if (!away.size) status.textContent = "";
}

export class LiveChannel {
  /**
   * @param {string} path address of the socket on this host; may be changed for the next connection
   * @param {(message: object) => void} onMessage
   * @param {() => void} onGone called when what it is about is not there for the reader, or not any more
   */
  constructor(path, onMessage, onGone = () => {}) {
    const scheme = window.location.protocol === "https:" ? "wss" : "ws";
    this.host = `${scheme}://${window.location.host}`;
    this.path = path;
    this.onMessage = onMessage;
    this.onGone = onGone;
    this.seq = 0;
    this.failures = 0;
    this.retry = null;
    this.closed = false;
    this.told = false;
    this.connect();
    window.addEventListener("online", () => this.connectNow());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.connectNow();
    });
  }

  connect() {
    this.retry = null;
    this.socket = new WebSocket(this.host + this.path);
    this.socket.addEventListener("open", () => {
      this.failures = 0;
      showConnection(this, "");
    });
    this.socket.addEventListener("message", (event) => this.receive(JSON.parse(event.data)));
    this.socket.addEventListener("close", (event) => {
      if (this.closed) return;
      if (event.code === NOT_FOUND) {
        showConnection(this, "");
        this.onGone();
        return;
      }
      // The session may have been exchanged for another one in this browser: a socket that was told something asks
      // again, and one that was told nothing stays closed.
      if (event.code === SIGNED_OUT && !this.told) {
        showConnection(this, status?.dataset.signedOut);
        return;
      }
      this.told = false;
      showConnection(this, status?.dataset.lost);
      const pause = Math.min(LONGEST_PAUSE, 1000 * 2 ** this.failures);
      this.failures += 1;
      this.retry = setTimeout(() => this.connect(), pause);
    });
  }

  /** For good: nothing is received any more. */
  close() {
    this.closed = true;
    clearTimeout(this.retry);
    this.retry = null;
    showConnection(this, "");
    this.socket.close();
  }

  connectNow() {
    if (this.retry === null) return;
    clearTimeout(this.retry);
    this.connect();
  }

  receive(message) {
    if (this.closed) return;
    this.told = true;
    if (message.type === "snapshot") this.seq = message.seq;
    if (message.type === "events" || message.type === "rows") {
      if (message.seq <= this.seq) return;
      this.seq = message.seq;
    }
    this.onMessage(message);
  }
}
