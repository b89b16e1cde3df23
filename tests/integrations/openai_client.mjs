// Asks one server of OpenAI's API by its JavaScript client: `node openai_client.mjs URL PROMPTS`, as openai_clients.py.
import { createRequire } from "node:module";
import path from "node:path";

const OpenAI = createRequire(path.join(process.env.NODE_MODULES, "_"))("openai");
const [url, given] = process.argv.slice(2);
const prompts = JSON.parse(given);
const client = new OpenAI({ baseURL: url, apiKey: "unused", maxRetries: 0 });

const create = (prompt, options) =>
  client.chat.completions.create({ model: "it", messages: [{ role: "user", content: prompt }], ...options });
const content = (chunk) => chunk.choices.map((choice) => choice.delta.content ?? "").join("");

const whole = (await create(prompts.whole)).choices[0].message.content;
const stream = [];
for await (const chunk of await create(prompts.stream, { stream: true })) stream.push(content(chunk));
let error = "";
await create(prompts.fail).catch((exc) => (error = `${exc.constructor.name}: ${exc.message}`));
console.log(JSON.stringify({ whole, stream, error }));

for await (const _ of await create(prompts.leave, { stream: true })) break;
console.log(JSON.stringify("left"));
process.stdin.resume();
process.stdin.on("end", () => process.exit());
