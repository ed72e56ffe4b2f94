"""Independent clients: proof that the contract is enough, in another language and for a tool that only reflects."""
