"""What is told: alerts, recorded series, what silences what, and who is notified."""
