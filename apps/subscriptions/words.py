"""What billing says to customers, in the languages that we speak."""

from collections.abc import Mapping

# The first is for whoever speaks none of them.
LANGUAGES = ("en", "de")

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "invoice": "Invoice",
        "issued": "Date",
        "due": "To be paid until",
        "period": "Period",
        "customer": "Customer",
        "description": "Description",
        "quantity": "Quantity",
        "tax_rate": "Tax",
        "amount": "Amount",
        "subtotal": "Subtotal",
        "discount": "Discount",
        "tax": "Tax",
        "total": "Total",
        "balance": "From your balance",
        "paid": "Paid",
        "remaining": "To be paid",
        "void": "This invoice is void.",
        "reverse": "Reverse charge: the tax is owed by the customer.",
    },
    "de": {
        "invoice": "Rechnung",
        "issued": "Datum",
        "due": "Zahlbar bis",
        "period": "Zeitraum",
        "customer": "Kunde",
        "description": "Beschreibung",
        "quantity": "Menge",
        "tax_rate": "Steuer",
        "amount": "Betrag",
        "subtotal": "Zwischensumme",
        "discount": "Rabatt",
        "tax": "Steuer",
        "total": "Gesamt",
        "balance": "Aus Ihrem Guthaben",
        "paid": "Bezahlt",
        "remaining": "Zu zahlen",
        "void": "Diese Rechnung ist storniert.",
        "reverse": "Steuerschuldnerschaft des Leistungsempfängers.",
    },
}

# The page on which a customer leaves another card.
CARD_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Another card for your invoice",
        "expired": "This link has expired. Links work for 30 days; the next e-mail has a new one.",
        "settled": "Nothing is left to pay on this invoice.",
        "paid": "Thank you. The invoice is paid, and later ones are charged to this card.",
        "processing": (
            "Your bank is looking at the payment or wants you to confirm it. Your card was kept."
        ),
        "verification": (
            "Your bank wants to be sure that it is you. Nothing is charged until you confirm; you "
            "come back here afterwards. Or leave another card below."
        ),
        "bank": "Continue to your bank",
        "declined": "Your bank declined this card. Nothing was charged; try another one.",
        "about": "Invoice",
        "card": "Card",
        "closed": "Card payments are not set up yet.",
        "pay": "Keep this card and pay",
        "silent": "The card fields do not answer. Check your connection and try again.",
        "why": (
            "The card is charged at once and used for later invoices. Its number goes to the "
            "payment service alone."
        ),
    },
    "de": {
        "title": "Eine andere Karte für Ihre Rechnung",
        "expired": (
            "Dieser Link ist abgelaufen. Links gelten 30 Tage; die nächste E-Mail enthält einen "
            "neuen."
        ),
        "settled": "Für diese Rechnung ist nichts mehr zu zahlen.",
        "paid": (
            "Vielen Dank. Die Rechnung ist bezahlt, und spätere werden von dieser Karte eingezogen."
        ),
        "processing": (
            "Ihre Bank prüft die Zahlung oder möchte, dass Sie sie bestätigen. Ihre Karte ist "
            "hinterlegt."
        ),
        "verification": (
            "Ihre Bank möchte sicher sein, dass Sie es sind. Belastet wird erst, wenn Sie "
            "bestätigen; danach kommen Sie hierher zurück. Oder hinterlegen Sie unten eine andere "
            "Karte."
        ),
        "bank": "Weiter zu Ihrer Bank",
        "declined": (
            "Ihre Bank hat diese Karte abgelehnt. Es wurde nichts belastet; versuchen Sie eine "
            "andere."
        ),
        "about": "Rechnung",
        "card": "Karte",
        "closed": "Kartenzahlungen sind noch nicht eingerichtet.",
        "pay": "Karte hinterlegen und zahlen:",
        "silent": (
            "Die Kartenfelder antworten nicht. Prüfen Sie Ihre Verbindung und versuchen Sie es "
            "noch einmal."
        ),
        "why": (
            "Die Karte wird sofort belastet und für spätere Rechnungen verwendet. Ihre Nummer "
            "erhält nur der Zahlungsdienst."
        ),
    },
}
