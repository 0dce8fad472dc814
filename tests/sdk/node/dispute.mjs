// Answers one dispute and closes another with Stripe's own Node SDK; prints what it saw as JSON.
import Stripe from "stripe";
import { readFile } from "node:fs/promises";

const [, , host, port, key, answered, given, path] = process.argv;
const stripe = new Stripe(key, {
  host,
  port: Number(port),
  protocol: "http",
  telemetry: false,
  maxNetworkRetries: 0,
});

const find = async (intent) =>
  (await stripe.disputes.list({ payment_intent: intent })).data[0];

const dispute = await stripe.disputes.retrieve((await find(answered)).id);
const file = await stripe.files.create({
  purpose: "dispute_evidence",
  file: { data: await readFile(path), name: "messages.pdf", type: "application/pdf" },
});
const drafted = await stripe.disputes.update(dispute.id, {
  evidence: { customer_name: "Ada", customer_communication: file.id },
  submit: false,
});
const submitted = await stripe.disputes.update(dispute.id, { submit: true });

let again;
try {
  await stripe.disputes.update(dispute.id, { submit: true });
} catch (error) {
  again = { code: error.code, status: error.statusCode };
}

const closed = await stripe.disputes.close((await find(given)).id);
const warnings = await stripe.radar.earlyFraudWarnings.list({ payment_intent: given });
const warning = await stripe.radar.earlyFraudWarnings.retrieve(warnings.data[0].id);

console.log(
  JSON.stringify({
    opened: [dispute.status, dispute.amount, dispute.reason],
    file: [file.type, file.purpose, file.filename],
    drafted: [drafted.status, drafted.evidence.customer_communication === file.id],
    submitted: [submitted.status, submitted.evidence_details.submission_count],
    again,
    closed: closed.status,
    warning: [warning.fraud_type, warning.actionable, warning.payment_intent === given],
  }),
);
