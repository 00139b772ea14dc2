// A WebSocket that comes back: 1, 2, 4, 8, then every 10 seconds. Messages are passed on as objects; an event
// whose number was already seen is dropped.

const LONGEST_PAUSE = 10000;
// Closed for good: nobody is signed in any more, or what is asked for is not there.
const FINAL_CODES = [4401, 4404];

export class LiveChannel {
  /**
   * @param {string} path address of the socket on this host; may be changed for the next connection
   * @param {(message: object) => void} onMessage
   * @param {(connected: boolean) => void} onConnection
   */
  constructor(path, onMessage, onConnection) {
    const scheme = window.location.protocol === "https:" ? "wss" : "ws";
    this.host = `${scheme}://${window.location.host}`;
    this.path = path;
    this.onMessage = onMessage;
    this.onConnection = onConnection;
    this.seq = 0;
    this.failures = 0;
    this.retry = null;
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
      this.onConnection(true);
    });
    this.socket.addEventListener("message", (event) => this.receive(JSON.parse(event.data)));
    this.socket.addEventListener("close", (event) => {
      if (FINAL_CODES.includes(event.code)) return;
      this.onConnection(false);
      const pause = Math.min(LONGEST_PAUSE, 1000 * 2 ** this.failures);
      this.failures += 1;
      this.retry = setTimeout(() => this.connect(), pause);
    });
  }

  connectNow() {
    if (this.retry === null) return;
    clearTimeout(this.retry);
    this.connect();
  }

  receive(message) {
    if (message.type === "snapshot") this.seq = message.seq;
    if (message.type === "event") {
      if (message.seq <= this.seq) return;
      this.seq = message.seq;
    }
    this.onMessage(message);
  }
}
