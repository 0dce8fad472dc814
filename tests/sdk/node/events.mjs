// Pages by itself, waits when it is told to, and reads a delivered webhook with Stripe's Node SDK.
import { readFileSync } from "node:fs";
import Stripe from "stripe";

const [, , host, port, key, deliveryFile] = process.argv;
const patient = new Stripe(key, {
  host,
  port: Number(port),
  protocol: "http",
  telemetry: false,
  maxNetworkRetries: 8,
});

const made = new Set();
for (let n = 0; n < 12; n += 1) made.add((await patient.customers.create({})).id);
const paged = [];
for await (const found of patient.customers.list({ limit: 5 })) paged.push(found.id);

const { body, signature, secrets } = JSON.parse(readFileSync(deliveryFile, "utf8"));
const read = (text, secret) => {
  try {
    return patient.webhooks.constructEvent(text, signature, secret).data.object.status;
  } catch (error) {
    return error.type;
  }
};

console.log(
  JSON.stringify({
    made: made.size,
    paged: paged.filter((id) => made.has(id)).length,
    events: secrets.map((secret) => read(body, secret)),
    forged: read(body.replace("succeeded", "canceled"), secrets[0]),
    stranger: read(body, "whsec_somebody_else"),
  }),
);
