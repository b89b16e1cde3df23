// One of the clients that are measured, in a process of its own: `@gradio/client`, used as its documentation tells.
//
// `NODE_MODULES` is the directory that holds the package; the argument is the server's URL. Each line of standard input
// is an order, as `{"updates": 60, "gap": 0.02, "at_once": 1}`, and is answered with one line of JSON.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

// Node looks for a bare name beside this file only, so the package's own entry for `import` is resolved by hand.
const home = join(process.env.NODE_MODULES, "@gradio", "client");
const { exports } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
const { Client } = await import(pathToFileURL(join(home, exports["."].import)));

const now = () => (performance.timeOrigin + performance.now()) / 1000;
const tell = (told) => process.stdout.write(JSON.stringify(told) + "\n");

// The client logs to the console, and standard output is the protocol's.
console.log = console.info = console.debug = console.error;

let threads = 0;

function countThreads() {
  try {
    threads = Math.max(threads, Number(/^Threads:\s*(\d+)/m.exec(readFileSync("/proc/self/status", "latin1"))[1]));
  } catch {
    // Linux only
  }
}

/** The whole reply so far: the Chatbot's last message, or the second of its last pair (Gradio 5). */
function textOf(chatbot) {
  const last = chatbot.at(-1);
  const said = Array.isArray(last) ? last[1] : last.content;
  return typeof said === "string" ? said : said.map((part) => part.text).join("");
}

/** Ask once and read to the end. */
async function ask(client, prompt) {
  const lags = [];
  const seen = [];
  const reply = { first: null, fragments: 0, lags, seen };
  let length = 0;
  try {
    for await (const message of client.submit("/model_chat", [prompt, [], ""])) {
      // Without `status` a reply that fails is one that ends early.
      if (message.type === "status" && message.stage === "error") throw new Error(message.message);
      if (message.type !== "data") continue;
      const text = textOf(message.data[1]);
      if (text.length === length) continue; // the last snapshot comes twice
      const at = now();
      if (reply.first === null) {
        reply.first = at;
        countThreads();
      }
      reply.fragments += 1;
      for (const token of text.slice(length).trim().split(/\s+/)) {
        lags.push(at - Number(token));
        seen.push(at);
      }
      length = text.length;
    }
  } catch (error) {
    reply.error = String(error);
  }
  return reply;
}

async function fulfil(client, { updates, gap, at_once: atOnce }) {
  threads = 0;
  const before = process.cpuUsage();
  const asked = now();
  const replies = await Promise.all(Array.from({ length: atOnce }, () => ask(client, `${updates} ${gap}`)));
  const ended = now();
  const { user, system } = process.cpuUsage(before);
  const peak = process.resourceUsage().maxRSS / 1024;
  countThreads();
  return { asked, ended, cpu: (user + system) / 1e6, peak, threads, replies };
}

const client = await Client.connect(process.argv[2], { events: ["data", "status"] });
tell({ connected: now() });
for await (const line of createInterface({ input: process.stdin })) tell(await fulfil(client, JSON.parse(line)));
process.exit(0); // an open heartbeat would keep it alive
