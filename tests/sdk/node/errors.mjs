// Meets each class of error of Stripe's own Node SDK; prints what it saw as one line of JSON.
import { randomUUID } from "node:crypto";
import Stripe from "stripe";

const [, , host, port, key, restrictedKey] = process.argv;
const clientOf = (secret) =>
  new Stripe(secret, {
    host,
    port: Number(port),
    protocol: "http",
    telemetry: false,
    maxNetworkRetries: 0,
  });
const stripe = clientOf(key);
const seen = [];

async function meet(work) {
  try {
    await work();
    seen.push("no error");
  } catch (error) {
    seen.push([error.type, error.statusCode, error.code]);
  }
}

await meet(() =>
  stripe.paymentIntents.create({
    amount: 1000,
    currency: "eur",
    confirm: true,
    payment_method: "tok_chargeDeclined",
  }),
);
await meet(() => stripe.paymentIntents.create({ amount: 1, currency: "eur" }));
const idempotencyKey = randomUUID();
await stripe.customers.create({ name: "Ada" }, { idempotencyKey });
await meet(() => stripe.customers.create({ name: "Bob" }, { idempotencyKey }));
await meet(() => clientOf(`sk_test_${randomUUID().replaceAll("-", "")}`).customers.list());
await meet(() => clientOf(restrictedKey).customers.create({ name: "Ada" }));
await meet(async () => {
  for (let n = 0; n < 50; n += 1) await stripe.customers.create({});
});

console.log(JSON.stringify(seen));
