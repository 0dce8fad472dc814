"""
How long an assessment takes, and how long a rule takes to try on history.

    DATABASE_URL=... REDIS_URL=... python benchmarks/fraud_latency.py [--rate 200] [--history N]

Assessments run with Redis, 30 live rules, a list and the shipped model, paced at `--rate` a second
over a few threads, on cards and addresses with a past. The history is written straight into
`fraud_decision` and dropped again; the database is a throw-away one.
"""

import argparse
import os
import random
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

import django

django.setup()

from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from apps.common.ids import new_id  # noqa: E402
from apps.common.origin import Origin, Scope  # noqa: E402
from apps.fraud.backtest import backtest_expression  # noqa: E402
from apps.fraud.rulesets import forget_rules  # noqa: E402
from apps.fraud.services.assessments import Subject, assess_attempt  # noqa: E402
from apps.fraud.services.lists import create_item, create_list  # noqa: E402
from apps.fraud.services.rules import RuleWish, create_rule, publish_rule  # noqa: E402

RULES = 30
THREADS = 4
AUTHOR = Origin(actor="staff:author")
EXPRESSION = "amount > 90000 && card_attempts_1h >= 2 || card_country != 'DE' && risk_score > 60"

FILL = """
INSERT INTO fraud_decision
SELECT 'frd_' || n, %s, false, 'pi_' || n, 'att_' || n, 'allow', n %% 100, 'normal', '', 1,
       '[]', '{}', '[]',
       jsonb_build_object('amount', n %% 100000, 'card_attempts_1h', n %% 5, 'card_country',
           CASE WHEN n %% 7 = 0 THEN 'FR' ELSE 'DE' END, 'risk_score', n %% 100,
           'currency', 'EUR', 'method_type', 'card', 'seller', 'acct_1', 'is_live', false),
       '{}', '{}', '[]', 900, n %% 100000, 'EUR', now() - make_interval(secs => n * 5)
  FROM generate_series(1, %s) n
"""


def prepare(scope: Scope) -> None:
    """Publish the rules and fill a list."""
    now = timezone.now()
    suspects = create_list(
        scope=scope, alias="suspects", name="Suspects", item_type="email", metadata={},
        origin=AUTHOR, now=now,
    )  # fmt: skip
    create_item(scope=scope, list_id=suspects.id, value="eve@x.example", origin=AUTHOR, now=now)
    for number in range(RULES):
        expression = f"amount > {900_000 + number} && in_list('suspects', email)"
        wish = RuleWish(name=f"rule {number}", action="review", expression=expression)
        rule = create_rule(scope=scope, wish=wish, origin=AUTHOR, now=now)
        publish_rule(rule_id=rule.id, by="staff:publisher", now=now)
    forget_rules()


def subject(scope: Scope) -> Subject:
    """Return an attempt of one of 500 cards behind one of 100 addresses."""
    number = random.randrange(500)
    return Subject(
        scope=scope, intent_id=new_id("pi"), attempt_id=new_id("att"),
        amount=random.randint(500, 20_000), currency="EUR", gateway="stripe_main",
        method_type="card", card=f"fp_{number}", seller=f"acct_{number % 20}",
        customer=f"cus_{number}", email=f"payer{number}@shop.example",
        ip=f"203.0.113.{number % 100}", device=f"phone_{number}",
    )  # fmt: skip


def assess(scope: Scope) -> float:
    """Return the milliseconds of one assessment."""
    judged = subject(scope)
    started = time.perf_counter()
    assess_attempt(judged, now=timezone.now())
    return (time.perf_counter() - started) * 1000


def paced(scope: Scope, *, rate: int, seconds: int) -> list[float]:
    """Assess at an even pace, whatever the one before takes."""
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        started, jobs = time.perf_counter(), []
        for number in range(rate * seconds):
            time.sleep(max(0.0, started + number / rate - time.perf_counter()))
            jobs.append(pool.submit(assess, scope))
        return sorted(job.result() for job in jobs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--history", type=int, default=1_000_000)
    options = parser.parse_args()
    scope = Scope(new_id("mer"), livemode=False)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    prepare(scope)
    for _ in range(500):
        assess(scope)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = paced(scope, rate=options.rate, seconds=options.seconds)
    p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
    print(f"{len(times)} assessments at {options.rate}/s: p50 {p50:.2f} ms, p99 {p99:.2f} ms,")
    print(f"  rules, lists, model and counters took {(after - before) / 1024:.0f} MB")

    with connection.cursor() as cursor:
        cursor.execute(FILL, [scope.merchant_id, options.history])
        cursor.execute("ANALYZE fraud_decision")
    started = time.perf_counter()
    result = backtest_expression(
        scope=scope, action="block", expression=EXPRESSION, days=90, now=timezone.now()
    ).render()
    seconds = time.perf_counter() - started
    print(f"a rule tried on {result['payments']:,} decisions: {seconds:.1f} s,"
          f" {result['matched']:,} matched")  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE fraud_decision DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM fraud_decision WHERE merchant_id = %s", [scope.merchant_id])
        cursor.execute("ALTER TABLE fraud_decision ENABLE TRIGGER USER")


if __name__ == "__main__":
    main()
