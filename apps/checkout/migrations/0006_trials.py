"""Sessions whose subscription begins with a trial: nothing is due, and a card is saved."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('checkout', '0005_subscription_data'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='session',
            name='session_has_what_its_mode_needs',
        ),
        migrations.RemoveConstraint(
            model_name='session',
            name='session_complete_means_paid',
        ),
        migrations.AddField(
            model_name='session',
            name='trial_days',
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='session',
            name='trial_end',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddConstraint(
            model_name='session',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount_total__gt', 0), ('mode', 'payment'), ('setup_intent_id', ''), ('subscription_id', ''), models.Q(('payment_intent_id', ''), _negated=True)), models.Q(('amount_total', 0), ('mode', 'setup'), ('payment_intent_id', ''), ('subscription_id', ''), models.Q(('setup_intent_id', ''), _negated=True)), models.Q(('amount_total__gt', 0), ('mode', 'subscription'), ('setup_intent_id', ''), ('trial_days__isnull', True), ('trial_end__isnull', True), models.Q(models.Q(('payment_intent_id', ''), ('subscription_id', '')), models.Q(models.Q(('subscription_id', ''), _negated=True), models.Q(('payment_intent_id', ''), _negated=True), models.Q(('customer_id', ''), _negated=True)), _connector='OR')), models.Q(('amount_total', 0), ('mode', 'subscription'), ('payment_intent_id', ''), models.Q(('trial_days__isnull', True), ('trial_end__isnull', True), _negated=True), models.Q(('setup_intent_id', ''), _negated=True), models.Q(('subscription_id', ''), models.Q(('customer_id', ''), _negated=True), _connector='OR')), _connector='OR'), name='session_has_what_its_mode_needs'),
        ),
        migrations.AddConstraint(
            model_name='session',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('mode__in', ('payment', 'subscription')), ('payment_status', 'paid'), ('status', 'complete')), models.Q(('mode', 'setup'), ('payment_status', 'no_payment_required')), models.Q(('amount_total', 0), ('mode', 'subscription'), ('payment_status', 'no_payment_required'), models.Q(models.Q(('status', 'complete'), _negated=True), models.Q(('subscription_id', ''), _negated=True), _connector='OR')), models.Q(models.Q(('status', 'complete'), _negated=True), ('mode__in', ('payment', 'subscription')), ('payment_status', 'unpaid')), _connector='OR'), name='session_complete_means_paid'),
        ),
    ]
