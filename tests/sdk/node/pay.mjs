// Drives the platform with Stripe's own Node SDK; prints what it saw as one line of JSON.
import Stripe from "stripe";

const [, , host, port, key] = process.argv;
const stripe = new Stripe(key, {
  host,
  port: Number(port),
  protocol: "http",
  telemetry: false,
  maxNetworkRetries: 0,
});

const customer = await stripe.customers.create({ email: "ada@example.com" });
const intent = await stripe.paymentIntents.create({
  amount: 2599,
  currency: "eur",
  customer: customer.id,
});
const paid = await stripe.paymentIntents.confirm(intent.id, {
  payment_method: "pm_card_visa",
  expand: ["latest_charge"],
});
const refund = await stripe.refunds.create({ payment_intent: intent.id, amount: 599 });

let declined;
try {
  await stripe.paymentIntents.create({
    amount: 1000,
    currency: "eur",
    confirm: true,
    payment_method: "tok_chargeDeclined",
  });
} catch (error) {
  declined = { type: error.type, code: error.code, status: error.statusCode };
}

const names = [];
for (let n = 0; n < 5; n += 1) await stripe.customers.create({ name: `Customer ${n}` });
for await (const found of stripe.customers.list({ limit: 2 })) names.push(found.name);

let reused;
try {
  await stripe.paymentIntents.create({ amount: 1000, currency: "eur" }, { idempotencyKey: "k" });
  await stripe.paymentIntents.create({ amount: 2000, currency: "eur" }, { idempotencyKey: "k" });
} catch (error) {
  reused = error.type;
}

console.log(
  JSON.stringify({
    created: intent.status,
    paid: paid.status,
    last4: paid.latest_charge.payment_method_details.card.last4,
    refund: refund.status,
    declined,
    customers: names.length,
    reused,
  }),
);
