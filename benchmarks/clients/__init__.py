"""What drives the opponents: each a process of its own, which reads its orders as JSON from standard input and
prints what it measured as JSON. They start no servers and compare nothing."""
