// Chooses, runs and lists a report with Stripe's own Node SDK; prints what it saw as JSON.
import Stripe from "stripe";

const [, , host, port, key] = process.argv;
const stripe = new Stripe(key, {
  host,
  port: Number(port),
  protocol: "http",
  telemetry: false,
  maxNetworkRetries: 0,
});

const types = await stripe.reporting.reportTypes.list();
const type = await stripe.reporting.reportTypes.retrieve("payments.by_day.1");
const run = await stripe.reporting.reportRuns.create({
  report_type: type.id,
  parameters: { interval_start: 1790812800, interval_end: 1793491200, currency: "eur" },
});
const again = await stripe.reporting.reportRuns.retrieve(run.id);
const listed = [];
for await (const found of stripe.reporting.reportRuns.list({ limit: 1 })) listed.push(found.id);

console.log(
  JSON.stringify({
    isOffered: types.data.some((each) => each.id === type.id),
    name: type.name,
    status: run.status,
    type: run.result.type,
    isSame: again.result.sha256 === run.result.sha256,
    listed: listed.length,
  }),
);
