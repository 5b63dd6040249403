// The connection to the exporter, and whether it can be trusted: five seconds without a word, and nothing here is true
// any more. A hidden tab lets the connection rest; when it is seen again, it judges before it draws anything.
const LOST_SECONDS = 5; // the exporter says something every 2 s
const REST_SECONDS = 5; // a tab that was hidden for so long rests
const ANSWER_SECONDS = 10; // a stopped exporter takes connections and says nothing
const LONGEST_PAUSE_SECONDS = 15;
const RENEW_SECONDS = 60; // what refuses every connection, as some proxies do, need not be asked more often
const TOO_MANY = 1013;

export class Contact {
  #socket = null;
  #heard = { own: performance.now(), wall: Date.now() };
  #hidden = null; // since when
  #seen = -Infinity; // since when it is seen again
  #pause = 1;
  #timer = 0;
  #isLost = false;
  #reason = "";
  #renewed = -Infinity;
  #receive;
  #judge;

  // `receive(message, isFirst)` takes what the exporter says, first all that there is; `judge({ isLost, words })` what
  // its silence means, each second.
  constructor({ receive, judge }) {
    this.#receive = receive;
    this.#judge = judge;
    document.addEventListener("visibilitychange", () => this.#look());
    addEventListener("pageshow", (event) => { if (event.persisted) this.#look(); });
    addEventListener("online", () => { if (this.#isLost) this.#connect(); });
    setInterval(() => this.#tick(), 1000);
    this.#look();
  }

  #look() {
    this.#hidden = document.hidden ? performance.now() : null;
    if (!document.hidden) this.#seen = performance.now();
    this.#tick();
    if (!document.hidden && !this.#socket) this.#connect();
  }

  // A clock that stands still while the computer sleeps is no witness: the other one is asked too.
  get #silence() {
    return Math.max(performance.now() - this.#heard.own, Date.now() - this.#heard.wall) / 1000;
  }

  #tick() {
    if (this.#hidden !== null && performance.now() - this.#hidden > 1000 * REST_SECONDS) this.#drop();
    const isLost = this.#silence > LOST_SECONDS, isNew = isLost && !this.#isLost;
    this.#isLost = isLost;
    this.#judge({ isLost, words: this.#words });
    if (isNew && this.#hidden === null) this.#connect();
  }

  get #words() {
    if (this.#hidden !== null) return "paused";
    return performance.now() - this.#seen < 1000 * LOST_SECONDS ? "connecting" : this.#reason || "no contact";
  }

  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #connect() {
    this.#drop();
    const address = new URL("api/v1/live", document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = this.#socket = new WebSocket(address);
    let isFirst = true;
    this.#timer = setTimeout(() => this.#again(), 1000 * ANSWER_SECONDS);
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      this.#heard = { own: performance.now(), wall: Date.now() };
      clearTimeout(this.#timer);
      [this.#pause, this.#reason, this.#renewed] = [1, "", -Infinity];
      this.#receive(JSON.parse(data), isFirst);
      isFirst = false;
      this.#tick();
    };
    socket.onclose = ({ code }) => {
      if (socket !== this.#socket) return;
      this.#reason = code === TOO_MANY ? "too many are watching" : "";
      if (isFirst && code !== TOO_MANY) this.#renew();
      this.#again();
    };
  }

  #again() {
    this.#drop();
    if (this.#hidden !== null) return;
    this.#timer = setTimeout(() => this.#connect(), 1000 * this.#pause);
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE_SECONDS);
  }

  // The cookie may be too old: the page, for which browsers send the password, gives another one. Its history is spared.
  async #renew() {
    const now = performance.now();
    if (now - this.#renewed < 1000 * RENEW_SECONDS) return;
    this.#renewed = now;
    await fetch(`${location.pathname}?range=none`, { method: "HEAD", cache: "no-store" })
      .catch(() => { this.#renewed = -Infinity; }); // not asked at all
  }
}
