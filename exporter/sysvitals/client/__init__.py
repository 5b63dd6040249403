"""How commands ask servers: addresses, passwords and certificates, and answers of a bounded size."""
